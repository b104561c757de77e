"""What a problem says of a lid-driven cavity: viscosity, lid, and the part of the flow that is known in advance."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

import sympy

from pinn.ansatz import LOWER, UPPER, Fixed, Trace, build_ansatz, trace_condition
from pinn.geometry import Box
from pinn.language import LanguageError
from pinn.references.flow_problem import navier_stokes

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
    """Read a problem in u, v, p, or in the stream function, `u = psi_y, v = -psi_x`, as a cavity.

    Raises:
        ValueError: It is none.
    """
    streams = len(problem.fields) == 1
    viscosity = _viscosity(problem) if streams else navier_stokes(problem, "cavity")[0]
    sides, zero = _sides(problem)
    first = problem.fields[0]
    moving = (first, LID, int(streams))  # u = psi_y
    wanted = set(product(problem.fields[:2], [LID, *WALLS], (0, 1) if streams else (0,)))
    if set(sides) != wanted or any(value != 0 for key, value in sides.items() if key != moving):
        given = f"{first} and dn({first})" if streams else f"the velocity {', '.join(problem.fields[:2])}"
        raise ValueError(
            f"reference cavity needs {given} on all four sides, zero but for {f'dn({first})' if streams else first} on "
            "the upper one"
        )
    x, y = problem.scope.variables
    (x0, y0), (x1, y1) = (
        [sympy.Rational(repr(end)) for end in ends] for ends in (problem.domain.lower, problem.domain.upper)
    )
    box = tuple(zip(problem.scope.variables, problem.domain.lower, problem.domain.upper, strict=True))
    lid = sides[moving]
    speeds, slopes = ([e.subs(x, end) for end in (x0, x1)] for e in (lid, lid.diff(x)))
    left, p_left = _corner(speeds[0], slopes[0], x - x0, y1 - y)
    right, p_right = _corner(speeds[1], -slopes[1], x1 - x, y1 - y)
    rest = lid - sum(v + s * (x - end) for v, s, end in zip(speeds, slopes, (x0, x1), strict=True))
    corners, pressure = left + right, sympy.Float(viscosity) * (p_right - p_left)
    return Cavity(viscosity, corners, pressure, _lift(box, rest, left, right), lid, zero)


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


@lru_cache(maxsize=8)
def _lift(
    sides: tuple[tuple[sympy.Symbol, float, float], ...], lid: sympy.Expr, left: sympy.Expr, right: sympy.Expr
) -> sympy.Expr:  # fmt: skip
    """Carry what the corner flows leave of the values and slopes on the sides, where each is smooth but at its own.

    The sides, a coordinate and its ends each, and the flows are the same at any Reynolds number.
    """
    variables, box = [x for x, _, _ in sides], Box({x.name: (low, high) for x, low, high in sides})

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
    """That of the equation of the stream function."""
    about = "reference cavity solves psi_y*lap(psi_x) - psi_x*lap(psi_y) = nu*lap(lap(psi)) with a number nu > 0"
    if len(problem.coordinate_names) != 2 or len(problem.stated) != 1 or problem.learned:
        raise ValueError(f"{about}; this problem has other coordinates or equations")
    (x, y), psi = problem.scope.variables, problem.scope.unknown(problem.fields[0])
    (equation,) = problem.stated.values()
    residual = sympy.expand(equation.residual)

    def lap(e: sympy.Expr) -> sympy.Expr:
        return e.diff(x, x) + e.diff(y, y)

    factor = residual.coeff(psi.diff(y) * psi.diff(x, 3))
    nu = -residual.coeff(psi.diff(x, 4)) / factor if factor != 0 else sympy.Integer(0)
    expected = psi.diff(y) * lap(psi.diff(x)) - psi.diff(x) * lap(psi.diff(y)) - nu * lap(lap(psi))
    if not nu.is_number or not float(nu) > 0 or sympy.expand(residual - factor * expected) != 0:
        raise ValueError(f"{about}; this is {equation.text!r}")
    return float(nu)


def _sides(problem: Problem) -> tuple[dict, tuple[tuple[float, float], float] | None]:
    """By field, side and order of its slope what is given there; and the corner where the pressure is given."""
    sides, zero = {}, None
    for key, condition in problem.conditions.items():
        pressure = problem.scope.unknown(problem.fields[-1])
        if len(condition.place.fixed) == 2 and condition.residual.has(pressure):
            corner = dict(condition.place.fixed)
            zero = (corner[0], corner[1]), -float(condition.residual.subs(pressure, 0))
            continue
        try:
            trace = trace_condition(condition.residual, condition.place, problem.scope, problem.domain)
        except LanguageError as error:
            raise ValueError(f"reference cavity: condition {key}, {condition.text!r}: {error.reason}") from None
        for face, orders in trace.data.items():
            sides |= {(trace.field, face, order): fixed.value for order, fixed in orders.items()}
    return sides, zero
