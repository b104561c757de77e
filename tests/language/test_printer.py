"""What the printers write: text that reads well and comes back, LaTeX as in a paper."""

import pytest
import sympy

from pinn.language import LanguageError, Scope, equation_latex, parse, parse_equation, to_latex, to_text

SCOPE = Scope(("t", "x", "y"), ("u", "v"), {"nu": sympy.Rational(1, 100)}, ("k", "alpha"), opaque=("q",))
LINE = Scope(("x",), ("u",))
CLASHES = Scope(("r", "rr", "x1"), ("u", "u_in"), symbols=("u_r",), vectors={})
POLAR = Scope(("r", "phi"), ("u",), system="polar")
VECTOR = r"\left[\begin{{matrix}}{}\\{}\end{{matrix}}\right]"
t, x, y = SCOPE.variables
u, v = SCOPE.unknown("u"), SCOPE.unknown("v")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (u.diff(x, x, y), "u_xxy"),
        (u.diff(t) - u.diff(x, 2) / 100, "u_t - u_xx/100"),
        (sympy.Rational(1, 3) - sympy.sqrt(x), "1/3 - sqrt(x)"),
        (sympy.Abs(u) * sympy.sign(x) * sympy.erf(y), "abs(u)*erf(y)*sign(x)"),
        (sympy.asin(x) + sympy.acos(y) - sympy.atan2(x, y), "asin(x) + acos(y) - atan2(x, y)"),
        (sympy.Piecewise((u, x < sympy.Rational(1, 2)), (v, True)), "where(x < 1/2, u, v)"),
        (sympy.Piecewise((u, (x < 1) & (y >= 2)), (v, True)), "where((y >= 2) and (x < 1), u, v)"),
        (sympy.Piecewise((u, (x < 1) | (y > 2)), (v, True)), "where((y > 2) or (x < 1), u, v)"),
        (sympy.Piecewise((u, u <= v), (v, True)), "min(u, v)"),
        (sympy.Piecewise((u, u >= v), (v, True)), "max(u, v)"),
        (x**200, "exp((200)*log(x))"),
    ],
)
def test_sympy_expressions_as_text(expression, text):
    printed = to_text(expression, SCOPE)
    assert sorted(printed.replace("- ", "-").split()) == sorted(text.replace("- ", "-").split())
    assert parse(printed, SCOPE) == expression


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("dn(u) - 2*k*u", SCOPE),
        ("k*(2*dn(u) + x)", SCOPE),
        ("dot(normal, (1, x))**2", SCOPE),
        ("dn(u)", LINE),
        ("dot(normal, (x,))", LINE),
        ("d(u, r)", CLASHES),  # u_r is a parameter
        ("d(u, r, r) + u_rr", CLASHES),  # rr is a coordinate
        ("u_in_x1 - u_x1x1", CLASHES),
        ("lap(u) + dn(u)", POLAR),
        ("integral(u**2 + u_phi) - 1", POLAR),
        ("q*u - q**2", SCOPE),
        ("d(abs(2*x - y), x, x)", SCOPE),
        ("d(abs(u), x) + d(sign(u_x), y)", SCOPE),
        ("-k*(x + u)*y", SCOPE),
        ("3*k*(x + u)/(7*(v + 1/2))", SCOPE),
    ],
)
def test_what_needs_care_comes_back(text, scope):
    expression = parse(text, scope)
    assert parse(to_text(expression, scope), scope) == expression


@pytest.mark.parametrize("order", [0, 1, 2])
def test_sources_are_derivatives_of_signs(order):
    edge = 3 * x - y
    text = f"(d(sign({to_text(edge, SCOPE)}), {', '.join('x' * (order + 1))})/({2 * 3 ** (order + 1)}))"
    assert sympy.sign(edge).diff(x, order + 1) / (2 * 3 ** (order + 1)) == sympy.DiracDelta(edge, order)
    assert to_text(sympy.DiracDelta(edge, order), SCOPE) == text


def test_the_normal_derivative_is_named():
    assert to_text(parse("2*u - dn(u)", SCOPE), SCOPE) == "-dn(u) + 2*u"


@pytest.mark.parametrize(
    "expression", [sympy.Symbol("z"), sympy.gamma(x), sympy.Function("w")(x), u.subs(x, 0), sympy.DiracDelta(u)]
)
def test_what_has_no_text_is_refused(expression):
    with pytest.raises(LanguageError, match="no text for"):
        to_text(expression, SCOPE)


def test_a_text_too_long_to_be_read_is_refused():
    with pytest.raises(LanguageError, match="characters"):
        to_text(sympy.Add(*[x**i * y**j for i in range(40) for j in range(40)]), SCOPE)


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("alpha*u_xx", r"\alpha u_{xx}"),
        ("u_t - 0.01*u_xx", r"u_{t} - 0.01 u_{xx}"),
        ("0.01/pi*u_x**2", r"\frac{0.01 u_{x}^{2}}{\pi}"),
        ("u/3", r"\frac{u}{3}"),
        ("-2.5e-7*u", r"- 2.5 \cdot 10^{-7} u"),
        ("1e-5", "10^{-5}"),
        ("dn(u)", "u_{n}"),
        ("abs(x)", r"\left|{x}\right|"),
        ("q**2", "q^{2}"),
        ("sqrt(u**2 + 1)", r"\sqrt{u^{2} + 1}"),
    ],
)
def test_latex(text, latex):
    assert to_latex(parse(text, SCOPE), SCOPE) == latex


def test_names_with_a_subscript_take_another():
    assert to_latex(parse("u_in_x1", CLASHES), CLASHES) == "u_{in, x_{1}}"
    assert to_latex(parse("u_phi", POLAR), POLAR) == r"u_{\phi}"


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("u_t = alpha*u_xx", r"u_{t} = \alpha u_{xx}"),
        ("u(x=0, y=1/2) = 1", r"\left. u \right|_{x = 0, y = 0.5} = 1"),
        ("dn(u)(boundary) = -0.5", r"\left. u_{n} \right|_{\mathrm{boundary}} = - 0.5"),
        ("u(x=0) = u(x=1)", r"\left. u \right|_{x = 0} = \left. u \right|_{x = 1}"),
        ("grad(u) = 0", VECTOR.format("u_{x}", "u_{y}") + " = " + VECTOR.format("0", "0")),
    ],
)
def test_equations_in_latex(text, latex):
    assert equation_latex(parse_equation(text, SCOPE), SCOPE) == latex
