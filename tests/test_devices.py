"""Placement without an accelerator: on torch's `meta` device a stray CPU tensor raises."""

import contextlib

import pytest
import torch

from pinn import Problem, operators
from pinn.balancing import SCHEMES, Causal
from pinn.networks import MLP, Scaled
from pinn.problem import configs
from pinn.references import observe
from pinn.residuals import Residuals
from pinn.sampling import Sobol, points
from pinn.training.balance import Present
from pinn.training.ranks import Ranks

NAMES = sorted(path.stem for path in (configs() / "pde").glob("*.yaml"))


def on_meta(name, engine):
    problem = Problem.load(name)
    observe(problem)
    network = MLP(Scaled(problem.domain.lower, problem.domain.upper), len(problem.fields), width=5).double().to("meta")
    residuals = Residuals(problem, network, engine=engine).to("meta")
    kind = {"seed": 0, "step": 0, "dtype": torch.float64, "device": "meta"}
    return residuals, points(problem.domain, dict.fromkeys(residuals.places, 6), Sobol(), **kind)


def refuse(*_):
    raise AssertionError("the other engine was taken")


@pytest.mark.parametrize("engine", ["jet", "autograd"])
@pytest.mark.parametrize("name", NAMES)
def test_residuals_losses_and_gradients_stay_on_their_device(name, engine, monkeypatch):
    monkeypatch.setattr(operators.engine, "operator_values" if engine == "jet" else "jet_values", refuse)
    residuals, at = on_meta(name, engine)
    loss = torch.stack([r.square().mean() for r in residuals(at).values()]).sum()
    gradients = torch.autograd.grad(loss, list(residuals.parameters()), allow_unused=True)
    assert loss.is_meta and all(g is None or g.is_meta for g in gradients)


@pytest.mark.parametrize("name", NAMES)
def test_jacobians_stay_on_their_device(name):
    residuals, at = on_meta(name, "jet")
    r, jacobian = residuals.linearise(at, {})
    assert r.is_meta and jacobian.is_meta and jacobian.shape[0] == r.shape[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_training_step_stays_on_its_device(name):
    """Points, weights, losses, gradients by slices, and the optimizer."""
    residuals, at = on_meta(name, "jet")
    weights = {
        equation.name: torch.ones((), device="meta") for group in residuals.groups.values() for equation in group
    }
    optimizer = torch.optim.Adam(residuals.parameters(), lr=0.1)
    losses, gradient = residuals.gradient(at, weights)
    for parameter, found in zip(residuals.parameters(), gradient, strict=True):
        parameter.grad = found
    optimizer.step()
    assert all(value.is_meta for value in (*losses.values(), *gradient, residuals.vector(at, weights)))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["allen_cahn", "cavity"])
def test_weights_stay_on_their_device(name, scheme):
    residuals, at = on_meta(name, "jet")
    problem = Problem.load(name)
    sizes = dict.fromkeys(problem.equations, 2.0)
    rule = SCHEMES[scheme](problem)
    for _ in range(2):
        rule.update(Present(residuals, at, sizes, 0, contextlib.nullcontext, Ranks()))
    weights = {e: rule.weights.get(e, 1.0) for e in problem.equations}
    assert all(gradient.is_meta for gradient in residuals.gradients(at, weights, rule.shifts).values())
    assert residuals.linearise(at, weights, shifts=rule.shifts)[1].is_meta
    assert rule.combine(torch.ones(2, 3, device="meta")).is_meta
    if "t" in problem.coordinate_names:
        assert Causal(problem).weights(at[problem.domain.interior].x, torch.ones(6, device="meta")).is_meta


def test_a_stray_cpu_tensor_is_seen():
    residuals, at = on_meta("poisson", "jet")
    residuals.network.features.center = residuals.network.features.center.new_zeros(2, device="cpu")
    residuals.engine = "autograd"  # the jet engine would fall back to this one
    with pytest.raises(RuntimeError, match="device"):
        residuals(at)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator")
@pytest.mark.parametrize("name", NAMES)
def test_an_accelerator_gives_what_the_cpu_gives(name):
    problem = Problem.load(name)
    torch.manual_seed(0)
    network = MLP(Scaled(problem.domain.lower, problem.domain.upper), len(problem.fields), width=8).double()
    residuals = Residuals(problem, network)
    kind = {"seed": 0, "step": 0, "dtype": torch.float64}
    places = dict.fromkeys(residuals.places, 50)
    here = residuals.vector(points(problem.domain, places, Sobol(), device="cpu", **kind), {})
    there = residuals.to("cuda").vector(points(problem.domain, places, Sobol(), device="cuda", **kind), {})
    torch.testing.assert_close(there.cpu(), here, rtol=1e-10, atol=1e-10)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator")
@pytest.mark.parametrize("name", NAMES)
def test_a_step_waits_for_nothing(name):
    """Host synchronisations raise, but for those of drawing points and of logging."""
    problem = Problem.load(name)
    residuals = Residuals(
        problem, MLP(Scaled(problem.domain.lower, problem.domain.upper), len(problem.fields), width=8)
    )
    residuals.to("cuda")
    kind = {"seed": 0, "step": 0, "dtype": torch.float32, "device": "cuda"}
    at = points(problem.domain, dict.fromkeys(residuals.places, 50), Sobol(), **kind)
    optimizer = torch.optim.Adam(residuals.parameters(), capturable=True)
    for mode in ("default", "error", "default"):  # the first step allocates and loads libraries
        torch.cuda.set_sync_debug_mode(mode)
        _, gradient = residuals.gradient(at, {})
        for parameter, found in zip(residuals.parameters(), gradient, strict=True):
            parameter.grad = found
        optimizer.step()
