"""R-functions: level functions of sets joined by `and`, `or`, positive where the joined set is.

If a and b have slope 1 on their zeros, so have the joined ones wherever only one of the two vanishes.
Rvachev 1982; Shapiro 2007, Acta Numerica 16, sections 3 and 5 (the system R_0 and normalisation).
"""

# sympy's own annotations are too narrow
# pyright: reportReturnType=false, reportOperatorIssue=false

import sympy


def conjunction(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """`a + b - sqrt(a**2 + b**2)`: positive where both are."""
    return a + b - sympy.sqrt(a**2 + b**2)


def disjunction(a: sympy.Expr, b: sympy.Expr) -> sympy.Expr:
    """`a + b + sqrt(a**2 + b**2)`: positive where one of them is."""
    return a + b + sympy.sqrt(a**2 + b**2)


def number(value: float) -> sympy.Rational:
    """A float as the decimal number it is written as: sympy prints fewer digits of its own floats."""
    return sympy.Rational(repr(float(value)))
