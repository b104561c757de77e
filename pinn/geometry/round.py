"""Round shapes: disks and balls, annuli, ellipses, cylinders.

Shape letters: N points, d coordinates of space.
"""

# sympy's own annotations are too narrow
# pyright: reportReturnType=false, reportOperatorIssue=false

import math
from collections.abc import Sequence

import numpy as np
import sympy
import torch
from scipy.special import ellipe, ellipeinc
from torch import Tensor

from pinn.geometry.box import Points
from pinn.geometry.levels import number
from pinn.geometry.shape import Primitive, choose, positive


class Round(Primitive):
    """A shape to which `sample` maps the unit cube: nothing is refused."""

    @property
    def covered(self) -> float:  # noqa: D102
        return self.measure


class Ball(Round):
    """All x with |x - center| <= radius: a disk in the plane, a ball in space.

    Args:
        center: Two or three numbers.
        radius: Positive.

    Raises:
        ValueError: The radius is not positive.
    """

    def __init__(self, center: Sequence[float], radius: float, name: str | None = None):
        assert len(center) in (2, 3), "a disk or a ball"
        positive(radius=radius)
        self.center, self.radius, self.name = tuple(center), radius, name
        self.lower, self.upper = tuple(c - radius for c in center), tuple(c + radius for c in center)

    @property
    def measure(self) -> float:  # noqa: D102
        return self.boundary_measure * self.radius / len(self.center)

    @property
    def boundary_measure(self) -> float:  # noqa: D102
        return 2 * math.pi * self.radius if len(self.center) == 2 else 4 * math.pi * self.radius**2

    def inside(self, x: Tensor) -> Tensor:  # noqa: D102
        return (x - x.new_tensor(self.center)).norm(dim=1) <= self.radius

    def sample(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """The radius is the d-th root of a uniform number."""
        direction = _direction(unit[:, 1:])
        x = unit.new_tensor(self.center) + self.radius * unit[:, :1] ** (1 / len(self.center)) * direction
        return x, torch.ones(len(unit), dtype=torch.bool)

    def on_boundary(self, unit: Tensor) -> Points:  # noqa: D102
        normals = _direction(unit[:, 1:])
        return Points(unit.new_tensor(self.center) + self.radius * normals, normals)

    def inequalities(self, x: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
        """`(R**2 - r**2)/(2 R)`."""
        return [_within(x, self.center, self.radius)]


class Annulus(Round):
    """All x in the plane with inner <= |x - center| <= outer.

    Args:
        center: Two numbers.
        inner: Radius of the hole.
        outer: Radius of the rim.
        name: What its boundary, both circles, is called.

    Raises:
        ValueError: The radii are not positive or in the wrong order.
    """

    def __init__(self, center: Sequence[float], inner: float, outer: float, name: str | None = None):
        assert len(center) == 2, "an annulus lies in the plane"
        positive(inner=inner, outer=outer)
        if inner >= outer:
            raise ValueError(f"inner {inner:g} is not below outer {outer:g}")
        self.center, self.inner, self.outer, self.name = tuple(center), inner, outer, name
        self.lower, self.upper = tuple(c - outer for c in center), tuple(c + outer for c in center)

    @property
    def measure(self) -> float:  # noqa: D102
        return math.pi * (self.outer**2 - self.inner**2)

    @property
    def boundary_measure(self) -> float:  # noqa: D102
        return 2 * math.pi * (self.inner + self.outer)

    @property
    def pieces(self) -> tuple[float, float]:
        """The circles."""
        return self.inner, self.outer

    def inside(self, x: Tensor) -> Tensor:  # noqa: D102
        r = (x - x.new_tensor(self.center)).norm(dim=1)
        return (self.inner <= r) & (r <= self.outer)

    def sample(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """The square of the radius is uniform."""
        r = (self.inner**2 + (self.outer**2 - self.inner**2) * unit[:, :1]).sqrt()
        return unit.new_tensor(self.center) + r * _direction(unit[:, 1:]), torch.ones(len(unit), dtype=torch.bool)

    def on_boundary(self, unit: Tensor) -> Points:  # noqa: D102
        circle, angle = choose(unit[:, -1], self.pieces)
        direction = _direction(angle[:, None])
        radius, sign = unit.new_tensor([[self.inner, self.outer], [-1.0, 1.0]])[:, circle, None]
        return Points(unit.new_tensor(self.center) + radius * direction, sign * direction)

    def inequalities(self, x: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
        """Within the rim, outside of the hole."""
        return [_within(x, self.center, self.outer), -_within(x, self.center, self.inner)]


class Ellipse(Round):
    """All x in the plane with ((x - center) / radii)**2 <= 1, summed over both coordinates.

    Args:
        center: Two numbers.
        radii: Half the length of either axis.

    Raises:
        ValueError: A radius is not positive.
    """

    def __init__(self, center: Sequence[float], radii: Sequence[float], name: str | None = None):
        assert len(center) == len(radii) == 2, "an ellipse lies in the plane"
        for radius in radii:
            positive(radius=radius)
        self.center, self.radii, self.name = tuple(center), tuple(radii), name
        self.lower = tuple(c - r for c, r in zip(center, radii, strict=True))
        self.upper = tuple(c + r for c, r in zip(center, radii, strict=True))

    @property
    def measure(self) -> float:  # noqa: D102
        return math.pi * math.prod(self.radii)

    @property
    def _eccentricity(self) -> float:
        """The parameter m of Legendre's integral: the arc from (a, 0) is `b E(phi | m)` at (a cos(phi), b sin(phi))."""
        a, b = self.radii
        return 1 - (a / b) ** 2

    @property
    def boundary_measure(self) -> float:  # noqa: D102
        return 4 * self.radii[1] * float(ellipe(self._eccentricity))

    def inside(self, x: Tensor) -> Tensor:  # noqa: D102
        return ((x - x.new_tensor(self.center)) / x.new_tensor(self.radii)).norm(dim=1) <= 1

    def sample(self, unit: Tensor) -> tuple[Tensor, Tensor]:
        """A disk stretched along its axes stays uniform; its rim does not."""
        x, kept = Ball((0, 0), 1).sample(unit)
        return unit.new_tensor(self.center) + unit.new_tensor(self.radii) * x, kept

    def on_boundary(self, unit: Tensor) -> Points:  # noqa: D102
        on_circle = _direction(torch.from_numpy(self._angle(unit[:, -1].numpy()))[:, None] / (2 * math.pi))
        radii = unit.new_tensor(self.radii)
        normals = on_circle / radii
        return Points(unit.new_tensor(self.center) + radii * on_circle, normals / normals.norm(dim=1, keepdim=True))

    def _angle(self, part: np.ndarray) -> np.ndarray:
        """The angle phi at which so large a part of the arc is behind, by Newton's method."""
        a, b = self.radii
        table = np.linspace(0, 2 * np.pi, 1025)
        arc, length = b * ellipeinc(table, self._eccentricity), self.boundary_measure
        phi = np.interp(part * length, arc, table)
        for _ in range(4):
            speed = np.hypot(a * np.sin(phi), b * np.cos(phi))
            phi = phi - (b * ellipeinc(phi, self._eccentricity) - part * length) / speed
        return phi

    def inequalities(self, x: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
        """`f/sqrt(f**2 + |grad f|**2)`, f = 1 - |x/radii|**2 (normalisation: Shapiro 2007, section 5)."""
        scaled = [(z - number(c)) / number(r) for z, c, r in zip(x, self.center, self.radii, strict=True)]
        f = 1 - sympy.Add(*[s**2 for s in scaled])
        return [f / sympy.sqrt(f**2 + sympy.Add(*[f.diff(z) ** 2 for z in x]))]


class Cylinder(Round):
    """A round cylinder in space along one of the coordinates, with its lids.

    Args:
        axis: Index of that coordinate.
        center: Of the circle in the other two coordinates.
        radius: Of the circle.
        ends: Where the lids are, along the axis.

    Raises:
        ValueError: The radius is not positive, or the ends are in the wrong order.
    """

    def __init__(
        self, axis: int, center: Sequence[float], radius: float, ends: Sequence[float], name: str | None = None
    ):
        positive(radius=radius)
        low, high = ends
        if not low < high:
            raise ValueError(f"ends [{low:g}, {high:g}] are in the wrong order: write the smaller first")
        self.axis, self.ends, self.name = axis, (low, high), name
        self._disk = Ball(center, radius)
        self.lower = (*self._disk.lower[:axis], low, *self._disk.lower[axis:])
        self.upper = (*self._disk.upper[:axis], high, *self._disk.upper[axis:])

    @property
    def _height(self) -> float:
        return self.ends[1] - self.ends[0]

    @property
    def pieces(self) -> tuple[float, float, float]:
        """The two lids and the side."""
        return self._disk.measure, self._disk.measure, self._disk.boundary_measure * self._height

    @property
    def measure(self) -> float:  # noqa: D102
        return self._disk.measure * self._height

    @property
    def boundary_measure(self) -> float:  # noqa: D102
        return sum(self.pieces)

    def inside(self, x: Tensor) -> Tensor:  # noqa: D102
        along = x[:, self.axis]
        return self._disk.inside(self._across(x)) & (self.ends[0] <= along) & (along <= self.ends[1])

    def sample(self, unit: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        x, kept = self._disk.sample(unit[:, :2])
        return self._together(x, self.ends[0] + self._height * unit[:, 2]), kept

    def on_boundary(self, unit: Tensor) -> Points:  # noqa: D102
        piece, height = choose(unit[:, 2], self.pieces)
        side, sign = piece == 2, unit.new_tensor([-1.0, 1.0, 0.0])[piece]
        inner, _ = self._disk.sample(unit[:, :2])
        rim = self._disk.on_boundary(unit[:, :2])
        lids = unit.new_tensor([*self.ends, 0.0])[piece]
        x = torch.where(side[:, None], rim.x, inner)
        along = torch.where(side, self.ends[0] + self._height * height, lids)
        assert rim.normals is not None
        return Points(self._together(x, along), self._together(side[:, None] * rim.normals, sign))

    def inequalities(self, x: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
        """Within the circle, between the lids."""
        low, high = map(number, self.ends)
        z, across = x[self.axis], [*x[: self.axis], *x[self.axis + 1 :]]
        return [*self._disk.inequalities(across), (z - low) * (high - z) / (high - low)]

    def _across(self, x: Tensor) -> Tensor:
        return torch.cat([x[:, : self.axis], x[:, self.axis + 1 :]], dim=1)

    def _together(self, across: Tensor, along: Tensor) -> Tensor:
        return torch.cat([across[:, : self.axis], along[:, None], across[:, self.axis :]], dim=1)


def _direction(unit: Tensor) -> Tensor:
    """Uniform unit vectors, (N, d), from points of the unit cube (N, d - 1).

    In space the last component is uniform (Archimedes: a sphere's zones of one height have one area).
    """
    angle = 2 * math.pi * unit[:, -1]
    circle = torch.stack([angle.cos(), angle.sin()], dim=1)
    if unit.shape[1] == 1:
        return circle
    z = 2 * unit[:, :1] - 1
    return torch.cat([(1 - z**2).sqrt() * circle, z], dim=1)


def _within(x: Sequence[sympy.Symbol], center: Sequence[float], radius: float) -> sympy.Expr:
    squares = [(z - number(c)) ** 2 for z, c in zip(x, center, strict=True)]
    return (number(radius) ** 2 - sympy.Add(*squares)) / (2 * number(radius))
