"""Weights by how much each loss has fallen."""

import torch
from torch import Tensor

from pinn.balancing.scheme import Measured, Scheme
from pinn.optimizers.ranges import Count, Positive, Share
from pinn.problem import Problem


class ReLoBRaLo(Scheme):
    """Relative loss balancing with random lookback: what falls more slowly than the others counts more.

    With `b(t') = E softmax(L_e(t) / (T L_e(t')))` and rho a draw of 0 or 1,
    `w <- a (rho w + (1 - rho) b(0)) + (1 - a) b(t - 1)`. Bischof & Kraus 2021 (arXiv 2110.09813).

    Args:
        memory: a.
        temperature: T; the larger, the more alike the weights.
        lookback: Chance that rho is 1 and the past is not looked up.
    """

    def __init__(
        self,
        problem: Problem,
        every: Count = 1,
        memory: Share = 0.999,
        temperature: Positive = 1.0,
        lookback: Share = 0.999,
    ):
        super().__init__(problem, every)
        self.a, self.temperature, self.lookback = memory, temperature, lookback

    def update(self, measured: Measured) -> None:  # noqa: D102
        losses = self._vector(measured.losses())
        if not self.memory:
            self.memory = {"first": losses, "last": losses}
            self._set(torch.ones_like(losses))
        generator = torch.Generator().manual_seed(measured.seed)
        rho = float(torch.rand((), generator=generator) < self.lookback)
        history = rho * self._vector(self.weights) + (1 - rho) * self._balance(losses, self.memory["first"])
        self._set(self.a * history + (1 - self.a) * self._balance(losses, self.memory["last"]))
        self.memory["last"] = losses

    def _balance(self, losses: Tensor, before: Tensor) -> Tensor:
        """b, (E,)."""
        tiny = torch.finfo(losses.dtype).tiny
        return len(losses) * torch.softmax(losses / (self.temperature * before.clamp_min(tiny)), dim=0)
