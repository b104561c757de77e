"""Priors of coefficient fields: their covariances against closed forms, and conditions against dense algebra."""

import math

import pytest
import torch

from pinn.networks import Waves
from pinn.partition.prior import HELD, Linear, Process

EMPTY = torch.zeros(0, dtype=torch.float64)
CLOSED = {
    1.5: lambda d: (1 + math.sqrt(3) * d) * (-math.sqrt(3) * d).exp(),
    2.5: lambda d: (1 + math.sqrt(5) * d + 5 * d**2 / 3) * (-math.sqrt(5) * d).exp(),
    math.inf: lambda d: (-(d**2) / 2).exp(),
}


@pytest.mark.parametrize("smooth", CLOSED)
@pytest.mark.parametrize("dimensions", [1, 2])
def test_covariances_are_those_of_the_process(smooth, dimensions):
    """But for the waves that are longer than the box: their sum without the constant is one."""
    network = Waves([-1.0] * dimensions, [1.0] * dimensions, 0.0, 3000 if dimensions == 2 else 400)
    variances = Process(length=0.25, smooth=smooth, share=4.0).variances(network.frequencies, dimensions)
    x = torch.zeros(30, dimensions, dtype=torch.float64)
    x[:, 0] = torch.linspace(0, 0.6, 30)
    waves = torch.sin(network.hidden(network.features(x))).detach()
    found = (waves * variances[:-1]) @ waves.T
    assert float(variances[:-1].sum()) == pytest.approx(4.0) and float(variances[-1]) == pytest.approx(4e4)
    torch.testing.assert_close(found.diagonal(), torch.full((30,), 2.0, dtype=torch.float64))
    expected = CLOSED[smooth](x[:, 0] / 0.25)
    # a stationary process of mean zero over the period: what the constant would have is missing
    found = (found[0] - found[0, -1]) / (found[0, 0] - found[0, -1])
    expected = (expected - expected[-1]) / (expected[0] - expected[-1])
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)
    other = CLOSED[smooth](x[:, 0] / 0.35)
    assert not torch.allclose(found, (other - other[-1]) / (other[0] - other[-1]), rtol=0, atol=0.02)


def test_conditions_are_those_of_dense_algebra():
    network = Waves([-1.0], [1.0], 0.0, 20)
    ends = torch.tensor([[-1.0], [0.2], [1.0]], dtype=torch.float64)
    rows = torch.cat([torch.sin(network.hidden(network.features(ends))).detach(), torch.ones(3, 1)], dim=1)
    values = torch.tensor([1.0, -0.5, 2.0], dtype=torch.float64)
    given = Linear(rows[:0], EMPTY, [], rows, values, EMPTY, [network.frequencies], [1])
    process = Process(0.5, 2.5)
    mean, root = given.given([process])
    prior = process.variances(network.frequencies, 1).diag()
    gain = prior @ rows.T @ torch.linalg.inv(rows @ prior @ rows.T + HELD**2 * torch.eye(3))
    torch.testing.assert_close(mean, gain @ values, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(root @ root.T, prior - gain @ rows @ prior, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(root @ root.T, prior, rtol=1e-4, atol=1e-4)


def test_conditions_are_held_alike_in_any_unit():
    network = Waves([-1.0], [1.0], 0.0, 20)
    x = torch.linspace(-1, 1, 100, dtype=torch.float64)[:, None]
    rows = torch.cat([torch.sin(network.hidden(network.features(x))).detach(), torch.ones(100, 1)], dim=1)
    jump, found = (x[:, 0] > 0.1).double(), []
    for unit in (1e-6, 1.0, 1e6):
        given = Linear(rows[:0], EMPTY, [], rows, unit * jump, EMPTY, [network.frequencies], [1])
        mean, root = given.given([Process(0.5, 2.5)])
        found.append(torch.cat([mean / unit, root.square().sum(dim=1)]))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found[2], found[1], rtol=1e-4, atol=1e-6)
