"""Random texts: the way back and forth, derivatives against mpmath, and junk that gets one kind of error."""

import math
import operator

import mpmath
import pytest
import sympy
import torch
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from pinn import Problem
from pinn.language import LanguageError, Scope, parse, parse_equation, to_text, torch_function

SCOPE = Scope(("t", "x", "y"), ("u", "v"), {"nu": sympy.Rational(1, 100)}, ("k",), vectors={"U": ("u", "v")})
FIXED = settings(
    derandomize=True,
    database=None,
    deadline=10_000,  # of one example, in ms: a hang, on however slow a machine
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
SMOOTH = ("sin", "cos", "exp", "tanh", "sqrt", "log", "tan", "sinh", "cosh", "atan", "erf")
KINKED = ("abs", "sign")
NUMBERS = ("2", "0.5", "1e-3", "7", "1/3", "pi", "nu", "1.25")

# -- text -> expression -> text -> expression -------------------------------------------------------------------------

LEAVES = ("t", "x", "y", "k", "u", "v", "u_x", "v_ty", "u_xxy", "v_yyyy", "d(u, x, t)", *NUMBERS)
ONE = (
    "-{}", "({})", "({})**2", "({})**3", "({})**(-1)", "({})**(1/2)", "({})**0.3", "2**({})", "({})**(-3/2)",
    "d({}, x)", "d({}, y, t)", "lap({})", "div(grad({}))", "dn({})", "div(({})*U)", "dot(normal, ({}, 1))",
    "dot(U, grad({}))", "where(x < 0.5, {}, u)", "max(x, {})", "integral({})",
    *(f"{name}({{}})" for name in (*SMOOTH, *KINKED)),
)  # fmt: skip
TWO = (
    "{} + {}", "{} - {}", "{} - ({})", "({})*({})", "{}*{}", "{}/{}", "({})/({})", "({})**({})", "min({}, {})",
    "dot(grad({}), grad({}))", "div(({})*grad({}))", "atan2({}, {})", "where({} >= {} or x < 0.5 and not y > t, v, 1)",
)  # fmt: skip


def texts() -> st.SearchStrategy[str]:
    def grow(inner):
        one = st.builds(lambda form, a: form.format(a), st.sampled_from(ONE), inner)
        two = st.builds(lambda form, a, b: form.format(a, b), st.sampled_from(TWO), inner, inner)
        return one | two

    return st.recursive(st.sampled_from(LEAVES), grow, max_leaves=5)


def comes_back(text, printed=to_text):
    expression = parse(text, SCOPE)
    assert parse(printed(expression, SCOPE), SCOPE) == expression


@settings(FIXED, max_examples=400)
@given(text=texts())
def test_what_is_printed_is_read_as_the_same(text):
    try:
        parse(text, SCOPE)
    except LanguageError:
        reject()
    comes_back(text)
