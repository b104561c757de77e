"""Equations that are another one elsewhere: which they are at a point, and how their rows are scaled."""

import pytest
import sympy
import torch
from refinements import Local

from pinn.networks import MLP, Scaled
from pinn.partition.cells import Cells
from pinn.partition.kinds import Kinds
from pinn.partition.local import partition_of
from pinn.partition.newton import newton
from pinn.partition.points import CellPoints
from pinn.partition.starts import zero
from pinn.partition.system import Sampled
from pinn.problem import Problem
from pinn.residuals import Residuals


def mixed(condition: str) -> Problem:
    return Problem(
        coordinates={"x": [0, 1], "y": [0, 1]},
        fields=["u"],
        equations={"laplace": "lap(u) = where(x < 1/4, 1, 2)"},
        conditions={"floor": condition, "top": "u(y=1) = 1"},
        enforce="soft",
    )


def kinds(problem: Problem, name: str) -> Kinds:
    return Kinds(problem.equations[name].residual, problem.scope.variables)


def test_a_choice_between_a_value_and_a_slope_is_two_kinds():
    found = kinds(mixed("where(x < 3/10, u, u_y)(y=0) = 0"), "floor")
    at = torch.tensor([[0.1, 0.0], [0.29, 0.0], [0.31, 0.0]], dtype=torch.float64)
    numbers = found.of(at).tolist()
    assert len(found) == 2 and numbers[0] == numbers[1] != numbers[2]
    assert [found.orders[k] for k in numbers] == [0, 0, 1]


def test_choices_of_sources_and_of_fields_are_none():
    found = mixed("where(u > 0, u, 2*u)(y=0) = where(x < 1/2, 1, 2)")
    assert len(kinds(found, "floor")) == len(kinds(found, "laplace")) == 1
    assert kinds(found, "laplace").of(torch.rand(3, 2)).tolist() == [0, 0, 0]


def test_two_choices_are_four_kinds():
    x = sympy.Symbol("x", real=True)
    u = sympy.Function("u")(x)
    residual = sympy.Piecewise((u, x < 1), (u.diff(x), x < 2), (u.diff(x, 2), True))
    found = Kinds(residual, (x,))
    at = torch.tensor([[0.5], [1.5], [2.5]], dtype=torch.float64)
    assert len(found) == 4 and [found.orders[k] for k in found.of(at).tolist()] == [0, 1, 2]


@pytest.mark.parametrize("width", [1.0, 1e-3])
def test_rows_of_each_kind_are_of_one_size(width):
    """In a small cell a slope is larger than a value by its size."""
    problem = Problem(
        coordinates={"x": [0, width], "y": [0, width]},
        fields=["u"],
        equations={"laplace": "lap(u) = 0"},
        conditions={"floor": f"where(x < {3 / 10 * width!r}, u, u_y)(y=0) = 0"},
        enforce="soft",
    )
    like = MLP(Scaled(problem.domain.lower, problem.domain.upper), 1, width=2).double()
    residuals = Residuals(problem, like)
    cells = Cells.grid(problem.domain.lower, problem.domain.upper, [1, 1])
    partition = partition_of(cells, Local(problem, 12), 2).double().requires_grad_(False)
    drawing = CellPoints(problem, problem.domain, 12, 0, None, torch.zeros(1, dtype=torch.float64))
    sampled = Sampled(residuals, partition, *drawing.fitted(cells, torch.ones(1), residuals.places))
    found = newton(sampled, zero(sampled, 12), 1)
    place, name = next(pair for pair in sampled.names if pair[1] == "floor")
    start = sum(len(sampled.points[p].x) for p, n in sampled.names[: sampled.names.index((place, name))])
    alike = sampled.alike(place, name)
    (block,) = sampled.linearise(found.values).blocks
    rows = block.matrix[(block.rows >= start) & (block.rows < start + len(alike))]
    sizes = found.scales[place, name][alike, None] * rows
    assert sorted(alike.unique().tolist()) == [0, 1]
    for kind in (0, 1):
        assert float(sizes[alike == kind].square().mean().sqrt()) == pytest.approx(1, rel=1e-9)
