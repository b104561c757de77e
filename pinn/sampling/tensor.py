"""Points on a tensor grid: the largest with as many points along each coordinate that has no more than n.

On a whole boundary, whose faces are chosen by one of the coordinates, they are Sobol points.
"""

import numpy as np
import torch
from torch import Tensor

from pinn.sampling.sampler import Sampler


class Grid(Sampler):
    """The centres of equal cells."""

    tensor = True

    def unit(self, n: int, d: int, seed: int) -> Tensor:  # noqa: D102
        k = along(n, d)
        return product((torch.arange(k, dtype=torch.float64) + 0.5) / k, d)


class Gauss(Sampler):
    """The nodes of Gauss and Legendre; with their weights the loss is the integral, exactly for polynomials.

    For boxes: a shape would cut the grid.
    """

    tensor = True

    def unit(self, n: int, d: int, seed: int) -> Tensor:  # noqa: D102
        nodes, _ = np.polynomial.legendre.leggauss(along(n, d))
        return product(torch.from_numpy((nodes + 1) / 2), d)

    def weights(self, n: int, d: int) -> Tensor:
        """Their mean is 1, (k**d,)."""
        k = along(n, d)
        _, weights = np.polynomial.legendre.leggauss(k)
        return product(torch.from_numpy(weights * k / 2), d).prod(dim=1)


def along(n: int, d: int) -> int:
    """The largest k >= 1 with k**d <= n, or 1."""
    k = max(1, round(n ** (1 / d)))
    return k if k**d <= n or k == 1 else k - 1


def product(nodes: Tensor, d: int) -> Tensor:
    """All d-tuples of the k nodes, (k**d, d)."""
    return torch.cartesian_prod(*[nodes] * d).reshape(-1, d)
