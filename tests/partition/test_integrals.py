"""The points of integrals on cells: means of functions that are known."""

import math

import pytest
import torch
from partitions import local, partition

from pinn import Problem
from pinn.geometry import Box, Place, Sides
from pinn.partition import Cells
from pinn.partition.integrals import integral_points
from pinn.partition.system import Sampled
from pinn.residuals import Residuals

WHOLE = Sides((), Box({"x": (0, 2), "y": (-1, 1)}))  # no interfaces


def problem(domain=None, **given):
    return Problem(
        coordinates={"x": [0, 2], "y": [-1, 1]} if domain is None else {"x": [-1, 1], "y": [-1, 1]}, domain=domain,
        fields=["u"], enforce="soft",
        **{"equations": {"poisson": "lap(u) = 1"}, "conditions": {"size": "integral(x*u) = 3"}, **given},
    )  # fmt: skip


def uneven():
    cells = Cells.grid([0.0, -1.0], [2.0, 1.0], [2, 1])
    cells, _ = cells.halved(torch.tensor([[True, False], [False, True]]))
    return cells


def mean(points, function):
    return float((points.weights * function(points.x)).mean())


def test_the_mean_over_a_box_of_uneven_cells():
    points, cells = integral_points(problem().domain, Place("interior", integral=True), uneven(), 20, WHOLE)
    assert mean(points, lambda x: torch.exp(x[:, 0]) * torch.cos(x[:, 1])) == pytest.approx(
        math.expm1(2) * math.sin(1) / 2, abs=1e-13
    )
    assert (uneven().lower[cells] <= points.x).all() and (points.x <= uneven().upper[cells]).all()


def test_the_mean_over_cells_that_an_interface_cuts():
    found = problem(equations={"poisson": "lap(u) = where(x**2 + y**2 < 1/4, 1, 0)"})
    cells, whole = Cells.grid([0.0, -1.0], [2.0, 1.0], [2, 1], len(found.sides)), Place("interior", integral=True)
    points, of = integral_points(found.domain, whole, cells, 20, found.sides)
    inside = (points.x.square().sum(dim=1) < 0.25).double()
    assert float((points.weights * inside).mean()) == pytest.approx(math.pi / 32, rel=1e-4)
    assert torch.equal(cells.sides[of], found.sides.of(points.x))


def test_the_mean_over_the_boundary_of_a_box():
    domain = problem().domain
    place = Place(domain.boundary.name, boundary=True, integral=True)
    points, _ = integral_points(domain, place, uneven(), 20, WHOLE)
    assert points.normals is not None
    assert mean(points, lambda x: x[:, 0] ** 2) == pytest.approx((2 * 8 / 3 + 2 * 4) / 8, abs=1e-13)
    assert mean(points, lambda x: (x * points.normals).sum(dim=1)) == pytest.approx(2 * 4 / 8, abs=1e-13)  # Gauss


def test_the_mean_over_a_disk():
    domain = problem({"disk": {"center": [0, 0], "radius": 1}}).domain
    cells = Cells.grid(domain.lower, domain.upper, [2, 2])
    points, _ = integral_points(domain, Place("interior", integral=True), cells, 20, WHOLE)
    assert mean(points, lambda x: x[:, 0] ** 2) == pytest.approx(1 / 4, abs=1e-12)


def test_a_row_is_the_mean_over_all_cells():
    """Its product with coefficients is the integral of the partition that has them."""
    one, cells = problem(), uneven()
    network = partition(cells, local(12)).requires_grad_(False)
    place = next(e.place for e in one.equations.values() if e.place.integral)
    points, owners = integral_points(one.domain, place, cells, 12, WHOLE)
    sampled = Sampled(Residuals(one, network), network, {place: points}, {place: owners})
    coefficients = [torch.cat([o.weight, o.bias[:, None]], dim=1).detach() for o in network.layers]
    found = sampled.linearise(sampled.values(coefficients))
    row = sum(float(long[0] @ c.flatten()) for long, c in zip(found.long, coefficients, strict=True))
    expected = 4 * mean(points, lambda x: x[:, 0] * network(x)[:, 0])
    assert row == pytest.approx(expected, rel=1e-12)
    assert float(found.residual[place]["size"]) == pytest.approx(expected - 3, rel=1e-12)
    assert float(found.target) == pytest.approx(3, rel=1e-12)
