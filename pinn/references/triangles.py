"""Triangulations of boxes and polygons."""

# scikit-fem's own annotations are too narrow
# pyright: reportOptionalSubscript=false, reportOptionalMemberAccess=false, reportArgumentType=false
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
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

    corners = np.concatenate(loops)
    lengths = [np.linalg.norm(np.roll(loop, -1, axis=0) - loop, axis=1) for loop in loops]
    spacing = min(np.ptp(corners, axis=0).min() / ACROSS, 2 * min(length.min() for length in lengths))
    boundary = np.concatenate([_along(loop, spacing) for loop in loops])
    lattice = _lattice(corners.min(axis=0), corners.max(axis=0), spacing)
    off = KDTree(boundary).query(lattice)[0] > 0.75 * spacing
    points = np.concatenate([boundary, lattice[off & inside(lattice, loops)]])
    triangles = Delaunay(points).simplices
    triangles = triangles[
        inside(points[triangles].mean(axis=1), loops) & (_areas(points[triangles]) > 1e-9 * spacing**2)
    ]
    mesh = MeshTri(points.T.copy(), triangles.T.copy())
    _check(mesh, loops)
    return mesh


def inside(points: np.ndarray, loops: Loops) -> np.ndarray:
    """Whether each of N points (N, 2) lies inside an odd number of polygons: its ray to the right crosses that many."""
    result = np.zeros(len(points), dtype=bool)
    for loop in loops:
        for (x1, y1), (x2, y2) in zip(loop, np.roll(loop, -1, axis=0), strict=True):
            spans = (y1 > points[:, 1]) != (y2 > points[:, 1])
            with np.errstate(divide="ignore", invalid="ignore"):
                result ^= spans & (points[:, 0] < x1 + (points[:, 1] - y1) * (x2 - x1) / (y2 - y1))
    return result


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


def _along(loop: np.ndarray, spacing: float) -> np.ndarray:
    """Points on the edges, no two neighbours further apart than the spacing."""
    parts = []
    for start, end in zip(loop, np.roll(loop, -1, axis=0), strict=True):
        count = int(np.ceil(np.linalg.norm(end - start) / spacing * (1 - 1e-9)))
        parts.append(start + (end - start) * np.arange(count)[:, None] / count)
    return np.concatenate(parts)


def _lattice(lower: np.ndarray, upper: np.ndarray, spacing: float) -> np.ndarray:
    """Equilateral triangles' corners over a box."""
    rows = np.arange(lower[1], upper[1], spacing * np.sqrt(3) / 2)
    columns = np.arange(lower[0], upper[0] + spacing, spacing)
    shifts = spacing / 2 * (np.arange(len(rows)) % 2)
    return np.stack([(columns - shifts[:, None]).ravel(), np.repeat(rows, len(columns))], axis=1)


def _areas(triangles: np.ndarray) -> np.ndarray:
    (a, b), (c, d) = (triangles[:, 1] - triangles[:, 0]).T, (triangles[:, 2] - triangles[:, 0]).T
    return abs(a * d - b * c) / 2


def _check(mesh: MeshTri, loops: Loops) -> None:
    """The triangles have the region's area, and the edges that belong to one triangle alone its perimeter."""
    starts, ends = mesh.p[:, mesh.facets[:, mesh.boundary_facets()]].transpose(1, 0, 2)
    here = _areas(mesh.p.T[mesh.t.T]).sum(), np.linalg.norm(ends - starts, axis=0).sum()
    holes = [sum(inside(loop[:1], [other])[0] for other in loops if other is not loop) % 2 for loop in loops]
    areas = [abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2 for x, y in (loop.T for loop in loops)]
    area = sum(-size if hole else size for size, hole in zip(areas, holes, strict=True))
    perimeter = sum(np.linalg.norm(np.roll(loop, -1, axis=0) - loop, axis=1).sum() for loop in loops)
    if not np.allclose(here, (area, perimeter), rtol=1e-9):
        raise ValueError(
            f"the polygon has area {area:g} and perimeter {perimeter:g}, its triangles {here[0]:g} and {here[1]:g}: "
            "its edges must not cross, nor its corners be too acute"
        )
