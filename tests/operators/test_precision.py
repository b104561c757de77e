"""What each arithmetic keeps of the operators and of their gradients, against float64 by the reference engine."""

import pytest
import torch
from torch import nn

from pinn import operators

# relative error of values and gradients that rounding may cause, by order of the operator
FLOORS = {"fp64": 1e-12, "fp32": 2e-5, "bf16": 0.2}
TEXTS = {"laplacian": "lap(u)", "biharmonic": "lap(lap(u))", "burgers": "u_x + u*u_y - 0.1*u_yy"}


def numbers(text, dtype, engine, autocast=False):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)).to(dtype)
    x = torch.rand(64, 2, dtype=torch.float64).to(dtype)
    plan = operators.plan({"r": text}, ["x", "y"], ["u"])
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        value = operators.derivatives(network, x, plan, engine=engine)["r"]
    gradients = torch.autograd.grad(
        value.square().mean(), list(network.parameters()), allow_unused=True, materialize_grads=True
    )
    return value.detach().double(), torch.cat([g.flatten() for g in gradients]).double(), value.dtype


def apart(text, name):
    dtype = torch.float64 if name == "fp64" else torch.float32
    value, gradient, kind = numbers(text, dtype, "jet", autocast=name == "bf16")
    assert kind == dtype  # activations and results keep the precision of the parameters
    reference, reference_gradient, _ = numbers(text, torch.float64, "autograd")
    return max(
        float((value - reference).norm() / reference.norm()),
        float((gradient - reference_gradient).norm() / reference_gradient.norm()),
    )


@pytest.mark.parametrize("name", FLOORS)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_errors_stay_at_the_floor_of_the_precision(text, name):
    assert apart(text, name) < FLOORS[name]


def test_low_precision_is_really_taken():
    assert apart(TEXTS["biharmonic"], "bf16") > 1e-4 > apart(TEXTS["biharmonic"], "fp32") > 1e-9
