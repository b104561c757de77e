"""SIREN: sines throughout, with the initialisation that keeps their distribution from layer to layer.

Shape letters: N points, F fields, W width, E features.
"""

import math

import torch
from torch import Tensor, nn

from pinn.networks.features import Features
from pinn.optimizers.ranges import Count, Positive


class Siren(nn.Module):
    """`h <- sin(omega_0 (W h + b))` in each hidden layer.

    Sitzmann et al. 2020 (arXiv 2006.09661, section 3.2 and supplement 1.5): the first layer's weights are uniform in
    ±1/E, later ones in ±sqrt(6/W)/omega_0, so that what enters each later sine is normal with deviation one.

    Args:
        omega_0: Frequency: the paper's 30 suits pictures; most solutions of differential equations are smoother.
    """

    def __init__(
        self, features: Features, outputs: int, *, width: Count = 64, depth: Count = 3, omega_0: Positive = 30.0
    ):
        super().__init__()
        self.features, self.omega_0 = features, omega_0
        sizes = [features.size, *[width] * depth]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        self.output = nn.Linear(width, outputs)
        first, *later = [*self.hidden, self.output]
        nn.init.uniform_(first.weight, -1 / features.size, 1 / features.size)
        bound = math.sqrt(6 / width) / omega_0
        for layer in later:
            nn.init.uniform_(layer.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, F)."""
        h = self.features(x)
        for layer in self.hidden:
            h = torch.sin(self.omega_0 * layer(h))
        return self.output(h)
