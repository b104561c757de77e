"""Each derivative table against nested autograd, and the accuracy that float32 keeps."""

from functools import partial

import pytest
import torch

from pinn.operators import activations as a

TABLES = {
    "tanh": (a.tanh, torch.tanh),
    "sigmoid": (a.sigmoid, torch.sigmoid),
    "sin": (a.sin, torch.sin),
    "cos": (a.cos, torch.cos),
    "exp": (a.exp, torch.exp),
    "softplus": (a.softplus, torch.nn.functional.softplus),
    "silu": (a.silu, torch.nn.functional.silu),
    "gelu": (a.gelu, torch.nn.functional.gelu),
    "log": (a.log, torch.log),
    "sqrt": (a.sqrt, torch.sqrt),
    "reciprocal": (a.reciprocal, torch.reciprocal),
    "sinh": (a.sinh, torch.sinh),
    "cosh": (a.cosh, torch.cosh),
    "erf": (a.erf, torch.erf),
    "atan": (a.atan, torch.atan),
    "asinh": (a.asinh, torch.asinh),
    "tan": (a.tan, torch.tan),
    "cube": (partial(a.power, exponent=3.0), lambda z: z**3),
    "power": (partial(a.power, exponent=-1.5), lambda z: z**-1.5),
}
POSITIVE = {"log", "sqrt", "reciprocal", "power"}


def nested(function, z, order):
    z = z.clone().requires_grad_()
    values = [function(z)]
    for _ in range(order):
        if not values[-1].requires_grad:
            values.append(torch.zeros_like(z))
            continue
        (g,) = torch.autograd.grad(values[-1].sum(), z, create_graph=True, allow_unused=True, materialize_grads=True)
        values.append(g)
    return [v.detach() for v in values]


def points(name):
    if name == "tan":
        return torch.linspace(-1.2, 1.2, 41, dtype=torch.float64)
    return (
        torch.linspace(0.3, 3, 41, dtype=torch.float64)
        if name in POSITIVE
        else torch.linspace(-4, 4, 81, dtype=torch.float64)
    )


@pytest.mark.parametrize("name", TABLES)
def test_table_equals_nested_autograd(name):
    table, function = TABLES[name]
    z = points(name)
    for order in (0, 1, 7):
        ours, reference = table(z, order), nested(function, z, order)
        assert len(ours) == order + 1
        for k, (p, q) in enumerate(zip(ours, reference, strict=True)):
            torch.testing.assert_close(
                p, q, rtol=1e-10, atol=1e-10 * 10.0**k, msg=lambda m, k=k: f"derivative {k}: {m}"
            )


@pytest.mark.parametrize("name", ["tanh", "sin", "silu", "gelu", "softplus"])
def test_tables_are_stable_in_float32(name):
    table, _ = TABLES[name]
    z = points(name)
    for k, (low, high) in enumerate(zip(table(z.float(), 5), table(z, 5), strict=True)):
        assert (low.double() - high).abs().max() < 3e-6 * high.abs().max(), k


def test_a_wrong_table_is_seen():
    wrong = a.tanh(points("tanh"), 3)
    reference = nested(torch.sin, points("tanh"), 3)
    assert (wrong[2] - reference[2]).abs().max() > 1e-3
