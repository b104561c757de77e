"""Split an expression into linear differential operators with constant coefficients, and the rest.

`u_t + u*u_x - nu*u_xx` needs the values of three operators, `u`, `u_x` and the merged `u_t - nu*u_xx`, rather than four
derivatives: the smaller the space of symbols, the fewer channels a jet carries.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy
from sympy.core.function import AppliedUndef

Exponents = tuple[int, ...]
Symbol = Mapping[Exponents, Fraction]


@dataclass(frozen=True)
class LinearOperator:
    """`sum_f p_f(d) u_f` with constant-coefficient polynomials `p_f`.

    Attributes:
        terms: Sorted triples (field, exponents of the derivative along each coordinate, coefficient).
    """

    terms: tuple[tuple[str, Exponents, Fraction], ...]

    def text(self, coordinates: Sequence[str]) -> str:
        """As one writes it: `u_xxxx + 2*u_xxyy + u_yyyy`."""
        written = []
        for field, exponents, coefficient in self.terms:
            letters = "".join(name * power for name, power in zip(coordinates, exponents, strict=True))
            factor = {1: "", -1: "-"}.get(coefficient, f"{float(coefficient):g}*")
            written.append(f"{factor}{field}_{letters}".removesuffix("_"))
        return " + ".join(written).replace("+ -", "- ")

    def symbols(self) -> dict[str, dict[Exponents, Fraction]]:
        """Per field, the polynomial in `d` as {exponents: coefficient}."""
        result: dict[str, dict[Exponents, Fraction]] = {}
        for field, exponents, coefficient in self.terms:
            result.setdefault(field, {})[exponents] = coefficient
        return result


@dataclass(frozen=True)
class Decomposition:
    """An expression over the values of linear operators.

    Attributes:
        expression: The expression, with one placeholder symbol where each operator's value stands.
        operators: The operator behind each placeholder.
    """

    expression: sympy.Expr
    operators: dict[sympy.Symbol, LinearOperator]


def decompose(expression: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> Decomposition:
    """Replace each maximal linear part with constant coefficients by one placeholder.

    Terms with the same variable coefficient share one operator, so `a(x)*(u_xx + u_yy)` needs the Laplacian alone,
    written out or not; so do the nonlinear terms `u**2*u_xx + u**2*u_yy`.
    """
    splitter = _Splitter(coordinates)
    return Decomposition(splitter.rewrite(expression), splitter.placeholders)


def is_atom(expression: sympy.Basic) -> bool:
    """Whether it is a field or a derivative of one."""
    return isinstance(expression, AppliedUndef) or (
        isinstance(expression, sympy.Derivative) and isinstance(expression.expr, AppliedUndef)
    )


def has_field(expression: sympy.Basic) -> bool:
    """Whether a field occurs in it."""
    return expression.has(AppliedUndef)


def exact_fraction(number: sympy.Expr) -> Fraction:
    """A real constant as a fraction: exact where rational, else that of its float64."""
    return Fraction(int(number.p), int(number.q)) if number.is_Rational else Fraction(float(number))


class _Splitter:
    """Collects the operators of one expression."""

    def __init__(self, coordinates: tuple[sympy.Symbol, ...]):
        self.coordinates = coordinates
        self.placeholders: dict[sympy.Symbol, LinearOperator] = {}
        self._known: dict[LinearOperator, sympy.Symbol] = {}

    def rewrite(self, expression: sympy.Expr) -> sympy.Expr:
        if not has_field(expression):
            return expression
        if is_atom(expression):
            return self.placeholder(expression)
        if isinstance(expression, sympy.Add | sympy.Mul):
            return self.rewrite_sum(self.flat_terms(expression))
        return expression.func(*[self.rewrite(argument) for argument in expression.args])

    def flat_terms(self, expression: sympy.Expr) -> list[sympy.Expr]:
        """The terms of a sum, coefficients distributed over inner sums, and factors over those of higher order."""
        terms = []
        for term in sympy.Add.make_args(expression):
            if isinstance(term, sympy.Mul) and (sum(map(has_field, term.args)) == 1 or self.hides_derivatives(term)):
                spread = sympy.expand_mul(term, deep=False)
                if isinstance(spread, sympy.Add):
                    terms += self.flat_terms(spread)
                    continue
            terms.append(term)
        return terms

    def hides_derivatives(self, term: sympy.Expr) -> bool:
        """Whether a factor is a sum with the highest derivatives in nonlinear terms, as in `u*(u*u_xx + 2*u_x**2)`."""
        highest = max(map(_order, term.args))
        return any(
            isinstance(factor, sympy.Add) and 0 < _order(factor) == highest and self.terms_of(factor) is None
            for factor in term.args
        )

    def rewrite_sum(self, terms: list[sympy.Expr]) -> sympy.Expr:
        """Group the terms by cofactor; each group's linear parts make one operator."""
        groups: dict[sympy.Expr, sympy.Expr] = {}
        rest = []
        for term in terms:
            linear, cofactor = self.highest_linear_factor(term)
            if linear is None:
                rest.append(term)
            else:
                groups[cofactor] = groups.get(cofactor, sympy.Integer(0)) + linear
        total = []
        for cofactor, linear in groups.items():
            # the merged linear part keeps its coefficients; elsewhere `3*u*lap(u)` and `u*lap(u)` share one operator
            scale = sympy.Integer(1) if cofactor == 1 else self.leading(linear)
            total.append(self.rewrite(cofactor) * scale * self.placeholder(linear / scale))
        for term in rest:
            total.append(term.func(*[self.rewrite(argument) for argument in term.args]) if term.args else term)
        return sympy.Add(*total)

    def highest_linear_factor(self, term: sympy.Expr) -> tuple[sympy.Expr | None, sympy.Expr]:
        """`term = linear * cofactor`, with the factor of highest order that is linear with constant coefficients."""
        factors = sympy.Mul.make_args(term)
        candidates = [factor for factor in factors if self.terms_of(factor) is not None and has_field(factor)]
        if not candidates:
            return None, term
        best = max(candidates, key=lambda factor: (self.order(factor), sympy.default_sort_key(factor)))
        others = list(factors)
        others.remove(best)
        constants = [factor for factor in others if factor.is_number]
        return sympy.Mul(best, *constants), sympy.Mul(*[factor for factor in others if not factor.is_number])

    def leading(self, linear: sympy.Expr) -> sympy.Expr:
        """The coefficient of the first term, 1 where it is irrational."""
        coefficient = sympy.Add.make_args(sympy.expand_mul(linear))[0].as_coeff_Mul()[0]
        return coefficient if coefficient != 0 else sympy.Integer(1)

    def order(self, linear: sympy.Expr) -> int:
        return max(sum(exponents) for _, exponents in self.terms_of(linear) or {})

    def terms_of(self, expression: sympy.Expr) -> dict[tuple[str, Exponents], Fraction] | None:
        """The terms of a linear constant-coefficient expression in the fields; None where it is not one."""
        result: dict[tuple[str, Exponents], Fraction] = {}
        for term in sympy.Add.make_args(sympy.expand_mul(expression)):
            if term == 0:  # everything has cancelled
                continue
            coefficient, atom = term.as_independent(AppliedUndef, as_Add=False)
            if not (is_atom(atom) and coefficient.is_number):
                return None
            key = self.atom(atom)
            result[key] = result.get(key, Fraction(0)) + exact_fraction(coefficient)
        return result

    def atom(self, atom: sympy.Expr) -> tuple[str, Exponents]:
        if isinstance(atom, sympy.Derivative):
            counts = dict(atom.variable_count)
            return atom.expr.func.__name__, tuple(int(counts.get(x, 0)) for x in self.coordinates)
        return atom.func.__name__, (0,) * len(self.coordinates)

    def placeholder(self, linear: sympy.Expr) -> sympy.Expr:
        terms = self.terms_of(linear)
        assert terms is not None
        kept = tuple(sorted((f, e, c) for (f, e), c in terms.items() if c))
        if not kept:
            return sympy.Integer(0)
        operator = LinearOperator(kept)
        if operator not in self._known:
            symbol = sympy.Symbol(f"operator {len(self._known)}", real=True)  # no name that could be typed
            self._known[operator] = symbol
            self.placeholders[symbol] = operator
        return self._known[operator]


def _order(expression: sympy.Expr) -> int:
    """Of the highest derivative in it."""
    return max((atom.derivative_count for atom in expression.atoms(sympy.Derivative)), default=0)
