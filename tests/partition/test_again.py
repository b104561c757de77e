"""Strips alike: one system for all of them, checked with strips of which each has its own."""

import pytest
import torch
from refinements import refinement

from pinn import Problem
from pinn.partition import newton, strips
from pinn.partition.strip import Strip
from pinn.solution import held_out


def rod(**changes) -> Problem:
    """Heat in a rod with a source that comes and goes."""
    return Problem(**{
        "coordinates": {"t": [0, 1], "x": [0, 1]},
        "fields": ["u"],
        "functions": {"q": "manufactured"},
        "equations": {"heat": "u_t = u_xx/10 - x*u + q"},
        "conditions": {"start": "u(t=0) = sin(pi*x)", "left": "u(x=0) = 0", "right": "u(x=1) = sin(4*t)"},
        "exact": {"u": "sin(pi*x)*exp(-t) + x*sin(4*t)"},
        "enforce": "soft",
    } | changes)  # fmt: skip


def marched(problem: Problem, alike: bool, monkeypatch) -> tuple[torch.Tensor, int, int, dict[str, float]]:
    """The solution, how many systems were decomposed, how many strips there are, and what is told."""
    decomposed = []
    factorise = newton.factorise
    with monkeypatch.context() as patch:
        patch.setattr(strips, "MOST", 3)  # levels of a strip
        patch.setattr(Strip, "idle", False)  # no strip is longer than the one before
        patch.setattr(newton, "factorise", lambda *a, **k: decomposed.append(0) or factorise(*a, **k))
        found = refinement(problem, 40, budget=1e6)  # the clock decides nothing
        found.marching, found.length, found.alike = True, 1 / 16, alike and found.alike
        found.strips.was_easy = lambda: False
        while not found.ended:
            found.advance()
    with torch.no_grad():
        return found.partition(held_out(problem, 500)), len(decomposed), len(found.done) + 1, found.estimate


def test_the_solution_is_that_of_systems_of_their_own_and_few_are_decomposed(monkeypatch):
    problem = rod()
    apart, every, count, told = marched(problem, False, monkeypatch)
    alike, few, as_many, told_alike = marched(problem, True, monkeypatch)
    assert as_many == count >= 8 and few <= every / 2
    true = problem.exact_values(held_out(problem, 500))
    wrong = [float((found - true).norm() / true.norm()) for found in (apart, alike)]
    assert max(wrong) < 1e-6 and wrong[1] < 3 * wrong[0] + 1e-12
    assert told_alike["u"] == pytest.approx(told["u"], rel=0.5)


def test_a_coefficient_that_depends_on_time_has_no_strips_alike(monkeypatch):
    problem = rod(equations={"heat": "u_t = u_xx/10 - t*u + q"})
    assert not refinement(problem, 60).alike
    assert refinement(rod(), 60).alike
    solution, *_ = marched(problem, True, monkeypatch)
    true = problem.exact_values(held_out(problem, 500))
    assert float((solution - true).norm() / true.norm()) < 1e-6
