"""Runs slab by slab of time."""

import numpy as np
import pytest
import torch

import pinn
from pinn.optimizers import least_squares
from pinn.schema import ConfigError

SMALL = ("slabs=3", "network.width=120", "network.scale=4", "sampling.points=500", "trainer.enable_progress_bar=false")
ENDS = (1 / 3, 2 / 3)


def solve(name, *more, **groups):
    return pinn.solve(pinn.Problem.load(name), *SMALL, *more, optimizer="least_squares", **groups)


def jump(solution, text, t):
    """How far a quantity is apart on the two sides of a time, relative to its size."""
    x = np.linspace(0, 1, 50)
    before, after = (
        solution.derivative(text, np.stack([np.full_like(x, t + side), x], axis=1)) for side in (-1e-9, 1e-9)
    )
    return np.abs(before - after).max() / np.abs(before).max()


def test_heat_is_solved_and_has_no_jumps():
    solution = solve("heat")
    assert solution.error["u"]["relative_l2"] < 1e-8
    assert max(jump(solution, "u", t) for t in ENDS) < 1e-7
    wrong = solve("heat", "trainer.max_steps=1")  # the later slabs are never begun
    assert wrong.error["u"]["relative_l2"] > 1e-2


def test_a_wave_goes_on_with_its_velocity():
    solution = solve("wave", "network.width=300", "network.scale=8", "sampling.points=1000")
    assert solution.error["u"]["relative_l2"] < 1e-7
    assert max(jump(solution, text, t) for t in ENDS for text in ("u", "u_t")) < 1e-6


def test_a_nonlinear_problem_is_solved_slab_by_slab():
    solution = solve("fisher", "network.width=200", "network.scale=8", "sampling.points=700")
    assert solution.error["u"]["relative_l2"] < 1e-4


def test_starts_of_slabs_keep_what_is_well_determined(monkeypatch):
    monkeypatch.setattr(least_squares, "solve_pivoted", lambda *_: pytest.fail("pivoted QR"))
    small = (*SMALL, "optimizer.steps=2")
    pinn.solve(pinn.Problem.load("fisher"), *small, optimizer="adam")  # only the fits of its starts could call it


def test_it_goes_on_bit_for_bit(tmp_path):
    def run(folder, steps):
        return solve("fisher", f"trainer.max_steps={steps}", run_dir=tmp_path / folder)

    whole = run("whole", 8)
    run("parts", 4)
    parts = run("parts", 8)
    for (name, a), b in zip(whole.residuals.state_dict().items(), parts.residuals.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    x = torch.rand(50, 2, dtype=torch.float64)
    assert torch.equal(pinn.load(tmp_path / "whole", pinn.Problem.load("fisher")).predict(x), whole.predict(x))


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("poisson", (), "slabs=3: the problem has no time t"),
        ("heat", ("sampling=rad",), "sampling=rad"),
    ],
)
def test_what_cannot_be_is_told(name, more, said):
    groups = dict(text.split("=") for text in more)
    with pytest.raises(ConfigError, match=said):
        pinn.solve(pinn.Problem.load(name), **{"slabs": 3, **groups})
