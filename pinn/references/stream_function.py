"""A cavity in its stream function as one in velocity and pressure."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import sympy

from pinn.ansatz import LOWER, UPPER, trace_condition
from pinn.language import LanguageError

if TYPE_CHECKING:
    from pinn.problem import Problem

ABOUT = "reference cavity solves psi_y*lap(psi_x) - psi_x*lap(psi_y) = nu*lap(lap(psi)) with a number nu > 0"


def velocities(problem: Problem) -> Problem:
    """The cavity whose stream function solves the problem: u = psi_y, v = -psi_x.

    Raises:
        ValueError: The problem is another one than psi = 0 on all sides and dn(psi) = 0 but on the upper one.
    """
    (field,), names = problem.fields, problem.coordinate_names
    x, y = problem.scope.variables
    lid = _lid(problem)
    nu = _viscosity(problem)
    a, b = names
    u, v, p = (f"{field}_{letter}" for letter in "uvp")
    bounds = {
        name: [low, high] for name, low, high in zip(names, problem.domain.lower, problem.domain.upper, strict=True)
    }
    (x0, x1), (y0, y1) = bounds.values()
    return type(problem)(
        coordinates=bounds,
        fields=[u, v, p],
        equations={
            "x": f"{u}*{u}_{a} + {v}*{u}_{b} + {p}_{a} = {nu!r}*lap({u})",
            "y": f"{u}*{v}_{a} + {v}*{v}_{b} + {p}_{b} = {nu!r}*lap({v})",
            "mass": f"{u}_{a} + {v}_{b} = 0",
        },
        conditions={
            "lid": f"{u}({b}={y1!r}) = {lid}",
            "foot": f"{u}({b}={y0!r}) = 0",
            "left": f"{u}({a}={x0!r}) = 0",
            "right": f"{u}({a}={x1!r}) = 0",
            "walls": f"{v}(boundary) = 0",
        },
    )


def _viscosity(problem: Problem) -> float:
    (x, y), u = problem.scope.variables, problem.scope.unknown(problem.fields[0])
    equations = list(problem.stated.values())
    if len(equations) != 1:
        raise ValueError(f"{ABOUT}; here are {len(equations)} equations")
    residual = sympy.expand(equations[0].residual)

    def lap(e: sympy.Expr) -> sympy.Expr:
        return e.diff(x, x) + e.diff(y, y)

    factor = residual.coeff(u.diff(y) * u.diff(x, 3))
    nu = -residual.coeff(u.diff(x, 4)) / factor if factor != 0 else sympy.Integer(0)
    expected = u.diff(y) * lap(u.diff(x)) - u.diff(x) * lap(u.diff(y)) - nu * lap(lap(u))
    if not nu.is_number or not float(nu) > 0 or sympy.expand(residual - factor * expected) != 0:
        raise ValueError(f"{ABOUT}; this is {equations[0].text!r}")
    return float(nu)


def _lid(problem: Problem) -> sympy.Expr:
    """The velocity of the upper side."""
    data: dict = {}
    for condition in problem.conditions.values():
        try:
            trace = trace_condition(condition.residual, condition.place, problem.scope, problem.domain)
        except LanguageError as error:
            raise ValueError(f"reference cavity: {condition.text!r}: {error.reason}") from None
        for face, orders in trace.data.items():
            data |= {(face, order): fixed.value for order, fixed in orders.items()}
    faces, upper = list(product((0, 1), (LOWER, UPPER))), ((1, UPPER), 1)
    zero = [(face, order) for face, order in product(faces, (0, 1)) if (face, order) != upper]
    if any(data.get(key) != 0 for key in zero) or upper not in data:
        raise ValueError(
            "reference cavity needs psi = 0 and dn(psi) = 0 on all sides, but for dn(psi) on the upper one"
        )
    return data[upper]
