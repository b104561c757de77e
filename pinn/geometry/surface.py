"""Bodies within a closed surface of triangles.

Shape letters: N points, K triangles.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import sympy
import torch
from torch import Tensor

from pinn.geometry.box import Points
from pinn.geometry.shape import Primitive, choose

AT_ONCE = 2**18  # pairs of a point and a triangle: so many fit the cache


class Surface(Primitive):
    """What a closed surface of triangles encloses.

    Args:
        file: An STL file.
        name: What the surface is called.

    Raises:
        ValueError: There is no such file, it is no STL file, the surface is not closed, or trimesh is not installed.
    """

    def __init__(self, file: str | Path, name: str | None = None):
        self.file, self.name = Path(file), name
        mesh = _load(self.file)
        self._corners = torch.tensor(mesh.triangles, dtype=torch.float64).transpose(0, 1)  # (3, K, 3)
        a, b, c = self._corners
        self._across = torch.linalg.cross(b - a, c - a)  # outward, with twice the triangle's area
        self._areas = self._across.norm(dim=1) / 2
        self._edges_squared = (self._corners - self._corners.roll(-1, dims=0)).square().sum(2)
        self._offsets = (a * self._across).sum(1)
        self._volume = float(mesh.volume)
        low, high = mesh.bounds.tolist()
        self.lower, self.upper = tuple(low), tuple(high)

    @property
    def measure(self) -> float:  # noqa: D102
        return self._volume

    @property
    def boundary_measure(self) -> float:  # noqa: D102
        return float(self._areas.sum())

    @property
    def pieces(self) -> Tensor:
        """The triangles."""
        return self._areas

    def inside(self, x: Tensor) -> Tensor:
        """By the winding number, which is exact: one ray along an edge would not be.

        Jacobson, Kavan, Sorkine-Hornung 2013, ACM Trans. Graph. 32, eq. (6).
        """
        size = max(1, AT_ONCE // len(self._areas))
        return torch.cat([self._solid_angle(part) > torch.pi for part in x.split(size)])

    def on_boundary(self, unit: Tensor) -> Points:
        """Barycentric coordinates `1 - s`, `s (1 - u)`, `s u` with s the root of a uniform number."""
        triangle, _ = choose(unit[:, 2], self._areas)
        s, u = unit[:, 0].sqrt(), unit[:, 1]
        weights = torch.stack([1 - s, s * (1 - u), s * u], dim=1)
        normals = self._across[triangle] / (2 * self._areas[triangle, None])
        return Points((weights.T[:, :, None] * self._corners[:, triangle]).sum(dim=0), normals)

    def inequalities(self, x: Sequence[sympy.Symbol]) -> list[sympy.Expr]:  # noqa: D102
        raise ValueError("a surface of triangles has no level function")

    def _solid_angle(self, x: Tensor) -> Tensor:
        """The angle under which all triangles are seen from points (N, 3): 4 pi inside, 0 outside.

        Van Oosterom & Strackee 1983, IEEE Trans. Biomed. Eng. 30, eq. (8); products of the ways to two corners by the
        law of cosines.
        """
        a, b, c = (torch.cdist(x, corner, compute_mode="donot_use_mm_for_euclid_dist") for corner in self._corners)
        ab, bc, ca = (
            (p**2 + q**2 - edge) / 2 for p, q, edge in zip((a, b, c), (b, c, a), self._edges_squared, strict=True)
        )
        volume = self._offsets - x @ self._across.T
        return 2 * torch.atan2(volume, a * b * c + ab * c + bc * a + ca * b).sum(1)


def _load(file: Path):
    try:
        import trimesh
    except ImportError:
        raise ValueError("surfaces are read by trimesh: pip install -e '.[mesh]'") from None
    if file.suffix.lower() != ".stl":
        raise ValueError(f"{str(file)!r} is no STL file: write a path that ends in .stl")
    if not os.path.isfile(file):  # no, too, of a name that no file can have
        raise ValueError(f"there is no file {str(file)!r}")
    try:
        mesh = trimesh.load_mesh(file, file_type="stl")
    except Exception as error:  # whatever a broken file makes the reader raise
        raise ValueError(f"{str(file)!r} cannot be read: {error}") from None
    if mesh.bounds is None or not mesh.is_watertight:  # none of an empty one
        raise ValueError(
            f"the surface in {str(file)!r} is not closed: it should have a triangle on either side of each edge"
        )
    mesh.fix_normals()
    return mesh
