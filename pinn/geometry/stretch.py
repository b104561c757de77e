"""A coordinate in which layers are wide: shocks, fronts and boundary layers.

Shape letters: N points.
"""

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
        return torch.stack([torch.asinh((x - layer.at) / layer.width) for layer in self.layers]).sum(dim=0)

    def __call__(self, x: Tensor) -> Tensor:
        """S at coordinates (N,)."""
        return (self._sum(x) - self._middle) / self._half

    def expression(self, x: sympy.Symbol) -> sympy.Expr:
        """S as a function of the coordinate's symbol."""
        total = sympy.Add(*[sympy.asinh((x - layer.at) / layer.width) for layer in self.layers])
        return (total - self._middle) / self._half

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
