"""Points that fill the cube more evenly than chance: scipy's own, and Hammersley's set.

A domain of another shape than a box keeps the points that fall into it, so that their order must be a random one.
"""

import numpy as np
import torch
from torch import Tensor

from pinn.sampling.sampler import Sampler


class LatinHypercube(Sampler):
    """Each of n equal slices along every coordinate holds one point. McKay, Beckman, Conover 1979, Technometrics 21."""

    def unit(self, n: int, d: int, seed: int) -> Tensor:  # noqa: D102
        from scipy.stats import qmc  # the better part of a second, which a run with other points need not wait for

        return inner(qmc.LatinHypercube(d, rng=np.random.default_rng(seed)).random(n))


class Halton(Sampler):
    """A scrambled Halton sequence: good for any n in few dimensions. Halton 1960; scrambling by Owen 2017."""

    def unit(self, n: int, d: int, seed: int) -> Tensor:  # noqa: D102
        from scipy.stats import qmc

        return inner(qmc.Halton(d, rng=np.random.default_rng(seed)).random(n))


class Hammersley(Sampler):
    """Equal steps along one coordinate, a scrambled Halton sequence along the others. Hammersley 1960.

    The steps are shifted at random, and the points shuffled.
    """

    def unit(self, n: int, d: int, seed: int) -> Tensor:  # noqa: D102
        from scipy.stats import qmc

        random = np.random.default_rng(seed)
        steps = (np.arange(n) + random.random()) / n
        others = qmc.Halton(d - 1, rng=random).random(n) if d > 1 else np.empty((n, 0))
        return inner(random.permutation(np.column_stack([steps, others])))


def inner(unit: np.ndarray) -> Tensor:
    """The points, moved off the faces of the cube."""
    return torch.from_numpy(unit).clamp(2.0**-54, 1 - 2.0**-53)
