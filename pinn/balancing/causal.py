"""Weights of points in time: later ones wait for the earlier.

Shape letters: N points, K chunks.
"""

import torch
from torch import Tensor

from pinn.problem import Problem

TIME = "t"


class Causal:
    """`w_k = exp(-tolerance * sum_{j<k} L_j)` for the points of the k-th of K equal chunks of time.

    L_j is the mean square of the residuals in chunk j, so that a chunk counts once those before it are solved; at the
    end all weights are 1. Wang, Sankaran & Perdikaris 2022 (arXiv 2203.07404). Here L is that of the normalised
    residuals, and the sum over the equations that hold inside.

    Args:
        problem: What is solved.
        chunks: K.
        tolerance: How small the earlier losses must be; the larger, the smaller.

    Raises:
        ValueError: The problem has no time.
    """

    def __init__(self, problem: Problem, chunks: int = 16, tolerance: float = 1.0):
        names = problem.coordinate_names
        if TIME not in names:
            raise ValueError(f"there is no time among the coordinates {', '.join(names)}")
        self.chunks, self.tolerance = chunks, tolerance
        self.column = names.index(TIME)
        self.start, self.end = problem.domain.lower[self.column], problem.domain.upper[self.column]
        self.equations = tuple(problem.stated)

    def weights(self, x: Tensor, squares: Tensor) -> Tensor:
        """Weights at points (N, D), (N,), from the squares of the residuals there, (N,)."""
        part = (x[:, self.column] - self.start) / (self.end - self.start)
        chunk = (self.chunks * part).long().clamp(0, self.chunks - 1)
        sums, counts = (
            squares.new_zeros(self.chunks).index_add(0, chunk, v) for v in (squares, torch.ones_like(squares))
        )
        losses = sums / counts.clamp_min(1)
        return torch.exp(-self.tolerance * (losses.cumsum(0) - losses))[chunk]
