"""Points on a tensor grid: the largest with as many points along each coordinate that has no more than n.

On a whole boundary, whose faces are chosen by one of the coordinates, they are Sobol points.
"""

from functools import cache

import torch
from scipy.special import roots_legendre
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
        nodes, _ = legendre(along(n, d))
        return product((nodes + 1) / 2, d)

    def weights(self, n: int, d: int) -> Tensor:
        """Their mean is 1, (k**d,)."""
        k = along(n, d)
        _, weights = legendre(k)
        return product(weights * k / 2, d).prod(dim=1)


@cache
def legendre(k: int) -> tuple[Tensor, Tensor]:
    """The k nodes of Gauss and Legendre in [-1, 1], and their weights."""
    nodes, weights = roots_legendre(k)
    return torch.from_numpy(nodes), torch.from_numpy(weights)


def along(n: int, d: int) -> int:
    """The largest k >= 1 with k**d <= n, or 1."""
    k = max(1, round(n ** (1 / d)))
    return k if k**d <= n or k == 1 else k - 1


def product(nodes: Tensor, d: int) -> Tensor:
    """All d-tuples of the k nodes, (k**d, d)."""
    return torch.cartesian_prod(*[nodes] * d).reshape(-1, d)
