"""Conditions about integrals: against closed forms, gradients and Jacobians included."""

import math

import pytest
import torch
from known_solutions import known

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


POLAR = {"coordinates": {"r": [1, 2], "phi": [0, "pi/2"]}, "coordinate_system": "polar"}
SPHERICAL = {"coordinates": {"r": [0, 1], "theta": [0, "pi/2"], "phi": [0, 1]}, "coordinate_system": "spherical"}
CYLINDRICAL = {"coordinates": {"r": [0, 1], "z": [0, 2]}, "coordinate_system": "cylindrical"}  # phi is left out
DISK = {"disk": {"center": [1, 0], "radius": 0.5}}
TORUS = {**CYLINDRICAL, "coordinates": {"r": [0, 2], "z": [-1, 1]}, "domain": DISK}


@pytest.mark.parametrize(
    ("what", "where", "expected", "system"),
    [  # u = q1**2 + q2, of the first two coordinates
        ("u", "", 15 / 4 * math.pi / 2 + 3 / 2 * math.pi**2 / 8, POLAR),
        ("u", "(phi=0)", 7 / 3, POLAR),  # dr, not r dr
        ("u", "(r=2)", 2 * (4 * math.pi / 2 + math.pi**2 / 8), POLAR),
        ("1", "(boundary)", 2 + 3 * math.pi / 2, POLAR),
        ("dn(u)", "(boundary)", 3 * math.pi, POLAR),  # of lap(u) = 4
        ("1", "", 1 / 3, SPHERICAL),
        ("1", "(r=1)", 1, SPHERICAL),
        ("u", "(theta=pi/2)", 1 / 4 + math.pi / 4, SPHERICAL),  # r dr dphi
        ("1", "(phi=0)", math.pi / 4, SPHERICAL),
        ("u", "(z=2)", 1 / 4 + 1, CYLINDRICAL),
        ("u", "(r=1)", 2 + 2, CYLINDRICAL),
        ("1", "", math.pi / 4, TORUS),
        ("1", "(boundary)", math.pi, TORUS),
        ("dn(u)", "(boundary)", math.pi, TORUS),  # of lap(u) = 4, r dr dz
    ],
)
def test_curvilinear_coordinates_have_their_volume_and_their_areas(what, where, expected, system):
    exact = where != "(boundary)" and "domain" not in system  # Gauss points, and polynomials
    a, b, *_ = system["coordinates"]
    what = f"1 + u - {a}**2 - {b}" if what == "1" else what  # a field has to occur
    assert value(f"integral({what}){where} = 0", **system) == pytest.approx(expected, rel=1e-10 if exact else 3e-3)
    solution = known(lambda x: x[:, :1] ** 2 + x[:, 1:2], **system)
    assert solution.integral(f"({what}){where}").value == pytest.approx(expected, rel=1e-10 if exact else 3e-3)


def test_the_normal_of_a_shape_in_coordinates_with_scale_factors_is_refused():
    with pytest.raises(LanguageError, match="normal of a shape is not known in polar coordinates"):
        found("dn(u)(boundary) = 0", **{**POLAR, "domain": {"disk": {"center": [1.5, 0.7], "radius": 0.3}}})


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
