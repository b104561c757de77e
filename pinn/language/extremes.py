"""The least and the most of two values, which sympy holds as choices."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false

from typing import NamedTuple

import sympy


class Extreme(NamedTuple):
    """`min(a, b)` or `max(a, b)`."""

    name: str
    a: sympy.Expr
    b: sympy.Expr


def extreme(value: sympy.Expr) -> Extreme | None:
    """What a value is the least or the most of; None where it is neither.

    Examples:
        >>> x, y = sympy.symbols("x y")
        >>> extreme(sympy.Piecewise((x, x <= y), (y, True)))
        Extreme(name='min', a=x, b=y)
    """
    if isinstance(value, sympy.Piecewise) and len(value.args) == 2:
        (a, condition), (b, _) = value.args
        for name, compare in (("min", sympy.Le), ("max", sympy.Ge)):
            if sympy.Piecewise((a, compare(a, b)), (b, True)) == sympy.Piecewise((a, condition), (b, True)):
                return Extreme(name, a, b)
    return None
