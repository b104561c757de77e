"""Problems in time: how they begin, how long they are, and what goes strip by strip."""

import math

import pytest
import sympy
from units import Units, rewritten

from pinn import LanguageError, Problem
from pinn.evolution import autonomous, initial, long_time, powers, uncut
from pinn.language import coordinate
from pinn.problem import configs


@pytest.mark.parametrize(
    ("name", "wanted"), [("heat", (1,)), ("wave", (2,)), ("taylor_green", (1, 1, 0)), ("darcy", None)]
)
def test_each_field_begins_with_as_many_derivatives_as_it_has_initial_conditions(name, wanted):
    problem = Problem.load(name)
    if wanted is None:
        with pytest.raises(LanguageError, match="no time t"):
            powers(problem)
    else:
        assert powers(problem) == wanted


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"start": "u(t=0) = 0", "end": "u(t=1) = 0"}, "conditions.end"),
        ({"start": "u(t=0)**2 = 1"}, "conditions.start"),
        ({"speed": "u_t(t=0) = 0"}, "not with those of lower order"),
        ({"start": "u(t=0) = 0", "mean": "integral(u) = 0"}, "conditions.mean"),
    ],
)
def test_what_cannot_be_cut_is_told(conditions, said):
    problem = Problem(
        coordinates={"t": [0, 1], "x": [0, 1]}, fields=["u"], equations={"e": "u_tt = u_xx"}, conditions=conditions,
        enforce="soft",
    )  # fmt: skip
    assert said in str(uncut(problem))


def test_inverse_problems_are_refused():
    assert "whole time" in str(uncut(Problem.load("burgers_viscosity")))


def evolution(equation: str, end: float = 1, **given):
    return Problem(
        coordinates={"t": [0, end], "x": [0, 1]},
        fields=["u", "v"],
        equations={"motion": equation, "decay": "v_t = -v"},
        **{"conditions": {"one": "u(t=0) = x", "other": "v(t=0) = 0"}, **given},
    )


@pytest.mark.parametrize(
    ("equation", "rate"),
    [
        ("u_t = u_xx + 30*u", 0),
        ("u_t = u_xx + 30*x*u*sin(x)", 0),
        ("u_t = 30*u*u_x", 0),  # how fast that is depends on how steep u is
        ("u_t = u_xx + 30*u*(1 - u)", 30),
        ("u_t = u_xx - 3*pi*u*v", 0),  # of a v that is zero
        ("2*u_t = u_xx + 30*x*sin(u)", 15),
        ("u_tt = u_xx - 36*sin(u)", 6),
        ("u_tt = 10*(1 - u**2)*u_t - u", 10),
        ("u_tt = 10*(1 - u**2)*u_t - 40**2*u + u**3", 10),
        ("u_tt = u - u**3", 1),
        ("u*v = 40*sin(x)", 0),  # without time
    ],
)
def test_the_rate_is_that_of_the_fastest_nonlinear_term(equation, rate):
    problem = evolution(equation, 1e3)
    found = long_time(problem)
    assert (0 if found is None else found.rate) == pytest.approx(rate)
    if found:
        assert long_time(evolution(equation, 1e3 / found.strips)) is None
        assert long_time(evolution(equation, 1e4 / found.strips))


def test_the_rate_depends_on_how_large_fields_begin():
    """A field grows by itself until a nonlinear term holds it, whatever it begins with."""
    begins = {"one": "u(t=0) = x/1000", "other": "v(t=0) = 2"}
    for equation, rate in (("u_t = -1e7*u**3", 10), ("u_t = -3*u*v", 6), ("u_t = 7*u*(1 - u)", 7)):
        found = long_time(evolution(equation, 1e3, conditions=begins))
        assert found is not None and found.rate == pytest.approx(rate), equation


@pytest.mark.parametrize(
    "equation",
    ["u_t = u_xx + 30*u*(1 - u)", "u_t = -20*x*u*v + u", "2*u_t = u_xx + 30*x*sin(u)", "u_tt = 10*(1 - u**2)*u_t - u",
     "u_t = 7e3*exp(-2/(1 + u))*(2 - u)"],
)  # fmt: skip
def test_a_long_time_is_long_in_all_units(equation):
    problem = evolution(equation, 1e3, conditions={"one": "u(t=0) = x", "other": "v(t=0) = 2 + x"})
    found = long_time(problem)
    assert found is not None
    for seed in range(3):
        other = long_time(rewritten(problem, Units.drawn(problem, seed)))
        assert other is not None and other.span * other.rate == pytest.approx(found.span * found.rate)


def test_of_an_exponential_or_a_quotient_the_slope_where_time_begins_counts():
    """Arrhenius' law has a factor of 7e10 before an exponential of 2e-12."""
    law = "u_t = 7e10*exp(-9000/u)*(350 - u)"
    begins = {"one": "u(t=0) = 320 + 2*x", "other": "v(t=0) = 0"}
    slope = 7e10 * math.exp(-9000 / 321) * abs((350 - 321) * 9000 / 321**2 - 1)
    found = long_time(evolution(law, 1e3, conditions=begins))
    assert found is not None and found.rate == pytest.approx(slope)
    assert long_time(evolution(law, 1e3, conditions={"other": "v(t=0) = 0"})) is None  # not known
    assert initial(evolution(law, conditions=begins))["u"] == sympy.sympify("320 + 2*x", {"x": coordinate("x")})


def test_no_problem_of_the_catalogue_is_long():
    for file in (configs() / "pde").glob("*.yaml"):
        assert long_time(Problem.load(file.stem)) is None, file.stem


def test_what_cannot_be_cut_is_known_beforehand():
    assert uncut(evolution("u_t = -u**2")) is None
    late = evolution("u_t = -u**2", conditions={"end": "u(t=1) = 0", "other": "v(t=0) = 0"})
    assert "conditions.end" in str(uncut(late))
    assert "begins" in str(uncut(evolution("u_t = -u**2", conditions={})))


@pytest.mark.parametrize(
    ("equation", "wanted"),
    [
        ("u_t = u_xx/10 - x*u + sin(t)", True),
        ("u_t = u_xx/10 + t*u", False),
        ("u_t = u_xx - u**2", False),
        ("d(u*(1 + x), t) = d((1 + x**2)*u_x, x)", True),
        ("u_t = where(t < 1/2, 1, 2)*u_xx", False),
        ("u_t = u_xx + where(x < t, 1, 0)", False),  # cells end where the source jumps
        ("u_t = u_xx + where(x < 1/2, 1, 0)", True),
    ],
)
def test_what_says_the_same_at_all_times(equation, wanted):
    problem = Problem(
        coordinates={"t": [0, 1], "x": [0, 1]}, fields=["u"], equations={"e": equation},
        conditions={"start": "u(t=0) = 0", "left": "u(x=0) = 0", "right": "u(x=1) = t"}, enforce="soft",
    )  # fmt: skip
    assert autonomous(problem) is wanted
