"""Shapes in space: what lies inside, uniform points of the interior and of the boundary, level functions.

Points are float64 on the CPU. A sampling rule takes points of the unit cube, row by row, and may refuse some rows: it
gives a point for each and says which to keep, so that the points of a sequence are the first of a longer one's.

Shape letters: N points, d coordinates of space, K pieces.
"""

# sympy's own annotations are too narrow
# pyright: reportReturnType=false

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import sympy
import torch
from torch import Tensor

from pinn.geometry.box import Points
from pinn.geometry.levels import conjunction


class Shape(ABC):
    """A bounded set in space.

    Attributes:
        lower: Lower ends of its bounding box, d of them.
        upper: Upper ends.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]

    @property
    @abstractmethod
    def primitives(self) -> tuple[Primitive, ...]:
        """The shapes that it is made of; each point of its boundary is one of theirs."""

    @property
    @abstractmethod
    def measure(self) -> float:
        """Length, area or volume."""

    @property
    @abstractmethod
    def boundary_measure(self) -> float:
        """Number of ends, length or area of the boundary."""

    @abstractmethod
    def inside(self, x: Tensor) -> Tensor:
        """Which of the points (N, d) lie inside, (N,)."""

    @abstractmethod
    def sample_boundary(self, unit: Tensor, part: str | None = None) -> tuple[Points, Tensor]:
        """Uniform points of the boundary, or of a named part, from those of the unit cube (N, d).

        Returns:
            Points with outward unit normals, and which of them to keep, (N,).
        """

    @abstractmethod
    def inequalities(self, x: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
        """Functions of the d coordinates that are all positive exactly inside, with slope 1 where they vanish.

        Raises:
            ValueError: The shape has no such functions.
        """

    @property
    def covered(self) -> float:
        """Length, area or volume of what `sample` maps the unit cube to, refused rows included."""
        return math.prod(high - low for low, high in zip(self.lower, self.upper, strict=True))

    def sample(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """Uniform points of the interior from those of the unit cube (N, d): (N, d), and which to keep, (N,)."""
        x = self.stretch(unit)
        return x, self.inside(x)

    def stretch(self, unit: Tensor) -> Tensor:
        """The unit cube mapped to the bounding box."""
        low, high = unit.new_tensor(self.lower), unit.new_tensor(self.upper)
        return low + (high - low) * unit

    def level(self, x: Sequence[sympy.Symbol]) -> sympy.Expr:
        """A function that is positive inside, negative outside and has slope 1 on the boundary, save at its corners.

        Raises:
            ValueError: The shape has none.
        """
        return conjunction(*self.inequalities(x))

    def factor(self, x: Sequence[sympy.Symbol]) -> sympy.Expr:
        """A function that is positive inside and zero on the boundary: the product of the inequalities.

        Unlike the level function it is smooth where two of them vanish: a smooth function that is zero on both lines
        of a corner is the product times a smooth function.

        Raises:
            ValueError: The shape has none.
        """
        return sympy.Mul(*self.inequalities(x))


class Primitive(Shape):
    """A shape that is not made of others. It may have a name, by which conditions call its boundary.

    Its sampling rules are maps, without refusals, unless it says otherwise.
    """

    name: str | None = None

    @property
    def primitives(self) -> tuple[Primitive, ...]:  # noqa: D102
        return (self,)

    @property
    def pieces(self) -> Sequence[float] | Tensor:
        """Sizes of the pieces of the boundary: the last unit coordinate chooses one, and on each the map is smooth."""
        return (1.0,)

    @abstractmethod
    def on_boundary(self, unit: Tensor) -> Points:
        """Uniform points of the boundary, with outward unit normals, from those of the unit cube (N, d)."""

    def sample_boundary(self, unit: Tensor, part: str | None = None) -> tuple[Points, Tensor]:  # noqa: D102
        assert part in (None, self.name)
        return self.on_boundary(unit), torch.ones(len(unit), dtype=torch.bool)


def choose(u: Tensor, measures: Sequence[float] | Tensor) -> tuple[Tensor, Tensor]:
    """Take one of K pieces in proportion to its measure, and a place in it, both by one uniform number.

    Args:
        u: Uniform numbers, (N,).
        measures: Those of the pieces, (K,).

    Returns:
        Which piece, (N,), and numbers that are uniform in [0, 1] on each piece, (N,).
    """
    sizes = torch.as_tensor(measures, dtype=u.dtype)
    ends = sizes.cumsum(0) / sizes.sum()
    piece = torch.searchsorted(ends[:-1].contiguous(), u.contiguous(), right=True)
    position = 1 - (ends[piece] - u) * (sizes.sum() / sizes[piece])
    return piece, position.clamp(0, 1)


def positive(**sizes: float) -> None:
    """Raise a ValueError unless the sizes are positive numbers."""
    for name, size in sizes.items():
        if not (math.isfinite(size) and size > 0):
            raise ValueError(f"{name} {size:g} is not positive")
