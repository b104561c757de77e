"""Shapes with all that is known of them from elsewhere: numpy, shapely and closed forms."""

import math
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.special import ellipe

from pinn.geometry import Annulus, Ball, Cuboid, Cylinder, Difference, Ellipse, Intersection, Polygon, Shape, Union

L = [[0, 0], [0, -1], [-1, -1], [-1, 1], [1, 1], [1, 0]]
COMB = [[0, 0], [4, 0], [4, 2], [3, 2], [3, 1], [2, 1], [2, 2], [1, 2], [1, 0.5], [0, 1]]
SPIRAL = [[0, 0], [5, 0], [5, 4], [1, 4], [1, 2], [3, 2], [3, 3], [2, 3], [2, 3.5], [4, 3.5], [4, 1], [0, 1]]


@dataclass
class Known:
    shape: Shape
    inside: object  # numpy points (N, d) to (N,)
    measure: float
    boundary: tuple[np.ndarray, np.ndarray]  # points close together (M, d), and the length or area around each (M,)


def circle(center, radii, n=40_000):
    """Midpoints and lengths of short chords of an ellipse."""
    angle = np.linspace(0, 2 * np.pi, n + 1)
    x = np.asarray(center) + np.asarray(radii) * np.stack([np.cos(angle), np.sin(angle)], 1)
    return (x[1:] + x[:-1]) / 2, np.linalg.norm(np.diff(x, axis=0), axis=1)


def outline(polygon):
    """The same for a shapely geometry, holes included."""
    rings = [polygon.exterior, *polygon.interiors]
    found = [shapely.get_coordinates(ring.segmentize(ring.length / 20_000)) for ring in rings]
    x = np.concatenate([(c[1:] + c[:-1]) / 2 for c in found])
    return x, np.concatenate([np.linalg.norm(np.diff(c, axis=0), axis=1) for c in found])


def contains(polygon):
    return lambda x: shapely.contains_xy(polygon, x[:, 0], x[:, 1])


def planar(shape, polygon, measure=None):
    return Known(shape, contains(polygon), measure or polygon.area, outline(polygon))


def grid(*sizes):
    """Midpoints of the cells of the unit cube."""
    axes = [(np.arange(n) + 0.5) / n for n in sizes]
    return np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], 1)


def sphere(center, radius):
    """Zones of one height have one area."""
    u = grid(200, 400)
    z, angle = 2 * u[:, 0] - 1, 2 * np.pi * u[:, 1]
    x = np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], 1)
    return np.asarray(center) + radius * x, np.full(len(x), 4 * np.pi * radius**2 / len(x))


def can(radius, low, high):
    """A cylinder about the y axis: two lids and the side."""
    u = grid(200, 200)
    angle, r = 2 * np.pi * u[:, 1], radius * np.sqrt(u[:, 0])
    lid = lambda y: np.stack([r * np.cos(angle), np.full_like(r, y), r * np.sin(angle)], 1)  # noqa: E731
    height = low + (high - low) * u[:, 0]
    side = np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], 1)
    areas = [np.pi * radius**2, np.pi * radius**2, 2 * np.pi * radius * (high - low)]
    return np.concatenate([lid(low), lid(high), side]), np.repeat(areas, len(u)) / len(u)


def bricks(lower, upper):
    """The six faces of a box."""
    lower, upper, u = np.asarray(lower, float), np.asarray(upper, float), grid(100, 100)
    sides, x, areas = upper - lower, [], []
    for k in range(3):
        for end in (lower, upper):
            x.append(lower + sides * np.insert(u, k, 0, axis=1))
            x[-1][:, k] = end[k]
            areas.append(np.full(len(u), np.prod(np.delete(sides, k)) / len(u)))
    return np.concatenate(x), np.concatenate(areas)


def disk(center, radius):
    return shapely.Point(center).buffer(radius, quad_segs=2000)


ELLIPSE = (2.0, 0.5)
SQUARE = shapely.box(0, 0, 1, 1)
KNOWN = {
    "rectangle": planar(Cuboid([[0, 2], [-1, 0]]), shapely.box(0, -1, 2, 0)),
    "disk": Known(
        Ball([1, -2], 0.5), lambda x: np.hypot(x[:, 0] - 1, x[:, 1] + 2) < 0.5, np.pi / 4, circle((1, -2), (0.5, 0.5))
    ),
    "annulus": planar(Annulus([0, 1], 0.3, 0.9), disk((0, 1), 0.9) - disk((0, 1), 0.3), np.pi * (0.81 - 0.09)),
    "ellipse": Known(
        Ellipse([1, 0], ELLIPSE), lambda x: ((x[:, 0] - 1) / 2) ** 2 + (x[:, 1] / 0.5) ** 2 < 1, np.pi,
        circle((1, 0), ELLIPSE),
    ),
    "L": planar(Polygon(L), shapely.Polygon(L), 3),
    "comb": planar(Polygon(COMB[::-1]), shapely.Polygon(COMB)),
    "spiral": planar(Polygon(SPIRAL), shapely.Polygon(SPIRAL)),
    "cuboid": Known(
        Cuboid([[0, 1], [0, 2], [-1, 0]]), lambda x: (np.abs(x - [0.5, 1, -0.5]) < [0.5, 1, 0.5]).all(1), 2,
        bricks((0, 0, -1), (1, 2, 0)),
    ),
    "ball": Known(
        Ball([0, 1, 2], 1.5), lambda x: np.linalg.norm(x - [0, 1, 2], axis=1) < 1.5, 4.5 * np.pi, sphere((0, 1, 2), 1.5)
    ),
    "cylinder": Known(
        Cylinder(1, [0, 0], 0.5, [1, 3]), lambda x: (np.hypot(x[:, 0], x[:, 2]) < 0.5) & (abs(x[:, 1] - 2) < 1),
        np.pi / 2, can(0.5, 1, 3),
    ),
    "hole": planar(
        Difference(Cuboid([[0, 1], [0, 1]]), Ball([0.6, 0.5], 0.3)), SQUARE - disk((0.6, 0.5), 0.3), 1 - 0.09 * np.pi
    ),
    "bite": planar(
        Difference(Cuboid([[0, 1], [0, 1]]), Ball([1, 1], 0.5)), SQUARE - disk((1, 1), 0.5), 1 - np.pi / 16
    ),
    "snowman": planar(Union(Ball([0, 0], 1), Ball([1, 0], 0.5)), disk((0, 0), 1) | disk((1, 0), 0.5)),
    "lens": planar(  # closed form: 2 pi/3 - sqrt(3)/2
        Intersection(Ball([0, 0], 1), Ball([1, 0], 1)), disk((0, 0), 1) & disk((1, 0), 1),
        2 * np.pi / 3 - math.sqrt(3) / 2,
    ),
    "nested": planar(
        Difference(Union(Cuboid([[0, 2], [0, 1]]), Ball([2, 0.5], 0.5)), Ellipse([1, 0.5], [0.6, 0.2])),
        (shapely.box(0, 0, 2, 1) | disk((2, 0.5), 0.5)) - shapely.Polygon(circle((1, 0.5), (0.6, 0.2))[0]),
        2 + np.pi / 8 - 0.12 * np.pi,
    ),
    "bowl": Known(
        Difference(Cuboid([[0, 1], [0, 1], [0, 1]]), Ball([0.5, 0.5, 1], 0.4)),
        lambda x: (np.abs(x - 0.5) < 0.5).all(1) & (np.linalg.norm(x - [0.5, 0.5, 1], axis=1) > 0.4),
        1 - 2 / 3 * np.pi * 0.064,
        (np.empty((0, 3)), np.array([6 + np.pi * 0.16])),  # the lid loses a disk and gains half a sphere
    ),
}  # fmt: skip
PERIMETER = {"ellipse": 4 * 2 * float(ellipe(1 - 0.25**2)), "disk": np.pi, "cylinder": 2.5 * np.pi}
