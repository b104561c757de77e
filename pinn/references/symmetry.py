"""Walls as symmetries: a solution that vanishes at a wall goes on odd beyond it, one without slope even.

Where the equations allow it, what lies between two such walls is half a period of a periodic solution.

Shape letters: S states, D coordinates in space.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportOperatorIssue=false

from __future__ import annotations

from typing import TYPE_CHECKING

import sympy
from sympy.core.function import AppliedUndef

from pinn.ansatz import Fixed, Trace, trace_condition
from pinn.geometry import Place
from pinn.language import TIME, LanguageError, coordinate, partner_name
from pinn.problem import Equation
from pinn.references.evolution import Evolution

if TYPE_CHECKING:
    from pinn.problem import Problem

PERIODIC, EVEN, ODD = 0, 1, -1


def parities(problem: Problem, system: Evolution, reference: str) -> list[tuple[int, ...]]:
    """Return how each of the S states goes on along each of the D coordinates; PERIODIC where there are no walls.

    Raises:
        ValueError: The conditions in space are no symmetry of the equations.
    """
    walls = _walls(problem, reference)
    space = [i for i, name in enumerate(problem.coordinate_names) if name != TIME]
    result = [tuple(walls.get((owner, k), PERIODIC) for k in space) for owner in system.owners]
    for position, k in enumerate(space):
        here = [parity[position] for parity in result]
        if any(here) and not (all(here) and _is_symmetric(system, coordinate(problem.coordinate_names[k]), here)):
            raise ValueError(
                f"reference {reference}: the conditions along {problem.coordinate_names[k]} are no symmetry of the "
                "equations; it solves periodic problems, and walls where all fields, or all their slopes, vanish"
            )
    return result


def _walls(problem: Problem, reference: str) -> dict[tuple[str, int], int]:
    """The parity of each field along each coordinate that has walls."""
    found: dict[tuple[str, int], dict[int, int]] = {}
    for key, condition in problem.conditions.items():
        if any(problem.coordinate_names[k] == TIME for k, _ in condition.place.fixed):
            continue
        if condition.place.partner:
            _check_periodic(problem, condition, reference)
            continue
        try:
            trace = trace_condition(condition.residual, condition.place, problem.scope, problem.domain)
        except LanguageError as error:
            raise ValueError(f"reference {reference}: condition {key}, {condition.text!r}: {error.reason}") from None
        for (k, side), parity in _parity(trace, f"reference {reference}: condition {key}, {condition.text!r}").items():
            if found.setdefault((trace.field, k), {}).setdefault(side, parity) != parity:
                raise ValueError(f"reference {reference}: {trace.field} has two conditions on one side")
    for (field, k), sides in found.items():
        if len(sides) != 2 or len(set(sides.values())) != 1:
            raise ValueError(
                f"reference {reference} needs the same condition on {field} at both ends of "
                f"{problem.coordinate_names[k]}, or none at either"
            )
    return {wall: sides[0] for wall, sides in found.items()}


def _check_periodic(problem: Problem, condition: Equation, reference: str) -> None:
    """A condition between two ends that says that something is the same at both."""
    same = {
        sympy.Function(partner_name(field))(*problem.scope.variables): problem.scope.unknown(field)
        for field in problem.fields
    }
    if sympy.expand(condition.residual.subs(same).doit()) != 0:
        raise ValueError(
            f"reference {reference}: {condition.text!r} is not periodic: the same should stand on both sides"
        )


def _parity(trace: Trace, about: str) -> dict[tuple[int, int], int]:
    if any(fixed != Fixed(sympy.Integer(0)) for orders in trace.data.values() for fixed in orders.values()):
        raise ValueError(f"{about}: only walls where the field or its slope is zero are a symmetry")
    return {face: EVEN if 1 in orders else ODD for face, orders in trace.data.items() if not isinstance(face, Place)}


def _is_symmetric(system: Evolution, x: sympy.Symbol, signs: list[int]) -> bool:
    """Whether the reflection of `x` with these signs of the states maps solutions to solutions."""
    sign = dict(zip(system.states, signs, strict=True))
    for state, rate in zip(system.states, system.rates, strict=True):
        atoms = rate.atoms(sympy.Derivative, AppliedUndef)
        plain = {atom: sympy.Dummy() for atom in atoms}
        reflected = {atom: dummy * _sign(atom, x, sign) for atom, dummy in plain.items()}
        before, after = rate.xreplace(plain), rate.xreplace(reflected)
        if before.has(x) or sympy.simplify(after - sign[state] * before) != 0:
            return False
    return True


def _sign(atom: sympy.Expr, x: sympy.Symbol, sign: dict[AppliedUndef, int]) -> int:
    if isinstance(atom, sympy.Derivative):
        return sign[atom.expr] * (-1) ** int(dict(atom.variable_count).get(x, 0))
    return sign[atom]
