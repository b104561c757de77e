"""What a problem says of a steady flow in a channel: viscosity, inertia, obstacles, and what is given on the sides."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false, reportOptionalMemberAccess=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy

from pinn.ansatz import LOWER, UPPER
from pinn.geometry import Ball, Box, Cuboid, Difference, Place
from pinn.language import has_field

if TYPE_CHECKING:
    from pinn.problem import Equation, Problem

Side = tuple[str, Any]  # ("box", (axis, end)), or ("disk", its number)


@dataclass(frozen=True)
class Flow:
    """A steady flow.

    Attributes:
        viscosity: nu.
        inertia: Whether the equations have (u.grad) u.
        variables: The two coordinates.
        lower: Lower ends of the box.
        upper: Upper ends.
        disks: Center and radius of the obstacles.
        given: For u and for v, the values on the sides where they are given.
        corner: Where the pressure is given, and its value, or None.
    """

    viscosity: float
    inertia: bool
    variables: tuple[sympy.Symbol, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    disks: tuple[tuple[tuple[float, ...], float], ...]
    given: tuple[dict[Side, sympy.Expr], dict[Side, sympy.Expr]]
    corner: tuple[tuple[float, ...], float] | None


def flow_problem(problem: Problem) -> Flow:
    """Read a problem as a flow.

    Raises:
        ValueError: It is none.
    """
    viscosity, inertia = navier_stokes(problem, "flow", creeping=True)
    disks, names = _disks(problem)
    given: tuple[dict[Side, sympy.Expr], dict[Side, sympy.Expr]] = ({}, {})
    outflow: dict[Side, set[str]] = {}
    corner = None
    for condition in problem.conditions.values():
        unknown = [problem.scope.unknown(field) for field in problem.fields]
        residual, place = sympy.expand(condition.residual), condition.place
        value = _given(residual, unknown)
        if value is not None and value[0] < 2:
            given[value[0]].update(dict.fromkeys(_sides(problem, place, names), value[1]))
        elif value is not None and len(place.fixed) == 2:
            corner = tuple(z for _, z in place.fixed), float(value[1])
        else:
            (side,) = _sides(problem, place, names)[:1]
            outflow.setdefault(side, set()).add(_outflow(problem, condition, side, viscosity))
    every = {("box", (axis, end)) for axis in (0, 1) for end in (LOWER, UPPER)} | {
        ("disk", k) for k in range(len(disks))
    }
    wanted = every - {side for side, both in outflow.items() if len(both) == 2}
    if set(given[0]) != wanted or set(given[1]) != wanted or (corner is None) == (wanted == every):
        raise ValueError(
            "reference flow needs u and v on every side and disk, or at one side nu*u_x - p = 0 and v_x = 0 instead, "
            "and the pressure at a corner where there is no such side"
        )
    box = problem.domain
    return Flow(viscosity, inertia, problem.scope.variables, box.lower, box.upper, disks, given, corner)


def navier_stokes(problem: Problem, reference: str, *, creeping: bool = False) -> tuple[float, bool]:
    """The viscosity, and whether there is inertia: whatever the equations' order, signs and factors in x and y.

    Args:
        problem: With u, v, p in this order.
        reference: Who asks, for the messages.
        creeping: Whether Stokes' equations will do as well.

    Raises:
        ValueError: It has other equations.
    """
    about = f"reference {reference} solves u*u_x + v*u_y + p_x = nu*lap(u), the same for v"
    about += f"{', or both without inertia' if creeping else ''}, and u_x + v_y = 0"
    if len(problem.coordinate_names) != 2 or len(problem.fields) != 3 or len(problem.stated) != 3 or problem.learned:
        raise ValueError(f"{about}; this problem has other coordinates, fields or equations")
    (x, y), (u, v, p) = problem.scope.variables, (problem.scope.unknown(f) for f in problem.fields)
    residuals = [sympy.expand(equation.residual) for equation in problem.stated.values()]
    ratios = {sympy.cancel(-r.coeff(u.diff(x, x)) / r.coeff(p.diff(x))) for r in residuals if r.coeff(p.diff(x)) != 0}
    nu = ratios.pop() if len(ratios) == 1 else sympy.Integer(0)
    if not (nu.is_number and float(nu) > 0):
        raise ValueError(f"{about} with a number nu > 0, here it is {nu}")
    for inertia in (True, False)[: 1 + creeping]:
        momentum = [
            int(inertia) * (u * w.diff(x) + v * w.diff(y)) + p.diff(z) - nu * (w.diff(x, x) + w.diff(y, y))
            for w, z in ((u, x), (v, y))
        ]
        expected = zip([*momentum, u.diff(x) + v.diff(y)], (p.diff(x), p.diff(y), v.diff(y)), strict=True)
        if all(_says(residuals, wanted, marker) for wanted, marker in expected):
            return float(nu), inertia
    texts = ", ".join(repr(e.text) for e in problem.stated.values())
    raise ValueError(f"{about}, one of which none of these says: {texts}")


def _says(residuals: list[sympy.Expr], wanted: sympy.Expr, marker: sympy.Expr) -> bool:
    """Whether one of the equations is this one, times a function of place."""
    factors = [(r, r.coeff(marker)) for r in residuals]
    return any(f != 0 and not has_field(f) and sympy.expand(r - f * wanted) == 0 for r, f in factors)


def _disks(problem: Problem) -> tuple[tuple[tuple[tuple[float, ...], float], ...], dict[str, list[Side]]]:
    """Center and radius of each, and the sides that a part's name stands for."""
    domain = problem.domain
    if isinstance(domain, Box):
        return (), {}
    shape = domain.shape
    parts = shape.parts if isinstance(shape, Difference) else ()
    if not parts or not isinstance(parts[0], Cuboid) or not all(isinstance(part, Ball) for part in parts[1:]):
        raise ValueError("reference flow takes a box, or {difference: [box, {disk: ...}, ...]}")
    names: dict[str, list[Side]] = {}
    if parts[0].name:
        names[parts[0].name] = [("box", (axis, end)) for axis in (0, 1) for end in (LOWER, UPPER)]
    for k, part in enumerate(parts[1:]):
        if part.name:
            names.setdefault(part.name, []).append(("disk", k))
    return tuple((part.center, part.radius) for part in parts[1:]), names


def _sides(problem: Problem, place: Place, names: dict[str, list[Side]]) -> list[Side]:
    if place.boundary and place.name in names:
        return names[place.name]
    if place.boundary:
        disks = [side for sides in names.values() for side in sides if side[0] == "disk"]
        return [("box", (axis, end)) for axis in (0, 1) for end in (LOWER, UPPER)] + disks
    if len(place.fixed) == 1 and not problem.domain.crosses(place):
        ((axis, value),) = place.fixed
        return [("box", (axis, UPPER if value == problem.domain.upper[axis] else LOWER))]
    raise ValueError(f"reference flow has no conditions at {place.name}")


def _given(residual: sympy.Expr, unknown: list[sympy.Expr]) -> tuple[int, sympy.Expr] | None:
    """Which field a condition fixes, and its value."""
    for k, field in enumerate(unknown):
        factor = residual.coeff(field)
        rest = sympy.expand(residual - factor * field)
        if factor.is_number and factor != 0 and not has_field(rest):
            return k, -rest / factor
    return None


def _outflow(problem: Problem, condition: Equation, side: Side, viscosity: float) -> str:
    """Which of the two conditions of an outflow it is."""
    u, v, p = (problem.scope.unknown(field) for field in problem.fields)
    if side[0] == "box":
        n = problem.scope.variables[side[1][0]]
        along, across = (u, v) if side[1][0] == 0 else (v, u)
        residual = sympy.expand(condition.residual)
        pressure, slope = residual.coeff(p), residual.coeff(across.diff(n))
        stress = residual.coeff(along.diff(n))
        alone = sympy.expand(residual - stress * along.diff(n) - pressure * p) == 0
        numbers = pressure.is_number and pressure != 0 and stress.is_number
        if alone and numbers and abs(float(stress / pressure) + viscosity) <= 1e-12 * viscosity:
            return "normal"
        if slope.is_number and slope != 0 and sympy.expand(residual - slope * across.diff(n)) == 0:
            return "tangential"
    raise ValueError(f"reference flow: {condition.text!r} is neither a given velocity nor an outflow")
