"""A Kolmogorov-Arnold network with Chebyshev polynomials.

Shape letters: N points, F fields, W width, E features.
"""

import math

import torch
from torch import Tensor, nn

from pinn.networks.features import Features
from pinn.optimizers.ranges import Count


class Chebyshev(nn.Module):
    """`T_1(t), ..., T_n(t)` of `t = tanh(h)`, by `T_(n+1) = 2 t T_n - T_(n-1)`.

    Args:
        degree: n.
    """

    def __init__(self, degree: int):
        super().__init__()
        self.degree = degree

    def forward(self, h: Tensor) -> Tensor:
        """(N, W) to (N, n W), degree by degree."""
        t = torch.tanh(h)
        terms, before = [t], 1.0
        for _ in range(self.degree - 1):
            terms, before = [*terms, 2 * t * terms[-1] - before], terms[-1]
        return torch.cat(terms, dim=1)


class ChebyshevKAN(nn.Module):
    """`h_j <- sum_in c_jin T_n(tanh(h_i))` in each layer, the output layer too: functions on the edges are learned.

    SS et al. 2024 (arXiv 2405.07200). The terms of degree 0 are constant: together they are the layer's bias, at first
    zero. The other coefficients are normal with variance 1/(W n), which keeps the size of what goes through.

    Args:
        degree: n, the highest.
    """

    def __init__(self, features: Features, outputs: int, *, width: Count = 16, depth: Count = 2, degree: Count = 4):
        super().__init__()
        self.features, self.basis = features, Chebyshev(degree)
        sizes = [features.size, *[width] * depth, outputs]
        layers = [nn.Linear(degree * a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True)]
        for layer in layers:
            nn.init.normal_(layer.weight, std=1 / math.sqrt(layer.in_features))
            nn.init.zeros_(layer.bias)
        *hidden, self.output = layers
        self.hidden = nn.ModuleList(hidden)

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, F)."""
        h = self.features(x)
        for layer in self.hidden:
            h = layer(self.basis(h))
        return self.output(self.basis(h))
