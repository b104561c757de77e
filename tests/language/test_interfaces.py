"""What an equation says at an interface: by hand, and against the jumps of solutions that are known on both sides."""

import re

import pytest
import sympy

from pinn import Problem
from pinn.language import LanguageError, Scope, edges_of, parse
from pinn.language.interfaces import Delta, Jump, canonical, conditions, differentiated, regular

X, Y = sympy.symbols("x y", real=True)
U = sympy.Function("u")(X, Y)


def problem(equation: str, names=("x", "y"), fields=("u",), **more) -> Problem:
    return Problem(
        coordinates={name: [0, 1] for name in names}, fields=list(fields), equations={"e": equation}, **more
    )  # fmt: skip


def said(*given, **more) -> list[str]:
    return [e.text for e in problem(*given, **more).across.values()]


@pytest.mark.parametrize(
    ("equation", "found"),
    [
        ("lap(u) = where(x < 0.5, 1, 0)", ["2*x - 1"]),
        ("lap(u) = where(0.5 < x, 1, 0) + where(2*x > 1, 1, 0)", ["2*x - 1"]),
        ("lap(u) = where((x - 0.5)**3 > 0, 1, 0)", ["2*x - 1"]),
        ("lap(u) = abs(x - y)", ["x - y"]),
        ("lap(u) = max(x, y)", ["x - y"]),
        ("lap(u) = sign(x**2 + y**2 - 1/4)", ["4*x**2 + 4*y**2 - 1"]),
        ("lap(u) = where(x < 0.3 and y > 0.2, 1, 0)", ["10*x - 3", "5*y - 1"]),
        ("lap(u) = where(u > 0, 1, 0)", []),  # where that is the solution says
        ("where(x < 0.5, lap(u), 0) = 0", []),  # it holds in a part
        ("lap(u) = 1 +", []),  # said elsewhere
    ],
)
def test_where_something_jumps(equation, found):
    scope = Scope(("x", "y"), ("u",))
    assert {str(edge) for edge in edges_of(equation, scope)} == set(found)


def test_the_same_edge_however_it_is_written():
    assert len({canonical(e) for e in (X - 1, 1 - X, 3 - 3 * X, (X - 1) ** 3, sympy.Rational(1, 7) * (X - 1))}) == 1
    assert canonical(X - 1) != canonical(X - 2)


def test_a_derivative_has_a_source_where_fields_are_broken():
    edge = X - Y**2
    first = differentiated(U, Y, [edge])
    assert first == U.diff(Y) - 2 * Y * Jump(U) * Delta(edge, 0)
    second = differentiated(first, Y, [edge])
    assert regular(second) == U.diff(Y, 2)
    assert conditions(second, edge) == [Jump(U), Jump(U.diff(Y))]
    assert differentiated(X * Y, X, [edge]) == Y  # nothing jumps


@pytest.mark.parametrize(
    ("equation", "names", "expected"),
    [
        ("d(where(x < 0.5, 1, 10)*u_x, x) = -1", "x", ["u", "where(x < 1/2, 1, 10)*u_x"]),
        ("u_xx = where(x < 0.5, 1, 10)", "x", ["u", "u_x"]),
        ("where(x < 0.5, 1, 10)*u_xx = 1", "x", ["u", "u_x"]),
        ("u_t = u_xx + where(t < 0.5, 1, 0)", "xt", ["u"]),
        ("u_tt = d(where(x < 0.5, 1, 4)*u_x, x)", "xt", ["u", "where(x < 1/2, 1, 4)*u_x"]),
        ("u_t + d(where(x < 0.5, 1, 2)*u, x) = 0", "xt", ["where(x < 1/2, 1, 2)*u"]),
        ("u_t = where(x < 0.5, 1, 2)*u", "xt", []),
        (
            "d(where(x < 0.5, 1, 8)*u_xx, x, x) = 1", "x",
            ["u", "u_x", "where(x < 1/2, 1, 8)*u_xx", "where(x < 1/2, 1, 8)*u_xxx"],
        ),
    ],
)  # fmt: skip
def test_what_holds_at_an_interface(equation, names, expected):
    found = said(equation, names)
    assert [text.partition("jump(")[2].rpartition(") = 0 at ")[0] for text in found] == expected
    place = "t = 1/2" if "t <" in equation else "x = 1/2"
    assert all(text.endswith(f"at {place}") for text in found)


def test_at_a_curve_the_flux_along_its_normal():
    fields = problem("div(where(x**2 + y**2 < 1/4, 6, 1)*grad(u)) = 0")
    flux = list(fields.across.values())[1].residual
    k = {"x": 1, "y": 1}
    (slopes,) = [sorted(map(str, flux.atoms(sympy.Derivative)))]
    assert len(slopes) == 4 and sum("partner" in s for s in slopes) == 2
    inside = {
        X: sympy.Rational(1, 10),
        Y: 0,
        sympy.Symbol("x__partner", real=True): 1,
        sympy.Symbol("y__partner", real=True): 0,
    }
    values = {
        d: sympy.Symbol(f"{'there' if 'partner' in str(d) else 'here'}_{d.variables[0]}")
        for d in flux.atoms(sympy.Derivative)
    }
    here_x, there_x = sympy.symbols("here_x there_x")
    ratio = flux.xreplace(values).subs(inside).expand()
    assert ratio.coeff(here_x) == -6 * ratio.coeff(there_x) != 0, k


def test_the_jump_of_a_known_solution_is_none():
    """At the interface both sides of what is kept are the same, and of what is not they differ."""
    true = parse("where(x < 1/2, 10*x, x + 9/2)", Scope(("x",), ()))
    below, above = (true.subs(X, sympy.Rational(1, 2) + s * sympy.Rational(1, 10**9)) for s in (-1, 1))
    assert abs(float(below - above)) < 1e-7
    slopes = [true.diff(X).subs(X, sympy.Rational(1, 2) + s) for s in (-sympy.Rational(1, 9), sympy.Rational(1, 9))]
    assert slopes[0] * 1 == slopes[1] * 10 and slopes[0] != slopes[1]
    assert said("d(where(x < 0.5, 1, 10)*u_x, x) = 0", "x")[1].startswith("jump(where(x < 1/2, 1, 10)*u_x) = 0")


@pytest.mark.parametrize(("below", "above", "strength"), [(1, 1, 2), (1, 3, 2), (4, 1, -5)])
@pytest.mark.parametrize("turned", [False, True])
def test_the_flux_jumps_by_the_strength_of_a_source(below, above, strength, turned):
    """`(k u_x)_x = s delta(x - 1/2)` for slopes of any size below, and `k u_x` larger by s above; from either side."""
    equation = f"d(where(x < 0.5, {below}, {above})*u_x, x) = {strength}*delta(x - 0.5)"
    flux = list(problem(equation, "x").across.values())[1].residual
    there = sympy.Symbol("x__partner", real=True)
    sides = (sympy.Rational(2, 5), sympy.Rational(3, 5))

    def left(strength):
        slopes = (sympy.Rational(7, 3), (below * sympy.Rational(7, 3) + strength) / above)
        values = {d: slopes[("partner" in str(d)) != turned] for d in flux.atoms(sympy.Derivative)}
        return flux.xreplace(values).subs({X: sides[turned], there: sides[not turned]})

    assert left(strength) == 0
    assert left(strength + sympy.Rational(1, 1000)) != 0


def test_of_a_system_the_traction():
    found = said(
        "div(where(x < 0.5, 1, 5)*grad(U)) - grad(p) = 0", fields=[{"U": ["u", "v"]}, "p"],
    )  # fmt: skip
    assert [text for text in found if "jump(p)" in text or "- p" in text or "p" in text.replace("jump", "")]
    assert any(text.startswith("jump(u) = 0") for text in found) and any(
        text.startswith("jump(v) = 0") for text in found
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("delta(x - 1/2)*delta(y - 1/2)", "write a narrow source"),
        ("delta(x - 1/2)**2", "write a narrow source"),
        ("sin(delta(x - 1/2))", "write a narrow source"),
        ("delta(u)", "one expression in coordinates of space, such as delta(x - 0.3)"),
        ("delta(x, y)", "one expression in coordinates of space"),
        ("delta(1)", "what is zero at the source alone"),
        ("delta((x - 1/2)**2)", "what is zero at the source alone"),
        ("delta(x - 3)", "this source lies nowhere inside the domain"),
    ],
)
def test_sources_that_are_none(source, said):
    with pytest.raises(LanguageError, match=re.escape(said)) as refused:
        Problem(
            coordinates={"x": [0, 1], "y": [0, 1]}, fields=["u"], equations={"load": f"lap(u) = {source}"},
            conditions={"edge": "u(boundary) = 0"},
        )  # fmt: skip
    assert "delta(" in str(refused.value)


def test_a_number_may_have_the_name_of_the_source():
    problem = Problem(
        coordinates={"x": [0, 1]}, fields=["u"], parameters={"delta": 2}, equations={"load": "u_xx = delta*u"},
        conditions={"left": "u(x=0) = 1", "right": "u(x=1) = 0"},
    )  # fmt: skip
    assert not problem.across


def test_a_source_stands_in_an_equation():
    given = {"coordinates": {"x": [0, 1]}, "fields": ["u"], "conditions": {"ends": "u(boundary) = 0"}}
    said = "Write delta in an equation itself"
    with pytest.raises(LanguageError, match=said):
        Problem(**given, equations={"load": "u_xx = f"}, functions={"f": "delta(x - 0.2)"})
    with pytest.raises(LanguageError, match=said):
        Problem(**{**given, "conditions": {"c": "u(boundary) = delta(x - 0.2)"}}, equations={"load": "u_xx = 1"})
