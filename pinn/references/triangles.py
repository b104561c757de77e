"""Triangulations of boxes and polygons."""

# scikit-fem's own annotations are too narrow
# pyright: reportOptionalSubscript=false, reportOptionalMemberAccess=false, reportArgumentType=false
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.spatial import Delaunay, KDTree

if TYPE_CHECKING:
    from skfem import MeshTri

ACROSS = 8  # edges of the first mesh along the shorter side of the box around the domain
Loops = Sequence[np.ndarray]


def rectangle(lower: Sequence[float], upper: Sequence[float]) -> MeshTri:
    """A rectangle in nearly square cells, each cut in two."""
    from skfem import MeshTri

    width = min(high - low for low, high in zip(lower, upper, strict=True)) / ACROSS
    axes = [np.linspace(a, b, max(2, round((b - a) / width)) + 1) for a, b in zip(lower, upper, strict=True)]
    return MeshTri.init_tensor(*axes)


def polygon(loops: Loops) -> MeshTri:
    """The region between closed polygons: inside an odd number of them, so that one in another is a hole.

    Points on the edges and a lattice inside, kept off the edges by more than half their spacing, so that the Delaunay
    triangulation contains the edges.

    Args:
        loops: Corners of each polygon in their order, (corners, 2).

    Raises:
        ValueError: The triangles do not fill the region: an edge crosses another, or a corner is too acute.
    """
    from skfem import MeshTri

    polygons = [shapely.Polygon(loop) for loop in loops]
    if not all(one.is_valid for one in polygons):
        raise ValueError("the edges of a polygon must not cross")
    region = reduce(shapely.symmetric_difference, polygons)
    lower, upper = np.array(region.bounds).reshape(2, 2)
    shortest = min(np.linalg.norm(np.diff(np.append(loop, loop[:1], axis=0), axis=0), axis=1).min() for loop in loops)
    spacing = min((upper - lower).min() / ACROSS, 2 * shortest)
    edges = [shapely.get_coordinates(shapely.segmentize(one.exterior, spacing))[:-1] for one in polygons]
    boundary, lattice = np.concatenate(edges), _lattice(lower, upper, spacing)
    off = KDTree(boundary).query(lattice)[0] > 0.75 * spacing
    points = np.concatenate([boundary, lattice[off & shapely.contains_xy(region, *lattice.T)]])
    triangles = Delaunay(points).simplices
    within = shapely.contains_xy(region, *points[triangles].mean(axis=1).T)
    mesh = MeshTri(points.T.copy(), triangles[within & (_areas(points[triangles]) > 1e-9 * spacing**2)].T.copy())
    starts, ends = mesh.p[:, mesh.facets[:, mesh.boundary_facets()]].transpose(1, 0, 2)
    here = _areas(points[mesh.t.T]).sum(), np.linalg.norm(ends - starts, axis=0).sum()
    if not np.allclose(here, (region.area, region.length), rtol=1e-9):
        raise ValueError(
            f"the polygon has area {region.area:g} and perimeter {region.length:g}, its triangles {here[0]:g} and "
            f"{here[1]:g}: its edges must not cross, nor its corners be too acute"
        )
    return mesh


def locate(mesh: MeshTri, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the triangles that hold N points (N, 2), among those with the nearest centres.

    Returns:
        Their indices, (N,), and the points in the reference triangle 0 <= X, Y, X + Y <= 1, (2, N).

    Raises:
        ValueError: A point lies outside all of them.
    """
    corners = mesh.p[:, mesh.t]  # (2, 3, triangles)
    tree, cells, local = KDTree(corners.mean(axis=1).T), np.zeros(len(points), dtype=int), np.zeros((2, len(points)))
    left, count = np.arange(len(points)), 8
    while len(left):
        count = min(count, corners.shape[2])
        near = tree.query(points[left], count)[1].reshape(-1, count)
        x = _to_reference(corners[:, :, near], points[left].T[:, :, None])
        margins = np.minimum(x.min(axis=0), 1 - x.sum(axis=0))
        best = margins.argmax(axis=1)
        rows = np.arange(len(left))
        cells[left], local[:, left] = near[rows, best], x[:, rows, best]
        left = left[margins[rows, best] < -1e-9]
        if len(left) and count == corners.shape[2]:
            raise ValueError(f"the point {points[left[0]].tolist()} lies outside the domain of the finite elements")
        count *= 8
    return cells, local


def _to_reference(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Coordinates in the basis of two sides, (2, ...), of points (2, ...) in triangles of corners (2, 3, ...)."""
    (a, c), (b, d), (x, y) = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], points - corners[:, 0]
    return np.stack([d * x - b * y, a * y - c * x]) / (a * d - b * c)


def _lattice(lower: np.ndarray, upper: np.ndarray, spacing: float) -> np.ndarray:
    """Equilateral triangles' corners over a box."""
    rows = np.arange(lower[1], upper[1], spacing * np.sqrt(3) / 2)
    columns = np.arange(lower[0], upper[0] + spacing, spacing)
    shifts = spacing / 2 * (np.arange(len(rows)) % 2)
    return np.stack([(columns - shifts[:, None]).ravel(), np.repeat(rows, len(columns))], axis=1)


def _areas(triangles: np.ndarray) -> np.ndarray:
    (a, b), (c, d) = (triangles[:, 1] - triangles[:, 0]).T, (triangles[:, 2] - triangles[:, 0]).T
    return abs(a * d - b * c) / 2
