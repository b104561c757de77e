"""Two networks, the fields of the one beside those of the other.

Shape letters: N points, D coordinates, F fields.
"""

import torch
from torch import Tensor, nn


class SideBySide(nn.Module):
    """`x -> [u(x), a(x)]`: a solution and the coefficients that are found with it, which share no parameters.

    Args:
        solution: (N, D) to the first fields.
        coefficients: (N, D) to the others.
    """

    def __init__(self, solution: nn.Module, coefficients: nn.Module):
        super().__init__()
        self.solution, self.coefficients = solution, coefficients

    @property
    def output(self) -> nn.Linear:
        """The last layer of the solution's network."""
        layer = self.solution.output
        assert isinstance(layer, nn.Linear)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, F)."""
        return torch.cat([self.solution(x), self.coefficients(x)], dim=1)
