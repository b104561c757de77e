"""Conditions that hold by what the network sees: periods, and faces where a slope alone is fixed."""

import pytest
import sympy
import torch
from test_ansatz import features, solution

from pinn import LanguageError, Problem
from pinn.app import solve
from pinn.embedding import Flat, embed
from pinn.geometry import Box
from pinn.operators import derivatives, plan
from pinn.verification import twin

KDV = {
    "coordinates": {"t": [0, 1], "x": [-1, 1]},
    "fields": ["u"],
    "equations": {"kdv": "u_t + u*u_x + 0.0025*u_xxx = 0"},
    "conditions": {
        "start": "u(t=0) = cos(pi*x)",
        "value": "u(x=-1) = u(x=1)",
        "slope": "2*u_x(x=1) = 2*u_x(x=-1)",
        "bend": "u_xx(x=-1) = u_xx(x=1)",
    },
}
SHORT = ("network.width=200", "network.scale=3", "sampling.points=600")


def test_a_period_and_a_start_hold_for_any_network():
    problem = Problem.from_mapping(KDV)
    assert list(problem.equations) == ["kdv"] and list(problem.built_in) == ["start", "value", "slope", "bend"]
    t = torch.linspace(0, 1, 9, dtype=torch.float64)
    names = ("u", "u_x", "u_xx", "u_xxx", "u_tx")
    planned = plan(dict(zip(names, names, strict=True)), ["t", "x"], ["u"])
    network = solution(problem)
    left, right = (derivatives(network, torch.stack([t, x + 0 * t], 1), planned) for x in (-1.0, 1.0))
    for name in names:
        torch.testing.assert_close(left[name], right[name], rtol=1e-9, atol=1e-9)
        assert left[name].abs().max() > 1e-3
    start = torch.stack([0 * t, 2 * t - 1], dim=1)
    torch.testing.assert_close(network(start)[:, 0], torch.cos(torch.pi * start[:, 1]))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bend": "u_x(x=-1) = u_x(x=1)"}, r"3 times by x.*say u_xx\(x=-1\) = u_xx\(x=1\) as well"),
        ({"bend": "u_xx(x=-1) = -u_xx(x=1)"}, "make a field periodic.*bend: soft"),
        ({"bend": "u_xx(x=-1) + u(x=-1) = u_xx(x=1)"}, "make a field periodic"),
        ({"bend": "u_xt(x=-1) = u_xt(x=1)"}, "make a field periodic"),
        ({"bend": "u_xx(x=-1) = u_xx(x=0)"}, "not the two ends"),
        ({"start": "u(t=0) = x"}, "not periodic in x: its value jumps"),
        ({"start": "u(t=0) = x**2*cos(pi*x)"}, "not periodic in x: its derivative of order 1 jumps"),
        ({"end": "u(x=1) = 0"}, "periodic in x, and fixed on a face of x as well"),
    ],
)
def test_what_makes_no_period_is_refused_with_the_reason(changes, said):
    with pytest.raises(LanguageError, match=said):
        Problem.from_mapping({**KDV, "conditions": {**KDV["conditions"], **changes}, "enforce": "hard"})


def test_fields_that_differ_cannot_share_a_network():
    conditions = {"value": "u(x=0) = u(x=2)", "flux": "u_y(y=0) = 1"}
    box = {"x": [0, 2], "y": [0, 1]}
    given = {"coordinates": box, "fields": ["u", "v"], "equations": {"a": "u_x = v", "b": "v_x = u_y"}}
    said = "u is periodic in x and without a value on y=0, but v is neither.*soft"
    with pytest.raises(LanguageError, match=said):
        Problem.from_mapping({**given, "conditions": conditions, "enforce": "hard"})
    both = {name + field: text.replace("u", field) for name, text in conditions.items() for field in "uv"}
    assert len(Problem.from_mapping({**given, "conditions": both}).inputs[0]) == 2
    soft = Problem.from_mapping({**given, "conditions": conditions, "enforce": "soft"})
    assert soft.inputs is None and len(soft.equations) == 4


@pytest.mark.parametrize("free", [[(0, 0)], [(0, 1)], [(0, 0), (0, 1)]])
def test_the_inputs_know_every_point_and_at_a_free_end_all_orders_but_the_first(free):
    x = sympy.Symbol("x", real=True)
    (inputs,) = embed(Box({"x": (0, 2)}), {"u": Flat(free=frozenset(free))})
    a, b = inputs
    for _, side in free:
        second, third = ([e.diff(x, order).subs(x, 2 * side) for e in inputs] for order in (2, 3))
        assert a.diff(x).subs(x, 2 * side) == b.diff(x).subs(x, 2 * side) == 0
        assert second[0] * third[1] != second[1] * third[0]  # s^2 and s^3 are combinations, up to higher orders
    at = [0.02 * i for i in range(1, 100)]
    first = [float(a.subs(x, value)) for value in at]
    slopes = [float(a.diff(x).subs(x, value)) for value in at]
    assert all(p < q for p, q in zip(first, first[1:], strict=False)) or first == sorted(first, reverse=True)
    assert min(map(abs, slopes)) > 1e-3 and max(map(abs, slopes)) <= 1 + 1e-12


SOLVED = {
    "periodic": {
        "coordinates": {"t": [0, 1], "x": [0, "2*pi"]},
        "equations": {"heat": "u_t = 0.3*u_xx + f"},
        "conditions": {
            "start": "u(t=0) = sin(x)", "value": "u(x=0) = u(x=2*pi)", "slope": "u_x(x=0) = u_x(x=2*pi)",
        },
        "exact": {"u": "exp(-t)*sin(x) + t*cos(2*x)"},
    },
    "insulated": {
        "coordinates": {"t": [0, 1], "x": [0, 2]},
        "equations": {"heat": "u_t = u_xx + f"},
        "conditions": {"start": "u(t=0) = x**2", "left": "u_x(x=0) = 0", "right": "u_x(x=2) = 4 + 12*t"},
        "exact": {"u": "x**2 + t*x**3"},
    },
    "cooled": {
        "coordinates": {"x": [0, 1], "y": [0, 1]},
        "equations": {"heat": "lap(u) = f"},
        "conditions": {
            "left": "u(x=0) = exp(y)", "right": "u_x(x=1) + 3*u(x=1) = 4*exp(1 + y)",
            "bottom": "u_y(y=0) - u(y=0) = 0", "top": "u(y=1) = exp(x + 1)",
        },
        "exact": {"u": "exp(x + y)"},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SOLVED)
def test_problems_are_solved_with_all_conditions_built_in(name):
    problem = Problem.from_mapping({"fields": ["u"], "functions": {"f": "manufactured"}, **SOLVED[name]})
    assert list(problem.equations) == ["heat"]
    error = solve(problem, *SHORT, optimizer="least_squares", network="mlp").error
    assert error is not None and error["u"]["relative_l2"] < 1e-6


FOURIER = ("network.features={name: fourier, count: 10}",)


@pytest.mark.parametrize(("network", "options"), [("mlp", FOURIER), ("separable", ()), ("chebyshev_kan", ())])
def test_a_network_of_any_kind_sees_the_period(network, options):
    short = ("optimizer.steps=2", "sampling.points=20")
    found = solve(Problem.from_mapping(KDV), *short, *options, network=network, optimizer="adam")
    left, right = found.predict(torch.tensor([[0.3, -1.0], [0.3, 1.0]], dtype=torch.float64))
    torch.testing.assert_close(left, right)


def test_the_twin_makes_relations_losses():
    made = Problem.from_mapping(twin(KDV))
    assert made.inputs is None and set(made.equations) == {"kdv", "value", "slope", "bend"}


def test_features_are_those_of_the_inputs():
    assert features(Problem.from_mapping(KDV)).size == 3
