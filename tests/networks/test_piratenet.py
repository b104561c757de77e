"""Residual blocks as the paper writes them, and the identity at first."""

import torch

from pinn.networks import Fourier, PirateNet


def formula(network, z):
    """Wang, Li, Chen & Perdikaris 2024, section 4, term by term."""
    u, v = torch.tanh(network.u(z)), torch.tanh(network.v(z))
    for block in network.blocks:
        f = torch.tanh(block.first(z))
        inner = f * u + (1 - f) * v
        g = torch.tanh(block.second(inner))
        inner = g * u + (1 - g) * v
        h = torch.tanh(block.last(inner))
        z = block.alpha * h + (1 - block.alpha) * z
    return network.output(z)


def make():
    torch.manual_seed(0)
    features = Fourier([0.0, 0.0], [2.0, 2.0], count=5)
    return PirateNet(features, 2, width=8, depth=3).double(), torch.rand(6, 2).double()


def test_it_starts_linear_in_its_features():
    network, x = make()
    assert torch.equal(network(x), network.output(network.features(x)))


def test_it_is_the_formula():
    network, x = make()
    with torch.no_grad():
        for k, block in enumerate(network.blocks):
            block.alpha.fill_(0.2 + 0.3 * k)
    torch.testing.assert_close(network(x), formula(network, network.features(x)), rtol=1e-13, atol=1e-13)
    assert (network(x) - network.output(network.features(x))).abs().max() > 1e-2
