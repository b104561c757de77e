"""Conditions about integrals: against closed forms, gradients and Jacobians included."""

import math

import pytest
import torch

from pinn import LanguageError, Problem
from pinn.geometry import Points
from pinn.residuals import Residuals
from pinn.sampling import Sobol, points

POISSON = {"coordinates": {"x": [0, 2], "y": [0, 3]}, "fields": ["u"], "equations": {"e": "lap(u) = 0"}}


class Known(torch.nn.Module):
    """`u = a (x**2 + y)`."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self, x):
        return self.a * (x[:, :1] ** 2 + x[:, 1:2])


def found(text, **more):
    problem = Problem(**{**POISSON, **more}, conditions={"i": text})
    return problem, problem.equations["i"].place, Residuals(problem, Known())


def value(text, n=4096, **more):
    problem, place, residuals = found(text, **more)
    (r,) = residuals(points(problem.domain, {place: n}, Sobol(), seed=0, step=0, dtype=torch.float64, device="cpu"))[
        "i"
    ]
    return r.item()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("integral(u) = 0", 8 + 9),
        ("integral(u) = 17", 0),
        ("2*integral(u_x) - integral(1)/3 = 1", 2 * 12 - 2 - 1),
        ("integral(u)(x=2) = 0", 12 + 4.5),
        ("integral(dn(u))(boundary) = 0", 12),  # the flux is the integral of lap(u) = 2
        ("integral(u**2)(y=0) = 0", 32 / 5),
    ],
)
def test_integrals(text, expected):
    exact = "boundary" not in text  # Gauss points, and polynomials
    assert value(text) == pytest.approx(expected, abs=1e-10 if exact else 2e-2)


def test_a_shape_is_integrated_by_its_own_points():
    disk = {"coordinates": {"x": [-1, 1], "y": [-1, 1]}, "domain": {"disk": {"center": [0, 0], "radius": 1}}}
    assert value("integral(u + 1) = 0", **disk) == pytest.approx(math.pi / 4 + math.pi, abs=1e-2)
    rim = value("integral(dn(u))(boundary) = 0", **disk)
    assert rim == pytest.approx(2 * math.pi, abs=1e-2)  # the integral of lap(u) = 2


def test_curvilinear_coordinates_have_their_volume():
    polar = {"coordinates": {"r": [0, 1], "phi": [0, "2*pi"]}, "coordinate_system": "polar"}
    expected = math.pi / 2 + math.pi**2  # of r**2 + phi
    assert value("integral(u) = 0", **polar) == pytest.approx(expected, rel=1e-10)


def test_one_row_and_the_gradient_of_the_mean():
    problem, place, residuals = found("integral(u) = 5")
    at = {place: Points(torch.rand(50, 2, dtype=torch.float64) * torch.tensor([2, 3]))}
    (r,) = residuals(at)["i"]
    vector, jacobian = residuals.linearise(at, {"i": 4.0})
    assert vector.shape == (1,) and jacobian.shape == (1, 1)
    torch.testing.assert_close(vector[0], 2 * r)
    (slope,) = torch.autograd.grad(r, [residuals.network.a])
    torch.testing.assert_close(jacobian[0, 0], 2 * slope)
    losses, gradient = residuals.gradient(at, {"i": 4.0})
    torch.testing.assert_close(losses["i"], 4 * r.detach() ** 2)
    torch.testing.assert_close(gradient[0], 4 * 2 * r.detach() * slope)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("integral(u)**2 = 1", "integrals stand in a sum"),
        ("integral(u)(x=0) + u = 1", "integrals stand in a sum"),
        ("integral(u)*integral(u_x) = 1", "integrals stand in a sum"),
        ("integral(grad(u)) = 0", "integral takes a number"),
    ],
)
def test_what_is_no_sum_of_integrals_is_refused(text, said):
    with pytest.raises(LanguageError, match=said):
        found(text)


def test_integrals_stand_under_conditions():
    with pytest.raises(LanguageError, match="put this one under conditions"):
        Problem(**{**POISSON, "equations": {"e": "lap(u) = integral(u)"}})
