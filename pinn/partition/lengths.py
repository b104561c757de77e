"""How long a domain is along its coordinates, as the equations see it: in what units they are does not matter.

Shape letters: D coordinates of space, E pairs of a field and an equation.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import math
from collections.abc import Iterator

import sympy
import torch
from sympy.core.function import AppliedUndef

from pinn.problem import Problem


def lengths(problem: Problem) -> dict[str, float]:
    """The sides of the domain along the coordinates of space, by name, the shortest of those that are compared 1.

    Of `a u_xx + b u_yy` the sides are as `(x₁ - x₀)/√a` to `(y₁ - y₀)/√b`, and likewise of other orders, where x and y
    have the same one: in these lengths the equation is the same in all directions. Several equations count alike. A
    coordinate that none compares with another has the length 1.
    """
    names, domain = [x.name for x in problem.scope.space], problem.domain
    ends = zip(domain.names, domain.lower, domain.upper, strict=True)
    sides = {name: math.log(high - low) for name, low, high in ends}
    rows, told = [], []
    for of_field in _logarithms(problem):
        mean = sum(of_field.values()) / len(of_field)
        for name, value in of_field.items() if len(of_field) > 1 else ():
            rows.append([(name == other) - (other in of_field) / len(of_field) for other in names])
            told.append(value - mean)
    if not rows:
        return dict.fromkeys(names, 1.0)
    apart = torch.tensor(rows, dtype=torch.float64)
    units = (torch.linalg.pinv(apart) @ torch.tensor(told, dtype=torch.float64)).tolist()
    found = {name: sides[name] - unit for name, unit in zip(names, units, strict=True)}
    met = (apart != 0).double()
    together = torch.linalg.matrix_power(met.mT @ met + torch.eye(len(names)), len(names)) > 0
    shortest = [min(found[names[e]] for e in row.nonzero()[:, 0].tolist()) for row in together]
    return {name: math.exp(found[name] - least) for name, least in zip(names, shortest, strict=True)}


def _logarithms(problem: Problem) -> Iterator[dict[str, float]]:
    """Of each equation and field, by coordinate, `log(a^(1/k))` of `a u_x..x` of the highest order k that is there.

    In the middle of the domain, of fields that are zero.
    """
    domain, space = problem.domain, {x.name for x in problem.scope.space}
    middle = {x: sympy.Float((a + b) / 2) for x, a, b in zip(
        problem.scope.variables, domain.lower, domain.upper, strict=True
    )}  # fmt: skip
    middle |= {sympy.Symbol(name, real=True): sympy.Float(one.guess) for name, one in problem.learned.items()}
    for equation in problem.stated.values():
        derivatives = sorted(equation.residual.atoms(sympy.Derivative), key=sympy.default_sort_key)
        plain = {atom: sympy.Dummy(real=True) for atom in [*derivatives, *equation.residual.atoms(AppliedUndef)]}
        flat = equation.residual
        for atom, symbol in plain.items():
            flat = flat.xreplace({atom: symbol})
        none = dict.fromkeys(plain.values(), sympy.Integer(0))
        found: dict[sympy.Expr, dict[int, dict[str, float]]] = {}
        for atom, symbol in plain.items():
            along = {x.name for x in atom.variables} & space if isinstance(atom, sympy.Derivative) else set()
            if len(along) == 1 and len(set(atom.variables)) == 1:
                slope = flat.diff(symbol).xreplace({**none, **middle}).evalf()
                if slope.is_number and slope.is_finite and slope != 0:
                    order = int(atom.derivative_count)
                    of_order = found.setdefault(atom.expr, {}).setdefault(order, {})
                    of_order[along.pop()] = math.log(abs(float(slope))) / order
        yield from (of_order[max(of_order)] for of_order in found.values())
