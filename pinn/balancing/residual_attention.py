"""Weights of points by the residuals that they have had."""

import torch

from pinn.balancing.scheme import Measured, Scheme
from pinn.optimizers.ranges import Count, Part, Positive
from pinn.problem import Problem


class ResidualAttention(Scheme):
    """`l_i <- gamma l_i + eta |r_i| / max |r|` for each equation; the loss is `mean((l_i r_i)**2)`.

    l is at most eta/(1 - gamma), where the residual is always the largest. Anagnostopoulos, Toscano, Stergiopulos &
    Karniadakis 2024, Comput. Methods Appl. Mech. Eng. 421 (arXiv 2307.00379).

    Args:
        gamma: What is left of l after an update.
        eta: What the point of the largest residual gains.
    """

    by_point = True

    def __init__(self, problem: Problem, every: Count = 1, gamma: Part = 0.999, eta: Positive = 0.01):
        super().__init__(problem, every)
        self.gamma, self.eta = gamma, eta

    def update(self, measured: Measured) -> None:  # noqa: D102
        for name, r in measured.residuals().items():
            root = self.weights[name].sqrt() if name in self.weights else torch.zeros_like(r)
            largest = r.abs().max().clamp_min(torch.finfo(r.dtype).tiny)
            self.weights[name] = (self.gamma * root + self.eta * r.abs() / largest) ** 2
