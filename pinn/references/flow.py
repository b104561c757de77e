"""Steady incompressible flow in the plane, past round obstacles, by finite elements of Taylor and Hood (scikit-fem).

Shape letters: N points, K velocity parameters, L pressure parameters.
"""

# scikit-fem's own annotations are too narrow
# pyright: reportOptionalSubscript=false, reportOptionalMemberAccess=false, reportArgumentType=false
# pyright: reportAttributeAccessIssue=false, reportIndexIssue=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pinn.language import constant
from pinn.references.cache import cached
from pinn.references.evolution import numpy_function
from pinn.references.finite_elements import interpolate
from pinn.references.flow_problem import Flow, flow_problem
from pinn.references.triangles import locate, polygon, rectangle

if TYPE_CHECKING:
    from skfem import CellBasis, MeshTri

    from pinn.problem import Problem

VERSION = 3
EDGES = 16  # of the polygon that is a circle in the first mesh
LOCAL = 3  # times that the elements at a circle are refined, besides all others
MOST_LEVELS = 4
SMALL_STEP, MOST_STEPS = 1e-8, 15  # of Newton's method: relative to the parameters; number
SAMPLES = 2000  # points at which two solutions are compared


def flow(problem: Problem, *, tolerance: float | str = 1e-3) -> Callable[[Tensor], Tensor]:
    """Return u, v, p of a steady flow of Stokes or of Navier and Stokes in a channel, past disks or not.

    Velocities of degree 3, pressures of degree 2; edges at circles are parabolas (isoparametric elements: Ciarlet and
    Raviart 1972). All elements are quartered until that changes the velocity by less than the tolerance.

    Args:
        problem: The three equations with u, v, p in this order; u and v given on walls, inflow and disks; outflow is
            `nu*u_x - p = 0` and `v_x = 0` at the same side; without an outflow the pressure is given at a corner.
        tolerance: The change that is small enough, relative to the largest velocity.

    Raises:
        ValueError: The problem is another one, or the tolerance cannot be reached.
    """
    small, stated = float(constant(tolerance)), flow_problem(problem)
    arrays = cached(problem, "flow", VERSION, {"tolerance": small}, lambda: _converged(stated, small))
    found = Discrete(stated, _mesh(arrays["corners"], arrays["triangles"]))

    def truth(points: Tensor) -> Tensor:
        return torch.from_numpy(found.at(arrays["fields"], points.detach().cpu().double().numpy())).to(points)

    return truth


def _mesh(corners: np.ndarray, triangles: np.ndarray) -> MeshTri:
    from skfem import MeshTri

    return MeshTri(corners, triangles)


@dataclass(frozen=True)
class Discrete:
    """The equations on a mesh."""

    flow: Flow
    mesh: MeshTri

    @cached_property
    def bases(self) -> tuple[CellBasis, CellBasis]:
        """Of a velocity's component and of the pressure, with the same quadrature."""
        from skfem import CellBasis, ElementTriP2, ElementTriP3

        velocity = CellBasis(self._curved, ElementTriP3(), intorder=8)
        return velocity, velocity.with_element(ElementTriP2())

    @property
    def _curved(self) -> MeshTri:
        """The mesh with the middles of edges whose ends are on a circle moved out to it."""
        from skfem import MeshTri2

        straight, edges = MeshTri2.from_mesh(self.mesh), self.mesh.boundary_facets()
        places = straight.doflocs.copy()
        middles = straight.dofs.facet_dofs[0, edges]
        places[:, middles] = _on_circles(self.flow, places[:, middles])
        return MeshTri2(places, straight.t)

    @property
    def sizes(self) -> tuple[int, int]:
        """K and L."""
        velocity, pressure = self.bases
        return velocity.N, pressure.N

    def solve(self) -> np.ndarray:
        """u, v, p by Newton's method, from Stokes' flow, (2 K + L,).

        Raises:
            ValueError: It does not converge.
        """
        from skfem import condense, solve

        known, fixed = self._known()
        stokes, w = self._stokes(), known
        w = np.asarray(solve(*condense(stokes, np.zeros(len(w)), x=known, D=fixed)))
        if not self.flow.inertia:
            return w
        for _ in range(MOST_STEPS):
            convection, tangent = self._convection(w)
            right = -(stokes @ w + convection)
            step = np.asarray(solve(*condense(stokes + tangent, right, x=np.zeros_like(w), D=fixed)))
            w = w + step
            if abs(step).max() <= SMALL_STEP * abs(w).max():
                return w
        raise ValueError("reference flow: Newton's method does not converge; take a larger viscosity")

    def at(self, fields: np.ndarray, points: np.ndarray) -> np.ndarray:
        """u, v, p at N points (N, 2), (N, 3)."""
        velocity, pressure = self.bases
        k, (cells, _) = velocity.N, locate(self.mesh, points)  # a polygon lies within its circle
        local = velocity.mapping.invF(points.T[:, :, None], tind=cells)[:, :, 0]
        parts = (velocity, fields[:k]), (velocity, fields[k : 2 * k]), (pressure, fields[2 * k :])
        return np.stack([interpolate(basis, values, cells, local) for basis, values in parts], axis=1)

    def _stokes(self) -> Any:
        """Of nu grad u : grad w - p div w, and of div u q, (2 K + L, 2 K + L)."""
        from scipy.sparse import bmat
        from skfem import BilinearForm

        velocity, pressure = self.bases
        nu = self.flow.viscosity
        viscous = BilinearForm(lambda u, w, _: nu * (u.grad[0] * w.grad[0] + u.grad[1] * w.grad[1])).assemble(velocity)
        gradients = [BilinearForm(lambda p, w, _, i=i: -p * w.grad[i]).assemble(pressure, velocity) for i in (0, 1)]
        x, y = gradients
        return bmat([[viscous, None, x], [None, viscous, y], [x.T, y.T, None]], format="csr")

    def _convection(self, fields: np.ndarray) -> tuple[np.ndarray, Any]:
        """(u.grad) u tested, (2 K + L,), and its derivative."""
        from scipy.sparse import bmat, csr_matrix
        from skfem import BilinearForm, LinearForm

        velocity, pressure = self.bases
        k, n = velocity.N, pressure.N
        u, v = velocity.interpolate(fields[:k]), velocity.interpolate(fields[k : 2 * k])

        def carried(a: Any, w: Any, _: Any) -> Any:
            return (u * a.grad[0] + v * a.grad[1]) * w

        carry = BilinearForm(carried).assemble(velocity)
        slopes = [
            [BilinearForm(lambda a, w, _, s=s, i=i: s.grad[i] * a * w).assemble(velocity) for i in (0, 1)]
            for s in (u, v)
        ]
        right = [LinearForm(lambda w, _, s=s: (u * s.grad[0] + v * s.grad[1]) * w).assemble(velocity) for s in (u, v)]
        nothing = csr_matrix((n, n))
        rows = [
            [carry + slopes[0][0], slopes[0][1], None],
            [slopes[1][0], carry + slopes[1][1], None],
            [None, None, nothing],
        ]
        return np.concatenate([*right, np.zeros(n)]), bmat(rows, format="csr")

    def _known(self) -> tuple[np.ndarray, np.ndarray]:
        """The values that are given, and which of the parameters these are."""
        velocity, pressure = self.bases
        k = velocity.N
        values, fixed = np.zeros(2 * k + pressure.N), []
        for component, sides in enumerate(self.flow.given):
            for side, value in sides.items():
                here = velocity.get_dofs(self._facets(side)).flatten()
                values[component * k + here] = self._value(value, velocity.doflocs[:, here])
                fixed.append(component * k + here)
        if self.flow.corner is not None:
            point, value = self.flow.corner
            nearest = int(np.argmin(np.linalg.norm(pressure.doflocs - np.array(point)[:, None], axis=0)))
            values[2 * k + nearest] = value
            fixed.append(np.array([2 * k + nearest]))
        return values, np.unique(np.concatenate(fixed))

    def _value(self, expression: Any, x: np.ndarray) -> np.ndarray:
        return numpy_function(self.flow.variables, [expression])(*x)[0]

    def _facets(self, side: Any) -> np.ndarray:
        """The edges on a side of the box, or on a circle."""
        kind, which = side
        edges = self.mesh.boundary_facets()
        middle = self.mesh.p[:, self.mesh.facets[:, edges]].mean(axis=1)
        if kind == "disk":
            return edges[_nearest_disk(self.flow, middle) == which]
        axis, end = which
        bound = (self.flow.lower, self.flow.upper)[end][axis]
        return edges[abs(middle[axis] - bound) < 1e-9 * (self.flow.upper[axis] - self.flow.lower[axis])]


def _nearest_disk(flow: Flow, points: np.ndarray) -> np.ndarray:
    """The disk on whose circle, or just inside it, each of the points (2, N) lies, -1 for none, (N,)."""
    found = np.full(points.shape[1], -1)
    for k, (center, radius) in enumerate(flow.disks):
        distance = np.linalg.norm(points - np.array(center)[:, None], axis=0)
        found[distance < radius * (1 + 1e-9)] = k
    return found


def _first_mesh(flow: Flow) -> MeshTri:
    if not flow.disks:
        return rectangle(flow.lower, flow.upper)
    (x0, y0), (x1, y1) = flow.lower, flow.upper
    angles = 2 * np.pi * np.arange(EDGES) / EDGES
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    loops = [np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])]
    mesh = polygon([*loops, *(np.array(center) + radius * circle for center, radius in flow.disks)])
    for _ in range(LOCAL):
        on_circle = _nearest_disk(flow, mesh.p) >= 0
        mesh = _rounded(flow, mesh.refined(np.flatnonzero(on_circle[mesh.t].any(axis=0))))
    return mesh


def _rounded(flow: Flow, mesh: MeshTri) -> MeshTri:
    """With the corners inside a disk moved out to its circle."""
    return _mesh(_on_circles(flow, mesh.p), mesh.t)


def _on_circles(flow: Flow, points: np.ndarray) -> np.ndarray:
    """The points (2, N), those inside a disk moved out to its circle."""
    moved, owner = points.copy(), _nearest_disk(flow, points)
    for k, (center, radius) in enumerate(flow.disks):
        away = points[:, owner == k] - np.array(center)[:, None]
        moved[:, owner == k] = np.array(center)[:, None] + radius * away / np.linalg.norm(away, axis=0)
    return moved


def _converged(flow: Flow, tolerance: float) -> dict[str, np.ndarray]:
    """Quarter all elements until the velocity no longer changes."""
    mesh, known, change = _first_mesh(flow), None, np.inf
    points = _samples(flow)
    for level in range(MOST_LEVELS):
        mesh = mesh if level == 0 else _rounded(flow, mesh.refined())
        discrete = Discrete(flow, mesh)
        fields = discrete.solve()
        velocity = discrete.at(fields, points)[:, :2]
        change = np.inf if known is None else abs(velocity - known).max() / abs(velocity).max()
        known = velocity
        if change <= tolerance:
            return {"corners": mesh.p, "triangles": mesh.t, "fields": fields}
    raise ValueError(
        f"reference flow: quartering {mesh.t.shape[1] // 4} elements changes the velocity by {change:.1g}, the "
        f"tolerance is {tolerance:g}; take a larger one or a larger viscosity"
    )


def _samples(flow: Flow) -> np.ndarray:
    """Points of the flow, (N, 2)."""
    random = np.random.default_rng(0)
    points = random.uniform(flow.lower, flow.upper, (SAMPLES, 2))
    return points[_nearest_disk(flow, points.T) < 0]
