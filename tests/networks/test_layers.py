"""Learned slopes and factorised weights: what they start from, and what they are afterwards."""

import pytest
import torch
from torch import nn

from pinn.networks import ACTIVATIONS, MLP, AdaptiveActivation, FactorisedLinear, ModifiedMLP, Scaled
from pinn.networks.layers import dense

X = torch.linspace(-2, 2, 9, dtype=torch.float64).reshape(3, 3)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_learned_slope_starts_from_one_and_scales_the_argument(name):
    plain, adaptive = ACTIVATIONS[name](), AdaptiveActivation(ACTIVATIONS[name]()).double()
    torch.testing.assert_close(adaptive(X), plain(X), rtol=1e-6, atol=1e-7)  # 1/n is rounded to float32
    with torch.no_grad():
        adaptive.slope.fill_(0.25)
    torch.testing.assert_close(adaptive(X), plain(2.5 * X))


def test_all_layers_share_one_slope():
    network = MLP(Scaled([0.0], [1.0]), 1, width=4, depth=3, adaptive=True)
    plain = MLP(Scaled([0.0], [1.0]), 1, width=4, depth=3)
    assert sum(p.numel() for p in network.parameters()) == sum(p.numel() for p in plain.parameters()) + 1


def test_factorised_weights_start_from_the_plain_layer():
    torch.manual_seed(0)
    layer = nn.Linear(3, 5).double()
    factorised = FactorisedLinear(layer)
    torch.testing.assert_close(factorised(X), layer(X), rtol=1e-14, atol=1e-14)
    with torch.no_grad():
        factorised.s[2] += 1.0
    expected = layer.weight.clone()
    expected[2] *= torch.e
    torch.testing.assert_close(factorised(X), nn.functional.linear(X, expected, layer.bias))


def test_the_scales_are_drawn_as_the_paper_says():
    torch.manual_seed(0)
    s = FactorisedLinear(nn.Linear(1, 100_000)).s
    assert abs(s.mean() - 1.0) < 2e-3 and abs(s.std() - 0.1) < 1e-3


@pytest.mark.parametrize("kind", [MLP, ModifiedMLP])
def test_a_factorised_network_keeps_a_plain_output_layer(kind):
    network = kind(Scaled([0.0], [1.0]), 1, width=4, depth=2, factorised=True)
    assert type(network.output) is nn.Linear
    assert [m for m in network.modules() if type(m) is nn.Linear] == [network.output]


def test_a_factorised_mlp_starts_as_the_plain_one():
    x, found = torch.rand(5, 1), []
    for factorised in (False, True):
        torch.manual_seed(0)
        found.append(MLP(Scaled([0.0], [1.0]), 2, width=6, depth=2, factorised=factorised).float()(x.float()))
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-5)
    assert (found[0] - found[1]).abs().max() > 0  # they are not the same parameters


def test_dense_layers_have_glorots_variance():
    torch.manual_seed(0)
    layer = dense(300, 500)
    assert isinstance(layer, nn.Linear)
    assert abs(layer.weight.var() * 400 - 1) < 0.02 and not layer.bias.any()


def test_an_unknown_activation_is_named():
    with pytest.raises(ValueError, match="'tnah' is unknown; the activations are tanh"):
        MLP(Scaled([0.0], [1.0]), 1, activation="tnah")
