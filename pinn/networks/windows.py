"""Smooth windows of cells that sum to one, and what points they reach.

Shape letters: K cells, N points, n points of one cell, D coordinates.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from numpy.polynomial import Polynomial
from torch import Tensor


@lru_cache
def step_polynomials(smoothness: int, order: int) -> tuple[tuple[float, ...], ...]:
    """The smooth step on [0, 1] and its derivatives up to an order, as coefficients from the highest power down.

    `s' = c (1 - z**2)**m` on z = 2 t - 1 in [-1, 1]: a polynomial of degree 2m + 1, of class C^m with the constants 0
    and 1 beside it.
    """
    slope = Polynomial([1.0, 0.0, -1.0]) ** smoothness
    step = slope.integ(lbnd=-1)
    step = step / step(1.0)
    found = []
    for _ in range(order + 1):
        found.append(tuple(step.coef[::-1].tolist()))
        step = step.deriv()
    return tuple(found)


def _horner(coefficients: tuple[float, ...], z: Tensor) -> Tensor:
    value = torch.full_like(z, coefficients[0])
    for c in coefficients[1:]:
        value = value * z + c
    return value


class Window:
    """The bump of one cell along one coordinate: 1 inside, smoothly to 0 about its faces.

    Args:
        lower: The cell's lower face; it rises from `lower - below` to `lower + below`.
        upper: Its upper face.
        below: How far it reaches below; not positive: nothing is there that it could meet, and it stays 1.
        above: How far above.
        smoothness: m of its class C^m.
    """

    def __init__(self, lower: float, upper: float, below: float, above: float, smoothness: int):
        self.lower, self.upper, self.below, self.above, self.smoothness = lower, upper, below, above, smoothness

    @property
    def constant(self) -> bool:
        """Whether it is 1 throughout."""
        return self.below <= 0 and self.above <= 0

    def value(self, x: Tensor) -> Tensor:
        """By operations that nested autograd differentiates."""
        value = torch.ones_like(x)
        coefficients = step_polynomials(self.smoothness, 0)[0]
        if self.below > 0:
            value = value * _horner(coefficients, ((x - self.lower) / self.below).clamp(-1, 1))
        if self.above > 0:
            value = value * _horner(coefficients, ((self.upper - x) / self.above).clamp(-1, 1))
        return value

    def table(self, x: Tensor, order: int) -> list[Tensor]:
        """The value and the derivatives up to an order. Rise and fall do not overlap: a cell is wider than both."""
        polynomials = step_polynomials(self.smoothness, order)
        result = [torch.ones_like(x), *(torch.zeros_like(x) for _ in range(order))]
        middle = (self.lower + self.upper) / 2
        for reach, face, sign in ((self.below, self.lower, 1.0), (self.above, self.upper, -1.0)):
            if reach <= 0:
                continue
            z = sign * (x - face) / reach
            here = (z < 1) & ((x < middle) if sign > 0 else (x >= middle))
            inside = z.clamp(-1, 1)
            for k, coefficients in enumerate(polynomials):
                value = _horner(coefficients, inside) * (sign / reach) ** k
                if k:
                    value = torch.where(z > -1, value, torch.zeros_like(value))
                result[k] = torch.where(here, value, result[k])
        return result


def within(x: Tensor, lower: Tensor, upper: Tensor) -> list[Tensor]:
    """For each of K boxes the numbers of the points (N, D) that lie in it: lower <= x < upper."""
    if len(x) == 0:
        return [torch.zeros(0, dtype=torch.int64, device=x.device) for _ in range(len(lower))]
    order = torch.argsort(x[:, 0])
    first = x[order, 0].contiguous()
    starts = torch.searchsorted(first, lower[:, 0].to(first).contiguous()).tolist()
    ends = torch.searchsorted(first, upper[:, 0].to(first).contiguous()).tolist()
    found = []
    for k, (a, b) in enumerate(zip(starts, ends, strict=True)):
        some = order[a:b]
        rest = x[some, 1:]
        inside = ((rest >= lower[k, 1:]) & (rest < upper[k, 1:])).all(dim=1)
        found.append(some[inside].sort().values)
    return found
