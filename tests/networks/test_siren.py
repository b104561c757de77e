"""The distribution that the initialisation keeps from layer to layer: Sitzmann et al. 2020, theorem 1.8."""

import pytest
import torch
from scipy import stats

from pinn.networks import Scaled, Siren


def distributions(network, n=1000):
    """What enters and leaves the sine of each later layer, less each neuron's bias."""
    torch.manual_seed(1)
    h, found = network.features(torch.rand(n, 1, dtype=torch.float64)), []
    with torch.no_grad():
        for k, layer in enumerate(network.hidden):
            z = network.omega_0 * layer(h)
            h = torch.sin(z)
            if k:
                found.append((z - network.omega_0 * layer.bias, h))
    return found


def kolmogorov(sample, distribution):
    return stats.kstest(sample.flatten()[::97].numpy(), distribution.cdf).statistic


def make():
    torch.manual_seed(0)
    return Siren(Scaled([0.0], [1.0]), 1, width=256, depth=5).double()


def test_a_normal_distribution_enters_each_sine_and_an_arcsine_leaves_it():
    for z, h in distributions(make()):
        assert kolmogorov(z, stats.norm) < 0.05
        assert kolmogorov(h, stats.arcsine(loc=-1, scale=2)) < 0.05


def test_the_check_sees_another_initialisation():
    network = make()
    for layer in network.hidden:
        layer.reset_parameters()  # torch's own
    assert max(kolmogorov(z, stats.norm) for z, _ in distributions(network)) > 0.1


@pytest.mark.parametrize("omega_0", [30.0, 5.0])
def test_bounds_of_the_weights(omega_0):
    torch.manual_seed(0)
    network = Siren(Scaled([0.0, 0.0], [1.0, 1.0]), 1, width=200, depth=2, omega_0=omega_0)
    bounds = [1 / 2, (6 / 200) ** 0.5 / omega_0, (6 / 200) ** 0.5 / omega_0]
    for layer, bound in zip([*network.hidden, network.output], bounds, strict=True):
        assert 0.95 * bound < layer.weight.abs().max() <= bound
