"""Sums over many coordinates from random directions: unbiased, reproducible, and exact where they are short."""

import pytest
import torch
from torch import nn

from pinn import Problem, operators
from pinn.networks import MLP, Scaled
from pinn.operators import Estimator
from pinn.residuals import Residuals

D = 12
NAMES = [f"x{i}" for i in range(D)]
LAPLACIAN = " + ".join(f"u_{name}{name}" for name in NAMES)


def network(inputs, outputs=1):
    torch.manual_seed(0)
    layers = nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, outputs)
    return nn.Sequential(*layers).double()


def estimates(text, names, count, fields="u", directions=4):
    """The exact values (N,) and those of many seeds (S, N)."""
    net, x = network(len(names), len(fields)), torch.rand(3, len(names), dtype=torch.float64)
    exact = operators.derivatives(net, x, operators.plan({"r": text}, names, list(fields)))["r"]
    plan = operators.plan({"r": text}, names, list(fields), estimator=Estimator(5, directions))
    draws = [plan.directions.draw(seed, len(names), x) for seed in range(count)]
    return exact, torch.stack([operators.derivatives(net, x, plan, directions=v)["r"].detach() for v in draws]), plan


def deviations(exact, found):
    """Of the mean from the truth, in standard errors of the mean."""
    return ((found.mean(0) - exact).abs() / (found.std(0) / len(found) ** 0.5)).max()


@pytest.mark.parametrize("text", [LAPLACIAN, f"u_t - 0.5*({LAPLACIAN}) + u*u_x0", f"x1*({LAPLACIAN}) + u_x0x1 - u**2"])
def test_the_estimate_is_unbiased(text):
    names = [*NAMES, "t"] if "u_t" in text else NAMES
    exact, found, plan = estimates(text, names, 400)
    assert plan.directions is not None and plan.channels <= 4 + 4 + 2
    assert found.std(0).min() > 1e-6 * exact.abs().max()
    assert deviations(exact, found) < 4.5


def test_the_check_sees_a_bias():
    exact, found, _ = estimates(LAPLACIAN, NAMES, 400)
    assert deviations(exact, 1.2 * found) > 4.5


def test_more_directions_mean_less_noise():
    few, many = (estimates(LAPLACIAN, NAMES, 200, directions=k)[1].std(0) for k in (2, 32))
    assert ((few / many - 4).abs() < 1).all()


def test_systems_share_directions_and_both_sums_are_estimated():
    texts = {"a": LAPLACIAN + " + v", "b": LAPLACIAN.replace("u_", "v_") + " - 3*u"}
    plan = operators.plan(texts, NAMES, ["u", "v"], estimator=Estimator(5, 4))
    assert plan.directions.total == 4
    net, x = network(D, 2), torch.rand(3, D, dtype=torch.float64)
    by_engine = [operators.derivatives(net, x, plan, engine=engine) for engine in operators.ENGINES]
    for name in texts:
        assert torch.allclose(by_engine[0][name], by_engine[1][name], rtol=1e-11)


def test_what_would_be_biased_is_exact():
    """The square of an estimate is larger than the square by its variance."""
    for text in (f"({LAPLACIAN})**2", f"exp({LAPLACIAN}) + u_x0"):
        assert operators.plan({"r": text}, NAMES, ["u"], estimator=Estimator(5)).directions is None
    texts = {"square": f"u*({LAPLACIAN})**2", "linear": f"u*({LAPLACIAN.replace('u_', '3*u_')})"}
    mixed = operators.plan(texts, NAMES, ["u"], estimator=Estimator(5))
    net, x = network(D), torch.rand(3, D, dtype=torch.float64)
    exact = operators.derivatives(net, x, operators.plan(texts, NAMES, ["u"]))
    assert torch.allclose(operators.derivatives(net, x, mixed)["square"], exact["square"], rtol=1e-11)


def test_short_sums_are_exact():
    assert operators.plan({"r": "lap(u)"}, list("xyz"), ["u"], estimator=Estimator(3)).directions is None
    assert operators.plan({"r": LAPLACIAN}, NAMES, ["u"]).directions is None


def test_the_seed_decides_and_signs_are_signs():
    directions = operators.plan({"r": LAPLACIAN}, NAMES, ["u"], estimator=Estimator(5)).directions
    like = torch.zeros((), dtype=torch.float64)
    first = directions.draw(7, D, like)
    assert first.equal(directions.draw(7, D, like)) and not first.equal(directions.draw(8, D, like))
    assert first.shape == (16, D) and first.abs().eq(1).all()


def test_residuals_take_new_directions_with_each_step_and_their_jacobian_follows():
    problem = Problem(coordinates=dict.fromkeys(NAMES, [0, 1]), fields=["u"], equations={"r": f"{LAPLACIAN} = u**2"})
    net = MLP(Scaled(problem.domain.lower, problem.domain.upper), 1, width=5, depth=2, scale=1.0).double()
    residuals = Residuals(problem, net, estimator=Estimator(5, 4))
    at = {problem.domain.interior: problem.domain.sample(problem.domain.interior, torch.rand(6, D).double())}
    vectors = []
    for seed in (0, 1, 0):
        residuals.draw_directions(seed)
        r, jacobian = residuals.linearise(at, {})
        vectors.append(residuals.vector(at, {}))
        assert torch.allclose(vectors[-1], r, rtol=1e-12)
        gradient = torch.autograd.grad((vectors[-1] * r).sum(), list(residuals.parameters()))
        assert torch.allclose(jacobian.T @ r, torch.cat([g.flatten() for g in gradient]), rtol=1e-10)
    assert vectors[0].equal(vectors[2]) and not torch.allclose(vectors[0], vectors[1], rtol=1e-3)
