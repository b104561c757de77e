"""Phases: when they end and that they say so, schedules of the learning rate, the output layer solved in between."""

import logging

import pytest
import torch

from pinn.app import solve
from pinn.phases import PHASES
from pinn.problem import Problem
from pinn.training.loggers import read_history
from pinn.training.turns import Turns

PROBLEM = Problem(
    coordinates={"x": [0, 1]},
    fields=["u"],
    equations={"bend": "u_xx + u = -sin(pi*x)"},
    conditions={"ends": "u(boundary) = 0"},
)
SHORT = ("network.width=6", "network.depth=2", "network.activation=tanh", "network.scale=1", "sampling.points=30")


def adam(**options):
    return PHASES["adam"](name="adam", **{"steps": 1000, **options})


def ends_at(losses, **options) -> int | None:
    turns = Turns([adam(**options)])
    for step, loss in enumerate(losses, 1):
        turns.step = step
        turns.measured(loss)
        if turns.end(converged=False, noisy=loss < 1e-20):
            return step
    return None


@pytest.mark.parametrize(
    ("losses", "options", "step"),
    [
        ([1.0] * 30, {"until": "stall", "patience": 5}, 6),
        ([0.98**k for k in range(100)], {"until": "stall", "patience": 5}, None),
        ([0.999**k for k in range(100)], {"until": "stall", "patience": 5}, 6),  # 0.5% in five measurements
        ([0.999**k for k in range(100)], {"until": "stall", "patience": 20}, None),  # 2% in twenty
        ([1.0, 9.0, 9.0, 9.0, 0.5, 9.0, 9.0, 9.0, 9.0, 9.0], {"until": "stall", "patience": 4}, 9),
        ([1.0] * 30, {"until": "steps", "patience": 5}, None),
        ([1.0] * 30, {"until": "noise", "patience": 5}, None),
        ([1.0, 1e-19, 1e-21, 1e-22], {"until": "noise"}, 3),
        ([1.0] * 30, {"steps": 12}, 12),
    ],
)
def test_when_a_phase_ends(losses, options, step):
    assert ends_at(losses, **options) == step


def test_a_phase_that_has_converged_ends_whatever_was_asked():
    turns = Turns([adam()])
    turns.step = 3
    assert turns.end(converged=True, noisy=False) == "nothing is left to gain"


def test_the_next_phase_begins_with_no_measurements():
    turns = Turns([adam(until="stall", patience=2), adam(until="stall", patience=2)])
    for _ in range(5):
        turns.measured(1.0)
    assert turns.stalled
    turns.next()
    assert not turns.stalled and not turns.finished
    other = Turns(turns.phases)
    other.load(turns.state())
    assert other.state() == turns.state()


def test_the_learning_rate_grows_and_then_falls():
    phase = adam(warmup=10, decay=0.5, decay_every=100)
    assert phase.factor(0) == pytest.approx(0.1)
    assert phase.factor(9) == pytest.approx(0.5**0.09)
    assert phase.factor(309) / phase.factor(209) == pytest.approx(0.5)
    assert all(adam().factor(step) == 1.0 for step in (0, 1, 5000))


def test_a_run_follows_its_schedule():
    """With a rate that is nothing after the first steps, ten steps are hardly more than five."""

    def parameters(steps, **options):
        typed = [f"optimizer.{key}={value}" for key, value in {"steps": steps, "lr": 0.01, **options}.items()]
        return torch.cat([p.flatten() for p in solve(PROBLEM, *SHORT, *typed, optimizer="adam").residuals.parameters()])

    fading = {"decay": 1e-9, "decay_every": 1}
    assert torch.allclose(parameters(2, **fading), parameters(4, **fading), rtol=0, atol=1e-9)
    assert not torch.allclose(parameters(2), parameters(4), rtol=0, atol=1e-3)


def test_a_phase_that_ends_early_says_so(caplog):
    phases = "[{name: adam, steps: 5000, lr: 1e-9, until: stall, patience: 3}, {name: gauss_newton, steps: 4}]"
    with caplog.at_level(logging.WARNING, logger="pinn"):
        solve(
            PROBLEM, *SHORT, f"optimizer.phases={phases}", "trainer.log_every_n_steps=2",
            optimizer="adam_then_gauss_newton",
        )  # fmt: skip
    (message,) = [r.getMessage() for r in caplog.records if "ends after" in r.getMessage()]
    assert message == "adam ends after 8 of 5000 steps: the loss has fallen by less than 1% in 3 measurements"


def test_a_stall_is_found_at_the_same_step_by_a_run_that_was_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("pinn.plots.pictures", lambda *_: [])
    monkeypatch.setattr("pinn.plots.history", lambda _, path: path)
    phases = "[{name: adam, steps: 50, lr: 1e-9, until: stall, patience: 6}, {name: adam, steps: 5, lr: 0.1}]"
    typed = (*SHORT, f"optimizer.phases={phases}", "trainer.log_every_n_steps=2")

    def run(folder, steps, **options):
        options |= {"optimizer": "adam_then_gauss_newton", "run_dir": tmp_path / folder}
        return solve(PROBLEM, *typed, f"trainer.max_steps={steps}", **options).residuals

    whole = run("whole", 17)
    run("parts", 9)
    parts = run("parts", 17)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(a, b)
    losses = [row["loss/bend"] for row in read_history(tmp_path / "whole" / "metrics.csv")]
    assert losses[-1] != pytest.approx(losses[0], rel=1e-3)  # the second phase did begin


def final_loss(*typed, **groups):
    solution = solve(PROBLEM, *SHORT, *typed, **groups)
    return sum(value**2 for value in solution.residual.values())


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", "ssbroyden", "gauss_newton"])
def test_the_output_layer_solved_in_between_helps_every_optimizer(optimizer):
    steps = "optimizer.steps=4" if optimizer != "adam" else "optimizer.steps=40"
    more = ["optimizer.max_iter=4"] if optimizer in ("lbfgs", "ssbroyden") else []
    plain = final_loss(steps, *more, optimizer=optimizer)
    solved = final_loss(steps, *more, "optimizer.solve_output_every=2", optimizer=optimizer)
    assert solved < 0.1 * plain


def test_a_last_phase_polishes_the_output_layer():
    adam = "{name: adam, steps: 40}"
    lists = [f"optimizer.phases=[{adam}]", f"optimizer.phases=[{adam}, {{name: least_squares, steps: 3}}]"]
    plain, polished = (final_loss(phases, optimizer="adam_then_gauss_newton") for phases in lists)
    assert polished < 1e-2 * plain
