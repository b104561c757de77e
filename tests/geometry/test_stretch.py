"""Coordinates in which layers are wide."""

import pytest
import sympy
import torch

from pinn.geometry import Layer, Stretch
from pinn.language import torch_function

LAYERS = [Layer(-0.5, 0.01), Layer(1.0, 0.1)]
STRETCH = Stretch((-1.0, 2.0), LAYERS)


def test_it_rises_from_minus_one_to_one_and_widens_the_layers():
    x = torch.linspace(-1, 2, 30001, dtype=torch.float64)
    s = STRETCH(x)
    torch.testing.assert_close(s[[0, -1]], torch.tensor([-1.0, 1.0], dtype=torch.float64))
    slope = s.diff() / x.diff()
    assert slope.min() > 0
    assert slope[5000] > 20 * slope[12500] and slope[20000] > 2 * slope[12500]


def test_the_expression_is_the_same_function():
    x, symbol = torch.linspace(-1, 2, 41, dtype=torch.float64), sympy.Symbol("x", real=True)
    torch.testing.assert_close(torch_function([symbol], [STRETCH.expression(symbol)])(x)[0], STRETCH(x))


def test_even_points_are_even_in_it():
    unit = torch.linspace(0, 1, 101, dtype=torch.float64)
    x = -1 + 3 * STRETCH.even(unit)
    torch.testing.assert_close(STRETCH(x), 2 * unit - 1, rtol=0, atol=1e-12)
    assert (STRETCH(-1 + 3 * unit) - (2 * unit - 1)).abs().max() > 0.1  # points that are even in x are not


@pytest.mark.parametrize(
    ("layer", "said"),
    [(Layer(3.0, 0.1), "at 3 lies outside"), (Layer(0.0, 5.0), "5 wide"), (Layer(0.0, 0.0), "0 wide")],
)
def test_layers_that_cannot_be_are_told(layer, said):
    with pytest.raises(ValueError, match=said):
        Stretch((-1.0, 2.0), [layer])
