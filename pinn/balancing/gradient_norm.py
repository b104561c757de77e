"""Weights that make the equations' gradients equally long."""

import torch

from pinn.balancing.scheme import Measured, Scheme, inverse_shares, moving_average
from pinn.optimizers.ranges import Count, Share
from pinn.problem import Problem


class GradientNorm(Scheme):
    """`w_e <- a w_e + (1 - a) sum_j |grad L_j| / |grad L_e|`, so that all `w_e grad L_e` become equally long.

    Wang, Teng & Perdikaris 2021, SIAM J. Sci. Comput. 43 (arXiv 2001.04536), who compare conditions with the residual;
    in this form, for any number of equations, Wang, Sankaran, Wang & Perdikaris 2023 (arXiv 2308.08468).

    Args:
        memory: a, of the moving average.
    """

    def __init__(self, problem: Problem, every: Count = 100, memory: Share = 0.9):
        super().__init__(problem, every)
        self.a = memory

    def update(self, measured: Measured) -> None:  # noqa: D102
        norms = self._vector({name: torch.linalg.vector_norm(g) for name, g in measured.gradients().items()})
        self._set(moving_average(self.weights, inverse_shares(norms), self.equations, self.a))
