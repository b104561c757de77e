"""A run that is stopped and goes on is the run that was never stopped, bit for bit."""

import pytest
import torch

from pinn.app import solve
from pinn.files import read_history
from pinn.problem import Problem

PROBLEM = Problem(
    coordinates={"x": [0, 1]},
    fields=["u"],
    equations={"bend": "k*u_xx = -sin(pi*x)"},
    conditions={"ends": "u(boundary) = 0"},
    parameters={"k": {"learn": 0.3}},
    exact={"u": "sin(pi*x)"},
)
OPTIONS = (
    "network.width=6",
    "network.scale=1",
    "sampling.points=50",
    "sampling.resample_every=3",
    "trainer.log_every_n_steps=1",
)
LBFGS = "{name: lbfgs, steps: 4, max_iter: 4, history_size: 5}"
PHASES = f"[{{name: adam, steps: 3, lr: 0.01}}, {LBFGS}, {{name: gauss_newton, steps: 9}}]"

OTHERS = ", ".join(
    f"{{name: {name}, steps: 2}}" for name in ("soap", "muon", "ssbroyden", "nystrom_newton_cg", "spring")
)
LISTS = {"phases": PHASES, "others": f"[{OTHERS}]"}


@pytest.mark.parametrize("optimizer", ["adam", "gauss_newton", *LISTS])
def test_five_and_five_steps_are_ten(optimizer, tmp_path, monkeypatch):
    monkeypatch.setattr("pinn.plots.pictures", lambda *_: [])
    monkeypatch.setattr("pinn.plots.history", lambda _, path: path)
    lines = [*OPTIONS, f"optimizer.phases={LISTS[optimizer]}"] if optimizer in LISTS else list(OPTIONS)
    choice = "adam_then_gauss_newton" if optimizer in LISTS else optimizer

    def run(folder, steps, **options):
        return solve(
            PROBLEM, *lines, f"trainer.max_steps={steps}", optimizer=choice, run_dir=tmp_path / folder, **options
        )

    whole = run("whole", 10)
    run("parts", 5)
    parts = run("parts", 10)
    for a, b in zip(whole.residuals.parameters(), parts.residuals.parameters(), strict=True):
        assert torch.equal(a, b)
    histories = [read_history(tmp_path / folder / "metrics.csv") for folder in ("whole", "parts")]
    for row in sum(histories, []):
        del row["time/step"], row["memory/peak"]  # of the process, not of the run
    assert [row["step"] for row in histories[0]] == list(range(1, 11))
    assert histories[0] == histories[1]
