"""What a problem says of a lid-driven cavity: viscosity, lid, and the part of the flow that is known in advance."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import sympy
from sympy.core.function import AppliedUndef

from pinn.ansatz import LOWER, UPPER, Fixed, Trace, build_ansatz, trace_condition
from pinn.language import LanguageError

if TYPE_CHECKING:
    from pinn.problem import Problem

LID = (1, UPPER)  # the side at the upper end of y
WALLS = [(0, LOWER), (0, UPPER), (1, LOWER)]
D = 4 / (sympy.pi**2 - 4)  # of Taylor's solution, whose angle is 90 degrees
A, C = -(sympy.pi**2) / 4 * D, sympy.pi / 2 * D


@dataclass(frozen=True)
class Cavity:
    """A cavity.

    Attributes:
        viscosity: nu.
        corners: Stream function of the Stokes flow at the two corners of the lid; zero where speed and slope are.
        corner_pressure: The pressure of that flow.
        lift: A smooth stream function that gives, with `corners`, the velocity on all sides.
        lid: The lid's velocity, an expression in x.
        zero: The corner at which the pressure is given, and its value; None where it is not.
    """

    viscosity: float
    corners: sympy.Expr
    corner_pressure: sympy.Expr
    lift: sympy.Expr
    lid: sympy.Expr
    zero: tuple[tuple[float, float], float] | None


def cavity_problem(problem: Problem) -> Cavity:
    """Read a problem as a cavity.

    Raises:
        ValueError: It is none.
    """
    viscosity = _viscosity(problem)
    sides, zero = _sides(problem)
    wanted = {(field, face) for field in problem.fields[:2] for face in [LID, *WALLS]}
    moving = [key for key, value in sides.items() if value != 0 and key != (problem.fields[0], LID)]
    if set(sides) != wanted or moving:
        raise ValueError(
            f"reference cavity needs the velocity {', '.join(problem.fields[:2])} on all four sides, zero but for "
            f"{problem.fields[0]} on the upper one"
        )
    x, y = problem.scope.variables
    (x0, y0), (x1, y1) = (
        [sympy.Rational(repr(end)) for end in ends] for ends in (problem.domain.lower, problem.domain.upper)
    )
    lid = sides[problem.fields[0], LID]
    speeds, slopes = ([e.subs(x, end) for end in (x0, x1)] for e in (lid, lid.diff(x)))
    left, p_left = _corner(speeds[0], slopes[0], x - x0, y1 - y)
    right, p_right = _corner(speeds[1], -slopes[1], x1 - x, y1 - y)
    rest = lid - sum(v + s * (x - end) for v, s, end in zip(speeds, slopes, (x0, x1), strict=True))
    corners, pressure = left + right, sympy.Float(viscosity) * (p_right - p_left)
    return Cavity(viscosity, corners, pressure, _lift(problem, rest, left, right), lid, zero)


def _corner(speed: sympy.Expr, slope: sympy.Expr, x: sympy.Expr, y: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """Stokes flow at a distance x from the wall and y from the lid, which moves at speed + slope*x.

    Of a speed it is Taylor's solution, r times a function of the angle; of a slope r^2 times another, whose vorticity
    has no limit at the corner.

    Returns:
        The stream function, and the pressure over the viscosity where the lid moves towards the corner.
    """
    angle, square = 2 * sympy.atan(y / (sympy.sqrt(x**2 + y**2) + x)), x**2 + y**2  # from the lid to the wall
    uniform = A * y + angle * (C * y + D * x)
    rising = sympy.pi / 4 * y**2 - x * y / 2 - angle * square / 2
    return speed * uniform + slope * rising, speed * 2 * (D * x + C * y) / square - slope * sympy.log(square)


def _lift(problem: Problem, lid: sympy.Expr, left: sympy.Expr, right: sympy.Expr) -> sympy.Expr:
    """Carry what the corner flows leave of the values and slopes on the sides, where each is smooth but at its own."""
    variables, box = problem.scope.variables, problem.domain

    def rest(face: tuple[int, int], flows: sympy.Expr) -> dict[int, Fixed]:
        k, side = face
        end = sympy.Rational(repr((box.lower, box.upper)[side][k]))
        return {order: Fixed(-flows.diff(variables[k], order).subs(variables[k], end)) for order in (0, 1)}

    data = {
        LID: {0: Fixed(sympy.Integer(0)), 1: Fixed(lid)},
        (0, LOWER): rest((0, LOWER), right),
        (0, UPPER): rest((0, UPPER), left),
        (1, LOWER): rest((1, LOWER), left + right),
    }
    return build_ansatz(box, [Trace("psi", data)]).lift


def _viscosity(problem: Problem) -> float:
    """Compare the equations with those of Navier and Stokes, whatever their order, signs and factors in x and y."""
    about = "reference cavity solves u*u_x + v*u_y + p_x = nu*lap(u), the same for v, and u_x + v_y = 0"
    interior = [e for e in problem.equations.values() if e.place == problem.domain.interior]
    if len(problem.coordinate_names) != 2 or len(problem.fields) != 3 or len(interior) != 3 or problem.learned:
        raise ValueError(f"{about}; this problem has other coordinates, fields or equations")
    (x, y), (u, v, p) = problem.scope.variables, (problem.scope.unknown(f) for f in problem.fields)
    residuals = [sympy.expand(equation.residual) for equation in interior]
    ratios = {sympy.cancel(-r.coeff(u.diff(x, x)) / r.coeff(p.diff(x))) for r in residuals if r.coeff(p.diff(x)) != 0}
    nu = ratios.pop() if len(ratios) == 1 else sympy.Integer(0)
    expected = [
        u * w.diff(x) + v * w.diff(y) + p.diff(z) - nu * (w.diff(x, x) + w.diff(y, y)) for w, z in ((u, x), (v, y))
    ]
    for wanted, marker in zip([*expected, u.diff(x) + v.diff(y)], (p.diff(x), p.diff(y), v.diff(y)), strict=True):
        factors = [(r, r.coeff(marker)) for r in residuals if not r.coeff(marker).has(AppliedUndef)]
        if not any(sympy.expand(r - factor * wanted) == 0 for r, factor in factors):
            raise ValueError(
                f"{about}; none of these equations says {wanted} = 0: {', '.join(e.text for e in interior)}"
            )
    if not (nu.is_number and float(nu) > 0):
        raise ValueError(f"{about} with a number nu > 0, here it is {nu}")
    return float(nu)


def _sides(problem: Problem) -> tuple[dict, tuple[tuple[float, float], float] | None]:
    """The velocity on each side, and the corner where the pressure is given."""
    sides, zero, pressure = {}, None, problem.scope.unknown(problem.fields[2])
    for key, condition in problem.conditions.items():
        if len(condition.place.fixed) == 2 and condition.residual.has(pressure):
            corner = dict(condition.place.fixed)
            zero = (corner[0], corner[1]), -float(condition.residual.subs(pressure, 0))
            continue
        try:
            trace = trace_condition(condition.residual, condition.place, problem.scope, problem.domain)
        except LanguageError as error:
            raise ValueError(f"reference cavity: condition {key}, {condition.text!r}: {error.reason}") from None
        for face, order in product(trace.data, (0, 1)):
            if order in trace.data[face]:
                sides[trace.field if order == 0 else f"dn({trace.field})", face] = trace.data[face][order].value
    return sides, zero
