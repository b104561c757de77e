"""Integrals within equations, checked with solutions in closed form."""

import math

import pytest
import sympy
import torch

from pinn import Problem, solve
from pinn.language import LanguageError
from pinn.problem.functions import solved_by
from pinn.report.mathematics import latex, mathml

OVER_SPACE = {  # y_t = y_xx + integral of y over x, at each time
    "coordinates": {"t": [0, 1], "x": [0, "pi/2"]},
    "fields": ["y"],
    "equations": {"pde": "y_t = y_xx + integral(y) - exp(-t)"},
    "conditions": {"start": "y(t=0) = sin(x)", "left": "y(x=0) = 0", "right": "y(x=pi/2) = exp(-t)"},
    "exact": {"y": "exp(-t)*sin(x)"},
}
VOLTERRA = {  # y' + y = integral from 0 to t of exp(s - t)*y(s); Chen et al. 2023, arXiv:1907.04502, section 4.4
    "coordinates": {"t": [0, 5]},
    "fields": ["y"],
    "equations": {"ide": "y_t + y = exp(-t)*integral(exp(t)*y, t)"},
    "conditions": {"start": "y(t=0) = 1"},
    "exact": {"y": "exp(-t)*cosh(t)"},
}
FREDHOLM = {  # of the second kind, without a derivative
    "coordinates": {"x": [-1, 1]},
    "fields": ["u"],
    "equations": {"all": "u = x**2 + x*integral(s*u, x, -1, 1) + integral(u, x, 0, 1)/2"},
    "functions": {"s": "x"},
    "exact": {"u": "x**2 + 1/3"},
}
PLANE = {
    "coordinates": {"x": [0, 1], "y": [0, 2]},
    "fields": ["u"],
    "equations": {"pde": "lap(u) = integral(x*y*u) - 8/9"},
    "conditions": {"left": "u(x=0) = 0", "right": "u(x=1) = y", "down": "u(y=0) = 0", "up": "u(y=2) = 2*x"},
    "exact": {"u": "x*y"},
}
NESTED = {
    "coordinates": {"x": [0, 1]},
    "fields": ["u"],
    "functions": {"twice": "integral(integral(u, x), x)"},
    "equations": {"ode": "u_x = u + twice - exp(x) + 1 + x"},
    "conditions": {"start": "u(x=0) = integral(u)/(exp(1) - 1)"},
    "exact": {"u": "exp(x)"},
}
SOLVED = {"space": OVER_SPACE, "volterra": VOLTERRA, "fredholm": FREDHOLM, "plane": PLANE, "nested": NESTED}


@pytest.mark.parametrize("name", SOLVED)
def test_the_fields_that_stand_for_integrals_are_those(name):
    problem = Problem(**SOLVED[name])
    assert problem.exact is not None
    scope = problem.scope
    values = dict(zip(scope.variables, (sympy.Rational(1, 3), sympy.Rational(2, 7)), strict=False))
    for equation in (*problem.stated.values(), *problem.conditions.values()):
        left = solved_by(equation, problem.exact, scope)
        at = {scope.variables[i]: sympy.Rational(repr(value)) for i, value in equation.place.fixed}
        assert abs(float(left.subs(at).subs(values))) < 1e-14, equation.text
    wrong = {field: value + scope.variables[0] / 7 for field, value in problem.exact.items()}
    lefts = [solved_by(equation, wrong, scope).subs(values) for equation in problem.stated.values()]
    assert any(abs(float(left)) > 1e-3 for left in lefts)


@pytest.mark.parametrize("name", ["space", "volterra", "fredholm", "nested"])
def test_they_are_solved(name):
    solution = solve(Problem(**{**SOLVED[name], "exact": None}))
    exact = Problem(**SOLVED[name])
    domain = exact.domain
    x = torch.rand(200, len(domain.names), dtype=torch.float64)
    x = torch.tensor(domain.lower) + x * (torch.tensor(domain.upper) - torch.tensor(domain.lower))
    truth = exact.exact_values(x)
    assert truth is not None
    found = solution.predict(x)
    assert float((found - truth).norm() / truth.norm()) < 1e-9


def test_equal_integrals_are_one_field():
    problem = Problem(
        coordinates={"t": [0, 1], "x": [0, 1]},
        fields=["u", "v"],
        equations={"a": "u_t = u_xx + integral(u*v)", "b": "v_t = v_xx - integral(u*v) + integral(u * v, x)"},
    )
    assert problem.fields == ("u", "v", "integral1", "integral2")
    assert [one.of for one in problem.integrals.values()] == ["u * v", "integral1"]


def test_a_condition_about_an_integral_alone_stays_one():
    problem = Problem(
        coordinates={"x": [0, 1]}, fields=["u"], equations={"a": "u_xx = 0"}, conditions={"mass": "integral(u) = 1"}
    )
    assert problem.fields == ("u",)


def test_names_that_are_taken_are_left_alone():
    problem = Problem(
        coordinates={"t": [0, 1]},
        fields=["integral1"],
        equations={"a": "integral1_t = -integral(integral1, t)"},
        conditions={"start": "integral1(t=0) = 1"},
    )
    assert problem.fields == ("integral1", "integral2")
    assert math.isclose(problem.domain.upper[0], 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("u_t = integral(u, y)", "'y' is no coordinate"),
        ("u_t = integral(u, x, 0)", "takes one, two or four arguments"),
        ("u_t = integral(u, x, 0, 5)", "x goes from 0 to 1"),
        ("u_t = integral(u, x, u, 1)", "a limit of an integral is a number"),
        ("u_t = integral(u)(boundary)", "holds inside the domain"),
        ("u_t = integral()", "takes one, two or four arguments"),
    ],
)
def test_what_is_no_integral(text, said):
    with pytest.raises(LanguageError, match="equations.a: ") as error:
        Problem(coordinates={"t": [0, 1], "x": [0, 1]}, fields=["u"], equations={"a": text})
    assert said in str(error.value)


def test_a_condition_about_one_up_to_a_point_says_which():
    with pytest.raises(LanguageError, match="conditions.c: a condition says where it holds, as in u"):
        Problem(coordinates={"x": [0, 1]}, fields=["u"], equations={"a": "u_x = 1"},
                conditions={"c": "integral(u, x) = 1"})  # fmt: skip


def test_limits_are_numbers_however_they_are_written():
    problem = Problem(
        coordinates={"x": [0.0, "L"]}, parameters={"L": "pi/2"}, fields=["u"],
        equations={"a": "u_x = integral(u, x, 0, L) - integral(u) + integral(u, x, L/2, pi/2)"},
    )  # fmt: skip
    assert [(one.of, one.at) for one in problem.integrals.values()] == [
        ("u", None), ("integral1", math.pi / 2), ("integral1", math.pi / 4)
    ]  # fmt: skip


def test_space_is_all_of_a_row_of_coordinates():
    problem = Problem(coordinates={"x1..x3": [0, 1]}, fields=["u"], equations={"a": "lap(u) = integral(u)"})
    assert [one.along for one in problem.integrals.values()] == ["x1", "x1", "x2", "x2", "x3", "x3"]


def test_they_stand_in_a_box_alone():
    disk = {"disk": {"center": [0, 0], "radius": 1, "name": "rim"}}
    with pytest.raises(LanguageError, match="in a box of Cartesian"):
        Problem(
            coordinates={"x": [-1, 1], "y": [-1, 1]}, domain=disk, fields=["u"], equations={"a": "lap(u) = integral(u)"}
        )
    with pytest.raises(LanguageError, match="there is no space here"):
        Problem(coordinates={"t": [0, 1]}, fields=["u"], equations={"a": "u_t = integral(u)"})


@pytest.mark.parametrize("name", SOLVED)
def test_a_report_writes_them(name):
    lines = latex(Problem(**SOLVED[name]))
    text = str([*lines["equations"].values(), *lines.get("where", {}).values()])
    assert text.count(r"\\int") == str(SOLVED[name]).count("integral(") - str(SOLVED[name].get("conditions")).count(
        "integral("
    )
    assert all("<math" in mathml(one) for section in lines.values() for one in section.values())


def test_an_integral_up_to_where_its_condition_is_is_refused():
    """Births n(a=0) are the integral over all ages; that up to a is 0 at a = 0."""
    age = {
        "coordinates": {"t": [0, 1], "a": [0, 10]}, "fields": ["n"], "equations": {"age": "n_t + n_a = -n"},
        "conditions": {"start": "n(t=0) = exp(-a)", "births": "n(a=0) = integral(n, a)"},
    }  # fmt: skip
    with pytest.raises(LanguageError, match=r"is 0 where a = 0; over all of it is integral\(n, a, 0, 10\)"):
        Problem(**age)
    allowed = age["conditions"] | {"births": "n(a=0) = integral(n, a, 0, 10)", "oldest": "n(a=10) = integral(n, a)"}
    assert Problem(**(age | {"conditions": allowed})).integrals
