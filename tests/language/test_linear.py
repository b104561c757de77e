"""The split into linear operators: it gives the expression back, and merges what can be merged."""

import math
from fractions import Fraction

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy.core.function import AppliedUndef

from pinn.language import Scope, decompose, parse

SCOPE = Scope(("x", "y"), ("u", "v"))
TEXTS = [
    "u_xx + u_yy - 3*u + x",
    "x*u_xx + x*u_yy",
    "u*u_x + v*u_y - 0.01*lap(u)",
    "lap(u**3 - u - 0.1*lap(u))",
    "u_x/(1 + u_x**2) + sin(lap(u) + u)",
    "div((1 + u**2)*grad(u))",
    "u_xx*u_yy - u_xy**2",
    "2*(u_x + 3*(v_y + 1))*(u + 1)",
    "u**2*u_xx + u**2*u_yy",
    "-u",
    "x + 1",
]


def rebuild(split):
    """Put each operator back where its placeholder stands."""
    values = {}
    for symbol, operator in split.operators.items():
        values[symbol] = sum(
            sympy.Rational(c.numerator, c.denominator)
            * SCOPE.unknown(f).diff(*[(z, n) for z, n in zip(SCOPE.variables, e, strict=True) if n])
            if any(e)
            else sympy.Rational(c.numerator, c.denominator) * SCOPE.unknown(f)
            for f, e, c in operator.terms
        )
    return split.expression.subs(values)


@pytest.mark.parametrize("text", TEXTS)
def test_the_parts_make_up_the_whole(text):
    expression = parse(text, SCOPE)
    assert same(rebuild(decompose(expression, SCOPE.variables)), expression)
    assert not same(rebuild(decompose(expression, SCOPE.variables)) + sympy.Rational(1, 10**6), expression)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from("+-*")), min_size=1, max_size=3))
def test_random_combinations_too(parts):
    text = "u" + "".join(f" {op} ({t})" for t, op in parts)
    expression = parse(text, SCOPE)
    assert same(rebuild(decompose(expression, SCOPE.variables)), expression)


def same(one, other):
    """Whether they agree when fields and derivatives take some unrelated values: 40 digits of each."""
    atoms = sorted(
        (one + other).atoms(AppliedUndef, sympy.Derivative) | set(SCOPE.variables), key=sympy.default_sort_key
    )
    values = {atom: sympy.sqrt(prime) / 3 for atom, prime in zip(atoms, sympy.primerange(200), strict=False)}
    a, b = (e.xreplace(values).evalf(40) for e in (one, other))
    return abs(a - b) < 1e-30 * (1 + abs(a))


def count(text):
    return len(decompose(parse(text, SCOPE), SCOPE.variables).operators)


def test_what_is_merged():
    assert count("u_xx + u_yy - 3*u + v_x") == 1
    assert count("x*u_xx + x*u_yy") == 1
    assert count("u**2*u_xx + u**2*u_yy") == 2
    assert count("x*u_xx + y*u_yy") == 2
    assert count("3*u*lap(u) + x*lap(u)") == 2


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("1/3", Fraction(1, 3)),
        ("-1e-3", Fraction(-1, 1000)),
        ("pi", Fraction(math.pi)),
        ("sqrt(2)", Fraction(math.sqrt(2))),
        ("exp(-1)", Fraction(math.exp(-1))),
    ],
)
def test_a_coefficient_is_a_fraction_that_loses_nothing(text, exact):
    (operator,) = decompose(parse(f"{text}*u_xx", SCOPE), SCOPE.variables).operators.values()
    assert operator.terms == (("u", (2, 0), exact),)
    assert exact != Fraction(exact).limit_denominator(100) or exact == Fraction(1, 3)
