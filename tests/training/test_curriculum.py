"""A parameter in steps: where the direct way fails, each value begins with the solution of the one before."""

import pytest

import pinn
from pinn.app import solve
from pinn.problem import Problem
from pinn.schema import ConfigError

LAYER = Problem(
    coordinates={"x": [-1, 1]},
    fields=["u"],
    parameters={"nu": 0.05},
    equations={"layer": "u*u_x = nu*u_xx"},
    conditions={"left": "u(x=-1) = 1", "right": "u(x=1) = -1"},
    exact={"u": "-tanh(x/(2*nu))"},
)
SMALL = ("network.width=150", "network.scale=80", "sampling.points=600", "trainer.enable_progress_bar=false")
NEWTON = "optimizer.phases=[{name: least_squares, steps: 30}]"
STEPS = "+curriculum.nu=[0.5,0.2,0.1,0.05]"


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("pinn.plots.pictures", lambda *_: [])
    monkeypatch.setattr("pinn.plots.history", lambda _, path: path)


def test_newtons_steps_find_a_layer_that_they_do_not_find_at_once():
    direct, learned = solve(LAYER, *SMALL, NEWTON), solve(LAYER, *SMALL, NEWTON, STEPS)
    assert direct.error["u"]["relative_l2"] > 0.2
    assert learned.error["u"]["relative_l2"] < 0.1


@pytest.mark.parametrize("stop", [2, 7])
def test_a_run_that_goes_on_is_the_run_that_never_stopped(stop, tmp_path):
    phases = "optimizer.phases=[{name: adam, steps: 2}, {name: gauss_newton, steps: 2}]"
    typed = ("network.width=8", "network.scale=3", "sampling.points=60", "trainer.enable_progress_bar=false", phases)
    typed += ("+curriculum.nu=[0.2,0.1,0.05]", "derivatives.compile=false")
    whole = solve(LAYER, *typed, run_dir=tmp_path / "whole")
    solve(LAYER, *typed, f"trainer.max_steps={stop}", run_dir=tmp_path / "parts")
    parts = solve(LAYER, *typed, run_dir=tmp_path / "parts")
    loaded = pinn.load(tmp_path / "parts")
    for a, b, c in zip(*(s.residuals.state_dict().values() for s in (whole, parts, loaded)), strict=True):
        assert a.equal(b) and b.equal(c)
    assert whole.residual == parts.residual == loaded.residual


def test_a_run_that_stops_early_tells_of_the_problem_itself():
    typed = ("network.width=8", "network.scale=3", "sampling.points=60", "trainer.max_steps=1")
    stopped = solve(LAYER, *typed, NEWTON, STEPS)
    assert stopped.residual == pinn.solution.Solution(LAYER, pinn.residuals.Residuals(
        LAYER, stopped.residuals.network)).residual  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["+curriculum.mu=[0.2,0.05]"], "curriculum.mu: no number has this name. .*nu"),
        (["+curriculum.nu=[0.2,0.1]"], "ends with 0.1, the problem's own value is 0.05"),
    ],
)
def test_what_is_no_curriculum_is_refused(lines, said):
    with pytest.raises(ConfigError, match=said):
        solve(LAYER, "network.width=8", "network.scale=3", *lines)
