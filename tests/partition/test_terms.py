"""How large the terms of each field are: fields that are zero but for rounding, and fields in unlike units."""

import pytest
import torch
from refinements import refinement

from pinn import Problem
from pinn.partition.terms import apart
from pinn.references import truth
from pinn.solution import held_out

CHANNEL = {"coordinates": {"x": [0, 1], "y": [0, 1]}, "fields": [{"U": ["u", "v"]}, "p"], "enforce": "soft"}
STILL = {"low": "U(y=0) = 0", "high": "u(y=1) = 1", "lid": "v(y=1) = 0", "l": "v(x=0) = 0", "r": "v(x=1) = 0",
         "pl": "p(x=0) = 0", "pr": "p(x=1) = 0"}  # fmt: skip


def couette(**given) -> Problem:
    """A flow that its upper wall drives: u = y, and neither v nor p."""
    return Problem(**{
        **CHANNEL, "equations": {"m": "lap(U) - grad(p) = 0", "c": "div(U) = 0"}, "conditions": STILL,
        "exact": {"u": "y", "v": "0", "p": "0"}, **given,
    })  # fmt: skip


def told(problem: Problem) -> dict[str, float]:
    found = refinement(problem, 100)
    while not found.ended and len(found.levels) < 3:
        found.advance()
    assert found.estimate is not None
    return found.estimate


def test_what_is_zero_has_no_relative_error():
    assert max(told(couette()).values()) < 1e-9


@pytest.mark.parametrize("part", [1e-4, 1e-7])
def test_what_is_small_has_one(part):
    """A pressure of its own, which is known; and one that is not resolved is not told to be right."""
    push = f"{part}*sin(3*x)*sin(2*y)"
    problem = couette(
        functions={"P": push},
        equations={"m": "lap(U) - grad(p) = -grad(P)", "c": "div(U) = 0"},
        conditions={**STILL, "pr": "p(x=1) = P"},
        exact={"u": "y", "v": "0", "p": push},
    )
    found = refinement(problem, 60)
    found.advance()
    level = found.advance()
    assert level.estimate is not None
    x, true = held_out(problem, 500), truth(problem)
    assert true is not None
    p, pressure = found.partition(x)[:, 2].detach(), true(x)[:, 2]
    wrong = float((p - pressure).norm() / max(p.norm(), pressure.norm()))  # it may be far too large
    assert wrong / 10 < level.estimate["p"] < 10 * wrong


BAR = {  # in kelvin and metres
    "coordinates": {"x": [0, 1]}, "fields": ["T", "u"], "enforce": "soft",
    "equations": {"heat": "T_xx = 400*(T - 293)", "stretch": "d(u_x - 2e-5*(T - 293), x) = 0"},
    "conditions": {
        "hot": "T(x=0) = 393", "cold": "T(x=1) = 293", "held": "u(x=0) = 0", "free": "u_x(x=1) = 2e-5*(T(x=1) - 293)",
    },
    "exact": {"T": "293 + 100*sinh(20*(1 - x))/sinh(20)", "u": "1e-4*(cosh(20) - cosh(20*(1 - x)))/sinh(20)"},
}  # fmt: skip


def test_a_field_is_as_right_in_any_unit():
    """A displacement of 1e-4 m beside a temperature of 300 K, of which it would be rounding."""
    problem = Problem(**BAR)
    found = refinement(problem, 12)
    while not found.ended:
        found.advance()
    x, true = held_out(problem, 500), truth(problem)
    assert true is not None and found.partition is not None and found.strip.units is not None
    error = (found.partition(x).detach() - true(x)).norm(dim=0) / true(x).norm(dim=0)
    assert error.max() < 1e-12
    assert found.strip.units[0] == 1 and 1e-7 < found.strip.units[1] < 1e-6


def test_a_velocity_that_is_zero_has_a_unit_all_the_same():
    found = refinement(couette(), 100)
    found.advance()
    assert found.strip.units is None or found.strip.units.min() > 1e-5


def test_units_within_a_factor_of_a_hundred_are_alike():
    one = torch.tensor([1.0, 0.2])
    assert not apart(one, torch.tensor([1.0, 1.0])) and not apart(3 * one, one)
    assert apart(one, torch.tensor([0.005, 1.0]))
