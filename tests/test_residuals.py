"""Residuals at slices of points: the same losses, gradients, vectors and Jacobians, whatever the memory."""

import pytest
import torch

from pinn import Problem
from pinn.networks import MLP, Scaled
from pinn.residuals import Residuals
from pinn.sampling import Sobol, points

PROBLEM = Problem(
    coordinates={"x": [0, 1], "y": [0, 2]},
    fields=["u", "v"],
    equations={"first": "lap(lap(u)) + u*v_x = 1", "second": "lap(v) - a*u = 0"},
    conditions={"edge": "u(boundary) = 0", "slope": "dn(v)(boundary) = x", "corner": "v(x=0, y=0) = 1"},
    parameters={"a": {"learn": 0.3}},
    enforce="soft",
)
WEIGHTS = {"first": 2.0, "slope": 0.5}


def residuals(engine, memory_budget):
    torch.manual_seed(0)
    network = MLP(Scaled(PROBLEM.domain.lower, PROBLEM.domain.upper), 2, width=6, depth=2, scale=2.0).double()
    return Residuals(PROBLEM, network, engine, memory_budget)


def drawn(found):
    kind = {"seed": 0, "step": 0, "dtype": torch.float64, "device": "cpu"}
    return points(PROBLEM.domain, dict.fromkeys(found.places, 50), Sobol(), **kind)


def everything(found):
    at = drawn(found)
    losses, gradient = found.gradient(at, WEIGHTS)
    r, jacobian = found.linearise(at, WEIGHTS)
    assert losses.keys() == found.losses(at).keys() == PROBLEM.equations.keys()
    pairs = [found.losses(at)[name] - loss for name, loss in losses.items()]
    assert max(map(abs, pairs)) < 1e-12 * max(losses.values())
    return torch.cat([torch.stack(list(losses.values())), *(g.flatten() for g in gradient), r, jacobian.flatten()])


@pytest.mark.parametrize("engine", ["jet", "autograd"])
def test_slices_of_points_give_the_gradient_of_all(engine):
    whole, sliced = residuals(engine, None), residuals(engine, 30_000.0)
    a, b = everything(whole), everything(sliced)
    assert torch.allclose(a, b, rtol=1e-12, atol=1e-13 * a.abs().max())
    sizes = [len(part.x) for place, _, part in sliced._slices(drawn(sliced)) if place == PROBLEM.domain.interior]
    assert len(sizes) > 3 and sum(sizes) == 50


def test_a_point_that_is_left_out_is_seen(monkeypatch):
    sliced = residuals("jet", 30_000.0)
    right = everything(sliced)
    slices = sliced._slices
    monkeypatch.setattr(sliced, "_slices", lambda at: list(slices(at))[1:])
    losses, _ = sliced.gradient(drawn(sliced), WEIGHTS)
    assert abs(losses["first"] - right[0]) > 1e-3 * right[0]


def test_the_gradient_is_that_of_the_weighted_losses():
    found = residuals("jet", None)
    r = found(drawn(found))
    loss = sum(WEIGHTS.get(name, 1.0) * value.square().mean() for name, value in r.items())
    expected = torch.autograd.grad(loss, list(found.parameters()))
    for a, b in zip(found.gradient(drawn(found), WEIGHTS)[1], expected, strict=True):
        assert torch.allclose(a, b, rtol=1e-11, atol=1e-12)
