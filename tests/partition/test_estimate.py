"""Where the error is expected: as large as the estimate of a level, strip by strip, and only where levels compare."""

from dataclasses import replace

import pytest
import torch
from partitions import local

from pinn.networks import MLP, Scaled
from pinn.partition import Refinement
from pinn.partition.estimate import error_before, too_small
from pinn.problem import Problem
from pinn.residuals import Residuals
from pinn.solution import held_out


def waves() -> Problem:
    return Problem(
        coordinates={"x": [0, 1], "y": [0, 1]},
        fields=["u", "v"],
        equations={"helmholtz": "lap(u) + 100*u = 0", "other": "lap(v) + 100*v = 0"},
        conditions={"edge": "u(boundary) = sin(6*x + 8*y)", "same": "v(boundary) = 5*cos(6*x + 8*y)"},
        enforce="soft",
    )


def pendulum() -> Problem:
    return Problem(
        coordinates={"t": [0, 12]}, fields=["u"], equations={"swing": "u_tt = -sin(u)"},
        conditions={"start": "u(t=0) = 2", "speed": "u_t(t=0) = 0"}, enforce="soft",
    )  # fmt: skip


def refinement(problem: Problem, width: int) -> Refinement:
    like = MLP(Scaled(problem.domain.lower, problem.domain.upper), len(problem.fields), width=2).double()
    cells = local(width, fields=len(problem.fields), scale=0.42 * width ** (1 / len(problem.coordinate_names)))
    return Refinement(problem, Residuals(problem, like), cells, 0, 60.0)


def relative(x, found, partition):
    with torch.no_grad():
        return (found.estimated_error(x).norm(dim=0) / partition(x).norm(dim=0)).tolist()


def test_its_root_mean_square_is_the_estimate_of_the_level():
    problem = waves()
    found, x = refinement(problem, 60), held_out(problem, 2**11)
    found.advance()
    assert found.estimated_error is None  # there is nothing to compare
    found.advance()
    told = relative(x, found, found.partition)
    assert told == pytest.approx([found.estimate[name] for name in problem.fields], rel=0.05)
    for _ in range(3):
        found.advance()
        told = relative(x, found, found.partition)
        assert told == pytest.approx([found.estimate[name] for name in problem.fields], rel=0.1)
    assert (found.estimated_error(x) >= 0).all() and found.estimated_error(x[:0]).shape == (0, 2)


def test_the_error_before_is_what_has_changed_but_for_cells_that_have_stayed():
    told = {"told": 1e-5, "stayed": 0.0}
    assert error_before(1e-8, fall=0.2, **told) == pytest.approx(1.25e-8)
    assert error_before(1e-4, fall=0.2, **told) == 1e-4
    assert error_before(1e-8, fall=1.0, **told) == 1e-5  # where nothing falls no change tells an error
    assert error_before(1e-8, fall=0.2, told=1e-5, stayed=0.1) == pytest.approx(1e-6)
    assert error_before(1e-8, fall=0.2, told=0.0, stayed=1.0) == 1e-8  # there was none


def test_an_estimate_that_was_far_too_large_is_forgotten_where_all_cells_have_changed():
    found, x = refinement(waves(), 60), held_out(waves(), 2**11)
    while found.strip.stayed > 0 or len(found.levels) < 3:
        found.advance()
    known, wrong = found.strip.levels[-1], dict.fromkeys("uv", 1.0)
    found.strip.levels[-1] = replace(known, estimate=wrong)
    level = found.advance()
    true = torch.stack([torch.sin(6 * x[:, 0] + 8 * x[:, 1]), 5 * torch.cos(6 * x[:, 0] + 8 * x[:, 1])], dim=1)
    with torch.no_grad():
        errors = (found.partition(x) - true).norm(dim=0) / true.norm(dim=0)
    assert all(e / 10 < level.estimate[f] < 10 * e for f, e in zip("uv", errors.tolist(), strict=True))


def test_each_strip_tells_its_own_and_one_of_one_level_nothing():
    problem = pendulum()
    found = refinement(problem, 15)
    while not found.ended and len(found.done) < 2:
        found.advance()
    found.advance()  # the first level of the next
    assert len(found.done) == 2 and len(found.strip.levels) == 1 and found.strip.partition is not None
    for strip in found.done:
        begin, end = strip.interval
        x = torch.linspace(begin, end, 200, dtype=torch.float64)[1:, None]
        (told,), estimate = relative(x, found, strip.partition), strip.levels[-1].estimate["u"]
        assert told == pytest.approx(estimate, rel=0.25)
    assert found.estimated_error(torch.linspace(end, 12, 9, dtype=torch.float64)[1:, None]).isnan().all()


def test_after_a_state_there_is_none_until_the_next_level():
    problem = waves()
    first, second = refinement(problem, 30), refinement(problem, 30)
    first.advance(), first.advance()
    second.load(first.state(), first.partition)
    assert first.estimated_error is not None and second.estimated_error is None
    second.advance()
    told = relative(held_out(problem, 2**11), second, second.partition)
    assert told == pytest.approx([second.estimate[name] for name in problem.fields], rel=0.1)


def test_an_estimate_that_the_next_level_refutes_makes_that_one_larger():
    assert too_small(1e-3, 1e-4) == pytest.approx(10) and too_small(1e-4, 1e-3) == 1
    assert too_small(1e-3, 0.0) == 1  # there was none
    assert too_small(1e-9, 1e-12) == 1  # rounding
