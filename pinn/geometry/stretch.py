"""A coordinate in which layers are wide: shocks, fronts and boundary layers.

Shape letters: N points.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import sympy
import torch
from torch import Tensor

HALVINGS = 60  # of an interval: to rounding


@dataclass(frozen=True)
class Layer:
    """Where a solution is steep.

    Attributes:
        at: The value of the coordinate.
        width: Of the layer: the smallest length over which the solution changes.
    """

    at: float
    width: float


class Stretch:
    r"""``s(x) = sum_i asinh((x - c_i)/w_i)``, scaled to [-1, 1]: linear within a layer, a logarithm far from it.

    What is smooth on the scale `w_i + |x - c_i|` is smooth in s, on the scale of one. So few points that are even in s,
    and few features of s, resolve a layer and what lies outside it (coordinate transformations of spectral methods:
    Bayliss & Turkel 1992, J. Comput. Phys. 101; Tee & Trefethen 2006, SIAM J. Sci. Comput. 28).

    Args:
        interval: Of the coordinate.
        layers: Where it is to be stretched, at least one.

    Raises:
        ValueError: A layer lies outside the interval, or is not narrower than it.
    """

    def __init__(self, interval: tuple[float, float], layers: Sequence[Layer]):
        self.low, self.high = interval
        self.layers = tuple(layers)
        for layer in self.layers:
            if not self.low <= layer.at <= self.high:
                raise ValueError(f"a layer at {layer.at:g} lies outside [{self.low:g}, {self.high:g}]")
            if not 0 < layer.width < self.high - self.low:
                raise ValueError(
                    f"the layer at {layer.at:g} is {layer.width:g} wide, and [{self.low:g}, {self.high:g}] is not wider"
                )
        ends = self._sum(torch.tensor(interval, dtype=torch.float64)).tolist()
        self._middle, self._half = (ends[0] + ends[1]) / 2, (ends[1] - ends[0]) / 2

    def _sum(self, x: Tensor) -> Tensor:
        """What s is when scaled."""
        return torch.stack([torch.asinh((x - layer.at) / layer.width) for layer in self.layers]).sum(dim=0)

    def _expression(self, x: sympy.Symbol) -> sympy.Expr:
        """The same as a function of the coordinate's symbol."""
        return sympy.Add(*[sympy.asinh((x - layer.at) / layer.width) for layer in self.layers])

    def __call__(self, x: Tensor) -> Tensor:
        """S at coordinates (N,)."""
        return (self._sum(x) - self._middle) / self._half

    def expression(self, x: sympy.Symbol) -> sympy.Expr:
        """S as a function of the coordinate's symbol."""
        return (self._expression(x) - self._middle) / self._half

    def even(self, unit: Tensor) -> Tensor:
        """The coordinates, as parts of the interval, of points that are even in s: both (N,) in [0, 1].

        By bisection, which any number of layers leaves as simple.
        """
        wanted = (2 * unit.double() - 1) * self._half + self._middle
        below, above = torch.full_like(wanted, self.low), torch.full_like(wanted, self.high)
        for _ in range(HALVINGS):
            middle = (below + above) / 2
            high = self._sum(middle) > wanted
            below, above = torch.where(high, below, middle), torch.where(high, middle, above)
        return (((below + above) / 2 - self.low) / (self.high - self.low)).to(unit)


class PeriodicStretch(Stretch):
    r"""The same of a periodic coordinate: what is periodic in s is so in x, with all its derivatives.

    ``s(x) = p + sum_i (p - c_i + 2 atan(r_i sin(p - c_i)/(1 - r_i cos(p - c_i))))``, scaled, with the phases p of x and
    c_i of a layer, and ``r = (1 - v)/(1 + v)`` for one whose half width as a phase is v: twice
    ``atan(tan((p - c)/2)/v)`` without its jumps. Of n + 1 points that are even in s, one is for the whole period and
    one for each layer; half of these lie within its width. (A Moebius map of the circle, as the maps of Tee & Trefethen
    2006, which concentrate points around a singularity beside the interval.)

    Raises:
        ValueError: A layer lies outside the interval, or is not narrower than a third of it.
    """

    def __init__(self, interval: tuple[float, float], layers: Sequence[Layer]):
        for layer in layers:
            if layer.width >= (interval[1] - interval[0]) / math.pi:
                raise ValueError(f"the layer at {layer.at:g} is {layer.width:g} wide, a third of the period or more")
        super().__init__(interval, layers)

    def _phases(self) -> list[tuple[float, float]]:
        """``(c_i, r_i)`` of each layer."""
        wave = 2 * math.pi / (self.high - self.low)
        halves = [wave * layer.width / 2 for layer in self.layers]
        return [(wave * layer.at, (1 - v) / (1 + v)) for layer, v in zip(self.layers, halves, strict=True)]

    def _sum(self, x: Tensor) -> Tensor:
        p = 2 * math.pi / (self.high - self.low) * x
        parts = [p - c + 2 * torch.atan(r * torch.sin(p - c) / (1 - r * torch.cos(p - c))) for c, r in self._phases()]
        return p + torch.stack(parts).sum(dim=0)

    def _expression(self, x: sympy.Symbol) -> sympy.Expr:
        p = 2 * math.pi / (self.high - self.low) * x
        parts = [p - c + 2 * sympy.atan(r * sympy.sin(p - c) / (1 - r * sympy.cos(p - c))) for c, r in self._phases()]
        return sympy.Add(p, *parts)
