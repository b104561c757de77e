"""Random texts: the way back and forth, derivatives against mpmath, and junk that gets one kind of error."""

import math
import operator

import mpmath
import pytest
import sympy
import torch
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from junk import mappings
from junk import texts as junk_texts

from pinn import Problem
from pinn.language import Integral, LanguageError, Scope, parse, parse_equation, to_text, torch_function

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


POINTS = [{"t": 0.31, "x": 0.47, "y": 0.83}, {"t": 0.9, "x": 0.2, "y": -0.6}, {"t": 0.05, "x": -1.3, "y": 1.7}]


def number(expression, point):
    """Of an expression whose fields are two smooth functions, to 15 digits; not a number where it has none."""
    t, x, y = SCOPE.variables
    fields = {SCOPE.unknown("u"): sympy.sin(1.1 * x + 0.7 * y - t) + 0.3, SCOPE.unknown("v"): sympy.cos(x * y + 2 * t)}
    others = {"k": 0.7, "normal_x": 0.6, "normal_y": 0.8}
    plain = expression.replace(Integral, lambda e: e).subs(fields).doit()
    try:
        value = plain.subs({sympy.Symbol(n, real=True): z for n, z in {**point, **others}.items()}).evalf(15)
    except TypeError:  # complex numbers are compared: there is no value
        return complex("nan")
    return complex(value) if value.is_finite else complex("nan")


def comes_back(text, printed=to_text):
    """The same expression, or where sympy writes one in several ways, as 2*(a + b) and 2*a + 2*b, the same numbers."""
    expression = parse(text, SCOPE)
    again = parse(printed(expression, SCOPE), SCOPE)
    if again != expression:
        for point in POINTS:
            wanted = number(expression, point)
            assert number(again, point) == pytest.approx(wanted, rel=1e-9, nan_ok=True), printed(expression, SCOPE)


@settings(FIXED, max_examples=800)
@given(text=texts())
def test_what_is_printed_is_read_as_the_same(text):
    try:
        expression = parse(text, SCOPE)
    except LanguageError:
        reject()
    if any(power.base.is_zero for power in expression.atoms(sympy.Pow)):  # 0**u, which the parser refuses
        reject()
    comes_back(text)


@pytest.mark.parametrize(
    ("right", "wrong"), [(" - ", " + "), ("u_xx", "u_x"), ("u/3", "u/3.001"), ("dn(", "2*dn("), ("y <", "x <")]
)
def test_a_printer_that_errs_is_seen(right, wrong):
    text = "u_xx - u/3 + dn(v) + where(y < 1, u, v)"
    assert right in to_text(parse(text, SCOPE), SCOPE)
    comes_back(text)
    with pytest.raises(AssertionError):
        comes_back(text, lambda *args: to_text(*args).replace(right, wrong))


def test_numbers_see_a_choice_that_errs():
    text = "where(where(x < 0.4, 1, u) < where(y < 0.5, 3, v), 1, 2)"
    assert parse(text, SCOPE).has(sympy.ITE)
    comes_back(text)
    with pytest.raises(AssertionError):
        comes_back(text, lambda *args: to_text(*args).replace("2)", "3)"))


# -- values and derivatives against mpmath ----------------------------------------------------------------------------

LARGEST = 1e3  # of the value at any node: beyond it rounding would need a tolerance of its own
MP = {**{name: getattr(mpmath, name) for name in SMOOTH}, "abs": abs, "sign": mpmath.sign}
SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow}


def needs(condition):
    if not condition:
        reject()


def tame(value):
    """A value that stays moderate and real; examples with others are left out."""
    needs(isinstance(value, mpmath.mpf) and mpmath.isfinite(value) and abs(value) < LARGEST)
    return value


def beside_zero(value):
    """Of the argument of a kink or a jump: rounding decides on which side zero lies."""
    needs(abs(tame(value)) > 1e-6)
    return value


def divided(a, b):
    return a / beside_zero(b)


def trees():
    """Texts and what they mean, as functions of the coordinates made of mpmath's."""
    coordinates = st.sampled_from([(n, lambda p, n=n: p[n]) for n in SCOPE.coordinates])
    numbers = st.sampled_from([(n, lambda p, n=n: mpmath.mpf(n)) for n in ("2", "0.5", "1e-3", "7", "1.25")])
    pi = st.just(("pi", lambda p: +mpmath.pi))

    def grow(inner):
        def one(name, a):
            inside = beside_zero if name in KINKED else tame
            return f"{name}({a[0]})", lambda p: tame(MP[name](inside(a[1](p))))

        def two(sign, a, b):
            f = divided if sign == "/" else SIGNS[sign]
            return f"({a[0]}){sign}({b[0]})", lambda p: tame(f(tame(a[1](p)), tame(b[1](p))))

        def choice(a, b):
            text = f"where({a[0]} < {b[0]}, {a[0]}, x*({b[0]}))"
            return text, lambda p: a[1](p) if beside_zero(a[1](p) - tame(b[1](p))) < 0 else p["x"] * b[1](p)

        return (
            st.builds(one, st.sampled_from([*SMOOTH, *KINKED]), inner)
            | st.builds(two, st.sampled_from(list(SIGNS)), inner, inner)
            | st.builds(choice, inner, inner)
        )

    return st.recursive(coordinates | numbers | pi, grow, max_leaves=6)


def agrees(text, value, point, derivative=None):
    """The value of a text and its derivative by x against those of an mpmath function, where they are finite."""
    try:
        expression = parse(text, SCOPE)
        slope = parse(f"d({text}, x)", SCOPE) if derivative is None else derivative
    except LanguageError:
        reject()
    with mpmath.workdps(40):
        exact = {n: mpmath.mpf(z) for n, z in point.items()}
        f = tame(value(exact))
        df = mpmath.diff(lambda x: value({**exact, "x": x}), exact["x"])
        needs(abs(df) < LARGEST)
    tensors = [torch.tensor([z], dtype=torch.float64) for z in point.values()]
    found = [float(z) for z in torch_function(SCOPE.variables, [expression, slope])(*tensors)]
    needs(all(math.isfinite(z) for z in found))
    assert found == pytest.approx([float(f), float(df)], rel=1e-7, abs=1e-7), text


coordinate_values = st.integers(-150, 250).map(lambda i: i / 100 + 0.0037)  # no kink of the grammar lies there


@settings(FIXED, max_examples=500)
@given(tree=trees(), t=coordinate_values, x=coordinate_values, y=coordinate_values)
def test_values_and_derivatives_agree_with_mpmath(tree, t, x, y):
    agrees(*tree, {"t": t, "x": x, "y": y})


def test_a_derivative_that_errs_is_seen():
    point, cube = {"t": 0.2, "x": 0.3, "y": 0.4}, lambda p: p["x"] ** 3
    agrees("x**3", cube, point)
    with pytest.raises(AssertionError):
        agrees("x**3", cube, point, derivative=parse("3*x**2 + 1e-5", SCOPE))
    with pytest.raises(AssertionError):
        agrees("x**4", cube, point)


# -- junk -------------------------------------------------------------------------------------------------------------

VALID = (
    "u_t + u*u_x = nu*u_xx", "lap(lap(u)) - sin(pi*x)*exp(-t) = 0", "dn(u)(boundary) = where(x < 0.5, 1, y)",
    "u(x=0, y=1/2) = u(x=1, y=1/2)", "div(U) = dot(grad(u), grad(v))**2", "d(u/(1 + v**2), x, x) = min(u, 3e-2)",
)  # fmt: skip
WORDS = ("u", "U", "x", "t", "pi", "d", "(", ")", ",", "**", "=", "where", "9", "e5", "_x", "__class__", "lambda", "\n")


junk = (
    junk_texts(VALID, WORDS)
    | st.text(max_size=40)
    | st.binary(max_size=40).map(lambda b: b.decode("latin-1"))
    | texts()
)


def reads_or_refuses(read, *args):
    """Nothing but a result or a `LanguageError`."""
    try:
        read(*args)
    except LanguageError as error:
        assert str(error)


@pytest.mark.filterwarnings("ignore::SyntaxWarning")  # Python's own, of texts such as 1if
@settings(FIXED, max_examples=1200)
@given(text=junk)
def test_junk_gets_a_language_error(text):
    reads_or_refuses(parse, text, SCOPE)
    reads_or_refuses(parse_equation, text, SCOPE)


PROBLEM = {
    "coordinates": {"t": [0, 1], "x": [0, "2*pi"]},
    "fields": ["u"],
    "parameters": {"nu": 0.1, "k": {"learn": 2}},
    "functions": {"q": "sin(x)"},
    "equations": {"heat": "u_t = nu*u_xx + k*q"},
    "conditions": {"start": "u(t=0) = sin(x)", "ends": "u(boundary) = 0"},
    "enforce": {"start": "hard", "ends": "soft"},
    "exact": {"u": "sin(x)*exp(-t)"},
}
VECTORS = {
    "coordinates": {"x": [0, 1], "y": [0, 1]},
    "coordinate_system": "cartesian",
    "domain": {"difference": ["box", {"disk": {"center": [0.5, 0.5], "radius": 0.25, "name": "hole"}}]},
    "fields": [{"U": ["u", "v"]}, "p"],
    "parameters": {"nu": {"range": [0.1, 1]}, "k": {"learn": 1, "truth": 2, "between": [0, 3]}, "a": {"field": 1}},
    "equations": {"flow": "dot(U, grad(U)) + grad(p) = nu*a*lap(U)", "mass": "div(U) = 0", "other": "a = k"},
    "conditions": {"walls": "U(boundary) = 0", "mean": "integral(p) = 0", "hole": "dn(p)(hole) = 1"},
    "observations": {"seen": {"points": 20, "noise": 0.01, "of": ["u"], "seed": 1}},
    "enforce": "soft",
    "exact": {"u": "x", "v": "y", "p": "1", "a": "2"},
}
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([*VECTORS, "u", "x", "nu", *VALID])
values = st.recursive(
    scalars | st.text(max_size=10) | junk_texts(VALID, WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars | st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(FIXED, max_examples=500)
@given(mapping=mappings([PROBLEM, VECTORS], scalars | st.text(max_size=5), values))
def test_a_junk_problem_gets_a_language_error(mapping):
    reads_or_refuses(Problem.from_mapping, mapping)


def test_another_error_is_seen():
    for right in (PROBLEM, VECTORS):
        assert Problem.from_mapping(right).equations
    with pytest.raises(KeyError):
        reads_or_refuses({}.__getitem__, "u")
