"""Regions: a shape in space times the interval of time.

Shape letters: N points, D coordinates, d of them in space.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import sympy
import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from pinn.geometry.box import TOLERANCE, Box, Place, Points, unknown_part
from pinn.geometry.combination import STEP
from pinn.geometry.levels import conjunction, number
from pinn.geometry.shape import Primitive, Shape
from pinn.language import coordinate, torch_function

LOOKED_AT = 2**12  # points by which it is found out whether a place is empty
FEWEST = 2**3  # of them that must lie there
ZERO = 1e-9  # relative: what a level function is where it vanishes


class Region:
    """All points of a box whose coordinates in space lie in a shape.

    Its places are the interior, the whole boundary, the boundary's named parts, and those parts of the interior or of
    the boundary that lie on a face of the box, such as `t=0` and `x=0`. As for boxes the boundary is that of space.

    Attributes:
        shape: What lies inside at any time.
        box: The intervals of all coordinates.
        names: Names of the coordinates, in order.
        lower: Lower ends of their intervals.
        upper: Upper ends.
        parameters: Names of the coordinates that are neither space nor time.

    Args:
        shape: Its coordinates are those of the box in space, in that order.
        box: Holds the shape.

    Raises:
        ValueError: The shape does not lie in the box, or it is empty.
    """

    def __init__(self, shape: Shape, box: Box):
        self.shape, self.box = shape, box
        self.names, self.lower, self.upper, self.parameters = box.names, box.lower, box.upper, box.parameters
        self._check_bounds()
        self._check_some(self.interior)

    def __repr__(self) -> str:
        """Return the kind of shape and the box."""
        return f"Region({type(self.shape).__name__.lower()} in {self.box!r})"

    @property
    def spatial(self) -> tuple[int, ...]:
        """Indices of the coordinates of space."""
        return self.box.spatial

    @property
    def interior(self) -> Place:
        """The whole region."""
        return self.box.interior

    @property
    def boundary(self) -> Place:
        """The whole boundary of the shape."""
        return self.box.boundary

    def part(self, name: str) -> Place:
        """The boundary, or that of the primitives of this name.

        Raises:
            ValueError: There is no such part, or it is not on the boundary.
        """
        if name == self.boundary.name:
            return self.boundary
        known = [p.name for p in self.shape.primitives if p.name]
        if name not in known:
            raise unknown_part(name, known)
        return self._check_some(Place(name, boundary=True))

    def face(self, values: Mapping[str, float]) -> Place:
        """The part of the region that lies on a face, an edge or a corner of the box.

        Raises:
            ValueError: The box has no such face, or the region does not reach it.
        """
        return self._check_some(self.box.face(values))

    def dimension(self, place: Place) -> int:
        """How many unit-cube coordinates `sample` takes."""
        return self.box.dimension(place)

    def inside(self, x: Tensor) -> Tensor:
        """Which of the points (N, D) lie inside, (N,)."""
        return self.box.inside(x) & self.shape.inside(x[:, list(self.spatial)])

    def sample(self, place: Place, unit: Tensor) -> Points:
        """Map points of the unit cube to a place, uniformly, and drop those that miss it.

        Args:
            place: Where the points are to lie.
            unit: Points of the unit cube, (N, dimension(place)), float64 on the CPU.

        Returns:
            N points or fewer, in their order: those of a longer sequence begin with these.
        """
        points, kept, _ = self.cover(place, unit)
        return points[kept]

    def cover(self, place: Place, unit: Tensor) -> tuple[Points, Tensor, float]:
        """Map points of the unit cube evenly to a set that holds the place.

        Args:
            place: Where the points are wanted.
            unit: Points of the unit cube, (N, dimension(place)), float64 on the CPU.

        Returns:
            N points, which of them lie in the place, (N,), and the measure of the set.
        """
        assert unit.shape[1:] == (self.dimension(place),), "one unit-cube coordinate for each dimension of the place"
        space, time = list(self.spatial), [i for i, _ in place.fixed]
        if set(space) & set(time):
            at = self.box.sample(place, unit)
            return at, self._behind(place, at.x), self.box.measure(place)
        free = [i for i in range(len(self.names)) if i not in time]
        length = math.prod(self.upper[i] - self.lower[i] for i in free if i not in space)
        in_space = unit[:, [free.index(i) for i in space]]
        if place.boundary:
            part = self._part_name(place)
            found, kept = self.shape.sample_boundary(in_space, part)
            size = sum(p.boundary_measure for p in self.shape.primitives if part in (None, p.name))
        else:
            x, kept = self.shape.sample(in_space)
            found, size = Points(x), self.shape.covered
        at = self.box.sample(Place("", place.fixed), unit)
        at.x[:, space] = found.x
        if found.normals is None:
            return at, kept, length * size
        normals = torch.zeros_like(at.x)
        normals[:, space] = found.normals
        return Points(at.x, normals), kept, length * size

    def level_functions(self, place: Place) -> tuple[sympy.Expr, sympy.Expr]:
        """Two functions of space that are zero on the boundary, or on a named part, and positive inside.

        Returns:
            One with slope 1 where it is zero, and a smoother one with maximum 1.

        Raises:
            ValueError: There are none; the message is the reason.
        """
        x = [coordinate(self.names[i]) for i in self.spatial]
        if self._part_name(place) is None:
            level, factor = self.shape.level(x), self.shape.factor(x)
        else:
            named = [p for p in self.shape.primitives if p.name == place.name]
            levels, factors = zip(*(self._facing_inwards(p, x) for p in named), strict=True)
            level, factor = conjunction(*levels), sympy.Mul(*factors)
        value = torch_function(x, [factor])
        inside, seam = (value(*at.unbind(1))[0] for at in (self._even(self.interior), self._seams(place)))
        largest = float(inside.max())
        if inside.min() < 0 or seam.numel() and seam.min() < ZERO * largest:
            raise ValueError(f"the level function of {place.name} is zero inside the domain as well, where parts touch")
        return level, factor / number(float(f"{largest:.3g}"))

    def crosses(self, place: Place) -> bool:
        """Whether a coordinate is fixed between its bounds: a section, where two parts may meet."""
        return self.box.crosses(place)

    def measure(self, place: Place) -> float:
        """The volume, area or length of a place in the coordinates, parameters and time among them; see `Shape`."""
        fixed, part = {i for i, _ in place.fixed}, self._part_name(place)
        if not fixed & set(self.spatial) and not (place.boundary and part):
            others = set(range(len(self.names))) - set(self.spatial) - fixed
            length = math.prod(self.upper[i] - self.lower[i] for i in others)
            return length * (self.shape.boundary_measure if place.boundary else self.shape.measure)
        unit = SobolEngine(self.dimension(place), scramble=True, seed=0).draw(LOOKED_AT, dtype=torch.float64)
        _, kept, size = self.cover(place, unit)
        return size * float(kept.double().mean())

    def _part_name(self, place: Place) -> str | None:
        """Of the boundary; None for all of it."""
        return None if place.name == self.boundary.name else place.name

    def _facing_inwards(self, primitive: Primitive, x: Sequence[sympy.Symbol]) -> tuple[sympy.Expr, sympy.Expr]:
        """The level function and the factor of a primitive, with the sign that is positive in the region."""
        inside = primitive.inside(self._even(self.interior))
        if inside.all():
            return primitive.level(x), primitive.factor(x)
        if inside.any():
            raise ValueError(f"the boundary of {primitive.name} goes on inside the domain")
        return -primitive.level(x), -primitive.level(x)

    def _even(self, place: Place) -> Tensor:
        """The spatial coordinates of points of a place."""
        unit = SobolEngine(self.dimension(place), scramble=True, seed=0).draw(LOOKED_AT, dtype=torch.float64)
        return self.sample(place, unit).x[:, list(self.spatial)]

    def _seams(self, place: Place) -> Tensor:
        """Points of the primitives' boundaries that lie inside the shape, (N, d)."""
        unit = SobolEngine(len(self.spatial), scramble=True, seed=0).draw(LOOKED_AT, dtype=torch.float64)
        points, kept = self.shape.sample_boundary(unit, self._part_name(place))
        assert points.normals is not None
        step = STEP * max(high - low for low, high in zip(self.shape.lower, self.shape.upper, strict=True))
        sides = [self.shape.inside(points.x + sign * step * points.normals) for sign in (-1, 1)]
        return points.x[~kept & sides[0] & sides[1]]

    def _behind(self, place: Place, x: Tensor) -> Tensor:
        """At which points (N, D) of the box's face the shape is behind it, (N,)."""
        behind = x.clone()
        for i, value in place.fixed:
            size = self.upper[i] - self.lower[i]
            behind[:, i] += STEP * size * (1 if value == self.lower[i] else -1)
        return self.shape.inside(behind[:, list(self.spatial)])

    def _check_bounds(self) -> None:
        for k, i in enumerate(self.spatial):
            low, high = self.lower[i], self.upper[i]
            slack = TOLERANCE * (high - low)
            if self.shape.lower[k] < low - slack or self.shape.upper[k] > high + slack:
                raise ValueError(
                    f"it reaches from {self.names[i]}={self.shape.lower[k]:g} to {self.shape.upper[k]:g}, beyond "
                    f"coordinates: {{{self.names[i]}: [{low:g}, {high:g}]}}"
                )

    def _check_some(self, place: Place) -> Place:
        d = self.dimension(place)
        unit = SobolEngine(d, scramble=True, seed=0).draw(LOOKED_AT, dtype=torch.float64) if d else torch.empty(1, 0)
        found = len(self.sample(place, unit).x)
        if found < min(FEWEST, len(unit)):
            raise ValueError(
                f"{place.name} is empty, or too small for its bounds: {found} of {len(unit)} points hit it; change the "
                "shapes or the coordinates"
            )
        return place


Domain = Box | Region
