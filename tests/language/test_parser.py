"""Texts against sympy, and what a wrong text gets."""

import contextlib
import math

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinn.language import LanguageError, Scope, constant, parse, parse_equation, torch_function
from pinn.operators import derivatives, plan

SCOPE = Scope(("t", "x", "y"), ("u", "v"), {"nu": sympy.Rational(1, 100)}, ("k",))
t, x, y = SCOPE.variables
u, v = SCOPE.unknown("u"), SCOPE.unknown("v")
k = sympy.Symbol("k", real=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("u_xx + u_yy", u.diff(x, 2) + u.diff(y, 2)),
        ("lap(u)", u.diff(x, 2) + u.diff(y, 2)),
        ("u_xtyx", u.diff(t, x, x, y)),
        ("d(u*x, x, y)", (u * x).diff(x, y)),
        ("div(grad(u))", u.diff(x, 2) + u.diff(y, 2)),
        ("dot(grad(u), grad(v))", u.diff(x) * v.diff(x) + u.diff(y) * v.diff(y)),
        (
            "div(u*grad(v) - grad(u)/2)",
            (u * v.diff(x) - u.diff(x) / 2).diff(x) + (u * v.diff(y) - u.diff(y) / 2).diff(y),
        ),
        ("u_t + u*u_x - nu*u_xx", u.diff(t) + u * u.diff(x) - u.diff(x, 2) / 100),
        ("-sin(pi*x)**2 + exp(-k*t)", -(sympy.sin(sympy.pi * x) ** 2) + sympy.exp(-k * t)),
        ("0.1 + 1e-3", sympy.Rational(101, 1000)),
        ("lap(u**3)", (u**3).diff(x, 2) + (u**3).diff(y, 2)),
        ("+u/(1 + u_x**2)", u / (1 + u.diff(x) ** 2)),
    ],
)
def test_text_means_what_sympy_says(text, expected):
    assert sympy.expand(parse(text, SCOPE) - expected) == 0


def test_coordinates_of_several_letters():
    scope = Scope(("x1", "x2", "x"), ("u", "u_in"))
    x1, x2, plain = scope.variables
    assert parse("u_x1x2x", scope) == scope.unknown("u").diff(x1, x2, plain)
    assert parse("u_in_x2", scope) == scope.unknown("u_in").diff(x2)


def test_a_condition_says_where_it_holds():
    assert parse_equation("u(x=0) = 1", SCOPE).place == (("x", 0.0),)
    assert parse_equation("u_t(t=0) = sin(pi*x)", SCOPE).left == u.diff(t)
    assert parse_equation("dn(u)(boundary) = 0", SCOPE).place == "boundary"
    assert parse_equation("u(x=0) + 2*dn(u)(x=0) = 1", SCOPE).place == (("x", 0.0),)
    assert parse_equation("u(x=1/2, y=-1) = 1", SCOPE).place == (("x", 0.5), ("y", -1.0))
    assert parse_equation("u_t = lap(u)", SCOPE).place is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("u_zz = 0", "'z', which is no coordinate"),
        ("u = 0 = 1", "exactly one '=', here are 2"),
        ("u == 0", "single '='"),
        ("u_xx", "needs one '='"),
        ("u_xx = ", "side of the equation is empty"),
        ("u_xx = foo", "unknown name 'foo'"),
        ("u_xx = sinn(x)", "did you mean 'sin'?"),
        ("u_xx = __import__('os').system('true')", "Attribute is not of the language"),
        ("u.real = 0", "Attribute is not of the language"),
        ("[u for u in u] = 0", "ListComp is not of the language"),
        ("(lambda: u)() = 0", "Lambda is not of the language"),
        ("u_xx = 'a'", "Constant is not of the language"),
        ("u_xx = 9**9**9", "exponent"),
        ("u_xx = 1/0", "division by zero"),
        ("u_xx = 1e999", "too large"),
        ("sin(grad(u)) = 0", "here is a vector"),
        ("div(u) = 0", "takes a vector"),
        ("grad(u) = u", "one side is a vector, the other a number"),
        ("grad(grad(u)) = 0", "a tensor stands where a number or a vector"),
        ("lap((u, u, u)) = 0", "a vector has a number for each of x, y"),
        ("dot(u, u) = 0", "dot takes two vectors"),
        ("cross(grad(u), u) = 0", "cross takes two vectors"),
        ("sym(grad(u)) = 0", "sym takes a tensor"),
        ("grad(u)*grad(u) = 0", "multiplied by dot or cross"),
        ("grad(u)**2 = 0", "a vector has no power"),
        ("1/grad(u) = 0", "divides nothing"),
        ("where(u, 1, 2) = 0", "takes a comparison"),
        ("where(x < 1, 2) = 0", "where(x < 0.5, a, b)"),
        ("where(x == 1, u, 2) = 0", "takes a comparison"),
        ("min(u) = 0", "min(a, b)"),
        ("atan2(u) = 0", "takes 2 arguments"),
        ("u + grad(u) = 0", "do not combine"),
        ("u(x=0) + u(x=1) = 0", "one place, here are two"),
        ("u(z=0) = 0", "'z' is no coordinate"),
        ("u^2 = 0", "x**2"),
        ("u_xx = (1", "never closed"),
        ("u_xx = é", "not of the language"),
        ("sqrt(-1)*u = 0", "not a finite real"),
        ("(-8)**(1/3)*u = 0", "not a finite real"),
        ("asin(2)*u = 0", "not a finite real"),
        ("u**asin(2) = 0", "not a finite real"),
        ("((9**64)**64)**64*u = 0", "too large"),
        ("(((2*x)**64)**64)**64*u = 0", "too large"),
        ("d(u) = 0", "d(u, x, x)"),
        ("lap(u, x=0) = 0", "takes no '='"),
        ("sin(x, y) = u", "takes 1 argument"),
        ("(" * 400 + "u" + ")" * 400 + " = 0", "expression"),
    ],
)
def test_a_wrong_text_gets_one_message_that_quotes_it(text, said):
    with pytest.raises(LanguageError) as caught:
        parse_equation(text, SCOPE)
    assert said in str(caught.value)
    assert text.strip() in str(caught.value) or len(text) > 120 and "..." in str(caught.value)


def test_the_mark_stands_under_the_place():
    with pytest.raises(LanguageError) as caught:
        parse_equation("u_xx + foo = 0", SCOPE)
    _, quoted, mark = str(caught.value).splitlines()
    assert quoted[mark.index("^") : mark.rindex("^") + 1] == "foo"


@pytest.mark.parametrize("name", ["pi", "lap", "lambda", "2x", "a-b", "u", ""])
def test_names_that_cannot_be_declared(name):
    with pytest.raises(LanguageError):
        Scope(("x",), ("u", name))


def test_constants():
    assert constant("0.01/pi") == sympy.Rational(1, 100) / sympy.pi
    assert constant(0.1) == sympy.Rational(1, 10)
    for wrong in ("x", "1/0", True, None, [1], "log(0)", "sqrt(-1)"):
        with pytest.raises(LanguageError):
            constant(wrong)


LEAVES = st.sampled_from(
    [(s, parse(s, SCOPE)) for s in ("x", "y", "u", "v", "u_x", "v_ty", "2", "0.5", "nu", "k", "pi")]
)


def d2(expression, z):
    """Derivative by derivative, as the parser takes them: sympy writes both at once in another form."""
    return expression.diff(z).diff(z)


def _grow(children):
    binary = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b}
    functions = {"sin": sympy.sin, "exp": sympy.exp, "tanh": sympy.tanh, "lap": lambda e: d2(e, x) + d2(e, y)}
    return st.one_of(
        st.tuples(children, st.sampled_from(list(binary)), children).map(
            lambda n: (f"({n[0][0]}{n[1]}{n[2][0]})", binary[n[1]](n[0][1], n[2][1]))
        ),
        st.tuples(st.sampled_from(list(functions)), children).map(
            lambda n: (f"{n[0]}({n[1][0]})", functions[n[0]](n[1][1]))
        ),
        children.map(lambda c: (f"d({c[0]}, x)", c[1].diff(x))),
        st.tuples(children, st.integers(2, 3)).map(
            lambda n: (f"{n[0][0]}**{n[1]}" if n[0][0].isalnum() else f"({n[0][0]})**{n[1]}", n[0][1] ** n[1])
        ),
    )


@settings(max_examples=100, deadline=None)
@given(st.recursive(LEAVES, _grow, max_leaves=5))
def test_random_trees_parse_to_what_sympy_builds(pair):
    text, expected = pair
    assert parse(text, SCOPE) == expected


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40) | st.text("uvxy_=()+-*/.0123456789 '\"[]sinlapd", max_size=40))
def test_random_text_raises_nothing_but_the_projects_own_error(text):
    with contextlib.suppress(LanguageError):
        parse_equation(text, SCOPE)


def test_what_is_called_as_a_placeholder_would_be_stays_itself():
    """`operator_0`, a learned number, was the value of the first operator."""
    planned = plan({"r": "u_xx + operator_0*u"}, coordinates=["x"], fields=["u"], inputs=["operator_0"])
    made, x = torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)), torch.rand(5, 1)
    found = derivatives(made, x, planned, inputs={"operator_0": torch.tensor(3.0)})["r"]
    parts = derivatives(made, x, plan({"u": "u", "u_xx": "u_xx"}, coordinates=["x"], fields=["u"]))
    torch.testing.assert_close(found, parts["u_xx"] + 3 * parts["u"])


@pytest.mark.parametrize(
    ("text", "slopes"),
    [
        ("where(u > 0, sqrt(u), 0)", [0.0, 0.0, 1.0]),
        ("max(u, 0)**0.5", [0.0, math.inf, 1.0]),  # at zero it is infinite
        ("where(u > 0, u*log(u), 3*u)", [3.0, 3.0, 1 + math.log(0.25)]),
        ("where(u < 0, 1, where(u < 0.1, u, 1/(u - 0.05)))", [0.0, 1.0, -25.0]),
        ("where(min(u, 1 - u) < 0.1, 2*min(u, 1 - u), u**2)", [2.0, 2.0, 0.5]),
    ],
)
def test_the_branch_that_is_not_taken_spoils_no_slope(text, slopes):
    """Zero times an infinite slope is no number."""
    value = sympy.Symbol("v", real=True)
    function = torch_function([value], [parse(text, SCOPE).xreplace({SCOPE.unknown("u"): value})])
    u = torch.tensor([-2.0, 0.0, 0.25], requires_grad=True)
    (found,) = torch.autograd.grad(function(u)[0].sum(), u)
    assert found.tolist() == pytest.approx(slopes)
