"""What has a loss."""

from collections.abc import Iterable
from dataclasses import dataclass

import sympy

from pinn.geometry import Place
from pinn.language import coordinate


@dataclass(frozen=True)
class Equation:
    """One loss term: `residual = 0` at `place`.

    Attributes:
        name: What its curve, its loss and its weight are called.
        text: As it was written.
        residual: Left-hand side minus right-hand side; where the place is an integral's, what has the mean zero.
        place: Where it holds.
    """

    name: str
    text: str
    residual: sympy.Expr
    place: Place


def highest_order(equations: Iterable[Equation], field: str, name: str) -> int:
    """Of a field's derivatives along a coordinate."""
    found = {atom for equation in equations for atom in equation.residual.atoms(sympy.Derivative)}
    x = coordinate(name)
    return max((a.variables.count(x) for a in found if a.expr.func.__name__ == field), default=0)
