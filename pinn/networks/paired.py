"""A network at a point and at its partner on another face, side by side.

Shape letters: N points, D coordinates, F fields.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Paired(nn.Module):
    """`x -> [u(x), u(x + s)]`: what periodic and other conditions between two faces compare.

    Args:
        network: u, (N, D) to (N, F).
        shift: s, from a face to its partner, D of them.
    """

    def __init__(self, network: nn.Module, shift: Sequence[float]):
        super().__init__()
        self.network, self.shift = network, tuple(shift)

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, 2 F)."""
        shift = torch.tensor(self.shift, dtype=x.dtype, device=x.device)
        return torch.cat([self.network(x), self.network(x + shift)], dim=1)
