"""Coordinates in which layers are wide."""

import pytest
import sympy
import torch

from pinn.geometry import Layer, PeriodicStretch, Stretch
from pinn.language import torch_function

LAYERS = [Layer(-0.5, 0.01), Layer(1.0, 0.1)]
STRETCH = Stretch((-1.0, 2.0), LAYERS)
PERIODIC = PeriodicStretch((-1.0, 2.0), LAYERS)
BOTH = pytest.mark.parametrize("stretch", [STRETCH, PERIODIC])


@BOTH
def test_it_rises_from_minus_one_to_one_and_widens_the_layers(stretch):
    x = torch.linspace(-1, 2, 30001, dtype=torch.float64)
    s = stretch(x)
    torch.testing.assert_close(s[[0, -1]], torch.tensor([-1.0, 1.0], dtype=torch.float64))
    slope = s.diff() / x.diff()
    assert slope.min() > 0
    assert slope[5000] > 20 * slope[12500] and slope[20000] > 2 * slope[12500]


@BOTH
def test_the_expression_is_the_same_function(stretch):
    x, symbol = torch.linspace(-1, 2, 41, dtype=torch.float64), sympy.Symbol("x", real=True)
    torch.testing.assert_close(torch_function([symbol], [stretch.expression(symbol)])(x)[0], stretch(x))


@BOTH
def test_even_points_are_even_in_it(stretch):
    unit = torch.linspace(0, 1, 101, dtype=torch.float64)
    x = -1 + 3 * stretch.even(unit)
    torch.testing.assert_close(stretch(x), 2 * unit - 1, rtol=0, atol=1e-12)
    assert (stretch(-1 + 3 * unit) - (2 * unit - 1)).abs().max() > 0.1  # points that are even in x are not


def test_what_is_periodic_in_the_stretched_coordinate_is_so_in_x():
    x = torch.tensor([-1.0, -0.3, 0.9], dtype=torch.float64)
    torch.testing.assert_close(PERIODIC(x + 3), PERIODIC(x) + 2)
    assert (STRETCH(x + 3) - STRETCH(x) - 2).abs().max() > 0.1  # the other one is for one interval alone
    symbol = sympy.Symbol("x", real=True)
    slopes = [sympy.diff(PERIODIC.expression(symbol), symbol, order) for order in (1, 2, 3)]
    at_ends = [[float(slope.subs(symbol, end)) for slope in slopes] for end in (-1, 2)]
    assert at_ends[0] == pytest.approx(at_ends[1])


def test_half_of_the_points_are_for_one_periodic_layer_and_half_of_these_within_its_width():
    x = -1 + 3 * PeriodicStretch((-1.0, 2.0), [Layer(0.5, 0.01)]).even(torch.linspace(0, 1, 10001).double())
    assert float(((x - 0.5).abs() < 0.01).double().mean()) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(
    ("layer", "said"),
    [(Layer(3.0, 0.1), "at 3 lies outside"), (Layer(0.0, 5.0), "5 wide"), (Layer(0.0, 0.0), "0 wide")],
)
def test_layers_that_cannot_be_are_told(layer, said):
    with pytest.raises(ValueError, match=said):
        Stretch((-1.0, 2.0), [layer])


@pytest.mark.parametrize(
    ("layer", "said"),
    [(Layer(3.0, 0.1), "at 3 lies outside"), (Layer(0.0, 1.0), "a third of the period"), (Layer(0.0, 0.0), "0 wide")],
)
def test_periodic_layers_that_cannot_be_are_told(layer, said):
    with pytest.raises(ValueError, match=said):
        PeriodicStretch((-1.0, 2.0), [layer])
