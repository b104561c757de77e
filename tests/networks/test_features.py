"""What features promise: exact periods, the kernel of random waves, one coordinate at a time."""

import math

import pytest
import torch

from pinn import operators
from pinn.networks import MLP, Fourier, Periodic, Scaled

LOWER, UPPER = [0.0, -1.0], [3.0, 1.5]
TEXTS = {"u": "u", "x": "u_x", "xy": "u_xy", "xxx": "u_xxx", "biharmonic": "lap(lap(u))"}


def points(n=7):
    torch.manual_seed(1)
    return torch.tensor(LOWER) + torch.rand(n, 2, dtype=torch.float64) * (torch.tensor(UPPER) - torch.tensor(LOWER))


def difference(features, shift):
    """How much the values and derivatives of a network change by a shift, relative."""
    torch.manual_seed(0)
    network = MLP(features, 1, width=8, depth=2, scale=1.0, activation="tanh").double()
    plan = operators.plan(TEXTS, ["x", "y"], ["u"])
    with torch.no_grad():
        here, there = (operators.derivatives(network, points() + torch.tensor(s), plan) for s in ([0.0, 0.0], shift))
    return max(float((there[name] - here[name]).norm() / here[name].norm()) for name in TEXTS)


def test_a_period_is_exact_for_all_derivatives():
    features = Periodic(LOWER, UPPER, periodic=[True, False], count=3)
    assert difference(features, [3.0, 0.0]) < 1e-12
    assert difference(features, [-6.0, 0.0]) < 1e-12
    assert difference(features, [1.5, 0.0]) > 1e-2
    assert difference(features, [0.0, 2.5]) > 1e-2
    assert difference(Scaled(LOWER, UPPER), [3.0, 0.0]) > 1e-2
    both = Periodic(LOWER, UPPER, periodic=[True, True], count=1)
    assert difference(both, [3.0, -2.5]) < 1e-12


def test_periodic_features_are_sines_and_cosines_of_the_coordinate():
    x = points()
    found = Periodic(LOWER, UPPER, periodic=[True, False], count=2)(x)
    angle = 2 * math.pi * (x[:, 0] - 1.5) / 3.0
    expected = [angle.cos(), (2 * angle).cos(), angle.sin(), (2 * angle).sin(), (x[:, 1] - 0.25) / 1.25]
    torch.testing.assert_close(found, torch.stack(expected, dim=1), rtol=1e-13, atol=1e-13)


def test_coordinates_are_scaled_to_one():
    corners = torch.tensor([LOWER, UPPER], dtype=torch.float64)
    assert Scaled(LOWER, UPPER)(corners).tolist() == [[-1, -1], [1, 1]]


@pytest.mark.parametrize("scale", [0.2, 0.5])
def test_fourier_features_have_the_gaussian_kernel(scale):
    """`E cos(pi b.(z - z')) = exp(-(pi scale |z - z'|)**2/2)` (Rahimi & Recht 2007, figure 1)."""
    torch.manual_seed(0)
    x = points()
    features, z = Fourier(LOWER, UPPER, count=40_000, scale=scale).double()(x), Scaled(LOWER, UPPER)(x)
    kernel = features @ features.T / 40_000
    expected = torch.exp(-((math.pi * scale * torch.cdist(z, z)) ** 2) / 2)
    assert (kernel - expected).abs().max() < 0.03  # six deviations of the mean of 40,000 cosines
    assert (kernel - expected**1.5).abs().max() > 0.06


@pytest.mark.parametrize(
    "features",
    [
        Scaled(LOWER, UPPER),
        Fourier(LOWER, UPPER, count=4),
        Periodic(LOWER, UPPER, periodic=[True, False], count=3),
    ],
    ids=["scaled", "fourier", "periodic"],
)
def test_sizes_are_what_comes_out(features):
    features.double()
    assert features(points()).shape == (7, features.size)
    for k in range(features.inputs):
        alone = features.along(k).double()
        assert alone.inputs == 1 and alone(points()[:, k : k + 1]).shape == (7, alone.size)


def test_one_coordinate_alone_keeps_its_scale_and_period():
    x = points()
    torch.testing.assert_close(Scaled(LOWER, UPPER).along(1)(x[:, 1:]), Scaled(LOWER, UPPER)(x)[:, 1:])
    features = Periodic(LOWER, UPPER, periodic=[True, False], count=3)
    torch.testing.assert_close(features.along(0)(x[:, :1]), features(x)[:, :6])
    torch.testing.assert_close(features.along(1)(x[:, 1:]), features(x)[:, 6:])
