"""Weights of points, learned by ascent."""

import torch
from torch import Tensor

from pinn.balancing.scheme import Measured, Scheme
from pinn.optimizers.ranges import Count, Positive
from pinn.problem import Problem

DECAYS = 0.9, 0.999  # of Adam's averages
EPS = 1e-8


class SelfAdaptive(Scheme):
    """The loss is `mean(l_i**2 r_i**2)`, made small in the parameters and large in the l_i, one a point.

    The ascent in l is Adam's, as the authors', so that only the course of r matters, and not its size.
    McClenny & Braga-Neto 2023, J. Comput. Phys. 474 (arXiv 2009.04544), with the mask l**2.

    Args:
        lr: Length of Adam's steps.
    """

    by_point = True

    def __init__(self, problem: Problem, every: Count = 1, lr: Positive = 0.005):
        super().__init__(problem, every)
        self.lr = lr

    def update(self, measured: Measured) -> None:  # noqa: D102
        for name, r in measured.residuals().items():
            root = self.weights[name].sqrt() if name in self.weights else torch.ones_like(r)
            self.weights[name] = (root + self.lr * self._direction(name, 2 * root * r**2 / len(r))) ** 2

    def _direction(self, name: str, gradient: Tensor) -> Tensor:
        """Adam's, (N,). Kingma & Ba 2015, algorithm 1."""
        zero = torch.zeros_like(gradient)
        steps = self.memory.get(f"{name}/steps", zero.new_zeros(())) + 1
        first, second = (
            decay * self.memory.get(f"{name}/{k}", zero) + (1 - decay) * gradient**k
            for k, decay in zip((1, 2), DECAYS, strict=True)
        )
        self.memory |= {f"{name}/steps": steps, f"{name}/1": first, f"{name}/2": second}
        m, v = (average / (1 - decay**steps) for average, decay in zip((first, second), DECAYS, strict=True))
        return m / (v.sqrt() + EPS)
