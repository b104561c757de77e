"""Truths for a range of a parameter, against an exact family and against the reference at one value."""

import pytest
import torch

from pinn import Problem
from pinn.references import truth
from pinn.references.family import family

HEAT = {
    "coordinates": {"t": [0, 1], "alpha_": [0, 1], "x": [0, 1]},
    "fields": ["u"],
    "parameters": {"nu": {"range": [0.1, 0.5]}},
    "equations": {"heat": "u_t = nu*u_xx"},
    "exact": {"u": "exp(-nu*pi**2*t)*sin(pi*x)"},
}
DECAY = {
    "coordinates": {"t": [0, 2]},
    "fields": ["u"],
    "parameters": {"k": {"range": [0.5, 3]}},
    "equations": {"decay": "u_t = -k*u"},
    "conditions": {"start": "u(t=0) = 1"},
    "reference": "ode",
}


def test_the_interpolant_is_the_exact_family():
    problem = Problem(**HEAT)
    solve = family(problem, lambda fixed: fixed.exact_values)
    x = problem.domain.sample(problem.domain.interior, torch.rand(300, 4, dtype=torch.float64)).x
    x[0, 3], x[1, 3] = 0.1, 0.3  # a node, and the middle one
    assert (solve(x) - problem.exact_values(x)).abs().max() < 1e-5
    wrong = family(problem, lambda fixed: lambda z: fixed.exact_values(z) * 1.01)
    assert (wrong(x) - problem.exact_values(x)).abs().max() > 1e-3


def test_a_reference_takes_a_range():
    problem = Problem(**DECAY)
    x = torch.rand(100, 2, dtype=torch.float64) * torch.tensor([2, 2.5]) + torch.tensor([0, 0.5])
    assert (truth(problem)(x)[:, 0] - torch.exp(-x[:, 1] * x[:, 0])).abs().max() < 1e-4


def test_what_is_learned_takes_its_truth():
    learned = {**DECAY, "parameters": {"k": {"learn": 1, "truth": 2}}}
    t = torch.rand(20, 1, dtype=torch.float64)
    torch.testing.assert_close(truth(Problem(**learned))(t), torch.exp(-2 * t), rtol=0, atol=1e-7)


def test_solutions_that_jump_with_the_parameter_are_refused():
    problem = Problem(**DECAY)

    def jumps(fixed):
        return lambda x: torch.full((len(x), 1), float(fixed.parameters["k"] > 1.7), dtype=torch.float64)

    with pytest.raises(ValueError, match="between 33 values of k the solution still changes"):
        family(problem, jumps)


def test_two_ranges_are_too_many():
    two = {**DECAY, "parameters": {"k": {"range": [1, 2]}, "m": {"range": [1, 2]}}}
    with pytest.raises(ValueError, match="one parameter with a range, here are k, m"):
        truth(Problem(**two))
