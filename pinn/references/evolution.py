"""A problem in time as a first-order system: what the solvers that march in time start from.

Shape letters: S states.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import sympy
import torch
from sympy.core.function import AppliedUndef

from pinn.language import TIME, coordinate, has_field, torch_function

if TYPE_CHECKING:
    from pinn.problem import Problem


@dataclass(frozen=True)
class Evolution:
    """`dw/dt = rates`, `w = start` at the first time.

    A field with time derivatives up to order m has m states: itself, its first derivative, and so on.

    Attributes:
        states: The S unknown functions w.
        rates: S expressions in the coordinates, the states and their derivatives in space.
        start: S expressions in the coordinates.
        owners: The field that each state is, or is a time derivative of.
    """

    states: tuple[AppliedUndef, ...]
    rates: tuple[sympy.Expr, ...]
    start: tuple[sympy.Expr, ...]
    owners: tuple[str, ...]

    @property
    def fields(self) -> list[int]:
        """The indices of the states that are the problem's fields, in their order."""
        return [i for i, owner in enumerate(self.owners) if owner not in self.owners[:i]]


def evolution(problem: Problem, reference: str) -> Evolution:
    """Solve the equations for the highest time derivative of each field, and read the initial values.

    Args:
        problem: One equation a field; linear in the highest time derivatives, which stand without derivatives in space.
        reference: Who asks, for the messages.

    Raises:
        ValueError: The problem is no such one, or an initial value is missing.
    """
    if TIME not in problem.coordinate_names:
        raise ValueError(
            f"reference {reference} needs the coordinate t: {', '.join(problem.coordinate_names)} has none"
        )
    if problem.learned:
        raise ValueError(f"reference {reference} needs numbers, but {', '.join(problem.learned)} is to be learned")
    interior = {name: e.residual for name, e in problem.equations.items() if e.place == problem.domain.interior}
    orders = {name: _order(name, list(interior.values())) for name in problem.fields}
    if len(interior) != len(orders) or not all(orders.values()):
        raise ValueError(
            f"reference {reference} needs one equation a field, with a time derivative of each; "
            f"the equations are {', '.join(interior)}, the fields with a time derivative "
            f"{', '.join(name for name, order in orders.items() if order) or 'none'}"
        )
    first_order = _FirstOrder(problem)
    highest = [first_order.state(name, order) for name, order in orders.items()]
    solved = _solve([first_order(residual) for residual in interior.values()], highest, reference)
    rates = {first_order.state(name, j): first_order.state(name, j + 1) for name in orders for j in range(orders[name])}
    states, known = tuple(rates), dict(zip(highest, solved, strict=True))
    return Evolution(
        states,
        tuple(known.get(rate, rate) for rate in rates.values()),
        _start(problem, first_order, states, reference),
        tuple(name for name in orders for _ in range(orders[name])),
    )


def numpy_function(arguments: Sequence[sympy.Symbol], expressions: Sequence[sympy.Expr]) -> Callable[..., np.ndarray]:
    """A function of arrays, one an argument, that stacks the values of the expressions, each of their common shape."""
    function = torch_function(arguments, expressions)

    def values(*arrays: np.ndarray) -> np.ndarray:
        result = np.empty((len(expressions), *np.broadcast(*arrays).shape))
        for i, value in enumerate(function(*map(torch.from_numpy, arrays))):
            result[i] = value
        return result

    return values


class _FirstOrder:
    """Writes states where time derivatives stand."""

    def __init__(self, problem: Problem):
        self.variables = problem.scope.variables

    def state(self, field: str, order: int) -> AppliedUndef:
        name = f"{field}_{TIME * order}" if order else field
        state = sympy.Function(name)(*self.variables)
        assert isinstance(state, AppliedUndef)
        return state

    def __call__(self, expression: sympy.Expr) -> sympy.Expr:
        derivatives = expression.atoms(sympy.Derivative)
        return expression.xreplace({derivative: self._without_time(derivative) for derivative in derivatives})

    def _without_time(self, derivative: sympy.Derivative) -> sympy.Expr:
        counts = dict(derivative.variable_count)
        state = self.state(derivative.expr.func.__name__, int(counts.pop(coordinate(TIME), 0)))
        return state.diff(*counts.items()) if counts else state


def _order(field: str, residuals: Sequence[sympy.Expr]) -> int:
    derivatives = [d for residual in residuals for d in residual.atoms(sympy.Derivative)]
    counts = [dict(d.variable_count) for d in derivatives if d.expr.func.__name__ == field]
    return max((int(count.get(coordinate(TIME), 0)) for count in counts), default=0)


def _solve(residuals: list[sympy.Expr], unknowns: list[AppliedUndef], reference: str) -> list[sympy.Expr]:
    """Solve for the highest derivatives, which the residuals hold linearly."""
    symbols = [sympy.Dummy(str(unknown.func)) for unknown in unknowns]
    plain = [residual.xreplace(dict(zip(unknowns, symbols, strict=True))) for residual in residuals]
    differentiated = {derivative.expr for residual in residuals for derivative in residual.atoms(sympy.Derivative)}
    try:
        if differentiated & set(unknowns):
            raise ValueError
        matrix, right = sympy.linear_eq_to_matrix(plain, symbols)
        return [sympy.expand(rate) for rate in matrix.LUsolve(right)]
    except ValueError:  # sympy's own errors of nonlinear and of singular systems are such, too
        raise ValueError(
            f"reference {reference}: the equations cannot be solved for the highest time derivatives; each has to "
            "stand linearly and without derivatives in space"
        ) from None


def _start(
    problem: Problem, first_order: _FirstOrder, states: Sequence[AppliedUndef], reference: str
) -> tuple[sympy.Expr, ...]:
    index = problem.domain.names.index(TIME)
    first = ((index, problem.domain.lower[index]),)
    values: dict[AppliedUndef, sympy.Expr] = {}
    for condition in problem.conditions.values():
        if condition.place.fixed != first:
            continue
        residual = first_order(condition.residual)
        for state in residual.atoms(AppliedUndef) & set(states):
            value = sympy.expand(residual.subs(state, 0)) / -residual.diff(state)
            if not has_field(value):
                values[state] = value.subs(coordinate(TIME), first[0][1])
    missing = [state.func.__name__ for state in states if state not in values]
    if missing:
        at = f"(t={first[0][1]:g})"
        raise ValueError(
            f"reference {reference} needs the initial values {', '.join(f'{m}{at} = ...' for m in missing)}"
        )
    return tuple(values[state] for state in states)
