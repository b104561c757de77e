"""Plane waves of a box: the functions that a coefficient field is a sum of.

Shape letters: N points, D coordinates, W waves (1 included).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pinn.networks.features import Scaled

LONGEST = 4.0  # half sides of the box: the period, so that the two ends of the box are as far apart as they can be


class Waves(nn.Module):
    """`x -> sum_k c_k sin(w_k z + b_k) + c_0`: all waves of period 4 in z, the box as [-1, 1], up to a wave number.

    The period is twice the side of the box, so that a function of the box need not be periodic on it.

    Args:
        lower: Lower ends of the box, D of them.
        upper: Upper ends.
        value: What it begins as: a constant.
        most: How many waves there are at most.
        along: The numbers of the coordinates on which it depends; None: on all.

    Attributes:
        guess: What it begins as.
        dimensions: On how many coordinates it depends.
        output: The linear layer; its weights are the c_k, its bias is c_0.
    """

    frequencies: Tensor
    spread: Tensor

    def __init__(
        self, lower: Sequence[float], upper: Sequence[float], value: float, most: int,
        along: Sequence[int] | None = None,
    ):  # fmt: skip
        super().__init__()
        self.features, along = Scaled(lower, upper), list(range(len(lower)) if along is None else along)
        self.guess, self.dimensions = value, len(along)
        waves = torch.zeros(most // 2, len(lower), dtype=torch.float64)
        numbers = _half(len(along), most // 2)
        waves = waves[: len(numbers)]
        waves[:, along] = 2 * math.pi / LONGEST * torch.tensor(numbers, dtype=torch.float64)
        self.hidden = nn.Linear(len(lower), 2 * len(waves), dtype=torch.float64)
        self.output = nn.Linear(2 * len(waves), 1, dtype=torch.float64)
        with torch.no_grad():
            self.hidden.weight.copy_(torch.cat([waves, waves]))
            self.hidden.bias.copy_(torch.tensor([0.0, math.pi / 2], dtype=torch.float64).repeat_interleave(len(waves)))
            self.output.weight.zero_()
            self.output.bias.fill_(value)
        self.register_buffer("frequencies", torch.cat([waves, waves, waves[:1] * 0]).norm(dim=1))
        """|w| of each wave, and 0 of the constant, (W,)."""
        self.register_buffer("spread", torch.full((len(self.frequencies),) * 2, math.nan, dtype=torch.float64))
        """A root of the covariance of the c, the constant's last, (W, W): see `deviation`."""

    @property
    def coefficients(self) -> Tensor:
        """The c_k, and c_0 at the end, (W,)."""
        return torch.cat([self.output.weight[0], self.output.bias]).detach()

    @coefficients.setter
    def coefficients(self, values: Tensor) -> None:
        with torch.no_grad():
            self.output.weight.copy_(values[None, :-1])
            self.output.bias.copy_(values[-1:])

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, 1)."""
        return self.output(torch.sin(self.hidden(self.features(x))))

    def deviation(self, x: Tensor) -> Tensor:
        """One standard deviation at points (N, D), (N,): what the data leave open; NaN before they told."""
        with torch.no_grad():
            waves = torch.sin(self.hidden(self.features(x)))
            return (torch.cat([waves, torch.ones_like(waves[:, :1])], dim=1) @ self.spread).norm(dim=1)


def _half(dimensions: int, most: int) -> list[tuple[int, ...]]:
    """The shortest integer vectors but zero, of each pair of opposite ones one, as many as there are below a length."""
    reach = 1
    while (2 * reach + 1) ** dimensions < 4 * most + 4:
        reach += 1
    zero = (0,) * dimensions
    found = [k for k in itertools.product(range(-2 * reach, 2 * reach + 1), repeat=dimensions) if k > zero]
    found.sort(key=lambda k: (sum(n * n for n in k), k))
    while len(found) > most:
        longest = sum(n * n for n in found[-1])
        found = [k for k in found if sum(n * n for n in k) < longest]
    return found
