"""Problems from YAML: what they hold, and the one message that a wrong one gets."""

import copy
import re

import pytest
import sympy
import torch

from pinn import LanguageError, Problem
from pinn.problem import Learned

GOOD = {
    "coordinates": {"x": [0, 1], "y": [0, "2*pi"]},
    "fields": ["u"],
    "parameters": {"D": 2, "k": {"learn": 0.5, "truth": 0.25}},
    "functions": {"q": "manufactured"},
    "equations": {"plate": "D*lap(lap(u)) + k*u = 3*q"},
    "conditions": {"edge": "u(boundary) = 0"},
    "exact": {"u": "sin(pi*x)*sin(y)"},
}


def changed(**changes):
    """GOOD with entries `section__key` replaced; None removes."""
    mapping = copy.deepcopy(GOOD)
    for path, value in changes.items():
        *sections, key = path.split("__")
        place = mapping
        for section in sections:
            place = place[section]
        if value is None:
            del place[key]
        else:
            place[key] = value
    return mapping


def test_what_a_problem_holds():
    problem = Problem.from_mapping(GOOD, "good")
    assert problem.domain.upper == (1.0, pytest.approx(6.283185307179586))
    assert problem.parameters == {"D": 2.0} and problem.learned == {"k": Learned(0.5, truth=0.25)}
    assert list(problem.equations) == ["plate"] and problem.built_in == {"edge": "u(boundary) = 0"}
    x = torch.tensor([[0.5, 1.0]], dtype=torch.float64)
    assert problem.exact_values(x).item() == pytest.approx(0.8414709848)


def test_the_manufactured_source_makes_the_exact_solution_one():
    problem = Problem.from_mapping(GOOD)
    residual = problem.equations["plate"].residual
    exact = {problem.scope.unknown("u"): problem.exact["u"]}
    truth = {sympy.Symbol("k", real=True): sympy.Rational(1, 4)}
    assert sympy.simplify(residual.subs(exact).subs(truth).doit()) == 0
    assert sympy.simplify(residual.subs(exact).doit()) != 0  # at the guess
    assert sympy.simplify(residual.subs({problem.scope.unknown("u"): problem.exact["u"] * 1.001}).doit()) != 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"feilds": ["u"]}, ["'feilds'", "did you mean 'fields'?"]),
        ({"fields": None}, ["'fields' is missing"]),
        ({"fields": "u"}, ["fields: 'u'", "write fields: [u]"]),
        ({"coordinates__x": [1, 0]}, ["coordinate x", "[1, 0]", "swapped"]),
        ({"coordinates__x": [0, 0]}, ["coordinate x", "empty"]),
        ({"coordinates__x": 3}, ["coordinates.x", "3 is no interval"]),
        ({"coordinates__x": [0, "one"]}, ["coordinates.x", "unknown name 'one'"]),
        ({"coordinates__pi": [0, 1]}, ["'pi' is reserved"]),
        ({"parameters__d": 1}, ["parameters.d: ", "'d' is reserved"]),  # and not where it is used first
        ({"parameters__2l": 1}, ["parameters.2l: ", "'2l' is no name"]),
        ({"fields": ["u", "grad"]}, ["fields: ", "'grad' is reserved"]),
        ({"equations": {}}, ["equations", "at least one"]),
        ({"equations__plate": "lap(u) = q = 0"}, ["equations.plate", "exactly one '='"]),
        ({"equations__plate": "u_zz = q"}, ["equations.plate", "'z', which is no coordinate", "x, y"]),
        ({"equations__plate": "lap(w) = q"}, ["unknown name 'w'"]),
        ({"equations__plate": "u(x=0) = q"}, ["put this one under conditions"]),
        ({"equations__plate": "x = q"}, ["no field occurs"]),
        ({"equations__other": "lap(u) = q"}, ["functions.q", "in one equation, this one in 2"]),
        ({"equations__plate": "lap(u) = u*q"}, ["functions.q", "term of its own"]),
        ({"equations__plate": "lap(u) = __import__('os').system('true')", "functions": None}, ["__import__('os')"]),
        ({"conditions__edge": "u = 0"}, ["conditions.edge", "says where it holds"]),
        ({"conditions__edge": "u(x=2) = 0"}, ["conditions.edge", "x=2 lies outside", "x=0 and x=1"]),
        ({"conditions__edge": "u(edge) = 0"}, ["unknown part 'edge'"]),
        ({"conditions__plate": "u(x=0) = 0"}, ["'plate' is taken by an equation"]),
        ({"conditions": ["u = 0"]}, ["conditions", "no mapping"]),
        ({"exact": None}, ["functions.q", "needs the solution", "exact:"]),
        ({"exact": {"v": "0"}}, ["exact", "v", "the fields are u"]),
        ({"exact__u": "sin(z)"}, ["exact.u", "unknown name 'z'"]),
        ({"parameters__D": "many"}, ["parameters.D", "'many'"]),
        ({"parameters__D": {"guess": 1}}, ["parameters.D", "learn: guess"]),
        ({"enforce": "hrad"}, ["enforce", "'hrad'", "did you mean 'hard'?"]),
        ({"enforce": {"egde": "hard"}}, ["enforce", "'egde'", "did you mean 'edge'?"]),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_wrong_problem_gets_one_message_that_quotes_it(changes, said):
    with pytest.raises((LanguageError, ValueError)) as caught:
        Problem.from_mapping(changed(**changes))
    for part in said:
        assert part in str(caught.value)


def test_an_unknown_problem_is_named_with_the_known_ones():
    with pytest.raises(LanguageError, match="did you mean 'biharmonic'?"):
        Problem.load("biharmnic")


@pytest.mark.parametrize(
    ("system", "coordinates", "named"),
    [
        ("polar", {"r": [0, 1], "phi": [0, "2*pi"]}, "r=0, phi=0, phi=6.283"),
        ("polar", {"r": [1, 2], "phi": [0, "2*pi"]}, "phi=0, phi=6.283"),
        ("spherical", {"r": [0, 1], "theta": [0, "pi"]}, "r=0, theta=0, theta=3.142"),
        ("cylindrical", {"r": [0, 1], "z": [0, 1]}, "r=0"),
        ("polar", {"r": [1, 2], "phi": [0, "pi"]}, None),
        ("cartesian", {"r": [0, 1], "phi": [0, "2*pi"]}, None),
    ],
)
def test_where_coordinates_end_and_no_wall_is_there_is_no_boundary(system, coordinates, named):
    given = {
        "coordinates": coordinates, "coordinate_system": system, "fields": ["u"], "equations": {"e": "lap(u) = 1"},
        "conditions": {"rim": "u(boundary) = 0"},
    }  # fmt: skip
    if named is None:
        assert Problem(**given).conditions["rim"].place.boundary
        return
    with pytest.raises(LanguageError, match="no wall is") as refused:
        Problem(**given)
    assert f"the boundary has {named}, where" in str(refused.value)


def test_a_function_holds_at_every_point():
    with pytest.raises(LanguageError, match=r"functions\.end: a place stands in a condition alone"):
        Problem(
            coordinates={"x": [0, 1]}, fields=["u"], functions={"end": "u(x=1)"}, equations={"e": "u_x = end/2"},
            conditions={"b": "u(x=0) = 1"},
        )  # fmt: skip


def test_inside_is_where_equations_hold():
    given = {"coordinates": {"x": [0, 1]}, "fields": ["u"], "conditions": {"b": "u(boundary) = 0"}}
    problem = Problem(**given, equations={"e": "lap(u)(interior) = 1"})
    assert problem.stated["e"].place == problem.domain.interior == problem.quantity("u_x(interior)").place
    with pytest.raises(LanguageError, match="put it under equations"):
        Problem(**{**given, "conditions": {"b": "u(interior) = 0"}}, equations={"e": "lap(u) = 1"})
    with pytest.raises(LanguageError, match="put this one under conditions"):
        Problem(**given, equations={"e": "lap(u)(x=0) = 1"})


@pytest.mark.parametrize("name", ["normal_x", "u__partner", "sensors__u"])
def test_internal_names_cannot_be_typed(name):
    given = {"coordinates": {"x": [0, 1]}, "fields": ["u"], "equations": {"e": "u_xx = 1"}}
    for more in ({"parameters": {name: 1}}, {"functions": {name: "x"}}, {"fields": ["u", name]},
                 {"coordinates": {"x": [0, 1], name: [0, 1]}}, {"parameters": {name: {"learn": 1}}}):  # fmt: skip
        with pytest.raises(LanguageError, match=f"{name}' is reserved"):
            Problem(**{**given, **more})


def test_several_equations_under_one_name_are_asked_for_their_names():
    with pytest.raises(
        LanguageError, match=r"conditions.sides: \['u\(x=0\) = 0'.*give each equation a name of its own"
    ):
        Problem(
            coordinates={"x": [0, 1]},
            fields=["u"],
            equations={"line": "u_xx = 0"},
            conditions={"sides": ["u(x=0) = 0", "u(x=1) = 1"]},
        )


@pytest.mark.parametrize(
    ("section", "text", "where"),
    [
        ("conditions", "dn(u)(x=1) = 0", "at (x=1)"),  # a section
        ("conditions", "dn(u)(t=0) = 0", "at (t=0)"),
        ("conditions", "dn(u)(x=0, y=0) = 0", "at (x=0,y=0)"),
        ("equations", "u_t = dn(u)", "inside the domain"),
    ],
)
def test_where_there_is_no_outward_normal(section, text, where):
    given = {"equations": {"heat": "u_t = lap(u)"}, "conditions": {"start": "u(t=0) = 0"}}
    with pytest.raises(LanguageError, match=re.escape(f"{where} there is no outward normal")):
        Problem(
            coordinates={"t": [0, 1], "x": [0, 2], "y": [0, 2]}, fields=["u"],
            **{**given, section: {**given[section], "heat": text}},
        )  # fmt: skip


@pytest.mark.parametrize("where", ["x=2", "boundary", "step"])
def test_where_there_is_one(where):
    step = {"box": {"x": [1, 2], "y": [1, 2], "name": "step"}}
    problem = Problem(
        coordinates={"x": [0, 2], "y": [0, 2]}, fields=["u"], domain={"difference": ["box", step]},
        equations={"laplace": "lap(u) = 0"}, conditions={"wall": f"dn(u)({where}) = 0"}, enforce="soft",
    )  # fmt: skip
    assert "normal_x" in str(problem.equations["wall"].residual)
