"""Intervals, rectangles and boxes in space.

Shape letters: N points, d coordinates of space.
"""

# sympy's own annotations are too narrow
# pyright: reportReturnType=false, reportOperatorIssue=false

import math
from collections.abc import Sequence

import sympy
from torch import Tensor, ones_like

from pinn.geometry.box import Box, Points
from pinn.geometry.levels import number
from pinn.geometry.shape import Primitive


class Cuboid(Primitive):
    """All x with lower <= x <= upper, in any number of coordinates.

    Args:
        bounds: The interval of each coordinate.

    Raises:
        ValueError: An interval is not two finite numbers in increasing order.
    """

    def __init__(self, bounds: Sequence[Sequence[float]], name: str | None = None):
        self.name = name
        self._box = Box({f"x{i}": interval for i, interval in enumerate(bounds)})
        self.lower, self.upper = self._box.lower, self._box.upper

    @property
    def _sides(self) -> list[float]:
        return [high - low for low, high in zip(self.lower, self.upper, strict=True)]

    @property
    def measure(self) -> float:  # noqa: D102
        return math.prod(self._sides)

    @property
    def boundary_measure(self) -> float:  # noqa: D102
        return sum(2 * self.measure / side for side in self._sides)

    @property
    def pieces(self) -> list[float]:
        """The faces: both of a coordinate, then those of the next."""
        return [self.measure / side for side in self._sides for _ in range(2)]

    def inside(self, x: Tensor) -> Tensor:  # noqa: D102
        return self._box.inside(x)

    def sample(self, unit: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        return self.stretch(unit), ones_like(unit[:, 0]).bool()

    def on_boundary(self, unit: Tensor) -> Points:  # noqa: D102
        return self._box.sample(self._box.boundary, unit)

    def inequalities(self, x: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
        """`(x - a)(b - x)/(b - a)` for each coordinate."""
        ends = [(number(a), number(b)) for a, b in zip(self.lower, self.upper, strict=True)]
        return [(z - a) * (b - z) / (b - a) for z, (a, b) in zip(x, ends, strict=True)]
