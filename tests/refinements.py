"""Refinements of problems with random features, and their errors."""

import torch

from pinn import metrics
from pinn.networks import MLP, Scaled
from pinn.partition import Refinement
from pinn.problem import Problem
from pinn.references import truth
from pinn.residuals import Residuals
from pinn.solution import held_out


class Local:
    """Random features, as many as are usual."""

    def __init__(self, problem: Problem, features: int):
        self.problem, self.widest = problem, 300
        self.features, self.dimensions, self.fields = features, len(problem.coordinate_names), len(problem.fields)

    def of(self, features: int) -> "Local":
        return Local(self.problem, features)

    def __call__(self, lower, upper, waves=None):
        scale = 0.42 * self.features ** (1 / self.dimensions)
        return MLP(Scaled(lower, upper), self.fields, width=self.features, scale=scale)


def refinement(problem: Problem, features: int, budget: float | None = None, seed: int = 0) -> Refinement:
    like = MLP(Scaled(problem.domain.lower, problem.domain.upper), len(problem.fields), width=2).double()
    problem = problem.broken
    return Refinement(problem, Residuals(problem, like), Local(problem, features), seed, budget)


def error(problem: Problem, found: Refinement) -> float:
    x, true = held_out(problem, 2**11), truth(problem)
    assert true is not None
    with torch.no_grad():
        return max(e["relative_l2"] for e in metrics.errors(found.partition(x), true(x), problem.fields).values())


def pendulum(span: float) -> Problem:
    """From the height of 2 radians."""
    return Problem(
        coordinates={"t": [0, span]}, fields=["u"], equations={"swing": "u_tt = -sin(u)"},
        conditions={"start": "u(t=0) = 2", "speed": "u_t(t=0) = 0"}, enforce="soft",
    )  # fmt: skip


def transport(turns: int) -> Problem:
    """A pulse that goes round a periodic line."""
    return Problem(
        coordinates={"x": [0, 1], "t": [0, turns]},
        fields=["u"],
        functions={"U": "exp(2*(cos(2*pi*(x - t)) - 1))"},
        equations={"transport": "u_t + u_x = 0"},
        conditions={"around": "u(x=0) = u(x=1)", "start": "u(t=0) = U"},
        enforce="soft",
        exact={"u": "U"},
    )
