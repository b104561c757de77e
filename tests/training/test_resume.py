"""A run that is stopped and goes on is the run that was never stopped, bit for bit, whatever is chosen of a group."""

import re

import pytest
import torch

from pinn.app import solve
from pinn.balancing import SCHEMES
from pinn.files import read_history
from pinn.problem import Problem, configs

PROBLEM = Problem(
    coordinates={"x": [0, 1]},
    fields=["u"],
    equations={"bend": "k*u_xx = -sin(pi*x)"},
    conditions={"ends": "u(boundary) = 0"},
    parameters={"k": {"learn": 0.3, "truth": "1/pi**2"}},
    exact={"u": "sin(pi*x)"},
    enforce="soft",
)
FIELD = Problem(
    coordinates={"x": [0, 1]},
    fields=["u"],
    equations={"bend": "d(k*u_x, x) = -1"},
    conditions={"ends": "u(boundary) = 0"},
    parameters={"k": {"field": 1}},
    observations={"probes": {"points": 9}},
    exact={"u": "x*(1 - x)/2", "k": "1"},
)
LAYERS = Problem(  # of ten levels
    coordinates={"x": [0, 1]},
    fields=["u"],
    equations={"layers": "1e-6*u_xx = u - 1"},
    conditions={"ends": "u(boundary) = 0"},
)
OPTIONS = (
    "network.width=6",
    "network.scale=1",
    "sampling.points=50",
    "sampling.resample_every=3",
    "trainer.log_every_n_steps=1",
    "trainer.enable_progress_bar=false",
)
LBFGS = "{name: lbfgs, steps: 4, max_iter: 4, history_size: 5}"
PHASES = f"[{{name: adam, steps: 3, lr: 0.01}}, {LBFGS}, {{name: gauss_newton, steps: 9}}]"
OF_THE_CLOCK = ("time/step", "time/outside", "time/points_per_second", "memory/peak")


def choices(group: str) -> list[str]:
    return sorted(file.stem for file in (configs() / group).glob("*.yaml"))


CASES = {f"optimizer={name}": (f"optimizer={name}",) for name in choices("optimizer")}
CASES |= {f"balancing={name}": (f"balancing={name}", "optimizer=adam") for name in choices("balancing")}
CASES |= {f"sampling={name}": (f"sampling={name}", "optimizer=adam") for name in choices("sampling")}
CASES |= {f"network={name}": (f"network={name}", "optimizer=adam") for name in choices("network")}
CASES["network=partition"] = ("network=partition", "optimizer=least_squares", "optimizer.steps=20")
CASES["phases"] = ("optimizer=adam_then_gauss_newton", f"optimizer.phases={PHASES}")
CASES["field that is learned"] = ("optimizer=adam",)
PROBLEMS = {"field": FIELD, "network=partition": LAYERS}  # by the name or its first word


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("pinn.plots.pictures", lambda *_: [])
    monkeypatch.setattr("pinn.plots.history", lambda _, path: path)


@pytest.mark.parametrize("name", CASES)
def test_five_and_five_steps_are_ten(name, tmp_path, accelerator="cpu"):
    network = name.startswith("network")
    typed = [f"trainer.accelerator={accelerator}"]
    typed += [line for line in OPTIONS if not (network and line.startswith("network.scale"))]
    if name == "network=partition":
        typed = [line.replace("network.", "network.local.") for line in typed]
    groups = dict(line.split("=", 1) for line in CASES[name] if not line.startswith("optimizer."))
    lines = [line for line in CASES[name] if line.startswith("optimizer.")]
    scheme = SCHEMES[groups.get("balancing", "fixed")]
    lines += ["sampling.resample_every=0"] * scheme.by_point  # it remembers something of each point
    problem = PROBLEMS.get(name, PROBLEMS.get(re.split(r"\W", name)[0], PROBLEM))

    def run(folder, steps):
        return solve(problem, *typed, *lines, f"trainer.max_steps={steps}", run_dir=tmp_path / folder, **groups)

    whole = run("whole", 10)
    run("parts", 5)
    parts = run("parts", 10)
    for a, b in zip(whole.residuals.parameters(), parts.residuals.parameters(), strict=True):
        assert torch.equal(a, b)
    histories = [read_history(tmp_path / folder / "metrics.csv") for folder in ("whole", "parts")]
    for row in sum(histories, []):
        for key in OF_THE_CLOCK:
            row.pop(key, None)
    assert [row["step"] for row in histories[0]] == list(range(1, len(histories[0]) + 1))
    assert histories[0] == histories[1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator")
@pytest.mark.parametrize("name", CASES)
def test_it_is_so_on_an_accelerator(name, tmp_path, monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # sums in the same order, see torch's notes on randomness
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        test_five_and_five_steps_are_ten(name, tmp_path, "gpu")
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_run_that_has_ended_stays_as_it_is(tmp_path):
    typed = (*OPTIONS, "optimizer.steps=3")
    first = solve(PROBLEM, *typed, optimizer="adam", run_dir=tmp_path)
    again = solve(PROBLEM, *typed, optimizer="adam", run_dir=tmp_path)
    assert all(map(torch.equal, first.residuals.parameters(), again.residuals.parameters()))
    assert [row["step"] for row in read_history(tmp_path / "metrics.csv")] == [1, 2, 3]
