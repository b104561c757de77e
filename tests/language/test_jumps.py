"""The derivative of what jumps has a source on the jump, which no point ever meets: it is not lost without a word."""

import pytest
import sympy

from pinn import Problem
from pinn.language import LanguageError


def problem(equation: str, names=("x", "y"), **more) -> Problem:
    return Problem(
        coordinates={name: [0, 1] for name in names}, fields=["u"], equations={"e": equation},
        conditions={"edge": "u(boundary) = 0"}, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("equation", "edge"),
    [
        ("d(where(x < 0.5, 1, 10)*u_x, x) = -1", "x - 1/2"),
        ("div(where(x**2 + y**2 < 0.16, 6, 1)*grad(u)) = 0", "x**2 + y**2 - 4/25"),
        ("d((5 + 4*sign(x - 0.5))*u_x, x) = -1", "x - 1/2"),
        ("d(max(where(x < 0.5, 1, 10), 2)*u_x, x) = -1", "x - 1/2"),
        ("lap(abs(x - 0.5)*u) = 1", "x - 1/2"),
        ("u_xx = d(min(x, 0.5), x, x)", "x - 1/2"),
    ],
)
def test_a_source_that_one_network_would_lose_is_said_and_cells_are_divided_there(equation, edge):
    found = problem(equation)
    assert f"jumps where {edge} = 0" in str(found.lost)
    assert len(found.sides) == 2
    assert found.across


@pytest.mark.parametrize("equation", ["lap(max(u, 0)) = 1", "d(where(u > 0, 10, 1)*u_x, x) = 1"])
def test_a_source_on_a_jump_that_moves_with_the_solution_is_refused(equation):
    with pytest.raises(LanguageError, match=r"jumps where u\(x, y\) = 0.*steep slope"):
        problem(equation)


@pytest.mark.parametrize(
    "equation",
    [
        "d(where(x < 1.5, 1, 10)*u_x, x) = -1",  # outside
        "where(x < 0.5, 1, 10)*lap(u) = -1",  # nothing is differentiated
        "d(max(x, 0.5)*u_x, x) = -1",  # bends, and does not jump
        "d(abs(u), x) = 1",
        "d((x - 0.5)*where(x < 0.5, 1, 3)*u_x, x) = -1",
        "lap(max(u, 0)**3) = 1",
        "u_xx = d(where(x < 0.5, x**2, x - 0.25), x, x)",  # with the slope, too
        "where(x < 0.5, d(where(x < 0.5, 1, 10)*u_x, x), u) = -1",  # on one side alone
    ],
)
def test_what_loses_nothing_is_taken(equation):
    found = problem(equation)
    assert found.lost is None
    assert not found.stated["e"].residual.has(sympy.DiracDelta)


def test_by_a_name_as_well_and_at_faces_that_the_jump_does_not_meet():
    jump = {"k": "where(x < 0.5, 1, 10)"}
    assert "jumps where x - 1/2 = 0" in str(problem("d(k*u_x, x) = -1", functions=jump).lost)
    with pytest.raises(LanguageError, match=r"functions\.flux: .*jumps where x - 1/2 = 0"):
        problem("flux = -1", functions={**jump, "flux": "d(k, x)"})
    walled = Problem(
        coordinates={"x": [0, 1]}, fields=["u"], equations={"e": "k*u_xx = -1"}, functions=jump,
        conditions={"low": "d(k*u, x)(x=0) = 0", "high": "u(x=1) = 0"},
    )  # fmt: skip
    assert walled.quantity("d(k*u_x, x)").place == walled.domain.interior  # values at points beside the jump
