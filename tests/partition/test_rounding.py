"""Fields that are zero but for rounding: told as such, and small ones that are not are left as they are."""

import pytest
from refinements import refinement

from pinn import Problem
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
