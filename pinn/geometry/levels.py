"""R-functions: level functions of sets joined by `and`, `or`, positive where the joined set is.

If a and b have slope 1 on their zeros, so have the joined ones wherever only one of the two vanishes.
Rvachev 1982; Shapiro 2007, Acta Numerica 16, sections 3 and 5 (the system R_0 and normalisation).
"""

# sympy's own annotations are too narrow
# pyright: reportReturnType=false, reportOperatorIssue=false

from collections.abc import Sequence

import sympy


def conjunction(*levels: sympy.Expr) -> sympy.Expr:
    """`a + b - sqrt(a**2 + b**2)`, and so on in pairs of pairs: positive where all are."""
    return _joined(levels, -1)


def disjunction(*levels: sympy.Expr) -> sympy.Expr:
    """`a + b + sqrt(a**2 + b**2)`, and so on in pairs of pairs: positive where one of them is."""
    return _joined(levels, 1)


def _joined(levels: Sequence[sympy.Expr], sign: int) -> sympy.Expr:
    """Halves first: each step has its operands twice, so that the text of a chain would grow as 2**n, not as n**2."""
    if len(levels) == 1:
        return levels[0]
    middle = (len(levels) + 1) // 2
    a, b = _joined(levels[:middle], sign), _joined(levels[middle:], sign)
    with sympy.evaluate(False):  # else sympy asks for the signs of all parts, which takes minutes for twelve
        return a + b + sign * sympy.sqrt(a**2 + b**2)


def number(value: float) -> sympy.Rational:
    """A float as the decimal number it is written as: sympy prints fewer digits of its own floats."""
    return sympy.Rational(repr(float(value)))
