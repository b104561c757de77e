from types import SimpleNamespace

import pytest
import torch

from pinn.geometry import Box
from pinn.references import REFERENCES, truth


def plate(**changes):
    given = {
        "coordinate_names": ["x", "y"],
        "domain": Box({"x": (0, 1), "y": (0, 1)}),
        "fields": ["u"],
        "parameters": {"D": 1.0, "q": 1.0},
        "exact": None,
        "reference": "orthotropic_plate",
        "learned": {},
        "lost": None,
        "values": {},
    }
    return SimpleNamespace(**(given | changes))


def test_the_exact_solution_comes_first():
    problem = plate(exact={"u": "x"}, exact_values=lambda x: x[:, :1])
    assert truth(problem)(torch.tensor([[3.0, 4.0]])).tolist() == [[3.0]]


def test_no_exact_solution_and_no_reference():
    assert truth(plate(reference=None)) is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"reference": "cole_hop"},
            "there is no reference 'cole_hop'. Did you mean 'cole_hopf'?",
        ),
        ({"reference": "zzz"}, f"there is no reference 'zzz'. There are: {', '.join(REFERENCES)}."),
        ({"reference": {"cole_hopf": {"nodes": 3}}}, "reference cole_hopf has no option 'nodes'. It has none."),
        (
            {"reference": "cole_hopf"},
            "reference cole_hopf has one field of t and x, and a number nu > 0; this problem has u of x, y, and nu = 0",
        ),
        (
            {
                "reference": "cole_hopf",
                "coordinate_names": ["t", "x"],
                "domain": Box({"t": (0, 1), "x": (0, 1)}),
                "parameters": {"nu": 1.0},
            },
            "reference cole_hopf solves t from 0 and x in [-1, 1], but the domain is Box(t: [0, 1], x: [0, 1])",
        ),
    ],
)
def test_a_reference_for_another_problem_is_refused_in_one_sentence(changes, message):
    with pytest.raises(ValueError) as error:
        truth(plate(**changes))
    assert str(error.value) == message
