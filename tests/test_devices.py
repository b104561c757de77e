"""Placement without an accelerator: on torch's `meta` device a stray CPU tensor raises."""

import pytest
import torch

from pinn import Problem, operators
from pinn.networks import MLP, Scaled
from pinn.problem import configs
from pinn.residuals import Residuals
from pinn.sampling import Sobol, points

NAMES = sorted(path.stem for path in (configs() / "pde").glob("*.yaml"))


def on_meta(name, engine):
    problem = Problem.load(name)
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
def test_jacobians_stay_on_their_device(name, monkeypatch):
    monkeypatch.setattr(Residuals, "_pointwise", refuse)
    residuals, at = on_meta(name, "jet")
    r, jacobian = residuals.linearise(at, {})
    assert r.is_meta and jacobian.is_meta and jacobian.shape[0] == r.shape[0]


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
