"""Polygons: of any shape, but without holes and crossings.

Shape letters: N points, K edges.
"""

# sympy's own annotations are too narrow
# pyright: reportReturnType=false, reportOperatorIssue=false

from __future__ import annotations

import math
from collections.abc import Sequence

import shapely
import sympy
import torch
from torch import Tensor

from pinn.geometry.box import Points
from pinn.geometry.levels import conjunction, disjunction, number
from pinn.geometry.shape import Primitive, choose

Vertex = tuple[float, float]
STRAIGHT = 1e-12  # sine of the angle below which a vertex is none


class Polygon(Primitive):
    """The inside of a closed chain of line segments.

    Args:
        vertices: Corners in order, either way round; the last is joined to the first.

    Raises:
        ValueError: There are fewer than three corners, or edges touch or cross each other.
    """

    def __init__(self, vertices: Sequence[Sequence[float]], name: str | None = None):
        self.name = name
        corners = _corners([(float(x), float(y)) for x, y in vertices])
        if len(corners) < 3:
            raise ValueError(f"{len(corners)} corners make no polygon: write three or more")
        self._polygon = shapely.Polygon(corners)
        if not self._polygon.is_valid:
            why = shapely.is_valid_reason(self._polygon)
            raise ValueError(f"the edges touch or cross each other ({why}): write the corners in order")
        self.vertices = corners if self._polygon.exterior.is_ccw else corners[::-1]
        left, bottom, right, top = self._polygon.bounds
        self.lower, self.upper = (left, bottom), (right, top)
        shapely.prepare(self._polygon)

    @property
    def measure(self) -> float:  # noqa: D102
        return self._polygon.area

    @property
    def boundary_measure(self) -> float:  # noqa: D102
        return self._polygon.length

    @property
    def pieces(self) -> Tensor:
        """The edges."""
        start = torch.tensor(self.vertices, dtype=torch.float64)
        return (start.roll(-1, dims=0) - start).norm(dim=1)

    def inside(self, x: Tensor) -> Tensor:  # noqa: D102
        return torch.from_numpy(shapely.intersects_xy(self._polygon, *x.numpy().T))

    def on_boundary(self, unit: Tensor) -> Points:  # noqa: D102
        start = unit.new_tensor(self.vertices)
        along = start.roll(-1, dims=0) - start
        lengths = self.pieces
        edge, position = choose(unit[:, -1], lengths)
        normals = torch.stack([along[:, 1], -along[:, 0]], dim=1) / lengths[:, None]
        return Points(start[edge] + position[:, None] * along[edge], normals[edge])

    def inequalities(self, x: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
        """One linear function an edge, joined by `and` and `or` so that each is used once.

        Dobkin, Guibas, Hershberger, Snoeyink 1993, Algorithmica 10: cut the boundary at a corner of its convex hull;
        what lies to the left of both parts, or of one of them if the corner is reflex, lies to the left of the whole.
        """
        order = sorted(range(len(self.vertices)), key=lambda k: self.vertices[k])
        first, last = order[0], order[-1]
        around = self.vertices[first:] + self.vertices[: first + 1]
        cut = (last - first) % len(self.vertices)
        return _left_of(around[: cut + 1], x) + _left_of(around[cut:], x)


def _left_of(chain: list[Vertex], x: Sequence[sympy.Symbol]) -> list[sympy.Expr]:
    """Functions that are all positive exactly to the left of a chain whose first and last edge go on for ever."""
    if len(chain) == 2:
        return [_distance(chain[0], chain[1], x)]
    start, end = _unit(chain[1], chain[0]), _unit(chain[-2], chain[-1])
    up = (-start[0] - end[0], -start[1] - end[1])  # neither end rises in this direction
    if math.hypot(*up) < STRAIGHT:
        up = (-end[1], end[0])
    inner = range(1, len(chain) - 1)
    top = max(
        inner, key=lambda k: (up[0] * chain[k][0] + up[1] * chain[k][1], up[0] * chain[k][1] - up[1] * chain[k][0])
    )
    before, after = _left_of(chain[: top + 1], x), _left_of(chain[top:], x)
    if _turn(chain[top - 1], chain[top], chain[top + 1]) > 0:
        return before + after
    return [disjunction(conjunction(*before), conjunction(*after))]


def _distance(a: Vertex, b: Vertex, x: Sequence[sympy.Symbol]) -> sympy.Expr:
    """To the line through a and b, positive on its left."""
    along = _unit(a, b)
    return number(along[0]) * (x[1] - number(a[1])) - number(along[1]) * (x[0] - number(a[0]))


def _unit(a: Vertex, b: Vertex) -> Vertex:
    length = math.dist(a, b)
    return (b[0] - a[0]) / length, (b[1] - a[1]) / length


def _turn(a: Vertex, b: Vertex, c: Vertex) -> float:
    """Sine of the angle by which the way from a over b to c turns left."""
    (ux, uy), (vx, vy) = _unit(a, b), _unit(b, c)
    return ux * vy - uy * vx


def _corners(vertices: list[Vertex]) -> list[Vertex]:
    """The vertices at which the chain turns."""
    vertices = [v for k, v in enumerate(vertices) if v != vertices[k - 1]]
    around = zip(vertices[-1:] + vertices[:-1], vertices, vertices[1:] + vertices[:1], strict=True)
    return [b for a, b, c in around if a == c or abs(_turn(a, b, c)) > STRAIGHT]
