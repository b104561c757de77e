"""Every kind of operator against sympy: a small network written out as a formula, its derivatives taken by algebra.

The operators stand here twice: as the text that a user writes, and as functions of sympy's that share no code with it.
"""

import functools

import numpy as np
import pytest
import sympy as sp
import torch
from torch import nn

from pinn import operators

X, Y = sp.symbols("x y")


class Net(nn.Module):
    """`sum_w a_w tanh(sin(...))`: two layers of two neurons, small enough to be differentiated by hand, nearly."""

    def __init__(self, outputs, width):
        super().__init__()
        torch.manual_seed(3)
        self.first, self.second, self.last = nn.Linear(2, width), nn.Linear(width, 2), nn.Linear(2, outputs)

    def forward(self, x):
        return self.last(torch.tanh(self.second(torch.sin(self.first(x)))))

    def formula(self):
        """The fields, of sympy."""
        h = sp.Matrix([X, Y])
        for layer, function in ((self.first, sp.sin), (self.second, sp.tanh), (self.last, lambda z: z)):
            weight, bias = (sp.Matrix(p.detach().numpy().tolist()) for p in (layer.weight, layer.bias))
            h = (weight * h + bias).applyfunc(function)
        return list(h)


def d(e, *along):
    return sp.diff(e, *along)


def lap(e):
    return d(e, X, X) + d(e, Y, Y)


def div_grad(a, e):
    """`div(a grad e)`."""
    return d(a * d(e, X), X) + d(a * d(e, Y), Y)


def slope(e):
    return d(e, X) ** 2 + d(e, Y) ** 2


A, B = 0.7, -1.3  # learned, or given with each call
SCALAR = {
    "second order": (
        "u_xx - 3*u_xy + 2*u_yy + u_x - u",
        lambda u: d(u, X, X) - 3 * d(u, X, Y) + 2 * d(u, Y, Y) + d(u, X) - u,
    ),
    "odd order": ("u_xxx + 2*u_xyy - u_yyy", lambda u: d(u, X, X, X) + 2 * d(u, X, Y, Y) - d(u, Y, Y, Y)),
    "biharmonic": ("lap(lap(u))", lambda u: lap(lap(u))),
    "fifth order": ("u_xxxyy + u_x", lambda u: d(u, X, X, X, Y, Y) + d(u, X)),
    "triharmonic": ("lap(lap(lap(u)))", lambda u: lap(lap(lap(u)))),
    "coefficients of the points": ("x**2*u_xx + sin(x*y)*u_y", lambda u: X**2 * d(u, X, X) + sp.sin(X * Y) * d(u, Y)),
    "learned coefficients": ("a*lap(u) + exp(b)*u_x*u", lambda u: A * lap(u) + sp.exp(B) * d(u, X) * u),
    "Burgers": ("u_x + u*u_y - 0.1*u_yy", lambda u: d(u, X) + u * d(u, Y) - 0.1 * d(u, Y, Y)),
    "Monge-Ampere": ("u_xx*u_yy - u_xy**2", lambda u: d(u, X, X) * d(u, Y, Y) - d(u, X, Y) ** 2),
    "minimal surface": (
        "div(grad(u)/sqrt(1 + dot(grad(u), grad(u))))",
        lambda u: div_grad(1 / sp.sqrt(1 + slope(u)), u),
    ),
    "p-Laplacian": ("div(dot(grad(u), grad(u))**(3/2)*grad(u))", lambda u: div_grad(slope(u) ** sp.Rational(3, 2), u)),
    "porous medium": ("lap(u**3)", lambda u: lap(u**3)),
    "coefficients of the solution": (
        "div((1 + x*y + u**2)*grad(u))",
        lambda u: div_grad(1 + X * Y + u**2, u),
    ),
    "Cahn-Hilliard": ("lap(u**3 - u - 0.1*lap(u))", lambda u: lap(u**3 - u - 0.1 * lap(u))),
    "stream function": (
        "u_y*lap(u_x) - u_x*lap(u_y)",
        lambda u: d(u, Y) * lap(d(u, X)) - d(u, X) * lap(d(u, Y)),
    ),
    "functions of the solution": ("exp(-u)*u_x + u/(2 + cos(u))", lambda u: sp.exp(-u) * d(u, X) + u / (2 + sp.cos(u))),
}
SYSTEMS = {
    "momentum": (
        "u*u_x + v*u_y + p_x - 0.1*lap(u)",
        lambda u, v, p: u * d(u, X) + v * d(u, Y) + d(p, X) - 0.1 * lap(u),
    ),
    "continuity": ("u_x + v_y", lambda u, v, p: d(u, X) + d(v, Y)),
    "a coefficient that is a field": ("div(p*grad(u))", lambda u, v, p: div_grad(p, u)),
    "cross terms": ("lap(u*v) - v*lap(p)", lambda u, v, p: lap(u * v) - v * lap(p)),
}


@functools.cache
def exact(function, fields, width):
    formula = function(*Net(len(fields), width).double().formula())
    return sp.lambdify((X, Y), formula, "numpy", cse=True)


def check(text, function, fields, engine):
    width = 1 if "lap(lap(lap" in text or "u_xxxyy" in text else 2  # formulas grow with the order
    network = Net(len(fields), width).double()
    plan = operators.plan({"r": text}, ["x", "y"], list(fields), inputs=["a", "b"])
    x = torch.rand(4, 2, dtype=torch.float64)
    inputs = {"a": torch.tensor(A, dtype=torch.float64), "b": torch.full((4,), B, dtype=torch.float64)}
    found = operators.derivatives(network, x, plan, engine=engine, inputs=inputs)["r"].detach().numpy()
    expected = exact(function, fields, width)(*x.numpy().T)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("engine", operators.ENGINES)
@pytest.mark.parametrize("name", SCALAR)
def test_an_operator_is_that_of_algebra(name, engine):
    check(*SCALAR[name], "u", engine)


@pytest.mark.parametrize("engine", operators.ENGINES)
@pytest.mark.parametrize("name", SYSTEMS)
def test_an_operator_of_a_system_is_that_of_algebra(name, engine):
    check(*SYSTEMS[name], "uvp", engine)


def test_the_oracle_sees_another_operator():
    with pytest.raises(AssertionError):
        check("lap(u**3)", lambda u: lap(u**3) * (1 + 1e-8), "u", "jet")
