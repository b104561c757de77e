"""Unions, intersections and differences of shapes.

Shape letters: N points, d coordinates of space.
"""

# sympy's own annotations are too narrow
# pyright: reportReturnType=false, reportOperatorIssue=false

from collections.abc import Sequence
from functools import cached_property

import sympy
import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from pinn.geometry.box import Points
from pinn.geometry.levels import disjunction
from pinn.geometry.shape import Primitive, Shape, choose

STEP = 1e-9  # of the size: how far to either side of a boundary it is looked whether that is inside
MEASURING = 2**16  # points by which measures are estimated


class Combination(Shape):
    """A shape made of others.

    Its boundary is made of pieces of theirs: a point of a primitive's boundary belongs to it if one side lies inside
    and the other does not. Where boundaries coincide, the points of the first count.

    Attributes:
        parts: Of what it is made.

    Args:
        parts: At least two shapes.
    """

    def __init__(self, *parts: Shape):
        assert len(parts) > 1, "a combination has parts"
        self.parts = parts

    @property
    def primitives(self) -> tuple[Primitive, ...]:  # noqa: D102
        return tuple(primitive for part in self.parts for primitive in part.primitives)

    @cached_property
    def measure(self) -> float:
        """Estimated by quasi-random points, to a few parts in ten thousand."""
        x = self.stretch(_even(len(self.lower)))
        sides = torch.tensor(self.upper, dtype=x.dtype) - torch.tensor(self.lower, dtype=x.dtype)
        return float(sides.prod() * self.inside(x).double().mean())

    @cached_property
    def boundary_measure(self) -> float:
        """Estimated by quasi-random points, to a few parts in ten thousand."""
        _, kept = self.sample_boundary(_even(len(self.lower)))
        return sum(p.boundary_measure for p in self.primitives) * float(kept.double().mean())

    def sample_boundary(self, unit: Tensor, part: str | None = None) -> tuple[Points, Tensor]:  # noqa: D102
        chosen = [k for k, p in enumerate(self.primitives) if part in (None, p.name)]
        piece, position = choose(unit[:, -1], [self.primitives[k].boundary_measure for k in chosen])
        inner = torch.cat([unit[:, :-1], position[:, None]], dim=1)
        x, normals = torch.empty_like(unit), torch.empty_like(unit)
        for k in range(len(chosen)):
            at = self.primitives[chosen[k]].on_boundary(inner[piece == k])
            assert at.normals is not None
            x[piece == k], normals[piece == k] = at.x, at.normals
        return self._on_boundary(x, normals, torch.tensor(chosen)[piece])

    def _on_boundary(self, x: Tensor, normals: Tensor, owner: Tensor) -> tuple[Points, Tensor]:
        """Turn the normals outward, and tell the points of the boundary; `owner` says whose points they are."""
        step = STEP * max(high - low for low, high in zip(self.lower, self.upper, strict=True))
        behind, ahead = x - step * normals, x + step * normals
        solid = self.inside(behind)
        kept = solid != self.inside(ahead)
        for k, primitive in enumerate(self.primitives[:-1]):
            there = primitive.inside(behind) != primitive.inside(ahead)
            kept &= ~(there & (owner > k))
        return Points(x, torch.where(solid[:, None], normals, -normals)), kept


class Union(Combination):
    """What lies in one of the shapes."""

    def __init__(self, *parts: Shape):
        super().__init__(*parts)
        self.lower = tuple(map(min, zip(*(part.lower for part in parts), strict=True)))
        self.upper = tuple(map(max, zip(*(part.upper for part in parts), strict=True)))

    def inside(self, x: Tensor) -> Tensor:  # noqa: D102
        return torch.stack([part.inside(x) for part in self.parts]).any(dim=0)

    def inequalities(self, x: Sequence[sympy.Symbol]) -> list[sympy.Expr]:  # noqa: D102
        return [disjunction(*(part.level(x) for part in self.parts))]


class Intersection(Combination):
    """What lies in all of the shapes.

    Raises:
        ValueError: Their bounding boxes do not meet.
    """

    def __init__(self, *parts: Shape):
        super().__init__(*parts)
        self.lower = tuple(map(max, zip(*(part.lower for part in parts), strict=True)))
        self.upper = tuple(map(min, zip(*(part.upper for part in parts), strict=True)))
        if any(low >= high for low, high in zip(self.lower, self.upper, strict=True)):
            raise ValueError("the shapes do not meet")

    def inside(self, x: Tensor) -> Tensor:  # noqa: D102
        return torch.stack([part.inside(x) for part in self.parts]).all(dim=0)

    def inequalities(self, x: Sequence[sympy.Symbol]) -> list[sympy.Expr]:  # noqa: D102
        return [inequality for part in self.parts for inequality in part.inequalities(x)]


class Difference(Combination):
    """What lies in the first shape and in none of the others."""

    def __init__(self, *parts: Shape):
        super().__init__(*parts)
        self.lower, self.upper = parts[0].lower, parts[0].upper

    def inside(self, x: Tensor) -> Tensor:  # noqa: D102
        first, *others = (part.inside(x) for part in self.parts)
        return first & ~torch.stack(others).any(dim=0)

    @property
    def covered(self) -> float:  # noqa: D102
        return self.parts[0].covered

    def sample(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """The points of the first shape that lie in no other."""
        x, kept = self.parts[0].sample(unit)
        return x, kept & self.inside(x)

    def inequalities(self, x: Sequence[sympy.Symbol]) -> list[sympy.Expr]:  # noqa: D102
        first, *others = self.parts
        return [*first.inequalities(x), *(-part.level(x) for part in others)]


def _even(d: int) -> Tensor:
    return SobolEngine(d, scramble=True, seed=0).draw(MEASURING, dtype=torch.float64)
