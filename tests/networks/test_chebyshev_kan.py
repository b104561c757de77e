"""Against numpy's Chebyshev series."""

import numpy as np
import torch
from numpy.polynomial import chebyshev

from pinn.networks import ChebyshevKAN, Scaled


def series(layer, h, degree):
    """`sum_i chebval(tanh(h_i), c_ji)`, a loop over the edges; the bias is shared among the terms of degree zero."""
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    inputs = h.shape[1]
    out = np.zeros((len(h), len(weight)))
    for j in range(len(weight)):
        for i in range(inputs):
            coefficients = [bias[j] / inputs, *(weight[j, n * inputs + i] for n in range(degree))]
            out[:, j] += chebyshev.chebval(np.tanh(h[:, i]), coefficients)
    return out


def apart(degree):
    torch.manual_seed(0)
    network = ChebyshevKAN(Scaled([0.0, 0.0], [2.0, 2.0]), 3, width=4, depth=2, degree=degree).double()
    with torch.no_grad():
        for layer in network.hidden:
            layer.bias.normal_()
    x = 2 * torch.rand(5, 2).double()
    h = x.numpy() - 1
    for layer in [*network.hidden, network.output]:
        h = series(layer, h, degree)
    return np.abs(network(x).detach().numpy() - h).max()


def test_it_is_numpys_series():
    for degree in (1, 2, 3, 6):
        assert apart(degree) < 1e-12


def test_the_comparison_sees_another_polynomial(monkeypatch):
    monkeypatch.setattr(chebyshev, "chebval", np.polynomial.hermite_e.hermeval)
    assert apart(1) < 1e-12 < 1e-3 < apart(3)  # He_1 = T_1
