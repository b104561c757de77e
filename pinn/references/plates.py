"""Rectangular plates Dx w_xxxx + 2 H w_xxyy + Dy w_yyyy = q, clamped or simply supported.

Shape letters: N points, K polynomials along a coordinate.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import sympy
import torch
from torch import Tensor

from pinn.ansatz import trace_condition
from pinn.geometry import Box, Place
from pinn.language import LanguageError, decompose
from pinn.references.evolution import numpy_function
from pinn.references.legendre import ClampedPolynomials

if TYPE_CHECKING:
    from pinn.problem import Problem

MOST_POLYNOMIALS, SMALL = 56, 1e-9  # along a coordinate; change of the deflection, relative to the largest
TERMS = 400  # of the series: 12 digits of the largest deflection
CONFLUENT = 1e-5  # relative distance of two characteristic roots below which they count as one: its square is the error


@dataclass(frozen=True)
class Plate:
    """Stiffnesses and load of `Dx w_xxxx + 2 H w_xxyy + Dy w_yyyy = q`.

    Attributes:
        stiffness: Dx, H, Dy.
        load: q, an expression in x and y.
    """

    stiffness: tuple[float, float, float]
    load: sympy.Expr


def clamped_plate(problem: Problem) -> Callable[[Tensor], Tensor]:
    """Return the deflection of a rectangular plate with w = dn(w) = 0 on its edges, under any load.

    Polynomials are added until the deflection changes by less than 1e-9 of its largest value.

    Args:
        problem: One field in two coordinates, clamped on the whole boundary.

    Raises:
        ValueError: The problem is another one, or its load is too rough.
    """
    plate = read(problem, "clamped_plate")
    _require_clamped(problem)
    load = numpy_function(problem.scope.variables, [plate.load])
    bases, coefficients = _converged(plate, lambda x, y: load(x, y)[0], problem.domain.lower, problem.domain.upper)

    def truth(points: Tensor) -> Tensor:
        x, y = points.detach().cpu().double().numpy().T
        return torch.from_numpy(_sum(coefficients, bases, x, y))[:, None].to(points)

    return truth


def orthotropic_plate(problem: Problem) -> Callable[[Tensor], Tensor]:
    """Return the deflection of a rectangular plate under a uniform load with w = 0 and no moment on its edges.

    An isotropic plate, D lap(lap(w)) = q, is one of them.

    Args:
        problem: One field in two coordinates; w = w_xx = 0 on two edges, w = w_yy = 0 on the others.

    Raises:
        ValueError: The problem is another one.
    """
    plate = read(problem, "orthotropic_plate")
    if plate.load.free_symbols:
        raise ValueError(f"reference orthotropic_plate has a uniform load, this problem {plate.load}")
    lower, upper = np.array(problem.domain.lower), np.array(problem.domain.upper)

    def truth(points: Tensor) -> Tensor:
        x, y = (points.detach().cpu().double().numpy() - lower).T
        w = float(plate.load) * supported(x, y, *(upper - lower), plate.stiffness)
        return torch.from_numpy(w)[:, None].to(points)

    return truth


def read(problem: Problem, reference: str) -> Plate:
    """The stiffnesses and the load that the equation says.

    Raises:
        ValueError: It is no equation of a plate.
    """
    residuals = [e.residual for e in problem.equations.values() if e.place == problem.domain.interior]
    wanted = {(4, 0), (2, 2), (0, 4)}
    plane = len(problem.coordinate_names) == 2 and isinstance(problem.domain, Box)
    if plane and len(problem.fields) == len(residuals) == 1 and not problem.learned:
        decomposition = decompose(sympy.expand(residuals[0]), problem.scope.variables)
        factors, terms = decomposition.expression.as_coefficients_dict(), list(decomposition.operators.items())
        if len(terms) == 1 and {e for _, e, _ in terms[0][1].terms} <= wanted and factors[terms[0][0]] != 0:
            scale = float(factors[terms[0][0]])
            found = {e: scale * float(c) for _, e, c in terms[0][1].terms}
            dx, h2, dy = (found.get(e, 0.0) for e in ((4, 0), (2, 2), (0, 4)))
            sign = 1 if dx > 0 else -1
            if sign * dx > 0 and sign * dy > 0 and sign * h2 / 2 > -np.sqrt(dx * dy):
                load = -sign * decomposition.expression.subs(terms[0][0], 0)
                return Plate((sign * dx, sign * h2 / 2, sign * dy), load)
    raise ValueError(
        f"reference {reference} solves one equation Dx*w_xxxx + 2*H*w_xxyy + Dy*w_yyyy = q on a rectangle, with "
        f"Dx, Dy > 0 and H > -sqrt(Dx*Dy); this problem has {', '.join(e.text for e in problem.equations.values())}"
    )


def supported(
    x: np.ndarray, y: np.ndarray, a: float, b: float, stiffness: Sequence[float], *, terms: int = TERMS
) -> np.ndarray:
    r"""Evaluate the deflection of a simply supported plate under the load 1 at N points of [0, a] x [0, b].

    Navier's series, summed over y in closed form (Levy; Timoshenko & Woinowsky-Krieger, Theory of Plates and Shells,
    2nd ed., sections 30 and 85), with the beam that is left far from y = 0, b summed too: with Y = y - b/2, c = b/2,

    w = (x^4 - 2 a x^3 + a^3 x) / (24 Dx) - 4 / (a Dx) \sum_{k = pi/a, 3 pi/a, ...} sin(k x) / k^5 *
        [s_1 g(s_2) - s_2 g(s_1)] / (s_1 - s_2),    g(s) = cosh(sqrt(s) k Y) / cosh(sqrt(s) k c),

    where s_1, s_2 are the roots of Dy s^2 - 2 H s + Dx = 0, complex where H^2 < Dx Dy; where both are s, as of an
    isotropic plate, [...] is g(s) - s g'(s). x runs along the side that is shorter for its stiffness, where the terms
    fall fastest.

    Args:
        x: First coordinates, (N,).
        y: Second coordinates, (N,).
        a: Length in x.
        b: Length in y.
        stiffness: Dx, H, Dy.
        terms: Number of terms.

    Returns:
        w, (N,).
    """
    dx, h, dy = stiffness
    if a**4 * dy > b**4 * dx:
        x, y, a, b, dx, dy = y, x, b, a, dy, dx
    root, distance, c = np.sqrt(complex(h**2 - dx * dy)), abs(y - b / 2), b / 2
    s1, s2 = (h + root) / dy, (h - root) / dy
    confluent = abs(s1 - s2) < CONFLUENT * abs(s1)
    w = (x**4 - 2 * a * x**3 + a**3 * x) / 24
    for k in np.pi / a * np.arange(1, 2 * terms, 2):
        if confluent:
            along = k * np.sqrt(abs(h) / dy)
            cosh, sinh = _ratios(along, distance, c)
            bracket = (1 + along * c / 2 * np.tanh(along * c)) * cosh - along * distance / 2 * sinh
        else:
            (first, _), (second, _) = (_ratios(k * np.sqrt(s), distance, c) for s in (s1, s2))
            bracket = ((s1 * second - s2 * first) / (s1 - s2)).real
        w = w - 4 / a * np.sin(k * x) / k**5 * bracket
    return w / dx


def _ratios(k: complex, distance: np.ndarray, c: float) -> tuple[np.ndarray, np.ndarray]:
    """cosh(k Y) / cosh(k c) and sinh(k Y) / cosh(k c) without a positive exponent."""
    near, far = (np.exp(-k * (c + sign * distance)) / (1 + np.exp(-2 * k * c)) for sign in (-1, 1))
    return near + far, near - far


def _require_clamped(problem: Problem) -> None:
    clamped: set[tuple[int, int, int]] = set()
    for condition in problem.conditions.values():
        try:
            trace = trace_condition(condition.residual, condition.place, problem.scope, problem.domain)
        except LanguageError as error:
            raise ValueError(f"reference clamped_plate: {condition.text!r}: {error.reason}") from None
        clamped |= {
            (*face, order)
            for face, orders in trace.data.items()
            for order, fixed in orders.items()
            if not isinstance(face, Place) and fixed.value == 0
        }
    if clamped != set(product((0, 1), repeat=3)):
        raise ValueError("reference clamped_plate needs w = 0 and dn(w) = 0 on the whole boundary")


Bases = tuple[ClampedPolynomials, ClampedPolynomials]


def _converged(
    plate: Plate, load: Callable, lower: Sequence[float], upper: Sequence[float]
) -> tuple[Bases, np.ndarray]:
    """Add polynomials until the deflection no longer changes."""
    x, y = (v.ravel() for v in np.meshgrid(*(np.linspace(*ends, 41) for ends in zip(lower, upper, strict=True))))
    known, change = np.full(x.shape, np.inf), np.inf
    for count in range(8, MOST_POLYNOMIALS + 1, 8):
        bases = tuple(ClampedPolynomials(count, *ends) for ends in zip(lower, upper, strict=True))
        coefficients = galerkin(plate, load, bases)  # pyright: ignore[reportArgumentType]
        values = _sum(coefficients, bases, x, y)  # pyright: ignore[reportArgumentType]
        change, known = abs(values - known).max(), values
        if change <= SMALL * abs(values).max():
            return bases, coefficients  # pyright: ignore[reportReturnType]
    raise ValueError(
        f"reference clamped_plate: with {MOST_POLYNOMIALS} polynomials a coordinate the deflection still changes by "
        f"{change:.1g}; the load is too rough or the plate too long"
    )


def galerkin(plate: Plate, load: Callable, bases: Bases) -> np.ndarray:
    """The coefficients (K, K) with which the plate's energy is stationary."""
    (dx, h, dy), (in_x, in_y) = plate.stiffness, bases
    stiff, slope, mass = ([basis.products(order=order) for basis in bases] for order in (2, 1, 0))
    matrix = dx * np.kron(stiff[0], mass[1]) + 2 * h * np.kron(slope[0], slope[1]) + dy * np.kron(mass[0], stiff[1])
    (x, wx), (y, wy) = (basis.quadrature(2 * basis.count + 8) for basis in bases)
    values = load(x[:, None], y[None, :]) * wx[:, None] * wy
    right = in_x.at(x) @ values @ in_y.at(y).T
    return np.linalg.solve(matrix, right.ravel()).reshape(right.shape)


def _sum(coefficients: np.ndarray, bases: Bases, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.einsum("in,ij,jn->n", bases[0].at(x), coefficients, bases[1].at(y), optimize=True)
