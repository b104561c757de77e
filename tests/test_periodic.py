"""Conditions between two faces: periodic ones of any order, as losses (built in: see test_embedding.py)."""

import re

import pytest
import sympy
import torch

from pinn import Problem
from pinn.app import solve
from pinn.language import LanguageError
from pinn.networks import MLP, Scaled
from pinn.problem.functions import solved_by
from pinn.residuals import Residuals
from pinn.sampling import Sobol, points

DEFINITION = {
    "coordinates": {"t": [0, 1], "x": [0, 2]},
    "fields": ["u", "v"],
    "equations": {"one": "u_t + u_x = v_xx", "two": "v_t = u"},
    "conditions": {
        "value": "u(x=0) = u(x=2)",
        "slope": "u_x(x=0) + v(x=0) = u_x(x=2) + v(x=2)",
        "twist": "v_xx(x=0) = -2*u(x=2)*v_x(x=2) + t",
    },
    "enforce": "soft",
}
TURNED = {
    name: re.sub("x=[02]", lambda at: {"x=0": "x=2", "x=2": "x=0"}[at[0]], text)
    for name, text in DEFINITION["conditions"].items()
}


def residuals(engine, definition=DEFINITION):
    problem = Problem.from_mapping(definition)
    torch.manual_seed(0)
    network = MLP(Scaled(problem.domain.lower, problem.domain.upper), 2, width=6, depth=2, scale=1.0).double()
    found = Residuals(problem, network, engine)
    kind = {"seed": 0, "step": 0, "dtype": torch.float64, "device": "cpu"}
    return found, points(problem.domain, dict.fromkeys(found.places, 9), Sobol(), **kind)


def derivative(values, x, order):
    for _ in range(order):
        (gradient,) = torch.autograd.grad(values.sum(), x, create_graph=True)
        values = gradient[:, 1]
    return values


@pytest.mark.parametrize(("first", "second", "conditions"), [(0, 2, DEFINITION["conditions"]), (2, 0, TURNED)])
@pytest.mark.parametrize("engine", ["jet", "autograd"])
def test_residuals_compare_the_two_faces(engine, first, second, conditions):
    found, at = residuals(engine, {**DEFINITION, "conditions": conditions})
    (place,) = (place for place in at if place.partner)
    here = at[place].x.clone().requires_grad_()
    there = torch.stack([here[:, 0], torch.full_like(here[:, 0], second)], dim=1).detach().requires_grad_()
    assert here[:, 1].eq(first).all()
    (u, v), (u2, v2) = (found.network(x).unbind(1) for x in (here, there))
    expected = {
        "value": u - u2,
        "slope": derivative(u, here, 1) + v - derivative(u2, there, 1) - v2,
        "twist": derivative(v, here, 2) + 2 * u2 * derivative(v2, there, 1) - here[:, 0],
    }
    values = found(at)
    for name, value in expected.items():
        assert torch.allclose(values[name], value, rtol=1e-11, atol=1e-12), name


def test_the_jacobian_follows():
    found, at = residuals("jet")
    r, jacobian = found.linearise(at, {})
    gradient = torch.autograd.grad((found.vector(at, {}) * r).sum(), list(found.parameters()))
    assert torch.allclose(jacobian.T @ r, torch.cat([g.flatten() for g in gradient]), rtol=1e-10, atol=1e-13)


def test_partners_follow_when_the_problem_changes():
    """What is built in has a number that changes, as in a curriculum: it holds at the partners as well."""
    of = {**DEFINITION, "conditions": {**DEFINITION["conditions"], "start": "u(t=0) = a*exp(x)"}}
    of["enforce"] = {"value": "soft", "slope": "soft", "twist": "soft", "start": "hard"}
    before, at = residuals("jet", {**of, "parameters": {"a": 1}})
    after = Residuals(Problem.from_mapping({**of, "parameters": {"a": 2}}), before.network)
    assert not torch.allclose(before(at)["value"], after(at)["value"], rtol=1e-3)
    before.become(after)
    for name, value in after(at).items():
        assert before(at)[name].equal(value), name


@pytest.mark.parametrize(
    ("text", "here"), [("u(x=3) = exp(2)*u_x(x=1)", 3), ("exp(2)*u_xx(x=1) = u(x=3)", 1), ("u(x=1) = u(x=3)/exp(2)", 1)]
)
def test_an_exact_solution_is_moved_to_the_partners(text, here):
    problem = Problem(
        coordinates={"x": [1, 3]}, fields=["u"], equations={"e": "u_x = u"}, conditions={"ends": text},
        exact={"u": "exp(x)"},
    )  # fmt: skip
    (x,) = problem.scope.variables
    left, wrong = (
        solved_by(problem.conditions["ends"], {"u": exact}, problem.scope).subs(x, here)
        for exact in (sympy.exp(x), sympy.exp(x) + x)
    )
    assert abs(left.evalf(30)) < 1e-25 and abs(wrong.evalf(30)) > 0.1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("u(x=0) = u(t=1)", "two faces of one coordinate"),
        ("u(boundary) = u(x=2)", "two faces of one coordinate"),
        ("dn(u)(x=0) = -dn(u)(x=2)", "write u_x"),
        ("u(x=0) + u(x=2) = 1", "one side of a condition holds at one place"),
    ],
)
def test_what_is_no_condition_between_two_faces_is_refused(text, said):
    with pytest.raises(LanguageError, match=said):
        Problem.from_mapping({**DEFINITION, "conditions": {"wrong": text}})


def test_a_periodic_problem_is_solved():
    wave = {
        "coordinates": {"x": [0, 1]},
        "fields": ["u"],
        "functions": {"f": "manufactured"},
        "equations": {"helmholtz": "u_xx - u = f"},
        "conditions": {"value": "u(x=0) = u(x=1)", "slope": "u_x(x=0) = u_x(x=1)"},
        "enforce": "soft",
        "exact": {"u": "sin(2*pi*x + 1)"},
    }
    short = ("network.width=40", "network.scale=8", "sampling.points=100")
    error = solve(Problem.from_mapping(wave), *short, optimizer="least_squares").error
    assert error is not None and error["u"]["relative_l2"] < 1e-8


def test_a_vector_is_made_soft_by_its_whole_name():
    maxwell = {
        "coordinates": {"x": [0, 1], "y": [0, 1], "z": [0, 1]},
        "fields": [{"E": ["ex", "ey", "ez"]}],
        "equations": {"curl": "curl(curl(E)) - E = 0"},
        "conditions": {"wall": "cross(normal, E)(boundary) = 0"},
    }
    with pytest.raises(LanguageError, match="enforce: {wall: soft}"):
        Problem.from_mapping({**maxwell, "enforce": "hard"})
    assert len(Problem.from_mapping({**maxwell, "enforce": {"wall": "soft"}}).equations) == 6
