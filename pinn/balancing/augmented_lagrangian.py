"""Multipliers and a penalty for the conditions."""

import torch
from torch import Tensor

from pinn.balancing.scheme import Measured, Scheme
from pinn.optimizers.ranges import Count, Growth, Positive
from pinn.problem import Problem


class AugmentedLagrangian(Scheme):
    """Minimise the equations' loss subject to the conditions, `mean(l_i c_i) + mu/2 mean(c_i**2)` being added for each.

    Up to a constant that is `mu/2 mean((c_i + s_i)**2)` with `s = l/mu`: a sum of squares, so that Gauss–Newton and
    least squares take it too, where c is a residual, s its shift and mu/2 its weight. An update is `l <- l + mu c`, so
    `s <- s + c`; where the condition's loss is then not a quarter of that of the last update, mu grows by a factor.
    Lu et al. 2021, SIAM J. Sci. Comput. 43 (arXiv 2102.04626); Basir & Senocak 2022, J. Comput. Phys. 463.

    Args:
        growth: The factor.
        most: Bound on mu/2.

    Raises:
        ValueError: The problem has no condition that is a loss.
    """

    by_point = True

    def __init__(self, problem: Problem, every: Count = 100, growth: Growth = 2.0, most: Positive = 1e4):
        super().__init__(problem, every)
        if not self.conditions:
            raise ValueError("there is no condition for it: all are built into the network; take fixed")
        self.growth, self.most = growth, most

    def update(self, measured: Measured) -> None:  # noqa: D102
        residuals = measured.residuals()
        for name in self.conditions:
            self._update(name, residuals[name])

    def _update(self, name: str, c: Tensor) -> None:
        size = c.square().mean()
        if name not in self.weights:  # nothing is known yet of how it goes
            self.weights[name], self.shifts[name] = torch.ones_like(size), torch.zeros_like(c)
        else:
            weight = self.weights[name]
            grown = torch.where(size > self.memory[name] / 4, self.growth * weight, weight).clamp_max(self.most)
            self.weights[name], self.shifts[name] = grown, (self.shifts[name] + c) * weight / grown
        self.memory[name] = size
