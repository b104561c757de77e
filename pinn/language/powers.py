"""Powers such as `c**0.5`, which have no value where c is negative, as Newton's steps and rounding make it."""

# sympy's own annotations are too narrow
# pyright: reportReturnType=false, reportAttributeAccessIssue=false

from __future__ import annotations

import sympy
from sympy.core.function import AppliedUndef

from pinn.language.linear import has_field


def extended(expression: sympy.Expr) -> sympy.Expr:
    """With ``sign(b) |b|**p`` for each power b**p that has no value below zero, of fields that may be negative.

    It is the same where b is positive, and goes on rising through zero, so that steps find their way back: a height
    h with ``h_t = -sqrt(h)`` that falls below zero returns to it.
    """
    return expression.replace(_is_open, lambda power: sympy.sign(power.base) * sympy.Abs(power.base) ** power.exp)


def open_bases(expression: sympy.Expr) -> list[sympy.Expr]:
    """The b of those powers."""
    return sorted({power.base for power in expression.atoms(sympy.Pow) if _is_open(power)}, key=sympy.default_sort_key)


def _is_open(e: sympy.Basic) -> bool:
    if not (isinstance(e, sympy.Pow) and e.exp.is_Rational and e.exp > 0 and e.exp.q > 1 and has_field(e.base)):
        return False
    unknown = e.base.atoms(sympy.Derivative, AppliedUndef)
    real = e.base.xreplace({atom: sympy.Dummy(real=True) for atom in unknown})
    return not real.is_nonnegative
