"""The gated layers as the paper writes them."""

import torch

from pinn.networks import ModifiedMLP, Scaled


def formula(network, z):
    """Wang, Teng & Perdikaris 2021, section 2.6, term by term."""
    u, v, h = (torch.tanh(layer(z)) for layer in (network.u, network.v, network.first))
    for gate in network.gates:
        s = torch.tanh(gate(h))
        h = (1 - s) * u + s * v
    return network.output(h)


def test_it_is_the_formula():
    torch.manual_seed(0)
    network, x = ModifiedMLP(Scaled([0.0, 0.0], [2.0, 2.0]), 2, width=8, depth=3).double(), torch.rand(5, 2).double()
    torch.testing.assert_close(network(x), formula(network, x - 1), rtol=1e-13, atol=1e-13)
    network.u, network.v = network.v, network.u  # the gates are not alike
    assert (network(x) - formula(network, x - 1)).abs().max() < 1e-13
    before = network(x)
    network.u, network.v = network.v, network.u
    assert (network(x) - before).abs().max() > 1e-3
