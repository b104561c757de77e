"""Boxes: products of intervals, the coordinate ``t`` being time.

Shape letters: N points, D coordinates, K faces.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

TIME = "t"
TOLERANCE = 1e-12  # of the interval's length: how far a face's value may lie from the bound


@dataclass(frozen=True)
class Place:
    """A named part of a domain: where an equation or a condition holds.

    Attributes:
        name: ``"interior"``, ``"boundary"``, the name of a part, or the values that are fixed, such as ``"x=0"`` and
            ``"x=0,y=1"``.
        fixed: Pairs of a coordinate's index and its value, in the order of the coordinates.
        partner: The same coordinates with the values at another face, where a condition relates the two.
        boundary: Whether this is the whole boundary, or a named part of it.
        integral: Whether only the mean over the place counts.
        data: What has `points` of its own there, such as observations; None where points are to be drawn.
        interface: The one beside which its points lie, in pairs.
    """

    name: str
    fixed: tuple[tuple[int, float], ...] = ()
    boundary: bool = False
    partner: tuple[tuple[int, float], ...] = ()
    integral: bool = False
    data: Any = field(default=None, compare=False)
    interface: Any = field(default=None, compare=False)

    @property
    def pairs(self) -> bool:
        """Whether each of its points has a partner."""
        return bool(self.partner) or self.interface is not None

    def partners(self, x: Tensor) -> Tensor:
        """Those of points (N, D): on the other face, or on the other side of the interface."""
        if self.interface is not None:
            return self.interface.mirrored(x)
        here, moved = dict(self.fixed), x.clone()
        for i, value in self.partner:
            moved[:, i] += value - here[i]
        return moved


@dataclass(frozen=True, eq=False)
class Points:
    """Points of a place.

    Attributes:
        x: Coordinates, (N, D).
        normals: Outward unit normals, (N, D), on the boundary and on single faces; elsewhere None.
        values: What is known at the points by name, (N,) each, such as observations.
        weights: What the points count in a mean square, (N,) with mean 1; None where they count alike.
        total: How many points means are over, where these are a share of them; None: these are all.
    """

    x: Tensor
    normals: Tensor | None = None
    values: Mapping[str, Tensor] = field(default_factory=dict)
    weights: Tensor | None = None
    total: int | None = None

    @property
    def count(self) -> int:
        """How many points means are over."""
        return len(self.x) if self.total is None else self.total

    def share(self, k: int, n: int) -> Points:
        """Every n-th point from the k-th on, as a share of them all."""
        return replace(self[k::n], total=self.count)

    def __getitem__(self, index: slice | Tensor) -> Points:
        """Some of the points."""
        return self._map(lambda tensor: tensor[index])

    def repeated(self, n: int) -> Points:
        """The first point, n times."""
        return self._map(lambda tensor: tensor[:1].expand(n, *tensor.shape[1:]))

    def split(self, size: int) -> Iterator[Points]:
        """All of them, so many at a time."""
        return (self[start : start + size] for start in range(0, len(self.x), size))

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Points:
        """Return the same points on another device, in another dtype, or both."""
        return self._map(lambda tensor: tensor.to(device=device, dtype=dtype))

    def _map(self, function: Callable[[Tensor], Tensor]) -> Points:
        values = {name: function(value) for name, value in self.values.items()}
        normals, weights = (None if given is None else function(given) for given in (self.normals, self.weights))
        return Points(function(self.x), normals, values, weights)


class Box:
    """The box of all x with lower <= x <= upper, coordinate by coordinate.

    Time takes part in the interior and in faces such as ``t=0``, but not in the boundary: that of [0, T] x Omega
    is [0, T] x (boundary of Omega).

    Attributes:
        names: Names of the coordinates, in order.
        lower: Lower bounds, in that order.
        upper: Upper bounds, in that order.
        parameters: Names of the coordinates that are neither space nor time.

    Args:
        bounds: The interval of each coordinate, such as ``{"x": (0, 1), "y": (0, 2)}``.
        parameters: Names of those that are parameters.

    Raises:
        ValueError: If there is no coordinate, or an interval is not two finite numbers in increasing order.
    """

    def __init__(self, bounds: Mapping[str, Sequence[float]], parameters: Sequence[str] = ()):
        if not bounds:
            raise ValueError("a box needs at least one coordinate: write, for example, {x: [0, 1]}")
        intervals = [_interval(name, interval) for name, interval in bounds.items()]
        self.names: tuple[str, ...] = tuple(bounds)
        self.parameters: tuple[str, ...] = tuple(parameters)
        self.lower: tuple[float, ...] = tuple(low for low, _ in intervals)
        self.upper: tuple[float, ...] = tuple(high for _, high in intervals)

    def __repr__(self) -> str:
        """Return the intervals, as in ``Box(x: [0, 1], y: [0, 2])``."""
        intervals = zip(self.names, self.lower, self.upper, strict=True)
        return f"Box({', '.join(f'{name}: {_show((low, high))}' for name, low, high in intervals)})"

    @property
    def spatial(self) -> tuple[int, ...]:
        """Indices of the coordinates of space."""
        return tuple(i for i, name in enumerate(self.names) if name != TIME and name not in self.parameters)

    @property
    def interior(self) -> Place:
        """The whole box."""
        return Place("interior")

    @property
    def boundary(self) -> Place:
        """All faces of the spatial coordinates.

        Raises:
            ValueError: If time is the only coordinate.
        """
        if not self.spatial:
            raise ValueError("time t is the only coordinate, so there is no boundary: name a face, such as t=0")
        return Place("boundary", boundary=True)

    def part(self, name: str) -> Place:
        """Return the boundary, the only part that has a name.

        Raises:
            ValueError: The name is another one, or time is the only coordinate.
        """
        if name != "boundary":
            raise unknown_part(name, ())
        return self.boundary

    def inside(self, x: Tensor) -> Tensor:
        """Which of the points (N, D) lie inside, (N,)."""
        return ((x.new_tensor(self.lower) <= x) & (x <= x.new_tensor(self.upper))).all(dim=1)

    def face(self, values: Mapping[str, float]) -> Place:
        """Return the face, edge, corner or section on which the given coordinates have the given values.

        Args:
            values: Coordinates and where they stand; a value off a bound by rounding becomes the bound.

        Raises:
            ValueError: If a coordinate is unknown or its value lies outside its interval.
        """
        assert values, "a face fixes at least one coordinate"
        for name in values:
            if name not in self.names:
                raise ValueError(f"the box has no coordinate {name}: its coordinates are {', '.join(self.names)}")
        fixed = tuple((i, self._bound(i, values[name])) for i, name in enumerate(self.names) if name in values)
        return Place(",".join(f"{self.names[i]}={_show(value)}" for i, value in fixed), fixed)

    def dimension(self, place: Place) -> int:
        """Return how many unit-cube coordinates `sample` takes: D, less one for each coordinate that is fixed.

        The boundary takes D: D - 1 for the position on a face, the last to choose the face.
        """
        return len(self.names) - len(place.fixed)

    def sample(self, place: Place, unit: Tensor) -> Points:
        """Map points of the unit cube to a place, uniformly with respect to its area.

        Args:
            place: Where the points are to lie.
            unit: Points of the unit cube, (N, dimension(place)), on any device and in any floating dtype.

        Returns:
            N points on that device and in that dtype; a corner (dimension 0) has one point, whatever N.
        """
        assert unit.shape[1:] == (self.dimension(place),), "one unit-cube coordinate for each dimension of the place"
        if place.boundary:
            return self._sample_boundary(unit)
        x = self._stretch(place.fixed, unit if unit.shape[1] else unit.new_empty(1, 0))
        if len(place.fixed) != 1 or self.crosses(place):
            return Points(x)  # an edge, a corner or a section has no single outward normal
        return Points(x, x.new_tensor(self._normal(*place.fixed[0])).expand_as(x))

    def crosses(self, place: Place) -> bool:
        """Whether a coordinate is fixed between its bounds: a section through the box, where two parts may meet."""
        return any(value not in (self.lower[i], self.upper[i]) for i, value in place.fixed)

    def measure(self, place: Place) -> float:
        """The volume, area or length of a place in the coordinates, parameters and time among them."""
        lengths = {i: high - low for i, (low, high) in enumerate(zip(self.lower, self.upper, strict=True))}
        if place.boundary:
            return sum(2 * math.prod(length for j, length in lengths.items() if j != i) for i in self.spatial)
        return math.prod(length for i, length in lengths.items() if i not in dict(place.fixed))

    def _sample_boundary(self, unit: Tensor) -> Points:
        faces = [(i, bound) for i in self.spatial for bound in (self.lower[i], self.upper[i])]
        face = torch.searchsorted(unit.new_tensor(self._shares(faces)), unit[:, -1].contiguous())
        axes, bounds, normals = (
            unit.new_tensor(table)[face]
            for table in ([i for i, _ in faces], [b for _, b in faces], [self._normal(i, b) for i, b in faces])
        )
        # The D - 1 positions fill the coordinates before the fixed one, then those after it.
        columns = torch.arange(len(self.names), device=unit.device)
        positions = torch.where(columns < axes[:, None], unit, unit.roll(1, dims=1))
        x = torch.where(columns == axes[:, None], bounds[:, None], self._stretch((), positions))
        return Points(x, normals)

    def _shares(self, faces: list[tuple[int, float]]) -> list[float]:
        """Where in [0, 1] the choice changes from one face to the next, (K - 1,)."""
        lengths = [high - low for low, high in zip(self.lower, self.upper, strict=True)]
        areas = [math.prod(lengths[:i] + lengths[i + 1 :]) for i, _ in faces]
        return [area / sum(areas) for area in accumulate(areas)][:-1]

    def _normal(self, axis: int, bound: float) -> list[float]:
        sign = 1.0 if bound == self.upper[axis] else -1.0
        return [sign if i == axis else 0.0 for i in range(len(self.names))]

    def _stretch(self, fixed: tuple[tuple[int, float], ...], unit: Tensor) -> Tensor:
        """Map the unit cube to the box: (N, D - number fixed) to (N, D)."""
        values, free = dict(fixed), iter(unit.unbind(1))
        columns = [
            unit.new_full(unit.shape[:1], values[i]) if i in values else low + (high - low) * next(free)
            for i, (low, high) in enumerate(zip(self.lower, self.upper, strict=True))
        ]
        return torch.stack(columns, dim=1)

    def _bound(self, axis: int, value: float) -> float:
        name, low, high = self.names[axis], self.lower[axis], self.upper[axis]
        for bound in (low, high):
            if abs(value - bound) <= TOLERANCE * (high - low):
                return bound
        if low < value < high:
            return value
        raise ValueError(
            f"{name}={_show(value)} lies outside the box: the faces of {name} are "
            f"{name}={_show(low)} and {name}={_show(high)}"
        )


def unknown_part(name: str, known: Sequence[str]) -> ValueError:
    """The error that names the parts that there are."""
    named = "".join(f"({part}), " for part in dict.fromkeys(known))
    return ValueError(f"unknown part {name!r} of the domain; write {named}(boundary) or a face such as (x=0)")


def _interval(name: str, interval: Sequence[float]) -> tuple[float, float]:
    try:
        low, high = (float(bound) + 0.0 for bound in interval)  # + 0.0 turns -0.0 into 0.0: one face, one name
    except (TypeError, ValueError):
        raise ValueError(f"coordinate {name}: {interval!r} is no interval: write two numbers, such as [0, 1]") from None
    given = _show((low, high))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"coordinate {name}: {given} has a bound that is not finite: write two finite numbers")
    if low > high:
        raise ValueError(f"coordinate {name}: {given} has its ends swapped: write {_show((high, low))}")
    if low == high:
        raise ValueError(f"coordinate {name}: {given} is empty: write an upper bound above the lower one")
    return low, high


def _show(value: float | tuple[float, float]) -> str:
    """Write a number in full but without a trailing .0, and an interval with brackets."""
    if isinstance(value, tuple):
        return f"[{_show(value[0])}, {_show(value[1])}]"
    return repr(float(value)).removesuffix(".0")
