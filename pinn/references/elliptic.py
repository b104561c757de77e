"""A linear equation of second order in the plane, in the weak form that finite elements need.

Shape letters: N points.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false, reportOptionalOperand=false, reportOptionalMemberAccess=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sympy

from pinn.geometry import Place
from pinn.language import has_field, normal, parameter

if TYPE_CHECKING:
    from pinn.problem import Problem


@dataclass(frozen=True)
class Side:
    """What holds on a part of the boundary: `u = value`, or `flux = value - factor * u`, the outward flux n.A grad u.

    Attributes:
        place: The part.
        value: An expression in the coordinates and the normal.
        factor: The same; None where u itself is given.
    """

    place: Place
    value: sympy.Expr
    factor: sympy.Expr | None


@dataclass(frozen=True)
class Elliptic:
    """`div(A grad u) + b.grad u + c u + f = 0`, with `lambda * m * u` added in an eigenvalue problem.

    Attributes:
        diffusion: A_xx, A_xy, A_yy.
        advection: b_x, b_y.
        reaction: c.
        source: f.
        mass: m; zero where there is no eigenvalue.
        sides: The conditions on the boundary; where there is none the flux is zero.
        guess: Near which the eigenvalue is sought.
    """

    diffusion: tuple[sympy.Expr, ...]
    advection: tuple[sympy.Expr, ...]
    reaction: sympy.Expr
    source: sympy.Expr
    mass: sympy.Expr
    sides: tuple[Side, ...]
    guess: float


def elliptic(problem: Problem, reference: str) -> Elliptic:
    """Read a problem in two coordinates, with one field, as such an equation.

    A learned parameter is an eigenvalue: it stands linearly, times the field.

    Raises:
        ValueError: It is none.
    """
    residuals = [e.residual for e in problem.equations.values() if e.place == problem.domain.interior]
    if (
        len(problem.coordinate_names) != 2
        or len(problem.fields) != 1
        or len(residuals) != 1
        or len(problem.learned) > 1
    ):
        raise ValueError(f"reference {reference} solves one equation in two coordinates, with at most one eigenvalue")
    (x, y), u = problem.scope.variables, problem.scope.unknown(problem.fields[0])
    residual = sympy.expand(residuals[0])
    centre = {
        z: (low + high) / 2 for z, low, high in zip((x, y), problem.domain.lower, problem.domain.upper, strict=True)
    }
    residual *= -1 if residual.coeff(u.diff(x, x)).subs(centre).is_negative else 1
    residual = sympy.expand(residual)
    second = [residual.coeff(u.diff(x, x)), residual.coeff(u.diff(x, y)) / 2, residual.coeff(u.diff(y, y))]
    first = [residual.coeff(u.diff(x)), residual.coeff(u.diff(y))]
    rest = residual - sum(a * u.diff(*z) for a, z in zip(second, ((x, x), (x, y), (y, y)), strict=True))
    rest = sympy.expand(rest - second[1] * u.diff(x, y) - first[0] * u.diff(x) - first[1] * u.diff(y))
    reaction, source = rest.coeff(u), sympy.expand(rest - rest.coeff(u) * u)
    if any(has_field(part) for part in (*second, *first, reaction, source)) or not any(second):
        raise ValueError(f"reference {reference} solves linear equations of second order, such as -div(a*grad(u)) = f")
    eigenvalue = [parameter(name) for name in problem.learned]
    mass = sympy.diff(reaction, *eigenvalue) if eigenvalue else sympy.Integer(0)
    reaction = reaction.subs(dict.fromkeys(eigenvalue, 0))
    divergence = [second[0].diff(x) + second[1].diff(y), second[1].diff(x) + second[2].diff(y)]
    advection = tuple(sympy.simplify(b - d) for b, d in zip(first, divergence, strict=True))
    if any(part.has(*eigenvalue) for part in (*second, *advection, source, mass) if eigenvalue):
        raise ValueError(f"reference {reference}: the eigenvalue {eigenvalue[0]} stands linearly, times the field")
    sides = tuple(_side(problem, key, second, reference) for key in problem.conditions)
    guess = next((value.guess for value in problem.learned.values()), 0.0)
    return Elliptic(tuple(second), advection, reaction, source, mass, sides, guess)


def _side(problem: Problem, key: str, diffusion: list[sympy.Expr], reference: str) -> Side:
    condition, u = problem.conditions[key], problem.scope.unknown(problem.fields[0])
    variables, normals = problem.scope.variables, [normal(x.name) for x in problem.scope.variables]
    residual, conormal = condition.residual, diffusion[0]
    isotropic = diffusion[1] == 0 and sympy.simplify(diffusion[0] - diffusion[2]) == 0
    if condition.place.fixed:
        ((k, value), *_) = condition.place.fixed
        outward = {n: (2 * (value == problem.domain.upper[k]) - 1) * (i == k) for i, n in enumerate(normals)}
        residual, conormal, isotropic = residual.subs(outward), diffusion[2 * k], diffusion[1] == 0
        normals = list(outward.values())
    residual = sympy.expand(residual)
    slopes = [residual.coeff(u.diff(x)) for x in variables]
    slope = sympy.Add(
        *[s * n if condition.place.fixed else s.coeff(n) / 2 for s, n in zip(slopes, normals, strict=True)]
    )
    factor = residual.coeff(u)
    rest = sympy.expand(residual - factor * u - sum(s * u.diff(x) for s, x in zip(slopes, variables, strict=True)))
    along_normal = all(sympy.expand(s - slope * n) == 0 for s, n in zip(slopes, normals, strict=True))
    if has_field(rest) or has_field(factor) or not along_normal or (slope != 0 and not isotropic):
        raise ValueError(
            f"reference {reference}: condition {key}, {condition.text!r}, gives neither u nor dn(u) by u; "
            "with a direction-dependent diffusion dn(u) is given face by face"
        )
    if slope == 0:
        return Side(condition.place, -rest / factor, None)
    return Side(condition.place, -conormal * rest / slope, conormal * factor / slope)
