"""Every problem in configs/pde: it reads, its exact solution solves it, its engines agree."""

from collections.abc import Mapping

import pytest
import torch
from torch import nn

from pinn import Problem, sampling
from pinn.networks import MLP, Scaled
from pinn.problem import configs
from pinn.references import observe, truth
from pinn.residuals import Residuals

NAMES = sorted(path.stem for path in (configs() / "pde").glob("*.yaml"))


def points(residuals, problem, n=40):
    observe(problem)
    kind = {"seed": 0, "step": 0, "dtype": torch.float64, "device": "cpu"}
    return sampling.points(problem.domain, dict.fromkeys(residuals.places, n), sampling.Uniform(), **kind)


class Exact(nn.Module):
    """The exact solution, with an optional perturbation, as a network."""

    def __init__(self, problem, perturbation=0.0):
        super().__init__()
        self.problem, self.perturbation = problem, nn.Parameter(torch.tensor(perturbation, dtype=torch.float64))

    def forward(self, x):
        bump = torch.sin(3 * x.sum(dim=1, keepdim=True) + 1.1 + torch.arange(len(self.problem.fields)))
        return self.problem.exact_values(x) + self.perturbation * bump


def soft(name):
    """The problem with every condition as an equation, and true parameters."""
    problem = Problem.load(name)
    truths = {key: value.truth for key, value in problem.learned.items() if value.truth is not None}
    problem = problem.at(**truths)
    problem.hard = {}
    problem.equations |= problem.conditions
    return problem


def largest(problem, perturbation):
    residuals = Residuals(problem, Exact(problem, perturbation), engine="autograd")
    return {name: r.abs().max().item() for name, r in residuals(points(residuals, problem)).items()}


@pytest.mark.parametrize("name", [n for n in NAMES if Problem.load(n).exact])
def test_the_exact_solution_solves_it_and_a_perturbed_one_does_not(name):
    problem = soft(name)
    right, wrong = largest(problem, 0.0), largest(problem, 1e-3)
    assert max(right.values()) < 1e-10
    assert min(wrong.values()) > 1e-6, wrong


@pytest.mark.parametrize("name", NAMES)
def test_engines_and_jacobians_agree(name):
    problem = Problem.load(name)
    torch.manual_seed(0)
    network = MLP(Scaled(problem.domain.lower, problem.domain.upper), len(problem.fields), width=6).double()
    jet, reference = (Residuals(problem, network, engine=engine) for engine in ("jet", "autograd"))
    at, weights = points(jet, problem, 7), {next(iter(problem.equations)): 2.0}
    (r, jacobian), (r_reference, jacobian_reference) = jet.linearise(at, weights), reference.linearise(at, weights)
    assert (r - r_reference).norm() <= 1e-11 * r_reference.norm()
    assert (jacobian - jacobian_reference).norm() <= 1e-11 * jacobian_reference.norm()
    torch.testing.assert_close(jet.vector(at, weights), r)


ROUGHLY = {"cavity": 3e-2, "flow": 0.5, "spectral": 1e-2}  # tolerances: how well they solve, tests/references says


@pytest.mark.parametrize("name", NAMES)
def test_there_is_a_truth_to_compare_with(name):
    problem = Problem.load(name)
    given = problem.definition["reference"]
    (solver, options), *_ = given.items() if isinstance(given, Mapping) else [(given, {})]
    if solver in ROUGHLY:
        problem = Problem(**problem.definition | {"reference": {solver: {**options, "tolerance": ROUGHLY[solver]}}})
    x = sampling.points(
        problem.domain, {problem.domain.interior: 5}, sampling.Uniform(),
        seed=0, step=0, dtype=torch.float64, device="cpu",
    )[problem.domain.interior].x  # fmt: skip
    assert truth(problem)(x).shape == (5, len(problem.fields))


def test_a_learned_parameter_has_its_column():
    problem = Problem(
        coordinates={"x": [0, 1]}, fields=["u"], parameters={"k": {"learn": 0.7}, "m": {"learn": 2}},
        equations={"e": "u_xx + k**2*u = m*x"}, conditions={"a": "u(x=0) = k"}, enforce="soft",
    )  # fmt: skip
    network = MLP(Scaled(problem.domain.lower, problem.domain.upper), 1, width=4).double()
    jet, reference = (Residuals(problem, network, engine=engine) for engine in ("jet", "autograd"))
    at = points(jet, problem, 6)
    torch.testing.assert_close(jet.linearise(at, {})[1], reference.linearise(at, {})[1], rtol=1e-11, atol=1e-13)
    assert jet.linearise(at, {})[1].shape == (7, sum(p.numel() for p in jet.parameters()))
