"""A command ends when its budget says, whatever its steps cost: by a clock that the test turns, then in life."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pinn.app import solve
from pinn.problem import Problem
from pinn.training.budget import A_SOLVE, DRAWING, MARGIN, Budget

SCRIPT = Path(__file__).parents[2] / "scripts" / "train.py"
PROBLEM = Problem(
    coordinates={"x": [0, 1]},
    fields=["u"],
    equations={"bend": "u_xx + u**2 = -sin(pi*x)"},
    conditions={"ends": "u(boundary) = 0"},
)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def run(budget, clock, step, size=0.0):
    """Steps until none fits; how many there were."""
    count = 0
    while budget.fits:
        clock.now += step
        budget.took(step, size)
        count += 1
    return count


@pytest.mark.parametrize("step", [0.1, 1.0, 7.0])
def test_no_step_is_begun_that_would_not_end_in_time(step):
    clock = Clock()
    budget = Budget(60, 95, loading=5, clock=clock)
    budget.evaluation = 1.0
    budget.share(1, 0.0)
    assert run(budget, clock, step) > 5
    end = 155 - 1 - 5 * DRAWING
    assert end - MARGIN * step - step <= clock.now <= end


def test_phases_share_what_is_left():
    clock = Clock()
    budget = Budget(60, 100, loading=0, clock=clock)
    budget.share(3, 0.0)
    run(budget, clock, 0.01)
    assert clock.now == pytest.approx(120, abs=0.1)
    clock.now = 110.0  # the second needs none of its time, and the third has the rest
    budget.share(1, 0.0)
    run(budget, clock, 0.01)
    assert clock.now == pytest.approx(160, abs=0.1)


def test_the_first_step_is_foreseen_from_those_of_another_size():
    clock = Clock()
    budget = Budget(60, 100, loading=0, clock=clock)
    budget.share(2, 1e9)
    assert budget.fits and budget._expected == 1e9 * A_SOLVE
    clock.now += 4
    budget.took(4.0, 1e9)
    budget.share(1, 16e9)  # four times the parameters: 64 seconds
    assert not budget.fits
    smaller = Budget(60, 100, loading=0, clock=clock)
    smaller.took(4.0, 1e9)
    smaller.share(1, 8e9)
    assert smaller.fits


def test_steps_that_become_slow_are_foreseen_as_slow():
    clock = Clock()
    budget = Budget(60, 100, loading=0, clock=clock)
    budget.share(1, 0.0)
    for seconds in (1.0, 9.0, 1.0):
        clock.now += seconds
        budget.took(seconds, 0.0)
    clock.now = 150.0
    assert not budget.fits
    budget.took(1.0, 0.0), budget.took(1.0, 0.0)
    assert budget.fits


def test_there_is_no_time_for_pictures_when_it_is_over():
    clock = Clock()
    budget = Budget(60, 100, loading=5, clock=clock)
    budget.evaluation = 10.0
    assert budget.drawable() and budget.drawable(6.0) and not budget.drawable(7.0)
    clock.now = 166.0
    assert not budget.drawable()


def test_a_command_ends_in_time_and_goes_on_with_time_of_its_own(tmp_path):
    typed = ("pde=burgers", "optimizer=adam_then_gauss_newton", "network.width=20")
    typed += ("network.scale=3", "sampling.points=500", "derivatives.compile=false", "trainer.log_every_n_steps=10")
    command = [sys.executable, SCRIPT, *typed, f"run_dir={tmp_path}", "trainer.enable_progress_bar=false"]
    taken, first = timed(command, tmp_path, 0.1)  # as long as loading takes, on this machine, as busy as it is
    assert first["steps"] == 0 and first["status"] == "finished"
    budget = 2 * taken + 5
    seconds, result = timed(command, tmp_path, budget)
    assert result["steps"] > 0 and result["status"] == "finished"
    assert seconds < 1.3 * budget  # 1.1 on a machine that does nothing else


def timed(command, folder, budget):
    began = time.time()
    done = subprocess.run([*command, f"budget={budget}"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return time.time() - began, json.loads((folder / "result.json").read_text())


def test_a_step_that_would_not_end_in_time_is_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr("pinn.training.budget.A_SOLVE", 1.0)
    typed = ("network.width=10", "network.scale=1", "sampling.points=60", "trainer.enable_progress_bar=false")
    solution = solve(PROBLEM, *typed, optimizer="gauss_newton", budget=30, run_dir=tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["steps"] == 0 and solution.residual["bend"] > 0


def test_plotting_waits_until_there_is_something_to_draw():
    look = "import sys, pinn.training.run; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look]).returncode == 0
    assert subprocess.run([sys.executable, "-c", f"import matplotlib.pyplot; {look}"]).returncode == 1
