"""Norms of errors that are known in closed form."""

import math

import pytest
import torch
from known_solutions import known

from pinn.postprocessing import evaluate

LINE = {
    "coordinates": {"t": [0, 1], "x": [0, math.pi]},
    "equations": {"heat": "u_t = u_xx"},
    "exact": {"u": "exp(-t)*sin(x)"},
}


def off(eps):
    """The exact solution and `eps sin(x)`: the error is that."""
    return known(lambda x: (torch.exp(-x[:, :1]) + eps) * torch.sin(x[:, 1:]), **LINE)


def one(rows):
    (row,) = rows
    return row


def test_norms():
    rows = {row.norm: row for row in evaluate(off(0.1), norms=("l1", "l2", "linf", "h1"))}
    half = math.pi / 2
    expected = {"l1": 0.2, "l2": 0.1 * half**0.5, "linf": 0.1, "h1": 0.1 * (2 * half) ** 0.5}
    for norm, value in expected.items():
        assert rows[norm].error == pytest.approx(value, rel=1e-3 if norm == "linf" else 1e-10)
    decay = (1 - math.exp(-2)) / 2
    assert rows["l2"].relative == pytest.approx(0.1 / decay**0.5)


def test_a_derivative_and_a_face():
    slope = one(evaluate(off(0.1), quantities=["u_x"], norms=["l2"]))
    assert slope.error == pytest.approx(0.1 * (math.pi / 2) ** 0.5)
    flux = one(evaluate(off(0.1), quantities=["dn(u)(x=0)"], norms=["linf"]))
    assert flux.error == pytest.approx(0.1) and flux.quantity == "dn(u)(x=0)"


def test_parts_and_regions_add_up():
    whole = one(evaluate(off(0.1), norms=["l2"])).error
    parts = evaluate(off(0.1), norms=["l2"], by="x", parts=3)
    assert [row.part for row in parts] == ["x in [0, 1.047]", "x in [1.047, 2.094]", "x in [2.094, 3.142]"]
    assert sum(row.error**2 for row in parts) == pytest.approx(whole**2)
    halves = [one(evaluate(off(0.1), norms=["l2"], where=text)).error for text in ("x < 1", "x >= 1")]
    assert sum(error**2 for error in halves) == pytest.approx(whole**2)


def test_without_a_truth_residuals_are_measured():
    definition = {**LINE, "exact": None}
    solution = known(lambda x: x[:, :1] * torch.sin(x[:, 1:]), **definition)
    row = one(evaluate(solution, norms=["l2"]))  # u_t - u_xx = (1 + t) sin(x)
    assert row.quantity == "residual of heat" and row.relative is None
    assert row.error == pytest.approx((7 / 3 * math.pi / 2) ** 0.5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"norms": ["l3"]}, "norms=l3: no such norm. There are: l1"),
        ({"by": "y"}, "by=y: no coordinate has this name"),
        ({"where": "x < -1"}, "where=x < -1: none"),
        ({"quantities": ["u_y"]}, "u_y"),
    ],
)
def test_what_cannot_be_measured(options, said):
    with pytest.raises(ValueError, match=said):
        evaluate(off(0.1), **options)


def test_a_reference_has_no_derivatives():
    definition = {
        "coordinates": {"t": [0, 1], "x": [-1, 1]},
        "equations": {"burgers": "u_t + u*u_x = nu*u_xx"},
        "conditions": {"start": "u(t=0) = -sin(pi*x)", "ends": "u(boundary) = 0"},
        "parameters": {"nu": 0.1},
        "enforce": "soft",
        "reference": "cole_hopf",
    }
    solution = known(lambda x: x[:, :1] * 0, **definition)
    assert one(evaluate(solution, norms=["l2"], points=1024)).relative == pytest.approx(1)
    assert one(evaluate(solution, quantities=["u**2"], norms=["l2"], points=1024)).relative == pytest.approx(1)
    with pytest.raises(ValueError, match="values alone"):
        evaluate(solution, quantities=["u_x"], points=1024)
