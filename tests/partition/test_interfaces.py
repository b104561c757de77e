"""Coefficients and sources that jump: solved to what their solutions on both sides are, which are known."""

from dataclasses import replace

import pytest
import sympy
import torch
from refinements import error, refinement

from pinn import Problem
from pinn.partition import Cells, Refinement

LINE, SQUARE = {"x": [0, 1]}, {"x": [-1, 1], "y": [-1, 1]}
ENDS = {"left": "u(x=0) = 0", "right": "u(x=1) = 0"}
INSIDE = "x**2 + y**2 < 1/4"


def solve(problem: Problem, features: int = 30, levels: int = 6) -> Refinement:
    found = refinement(problem, features)
    while not found.ended and len(found.levels) < levels:
        found.advance()
    return found


def wall() -> Problem:
    return Problem(
        coordinates=LINE, fields=["u"], enforce="soft", functions={"k": "where(x < 0.4, 1, 10)"},
        equations={"heat": "d(k*u_x, x) = 0"}, conditions={"left": "u(x=0) = 0", "right": "u(x=1) = 1"},
        exact={"u": "where(x < 0.4, x, 0.4 + (x - 0.4)/10)/0.46"},
    )  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [
        {  # three layers, of which one conducts 10,000 times as well as another
            "functions": {"k": "where(x < 0.3, 1, where(x < 0.6, 100, 0.01))"},
            "equations": {"heat": "d(k*u_x, x) = 0"}, "conditions": {**ENDS, "right": "u(x=1) = 1"},
            "exact": {"u": "where(x < 0.3, x, where(x < 0.6, 0.3 + (x - 0.3)/100, 0.303 + 100*(x - 0.6)))/40.303"},
        },
        {  # a stepped cantilever with a force at its end
            "functions": {"EI": "where(x > 0.5, 1, 8)"}, "equations": {"beam": "d(EI*u_xx, x, x) = 0"},
            "conditions": {"place": "u(x=0) = 0", "slope": "u_x(x=0) = 0", "moment": "u_xx(x=1) = 0",
                           "force": "u_xxx(x=1) = -1"},
            "exact": {"u": "where(x < 0.5, (x**2/2 - x**3/6)/8, "
                           "x**2/2 - x**3/6 - 7/8*(1/8 - 1/48) - 7/8*(x - 1/2)*3/8)"},
        },
        {  # a point load
            "equations": {"string": "u_xx = d(abs(x - 0.3), x, x)"}, "conditions": ENDS,
            "exact": {"u": "abs(x - 0.3) - 0.3 - 0.4*x"},
        },
        {  # not linear
            "functions": {"k": "where(x < 0.5, 1, 3)"}, "equations": {"heat": "d(k*(1 + u)*u_x, x) = 0"},
            "conditions": {**ENDS, "right": "u(x=1) = 1"},
            "exact": {"u": "sqrt(1 + 3*where(x < 0.5, 1.5*x, 0.75 + (x - 0.5)/2)) - 1"},
        },
    ],
    ids=["layers", "beam", "load", "nonlinear"],
)  # fmt: skip
def test_on_a_line(given):
    problem = Problem(coordinates=LINE, fields=["u"], enforce="soft", **given)
    assert error(problem, solve(problem)) < 1e-10


def test_a_source_that_is_switched_off():
    problem = Problem(
        coordinates={"x": [0, 1], "t": [0, 1]}, fields=["u"], enforce="soft",
        conditions={"edge": "u(boundary) = 0", "start": "u(t=0) = 0"},
        equations={"heat": "u_t = u_xx + (1 + pi**2*t)*sin(pi*x)*where(t < 0.3, 1, 0)"},
        exact={"u": "sin(pi*x)*where(t < 0.3, t, 0.3*exp(-pi**2*(t - 0.3)))"},
    )  # fmt: skip
    assert error(problem, solve(problem, 100, 4)) < 1e-7


@pytest.mark.parametrize(
    "given",
    [
        {  # a string, and a source that is written with another slope
            "coordinates": LINE, "equations": {"load": "u_xx = -2*delta(2*x - 0.6)"}, "conditions": ENDS,
            "exact": {"u": "where(x < 0.3, 0.7*x, 0.3*(1 - x))"},
        },
        {  # a beam on two supports: Timoshenko, Strength of Materials, ch. V
            "coordinates": LINE, "functions": {"b": "3/4"}, "equations": {"beam": "2*u_xxxx = 3*delta(x - 0.25)"},
            "conditions": {**ENDS, "free": "u_xx(x=0) = 0", "free2": "u_xx(x=1) = 0"},
            "exact": {"u": "3*b*x*(1 - b**2 - x**2)/12 + where(x < 0.25, 0, 3*(x - 0.25)**3/12)"},
        },
        {  # two loads, of which one depends on the solution
            "coordinates": LINE, "conditions": ENDS,
            "equations": {"string": "u_xx = 4*delta(x - 1/2)*u - delta(x - 1/4)"},
            "exact": {"u": "where(x < 1/4, 5*x/8, where(x < 1/2, 1/4 - 3*x/8, (1 - x)/8))"},
        },
        {  # a line in the plane
            "coordinates": {"x": [0, 1], "y": [0, 1]}, "equations": {"line": "lap(u) = -delta(x - 0.5)*sin(pi*y)"},
            "conditions": {"edge": "u(boundary) = 0"},
            "exact": {"u": "sin(pi*y)*where(x < 0.5, sinh(pi*x), sinh(pi*(1 - x)))/(2*pi*cosh(pi/2))"},
        },
    ],
)  # fmt: skip
def test_a_source_on_a_point_or_a_line(given):
    problem = Problem(fields=["u"], enforce="soft", **given)
    assert error(problem, solve(problem, 60 if len(problem.coordinate_names) > 1 else 30)) < 1e-9


def test_an_inclusion():
    """A disk that conducts six times as well in a field that is even far away: Jackson, sec. 4.4, in the plane."""
    outside = "x - 5/7*x/4/(x**2 + y**2)"
    problem = Problem(
        coordinates=SQUARE, fields=["u"], enforce="soft", functions={"k": f"where({INSIDE}, 6, 1)"},
        equations={"gauss": "div(k*grad(u)) = 0"}, conditions={"edge": f"u(boundary) = {outside}"},
        exact={"u": f"where({INSIDE}, 2/7*x, {outside})"},
    )  # fmt: skip
    found = solve(problem, 150, 3)
    assert error(problem, found) < 1e-5
    told = max(found.estimate.values())
    assert told / 10 < error(problem, found) < 10 * told
    partition = found.partition
    x = torch.rand(2000, 2, generator=torch.Generator().manual_seed(0)).double() * 2 - 1
    inside = problem.sides.of(x)
    for k, rows in enumerate(partition.members(x)):
        assert (inside[rows] == partition.sides[k]).all()


def test_without_what_holds_at_the_interface_it_is_wrong():
    right, wrong = wall(), wall()
    assert error(right, solve(right)) < 1e-10
    flux = next(name for name, e in wrong.across.items() if "u_x" in e.text)
    wrong.across = {name: e for name, e in wrong.across.items() if name != flux}
    assert error(wrong, solve(wrong)) > 1e-2
    smooth = wall()
    slope = smooth.across[flux].residual.replace(sympy.Piecewise, lambda *branches: sympy.Integer(1))
    smooth.across[flux] = replace(smooth.across[flux], residual=slope)  # as if the slope did not jump
    assert error(smooth, solve(smooth)) > 1e-2


def test_cells_of_each_side_tile_it():
    cells = Cells.grid([0.0], [1.0], [2], 2)
    assert len(cells) == 4 and cells.sides.tolist() == [0, 0, 1, 1]
    halved, parents = cells.halved(torch.tensor([[True], [False], [False], [True]]))
    assert torch.equal(halved.sides, cells.sides[parents])
    i, j, _ = halved.neighbours().unbind(dim=1)
    assert torch.equal(halved.sides[i], halved.sides[j])
    alone = halved[halved.sides == 0]
    assert set(alone.with_others(halved).sides.tolist()) == {0, 1} and len(alone.with_others(halved)) == len(halved)
