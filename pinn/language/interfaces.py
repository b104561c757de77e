"""Interfaces: where a coefficient or a source jumps or bends, and what joins the fields on both sides of it.

Fields that are broken along `e(x) = 0` are differentiated as distributions: `d(f, x)` is the derivative on each side,
and `[f] e_x delta(e)` with the jump `[f]`. An equation holds if what multiplies `delta(e)` and its derivatives is zero,
each for itself. Of `div(k*grad(u)) = f` this makes `[u] = 0` and `[k*dn(u)] = 0`; of a beam four conditions.
Schwartz 1966, Théorie des distributions, ch. II.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false
# pyright: reportOperatorIssue=false, reportAssignmentType=false, reportGeneralTypeIssues=false

from collections.abc import Iterable, Sequence
from contextlib import suppress

import sympy
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

CHOOSES = (sympy.Piecewise, sympy.Abs, sympy.sign, sympy.Min, sympy.Max, sympy.DiracDelta)


class Jump(sympy.Function):
    """The jump of an expression at an interface: a function on the interface alone."""

    nargs = 1

    def _eval_derivative(self, s: sympy.Symbol) -> sympy.Expr:
        return sympy.Integer(0)  # of what is zero itself: the jump stands with a higher derivative of delta as well


class Delta(sympy.Function):
    """A derivative of Dirac's delta of what is zero on an interface: `Delta(x - 1/2, 1)` is the first."""

    nargs = 2

    def _eval_derivative(self, s: sympy.Symbol) -> sympy.Expr:
        edge, order = self.args
        return edge.diff(s) * Delta(edge, order + 1)


def canonical(zero: sympy.Expr) -> sympy.Expr:
    """The same for `x < 1/2`, `x > 1/2` and `1 > 2*x`."""
    with suppress(sympy.PolynomialError):  # no polynomial, as with `abs(x)`
        zero = sympy.sqf_part(zero)  # crossed with a slope
    _, zero = sympy.expand(zero).primitive()
    return -zero if zero.could_extract_minus_sign() else zero


def edges(values: Iterable[sympy.Expr], coordinates: Iterable[sympy.Symbol]) -> list[sympy.Expr]:
    """What is zero where one of the values jumps or bends, as far as coordinates alone say where.

    Not where an equation begins that holds in a part of the domain alone, `where(x < 1/2, lap(u), 0) = 0`.
    """
    known, found = set(coordinates), {}
    for value in values:
        parts = {e for choice in value.atoms(sympy.Piecewise) if _of_a_part(choice) for e in _zeros(choice)}
        for atom in sorted(value.atoms(*CHOOSES), key=sympy.default_sort_key):
            for zero in _zeros(atom):
                somewhere = zero.free_symbols and zero.free_symbols <= known and not zero.atoms(AppliedUndef)
                if somewhere and zero not in parts:
                    found[canonical(zero)] = None
    return list(found)


def differentiated(value: sympy.Expr, s: sympy.Symbol, at: Sequence[sympy.Expr]) -> sympy.Expr:
    """The derivative of an expression in fields that are broken at some edges."""
    found = value.diff(s)
    beside = regular(value)
    if beside.atoms(AppliedUndef, *CHOOSES):
        found += sympy.Add(*[Jump(beside) * edge.diff(s) * Delta(edge, 0) for edge in at])
    return found


def regular(value: sympy.Expr) -> sympy.Expr:
    """As it is beside the interfaces."""
    return value.xreplace(dict.fromkeys(value.atoms(Delta), sympy.Integer(0)))


def conditions(value: sympy.Expr, edge: sympy.Expr) -> list[sympy.Expr]:
    """What is zero on an interface where an equation between distributions, `value = 0`, holds: sums of `Jump`s."""
    symbols = {delta: sympy.Dummy(real=True) for delta in value.atoms(Delta)}
    of_symbols, nothing = value.xreplace(symbols), dict.fromkeys(symbols.values(), sympy.Integer(0))
    found: list[sympy.Expr] = []
    here = [delta for delta in symbols if delta.args[0] == edge]
    for delta in sorted(here, key=lambda delta: -int(delta.args[1])):
        factor = of_symbols.diff(symbols[delta]).xreplace(nothing)
        factor = factor.xreplace({zero: sympy.Integer(0) for zero in found if isinstance(zero, Jump)})
        jumps = factor.atoms(Jump)
        if jumps:  # one jump alone is zero whatever it is multiplied by
            found.append(jumps.pop() if len(jumps) == 1 else factor)
    return found


def source(zero: sympy.Expr, at: Sequence[sympy.Expr]) -> sympy.Expr:
    """Dirac's delta of what is zero on a surface: on one of those that fields are broken at, or on another.

    Raises:
        ValueError: It is a number, or has no slope where it is zero, as a square.
    """
    edge = canonical(zero) if zero.free_symbols else sympy.Integer(1)
    slope = sympy.cancel(zero / edge)
    if not zero.free_symbols or not slope.is_number:
        raise ValueError(f"delta takes what is zero at the source alone, such as delta(x - 0.3), not {zero}")
    step = Jump(sympy.Piecewise((0, edge < 0), (1, True)))  # one, whichever side a point is on
    return (step * Delta(edge, 0) if edge in at else sympy.DiracDelta(edge)) / abs(slope)


def is_linear_in_sources(value: sympy.Expr) -> bool:
    """Whether each source is multiplied by what is smooth there, and by no other."""
    symbols = {one: sympy.Dummy(real=True) for one in value.atoms(Delta, sympy.DiracDelta)}
    of_symbols = value.xreplace(symbols)
    return not any(of_symbols.diff(s).free_symbols & set(symbols.values()) for s in symbols.values())


def _zeros(choice: sympy.Expr) -> list[sympy.Expr]:
    """What is zero where a choice changes."""
    match choice:
        case sympy.Piecewise():
            return [r.lhs - r.rhs for _, on in choice.args for r in on.atoms(Relational)]
        case sympy.Min() | sympy.Max():
            first, *others = choice.args
            return [first - other for other in others]
    return [choice.args[0]]


def _of_a_part(choice: sympy.Piecewise) -> bool:
    """Whether fields stand in some of its branches, and in others none."""
    with_fields = {bool(branch.atoms(AppliedUndef)) for branch, _ in choice.args}
    return len(with_fields) == 2
