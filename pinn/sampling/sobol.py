"""Scrambled Sobol points."""

from torch import Tensor, float64
from torch.quasirandom import SobolEngine

from pinn.sampling.sampler import Sampler


class Sobol(Sampler):
    """The first n points of a scrambled Sobol sequence: the mean's error falls nearly like 1/n for smooth residuals.

    Powers of two fill the cube most evenly. Sobol 1967; scrambling by Matousek 1998, J. Complexity 14.
    """

    def unit(self, n: int, d: int, seed: int) -> Tensor:  # noqa: D102
        unit = SobolEngine(d, scramble=True, seed=seed).draw(n, dtype=float64)
        return unit + 2.0 ** -(SobolEngine.MAXBIT + 1)  # from the corner of the finest cell to its centre: never 0
