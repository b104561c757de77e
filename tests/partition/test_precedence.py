"""Fields that some equations determine by themselves: the order of fields, and what it keeps out of the first."""

import pytest
from refinements import refinement

from pinn import Problem
from pinn.partition import precedence as module
from pinn.partition.precedence import determined
from pinn.references import truth
from pinn.solution import held_out


@pytest.mark.parametrize(
    ("equations", "depths"),
    [
        ([{"T"}, {"T", "u", "v"}, {"T", "u", "v"}], {"T": 0, "u": 1, "v": 1}),
        ([{"a", "b"}, {"b"}, {"b", "c", "a"}], {"b": 0, "a": 1, "c": 2}),  # a chain, in any order
        ([{"u", "v"}, {"u", "v"}], {"u": 0, "v": 0}),
        ([{"u"}, {"v"}], {"u": 0, "v": 0}),
        ([{"u", "v", "p"}, {"u", "v", "p"}, {"u", "v"}], {"u": 0, "v": 0, "p": 0}),  # no equation is the pressure's own
        ([{"u"}, {"u"}, {"u", "v"}], {}),  # more equations than fields
        ([{"u"}, {"u"}], {}),  # none for the other
    ],
)
def test_which_fields_come_first(equations, depths):
    assert determined(equations, len(set().union(*equations)) or 2) == depths


HEATED = {  # nothing moves T, and a corner of the domain bends v: r^(2/3) on three quarters of a plane
    "coordinates": {"x": [-1, 1], "y": [-1, 1]}, "fields": ["T", "v"], "enforce": "soft",
    "domain": {"polygon": {"vertices": [[0, 0], [0, -1], [-1, -1], [-1, 1], [1, 1], [1, 0]]}},
    "equations": {"heat": "lap(T) = 0", "bend": "lap(v) + T_x = 1"},
    "conditions": {"rim": "T(boundary) = exp(x)*cos(y)", "zero": "v(boundary) = 0"},
    "exact": {"T": "exp(x)*cos(y)", "v": "0"},
}  # fmt: skip


@pytest.mark.parametrize(("first", "least", "most"), [(1e3, 0.0, 5e-6), (1.0, 3e-5, 1.0)])
def test_what_is_left_at_a_corner_stays_out_of_the_fields_before(first, least, most, monkeypatch):
    monkeypatch.setattr(module, "FIRST", first)
    problem = Problem(**HEATED)
    found = refinement(problem, 60)
    for _ in range(2):
        found.advance()
    x, true = held_out(problem, 500), truth(problem)
    assert true is not None and found.partition is not None
    T, known = found.partition(x).detach()[:, 0], true(x)[:, 0]
    assert least < float((T - known).norm() / known.norm()) < most


def test_a_first_level_knows_no_order(monkeypatch):
    found, weights = refinement(Problem(**HEATED), 20), []

    def precedence(sampled):
        weights.append(module.precedence(sampled))
        return weights[-1]

    monkeypatch.setattr("pinn.partition.newton.precedence", precedence)
    found.advance()
    assert all(bool((w == 1).all()) for w in weights)
    found.advance()
    assert weights[-1].unique().tolist() == pytest.approx([1.0, module.FIRST])
