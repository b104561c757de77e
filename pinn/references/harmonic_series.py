"""Laplace's equation in a box or a disk less disks, by a series of harmonic functions.

Trefethen 2018, Series solution of Laplace problems, ANZIAM J. 60. Shape letters: N points, H holes, n and m degrees.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import sympy
import torch
from torch import Tensor

from pinn.geometry import Annulus, Ball, Box, Cuboid, Difference, Place
from pinn.language import constant, has_field
from pinn.references.cache import Arrays, cached
from pinn.references.evolution import numpy_function

if TYPE_CHECKING:
    from pinn.problem import Problem

VERSION = 1
FEWEST, MOST = 20, 320  # degree of the polynomials; that of the inverse powers is half of it
FITTED, CHECKED = 3, 10  # points on a side or a circle, for each degree
RCOND = 1e-15  # of the largest singular value: what lies below is rounding


def harmonic_series(problem: Problem, *, tolerance: float | str = 1e-10) -> Callable[[Tensor], Tensor]:
    r"""Return the solution of lap(u) = 0 in a box or a disk less disks, with u given on each side and circle.

    With z = x + i y, c_0 the middle, rho the largest distance from it, c_h and R_h the holes' centres and radii,

    u = Re \sum_{k=0}^n a_k ((z - c_0) / rho)^k
        + \sum_h [b_h log(|z - c_h| / R_h) + Re \sum_{k=1}^m d_hk (R_h / (z - c_h))^k]

    fits the boundary values by least squares. Each term is harmonic, so that the error is nowhere larger than on the
    boundary, where it is seen: n is doubled until it is small enough. The error falls exponentially where the boundary
    values are smooth and the solution goes on smoothly beyond the corners, as it does from constants.

    Args:
        problem: One field in two coordinates.
        tolerance: The error on the boundary that is small enough, relative to the largest boundary value.

    Raises:
        ValueError: The problem is another one, or the tolerance cannot be reached.
    """
    small, domain = float(constant(tolerance)), _domain(problem)
    _require_laplace(problem)
    pieces, values = domain.pieces(), _values(problem, domain)

    def compute() -> Arrays:
        return _converged(domain, pieces, numpy_function(problem.scope.variables, values), small)

    arrays = cached(problem, "harmonic_series", VERSION, {"tolerance": small}, compute)

    def truth(points: Tensor) -> Tensor:
        x, y = points.detach().cpu().double().numpy().T
        return torch.from_numpy(at(domain, arrays, x + 1j * y))[:, None].to(points)

    return truth


@dataclass(frozen=True)
class Piece:
    """A side or a circle of the boundary.

    Attributes:
        name: What the boundary of its shape is called, if it is.
        face: The coordinate that is fixed on a side, and its value; None for a circle.
        curve: Its points, complex, from numbers between 0 and 1.
    """

    name: str | None
    face: tuple[int, float] | None
    curve: Callable[[np.ndarray], np.ndarray]

    def __str__(self) -> str:
        """As an error calls it."""
        if self.face:
            return f"the side {'xy'[self.face[0]]}={self.face[1]:g}"
        return f"the circle {self.name}" if self.name else "a circle that has no name"

    def holds(self, place: Place) -> bool:
        """Whether a condition at that place speaks of it."""
        if place.partner or place.integral:
            return False
        return place.name in ("boundary", self.name) if place.boundary else place.fixed == (self.face,)


@dataclass(frozen=True)
class Holed:
    """The outer shape, and the disks that are cut out of it."""

    outer: Cuboid | Ball
    holes: tuple[Ball, ...]

    @property
    def scale(self) -> tuple[complex, float]:
        """The middle, and the largest distance from it."""
        lower, upper = complex(*self.outer.lower), complex(*self.outer.upper)
        return (lower + upper) / 2, self.outer.radius if isinstance(self.outer, Ball) else abs(upper - lower) / 2

    @property
    def circles(self) -> list[tuple[complex, float]]:
        """Centre and radius of each hole, H of them."""
        return [(complex(*hole.center), hole.radius) for hole in self.holes]

    def pieces(self) -> list[Piece]:
        """All of the boundary."""
        faces = [(k, bound[k]) for k in (0, 1) for bound in (self.outer.lower, self.outer.upper)]
        outer = [_circle(self.outer)] if isinstance(self.outer, Ball) else [_side(self.outer, *face) for face in faces]
        return outer + [_circle(hole) for hole in self.holes]


def _side(box: Cuboid, k: int, value: float) -> Piece:
    low, high = box.lower[1 - k], box.upper[1 - k]

    def curve(s: np.ndarray) -> np.ndarray:
        along = low + (high - low) * (1 - np.cos(np.pi * s)) / 2  # dense at the corners
        return along + 1j * value if k else value + 1j * along

    return Piece(box.name, (k, value), curve)


def _circle(disk: Ball) -> Piece:
    return Piece(disk.name, None, lambda s: complex(*disk.center) + disk.radius * np.exp(2j * np.pi * s))


def _domain(problem: Problem) -> Holed:
    """The shapes of the problem's domain.

    Raises:
        ValueError: They are others, or they meet.
    """
    given = problem.domain
    if len(given.spatial) != 2 or len(problem.coordinate_names) != 2:
        raise ValueError(
            "reference harmonic_series solves a problem in two coordinates of space, but this one is in "
            f"{', '.join(problem.coordinate_names)}"
        )
    if isinstance(given, Box):
        outer, cut = Cuboid(list(zip(given.lower, given.upper, strict=True))), ()
    else:
        outer, *cut = given.shape.parts if isinstance(given.shape, Difference) else [given.shape]
    if isinstance(outer, Annulus):
        hole = Ball(outer.center, outer.inner, outer.name)
        outer, cut = Ball(outer.center, outer.outer, outer.name), (hole, *cut)
    if not isinstance(outer, Cuboid | Ball) or not all(isinstance(hole, Ball) for hole in cut):
        raise ValueError(
            f"reference harmonic_series solves a problem in a box or a disk less disks, but this domain is {given}"
        )
    domain = Holed(outer, tuple(hole for hole in cut if isinstance(hole, Ball)))
    for k, hole in enumerate(domain.holes):
        if _room(outer, hole) <= 0:
            raise ValueError(f"reference harmonic_series: the hole {_said(hole)} meets the outer boundary")
        for other in domain.holes[:k]:
            if math.dist(hole.center, other.center) <= hole.radius + other.radius:
                raise ValueError(f"reference harmonic_series: the holes {_said(other)} and {_said(hole)} meet")
    return domain


def _room(outer: Cuboid | Ball, hole: Ball) -> float:
    """How far a hole is from the outer boundary."""
    if isinstance(outer, Ball):
        return outer.radius - math.dist(outer.center, hole.center) - hole.radius
    below = min(a - b for a, b in zip(hole.lower, outer.lower, strict=True))
    return min(below, *(b - a for a, b in zip(hole.upper, outer.upper, strict=True)))


def _said(hole: Ball) -> str:
    return f"at ({', '.join(f'{c:g}' for c in hole.center)}) of radius {hole.radius:g}"


def _require_laplace(problem: Problem) -> None:
    equations = [e for e in problem.equations.values() if e.place == problem.domain.interior]
    if len(equations) == len(problem.fields) == 1 and not problem.learned:
        (x, y), u = problem.scope.variables, problem.scope.unknown(problem.fields[0])
        residual = sympy.expand(equations[0].residual)
        factor = residual.coeff(u.diff(x, x))
        rest = sympy.simplify(residual - factor * (u.diff(x, x) + u.diff(y, y)))
        if factor != 0 and rest == 0 and not has_field(factor):
            return
    raise ValueError(
        "reference harmonic_series solves one equation lap(u) = 0; this problem has "
        f"{', '.join(e.text for e in equations)}"
    )


def _values(problem: Problem, domain: Holed) -> list[sympy.Expr]:
    """What u is on each piece.

    Raises:
        ValueError: It is not given there, or twice.
    """
    u, given = problem.scope.unknown(problem.fields[0]), {}
    pieces = domain.pieces()
    for key, condition in problem.conditions.items():
        residual = sympy.expand(condition.residual)
        factor = residual.coeff(u)
        rest = residual - factor * u
        here = [k for k, piece in enumerate(pieces) if piece.holds(condition.place)]
        value = sympy.S.Zero if factor == 0 else -rest / factor
        known = factor != 0 and not has_field(value) and not has_field(factor)
        if not here or not known or value.free_symbols - set(problem.scope.variables):
            raise ValueError(
                f"reference harmonic_series: condition {key}, {condition.text!r}, does not give u by the coordinates "
                "on a side or a circle of the boundary"
            )
        for k in here:
            if k in given:
                raise ValueError(f"reference harmonic_series: two conditions give u on {pieces[k]}")
            given[k] = value
    for k, piece in enumerate(pieces):
        if k not in given:
            raise ValueError(f"reference harmonic_series needs u on {piece}, but no condition gives it")
    return [given[k] for k in range(len(pieces))]


def _converged(domain: Holed, pieces: list[Piece], values: Callable[..., np.ndarray], tolerance: float) -> Arrays:
    """Double the degree until the boundary values are met between the points that were fitted."""
    degree, misfit = FEWEST, np.inf
    while degree <= MOST:
        arrays = fit(domain, *_boundary(pieces, values, FITTED * degree), degree)
        z, wanted = _boundary(pieces, values, CHECKED * degree)
        misfit = abs(at(domain, arrays, z) - wanted).max() / max(abs(wanted).max(), np.finfo(float).tiny)
        if misfit <= tolerance:
            return arrays
        degree *= 2
    raise ValueError(
        f"reference harmonic_series: with degree {MOST} the boundary values are still missed by {misfit:.1g} of the "
        f"largest, the tolerance is {tolerance:g}; they are too rough, or disagree in the corners, or parts of the "
        "boundary are too near to each other, or the box is too long"
    )


def _boundary(pieces: list[Piece], values: Callable[..., np.ndarray], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of all pieces, complex, and the values there."""
    s = (np.arange(count) + 0.5) / count
    curves = [piece.curve(s) for piece in pieces]
    wanted = [values(z.real.copy(), z.imag.copy())[k] for k, z in enumerate(curves)]
    return np.concatenate(curves), np.concatenate(wanted)


def fit(domain: Holed, z: np.ndarray, wanted: np.ndarray, degree: int) -> Arrays:
    """The coefficients a, (n + 1,), and b and d as rows, (H, m + 1), that fit values at N points, (N,), best."""
    (centre, scale), half = domain.scale, degree // 2
    polynomials = ((z - centre) / scale)[:, None] ** np.arange(degree + 1)
    columns = [polynomials.real, polynomials.imag[:, 1:]]
    for hole, radius in domain.circles:
        inverse = (radius / (z - hole))[:, None] ** np.arange(1, half + 1)
        columns += [np.log(abs(z - hole) / radius)[:, None], inverse.real, inverse.imag]
    matrix = np.concatenate(columns, axis=1)
    sizes = np.linalg.norm(matrix, axis=0)
    found = np.linalg.lstsq(matrix / sizes, wanted, rcond=RCOND)[0] / sizes
    a, rest = found[: 2 * degree + 1], found[2 * degree + 1 :].reshape(len(domain.holes), 2 * half + 1)
    return {
        "polynomial": a[: degree + 1] - 1j * np.concatenate([[0], a[degree + 1 :]]),
        "holes": np.concatenate([rest[:, :1], rest[:, 1 : half + 1] - 1j * rest[:, half + 1 :]], axis=1),
    }


def at(domain: Holed, arrays: Arrays, z: np.ndarray) -> np.ndarray:
    """The sum at N points, complex, (N,), by Horner's rule."""
    centre, scale = domain.scale
    total = _horner(arrays["polynomial"], (z - centre) / scale)
    for (hole, radius), (logarithm, *powers) in zip(domain.circles, arrays["holes"], strict=True):
        total += _horner(np.array([0, *powers]), radius / (z - hole))
        total += logarithm.real * np.log(abs(z - hole) / radius)
    return total


def _horner(coefficients: np.ndarray, z: np.ndarray) -> np.ndarray:
    total = np.zeros_like(z)
    for coefficient in coefficients[::-1]:
        total = total * z + coefficient
    return total.real.copy()
