"""Linear elliptic equations in the plane, and their eigenvalues, by adaptive finite elements (scikit-fem).

Gustafsson & McBain 2020, J. Open Source Softw. 5(52), 2369. Shape letters: N points, P parameters (here of the
finite-element space).
"""

# scikit-fem's own annotations are too narrow
# pyright: reportOptionalSubscript=false, reportOptionalMemberAccess=false, reportArgumentType=false
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
import torch
from torch import Tensor

from pinn.geometry import Box, Combination, Cuboid, Difference, Intersection, Polygon, Shape
from pinn.language import constant
from pinn.references.cache import cached
from pinn.references.elliptic import Elliptic, elliptic
from pinn.references.evolution import numpy_function
from pinn.references.triangles import locate, rectangle
from pinn.references.triangles import polygon as triangulate

if TYPE_CHECKING:
    from skfem import CellBasis, MeshTri

    from pinn.problem import Problem

VERSION = 2
MOST = 200_000  # parameters
NEAR = 1e-9  # of the size of the domain: what lies on an edge
SAMPLES = 1000  # points at which two solutions are compared
MARKED = 0.95  # of the sum of the indicators: the fewest elements that hold it are refined (Doerfler 1996)


def finite_elements(problem: Problem, *, tolerance: float | str = 1e-7) -> Callable[[Tensor], Tensor]:
    """Return the solution of div(A grad u) + b.grad u + c u + f = 0 with u, or the flux by u, on the boundary.

    Triangles with polynomials of degree 4, refined where the gradient jumps from one to the next, until twice as many
    parameters change the solution by less than the tolerance.

    Args:
        problem: One linear equation in two coordinates, in a domain with straight edges. A parameter to be learned is
            an eigenvalue, and the solution its eigenfunction with the mean square integral 1, positive where it is
            largest.
        tolerance: The change that is small enough, relative to the largest absolute value; of an eigenvalue, as it is.

    Raises:
        ValueError: The problem is another one, or the tolerance cannot be reached.
    """
    basis, u, _ = _solution(problem, tolerance)

    def truth(points: Tensor) -> Tensor:
        values = points.detach().cpu().double().numpy()
        return torch.from_numpy(evaluate(basis, u, values))[:, None].to(points)

    return truth


def eigenvalue(problem: Problem, *, tolerance: float | str = 1e-7) -> float:
    """Return the eigenvalue nearest to the guess of the learned parameter, of the same problem as above."""
    return _solution(problem, tolerance)[2]


def _solution(problem: Problem, tolerance: float | str) -> tuple[CellBasis, np.ndarray, float]:
    small, form = float(constant(tolerance)), elliptic(problem, "finite_elements")
    domain = problem.domain
    mesh = rectangle(domain.lower, domain.upper) if isinstance(domain, Box) else triangulate(_loops(domain.shape))
    discrete = _Discrete(problem, form)
    options = {"tolerance": small, "guess": form.guess}
    arrays = cached(problem, "finite_elements", VERSION, options, lambda: _converged(discrete, mesh, small))
    return _basis(type(mesh)(arrays["corners"], arrays["triangles"])), arrays["u"], float(arrays["eigenvalue"])


def _loops(shape: Shape) -> list[np.ndarray]:
    """The corners of the outline of a shape, (corners, 2), and of each of its holes."""
    region = _region(shape)
    if not isinstance(region, shapely.Polygon):
        raise ValueError(f"reference finite_elements: {shape} is in several pieces, or nothing")
    return [shapely.get_coordinates(ring)[:-1] for ring in (region.exterior, *region.interiors)]


def _region(shape: Shape) -> shapely.Geometry:
    if isinstance(shape, Polygon):
        return shapely.Polygon(shape.vertices)
    if isinstance(shape, Cuboid):
        (left, bottom), (right, top) = shape.lower, shape.upper
        return shapely.box(left, bottom, right, top)
    if isinstance(shape, Combination):
        first, *others = map(_region, shape.parts)
        if isinstance(shape, Difference):
            return shapely.difference(first, shapely.union_all(others))
        return (shapely.intersection_all if isinstance(shape, Intersection) else shapely.union_all)([first, *others])
    raise ValueError(
        f"reference finite_elements takes boxes and polygons, and what is made of them, but not {shape}; leave the "
        "reference out: the run tells its error without one"
    )


def _basis(mesh: MeshTri) -> CellBasis:
    from skfem import CellBasis, ElementTriP4

    return CellBasis(mesh, ElementTriP4())


@dataclass(frozen=True)
class _Discrete:
    """The equation on any mesh."""

    problem: Problem
    form: Elliptic

    def at(self, x: np.ndarray, *expressions: Any) -> np.ndarray:
        """The values of expressions in the coordinates, (expressions, ...), at points (2, ...)."""
        return numpy_function(self.problem.scope.variables, expressions)(*x)

    def solve(self, basis: CellBasis) -> tuple[np.ndarray, float]:
        """The parameters of the solution, (P,), and the eigenvalue."""
        from scipy.sparse.linalg import eigsh
        from skfem import condense, solve

        matrix, mass, right = self._matrices(basis)
        known, fixed = self._fixed(basis)
        if self.form.mass == 0:
            return np.asarray(solve(*condense(matrix, right, x=known, D=fixed))), 0.0
        free = np.setdiff1d(np.arange(basis.N), fixed)
        inner, inner_mass = matrix[free][:, free], mass[free][:, free]
        values, vectors = eigsh(inner.tocsc(), 1, inner_mass.tocsc(), sigma=self.form.guess, v0=np.ones(len(free)))
        u = known
        u[free] = vectors[:, 0] / np.sqrt(abs(vectors[:, 0] @ inner_mass @ vectors[:, 0]))
        return u * np.sign(u[np.argmax(abs(u))]), float(values[0])

    def _matrices(self, basis: CellBasis) -> tuple[Any, Any, np.ndarray]:
        """Of -div(A grad u) - b.grad u - c u, of m u, and the right-hand side."""
        from skfem import BilinearForm, LinearForm

        form, x = self.form, np.asarray(basis.global_coordinates())
        names = ("xx", "xy", "yy", "bx", "by", "c", "m", "f")
        values = self.at(x, *form.diffusion, *form.advection, form.reaction, form.mass, form.source)
        given = dict(zip(names, values, strict=True))

        @BilinearForm
        def operator(u: Any, v: Any, w: Any) -> Any:
            (ux, uy), (vx, vy) = u.grad, v.grad
            diffusion = (w.xx * ux + w.xy * uy) * vx + (w.xy * ux + w.yy * uy) * vy
            return diffusion - (w.bx * ux + w.by * uy + w.c * u) * v

        matrix = operator.assemble(basis, **given)
        mass = BilinearForm(lambda u, v, w: w.m * u * v).assemble(basis, **given)
        right = np.asarray(LinearForm(lambda v, w: w.f * v).assemble(basis, **given))
        for side in self.form.sides:
            if side.factor is not None:
                boundary = basis.boundary(self._facets(basis.mesh, side.place))
                p, r = self.at(np.asarray(boundary.global_coordinates()), side.factor, side.value)
                matrix = matrix + BilinearForm(lambda u, v, w: w.p * u * v).assemble(boundary, p=p)
                right = right + LinearForm(lambda v, w: w.r * v).assemble(boundary, r=r)
        return matrix, mass, right

    def _fixed(self, basis: CellBasis) -> tuple[np.ndarray, np.ndarray]:
        """Values of the parameters that the conditions give, (P,), and which these are."""
        known, fixed = np.zeros(basis.N), np.zeros(0, dtype=int)
        for side in self.form.sides:
            if side.factor is None:
                here = basis.get_dofs(self._facets(basis.mesh, side.place)).flatten()
                known[here] = self.at(basis.doflocs[:, here], side.value)[0]
                fixed = np.union1d(fixed, here)
        return known, fixed

    def _facets(self, mesh: Any, place: Any) -> np.ndarray:
        if place.boundary:
            facets, domain = mesh.boundary_facets(), self.problem.domain
            if place == domain.boundary:
                return facets
            middles = mesh.p[:, mesh.facets[:, facets]].mean(axis=1).T
            parts = [_region(part).boundary for part in domain.shape.primitives if part.name == place.name]
            near = NEAR * np.ptp(mesh.p, axis=1).max()
            return facets[shapely.dwithin(shapely.union_all(parts), shapely.points(middles), near)]
        ((k, value),) = place.fixed
        return mesh.facets_satisfying(lambda x: np.isclose(x[k], value, atol=1e-9), boundaries_only=True)


def _converged(discrete: _Discrete, mesh: MeshTri, tolerance: float) -> dict[str, np.ndarray]:
    """Refine until the solution is, to the tolerance, the one with at most half as many parameters."""
    samples, earlier = _samples(mesh), []
    while True:
        basis = _basis(mesh)
        u, value = discrete.solve(basis)
        now = evaluate(basis, u, samples)
        halves = [then for count, then in earlier if 2 * count <= basis.N]
        change = max(abs(now - halves[-1][0]).max() / abs(now).max(), abs(value - halves[-1][1])) if halves else np.inf
        if change <= tolerance:
            return {"corners": mesh.p, "triangles": mesh.t, "u": u, "eigenvalue": np.array(value)}
        if basis.N > MOST:
            raise ValueError(
                f"reference finite_elements: with {basis.N} parameters the solution still differs by {change:.1g} from "
                f"that with half as many, the tolerance is {tolerance:g}; take a larger one"
            )
        earlier.append((basis.N, (now, value)))
        finer = mesh.refined(_marked(basis, u))
        mesh = type(mesh)(
            finer.p, finer.t
        )  # sorts the corners of each triangle, on which the parameters' order depends


def _marked(basis: CellBasis, u: np.ndarray) -> np.ndarray:
    """The elements over whose edges the gradient jumps most: sum over the edges of h times the jump's square."""
    from skfem import Functional, InteriorFacetBasis

    sides = [InteriorFacetBasis(basis.mesh, basis.elem, side=i) for i in (0, 1)]
    fields = {f"u{i}": side.interpolate(u) for i, side in enumerate(sides)}

    @Functional
    def jump(w: Any) -> Any:
        return w.h * np.sum((w["u0"].grad - w["u1"].grad) * w.n, axis=0) ** 2

    on_facets = np.zeros(basis.mesh.facets.shape[1])
    on_facets[sides[0].find] = jump.elemental(sides[0], **fields)
    of_elements = on_facets[basis.mesh.t2f].sum(axis=0)
    order = np.argsort(-of_elements)
    shares = np.cumsum(of_elements[order]) / of_elements.sum()
    return order[: np.searchsorted(shares, MARKED) + 1]


def _samples(mesh: MeshTri) -> np.ndarray:
    """Points inside, spread by area, (SAMPLES, 2)."""
    random = np.random.default_rng(0)
    corners = mesh.p[:, mesh.t]  # (2, 3, elements)
    (a, b), (c, d) = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    areas = abs(a * d - b * c)
    chosen = random.choice(len(areas), SAMPLES, p=areas / areas.sum())
    weights = random.dirichlet([1, 1, 1], SAMPLES)
    return np.einsum("ni,din->nd", weights, corners[:, :, chosen])


def evaluate(basis: CellBasis, u: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The solution at N points (N, 2), (N,).

    Raises:
        ValueError: A point lies outside the mesh.
    """
    return interpolate(basis, u, *locate(basis.mesh, points))


def interpolate(basis: CellBasis, u: np.ndarray, cells: np.ndarray, local: np.ndarray) -> np.ndarray:
    """The solution at N points of the reference element (2, N), in the elements (N,), (N,)."""
    shapes = (basis.elem.lbasis(local, i)[0] for i in range(len(basis.element_dofs)))
    return sum(
        (shape * u[dofs[cells]] for shape, dofs in zip(shapes, basis.element_dofs, strict=True)), np.zeros(len(cells))
    )
