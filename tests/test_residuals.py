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
BY_POINT = {"first": torch.linspace(1, 2, 50).double(), "slope": torch.linspace(2, 0.5, 50).double(), "edge": 3.0}
SHIFTS = {"second": torch.linspace(-1, 1, 50).double(), "slope": torch.linspace(0, 1, 50).double()}


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
    pairs = [WEIGHTS.get(name, 1.0) * found.losses(at)[name] - loss for name, loss in losses.items()]
    assert max(map(abs, pairs)) < 1e-12 * max(losses.values())
    return torch.cat([torch.stack(list(losses.values())), *(g.flatten() for g in gradient), r, jacobian.flatten()])


@pytest.mark.parametrize("engine", ["jet", "autograd"])
def test_slices_of_points_give_the_gradient_of_all(engine):
    whole, sliced = residuals(engine, None), residuals(engine, 30_000.0)
    a, b = everything(whole), everything(sliced)
    assert torch.allclose(a, b, rtol=1e-12, atol=1e-13 * a.abs().max())
    sizes = [len(part.x) for place, _, part, _ in sliced._slices(drawn(sliced)) if place == PROBLEM.domain.interior]
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


@pytest.mark.parametrize("memory_budget", [None, 30_000.0])
def test_weights_and_shifts_of_points_are_those_of_the_formula(memory_budget):
    found = residuals("jet", memory_budget)
    at, parameters = drawn(found), list(found.parameters())
    terms = {name: (BY_POINT.get(name, 1.0) * (r + SHIFTS.get(name, 0.0)) ** 2).mean() for name, r in found(at).items()}
    own = {
        name: torch.cat([
            g.flatten()
            for g in torch.autograd.grad(t, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
        ])
        for name, t in terms.items()
    }  # fmt: skip
    whole = sum(own.values())
    losses, gradient = found.gradient(at, BY_POINT, SHIFTS)
    r, jacobian = found.linearise(at, BY_POINT, shifts=SHIFTS)
    each = found.gradients(at, BY_POINT, SHIFTS)
    close = {"rtol": 1e-10, "atol": 1e-11 * float(whole.abs().max())}
    assert torch.allclose(found.vector(at, BY_POINT, SHIFTS), r, **close)
    assert torch.allclose(torch.cat([g.flatten() for g in gradient]), whole, **close)
    assert torch.allclose(2 * jacobian.T @ r, whole, **close)
    for name, term in terms.items():
        assert torch.allclose(losses[name], term) and torch.allclose(each[name], own[name], **close)
    assert not torch.allclose(found.vector(at, BY_POINT), r, **close)
    assert not torch.allclose(found.vector(at, WEIGHTS, SHIFTS), r, **close)


@pytest.mark.parametrize("memory_budget", [None, 30_000.0])
def test_sensitivities_are_mean_squares_of_the_rows_of_the_jacobian(memory_budget):
    found = residuals("jet", memory_budget)
    at = drawn(found)
    _, jacobian = found.linearise(at, {})
    counts = [1 if name == "corner" else 50 for name in PROBLEM.equations]
    for (name, value), rows in zip(found.sensitivities(at).items(), jacobian.split(counts), strict=True):
        assert torch.isclose(value, rows.square().sum()), name


def test_residuals_of_another_network_are_those_of_a_new_one():
    found, other = residuals("jet", None), MLP(Scaled([0.0, 0.0], [1.0, 2.0]), 2, width=9).double()
    at = drawn(found)
    swapped = found.of(other)
    assert torch.equal(swapped.vector(at, {}), Residuals(PROBLEM, other).vector(at, {}))
    assert not torch.equal(swapped.vector(at, {}), found.vector(at, {}))


@pytest.mark.parametrize("memory_budget", [None, 30_000.0])
def test_an_integral_is_one_residual_however_many_points_it_takes(memory_budget):
    """`integral(v) = 3` on a box of area 2: twice the mean of v over the points, less 3, and its square is the loss."""
    definition = {**PROBLEM.definition, "conditions": {"total": "integral(v) = 3"}}
    network = residuals("jet", None).network
    found = Residuals(Problem(**definition), network, "jet", memory_budget)
    at = drawn(found)
    (place,) = (place for place in at if place.integral)
    wanted = 2 * (network(at[place].x)[:, 1] * at[place].weights).mean() - 3
    losses, gradient = found.gradient(at, {"total": 2.0})
    r, jacobian = found.linearise(at, {"total": 2.0})
    assert torch.isclose(found.losses(at)["total"], wanted**2) and torch.isclose(losses["total"], 2 * wanted**2)
    assert torch.isclose(r[-1], 2**0.5 * wanted)
    assert torch.allclose(torch.cat([g.flatten() for g in gradient]), 2 * jacobian.T @ r, rtol=1e-10, atol=1e-11)
    own = torch.autograd.grad(wanted, list(network.parameters()))
    assert torch.allclose(jacobian[-1, :-1], 2**0.5 * torch.cat([g.flatten() for g in own]), rtol=1e-10, atol=1e-12)
