"""A network at a point and at its partner on another face or another side, next to each other.

Shape letters: N points, D coordinates, F fields.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pinn.operators.feature import Feature


class Paired(nn.Module):
    """`x -> [u(x), u(x + s)]`: what periodic and other conditions between two places compare.

    Args:
        network: u, (N, D) to (N, F).
        partners: Points to `x + s`, (N, D); s counts as a constant where u is differentiated.
    """

    def __init__(self, network: nn.Module, partners: Callable[[Tensor], Tensor]):
        super().__init__()
        self.network, self.partners = network, partners

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, 2 F)."""
        if isinstance(x, Feature):  # a jet stands for a tensor
            there = x.as_affine(self.partners(x.value), x.slopes)
        else:
            there = x + (self.partners(x.detach()) - x.detach())
        return torch.cat([self.network(x), self.network(there)], dim=1)
