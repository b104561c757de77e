"""Interfaces and the sides that they make of a domain."""

import pytest
import sympy
import torch

from pinn.geometry import Annulus, Box, Region, Sides

X, Y = sympy.symbols("x y", real=True)
SQUARE = Box({"x": (-1, 1), "y": (-1, 1)})
FAR = Box({"x": (1e6, 1e6 + 1), "y": (0, 1e-3)})


def points(box: Box, n: int = 500) -> torch.Tensor:
    low, high = torch.tensor(box.lower, dtype=torch.float64), torch.tensor(box.upper, dtype=torch.float64)
    return low + (high - low) * torch.rand(n, len(box.names), generator=torch.Generator().manual_seed(0)).double()


def test_sides_are_where_the_signs_are_alike():
    sides = Sides([X, X**2 + Y**2 - sympy.Rational(1, 4)], SQUARE)
    assert len(sides) == 4
    x = points(SQUARE)
    kinds = torch.stack([x[:, 0] >= 0, x.square().sum(1) >= 0.25], dim=1)
    found = sides.of(x)
    for number in range(4):
        here = found == number
        assert here.any() and (kinds[here] == kinds[here][0]).all()
        assert torch.equal(sides.side(number).holds(x), here)
        assert sides.side(number).sign(sides.interfaces[0]) == (1.0 if kinds[here][0, 0] else -1.0)


def test_what_does_not_cross_the_domain_divides_nothing():
    assert not Sides([X - 2, X**2 + Y**2 + 1, X**2], SQUARE)
    assert not Sides([X**2 + Y**2 - sympy.Rational(1, 100)], Region(Annulus((0, 0), 0.5, 1), SQUARE))  # in the hole
    assert not len(Sides((), SQUARE))


def test_a_side_that_was_too_small_to_be_seen_is_its_neighbour():
    sides = Sides([X, X - sympy.Rational(1, 10**9)], SQUARE)
    assert len(sides) == 2
    assert int(sides.of(torch.tensor([[1e-10, 0.0]], dtype=torch.float64))) in (0, 1)


@pytest.mark.parametrize(
    ("edge", "box"),
    [
        (X - sympy.Rational(1, 3), SQUARE), (3 * X + Y, SQUARE), (X**2 + Y**2 - sympy.Rational(1, 4), SQUARE),
        (sympy.sin(5 * X), SQUARE), (X - 10**6 - sympy.Rational(1, 3), FAR), (Y - sympy.Rational(1, 3000), FAR),
    ],
)  # fmt: skip
def test_points_beside_an_interface_in_pairs(edge, box):
    (interface,) = Sides([edge], box).interfaces
    for sign in (1.0, -1.0):
        found = interface.beside(points(box), sign)
        near = found.x[found.x.isfinite().all(dim=1) & box.inside(found.x)]
        assert len(near) > 100
        there = interface.mirrored(near)
        assert (interface.value(near) * sign > 0).all() and (interface.value(there) * sign < 0).all()
        size = torch.tensor(box.upper, dtype=torch.float64) - torch.tensor(box.lower, dtype=torch.float64)
        assert ((there - near).abs() < 1e-9 * torch.maximum(size, near.abs())).all()
        assert torch.equal(found.values["x__partner"].nan_to_num(), interface.mirrored(found.x)[:, 0].nan_to_num())


def test_the_name_says_where():
    names = [one.name for one in Sides([2 * X - 1, X**2 + Y**2 - sympy.Rational(1, 4)], SQUARE).interfaces]
    assert names == ["x = 1/2", "x**2 + y**2 - 1/4 = 0"]
