import math
import sys
from functools import cache as remembered

import numpy as np
import pytest
import torch
from solution_checks import inner_points, residual

from pinn import Problem
from pinn.references import truth
from pinn.references.cavity_problem import cavity_problem
from pinn.references.flow import Discrete
from pinn.references.flow_problem import flow_problem
from pinn.references.triangles import rectangle

CORNER = {"corner": "p(x=0, y=0) = 0"}


def cavity(reynolds, lid="1", tolerance=1e-5, *, width=1.0, extra=None, **changes):
    given = {
        "equations": {
            "x": "u*u_x + v*u_y + p_x = nu*lap(u)",
            "y": "u*v_x + v*v_y + p_y = nu*lap(v)",
            "mass": "u_x + v_y = 0",
        },
        "conditions": {
            "lid": f"u(y=1) = {lid}", "left": "u(x=0) = 0", "right": f"u(x={width}) = 0", "bottom": "u(y=0) = 0",
            "through": "v(boundary) = 0", **(CORNER if extra is None else extra),
        },
        "parameters": {"nu": 1 / reynolds},
    }  # fmt: skip
    renamed = {f"rate_{name}": text for name, text in given["equations"].items()}
    return Problem(
        coordinates={"x": [0, width], "y": [0, 1]}, fields=["u", "v", "p"], enforce="soft",
        **{**given, "equations": renamed, "reference": {"cavity": {"tolerance": tolerance}}, **changes},
    )  # fmt: skip


@remembered
def solution(reynolds, lid="1", tolerance=1e-5):
    return truth(cavity(reynolds, lid, tolerance))


def on_the_vertical(function, y):
    y = torch.as_tensor(y, dtype=torch.float64)
    return function(torch.stack([0 * y + 0.5, y], dim=1))[:, 0].numpy()


def on_the_horizontal(function, x):
    x = torch.as_tensor(x, dtype=torch.float64)
    return function(torch.stack([x, 0 * x + 0.5], dim=1))[:, 1].numpy()


# Ghia, Ghia & Shin 1982, J. Comput. Phys. 48, table I: u on the vertical line through the centre.
GHIA_Y = [0.0547, 0.1016, 0.1719, 0.2813, 0.4531, 0.5, 0.6172, 0.7344, 0.8516, 0.9531]
GHIA_U = {
    100: [-0.03717, -0.06434, -0.1015, -0.15662, -0.2109, -0.20581, -0.13641, 0.00332, 0.23151, 0.68717],
    1000: [-0.18109, -0.2973, -0.38289, -0.27805, -0.10648, -0.0608, 0.05702, 0.18719, 0.33304, 0.46604],
}
LINE = np.linspace(0, 1, 4001)
EXTREMA = {  # of u on the vertical line; of v on the horizontal one: Botella & Peyret 1998, Comput. Fluids 27
    100: (-0.2140424, 0.1795728, -0.2538030),
    1000: (-0.3885698, 0.3769447, -0.5270771),
}


def check(function, reynolds, digits):
    # Ghia's own error is 0.003 at Re = 100 and 0.007 at Re = 1000, by the later values below.
    difference = on_the_vertical(function, GHIA_Y) - GHIA_U[reynolds]
    assert abs(difference).max() < 0.008
    u, v = on_the_vertical(function, LINE), on_the_horizontal(function, LINE)
    np.testing.assert_allclose((u.min(), v.max(), v.min()), EXTREMA[reynolds], rtol=0, atol=digits)


def test_published_velocities_at_reynolds_number_100():
    check(solution(100, "1", 2e-3), 100, 2e-6)
    with pytest.raises(AssertionError):
        check(solution(100, "16*x**2*(1 - x)**2"), 100, 1e-2)  # positive control: another lid


@pytest.mark.slow
def test_published_velocities_at_reynolds_number_1000():
    check(solution(1000, "1", 6e-4), 1000, 1e-6)


LIDS = {"16*x**2*(1 - x)**2": 0.1, "4*x*(1 - x)": 0.2}  # how near to the corners differences are good to 1e-4


@pytest.mark.parametrize("lid", LIDS)
def test_equations_and_sides(lid):
    problem, function = cavity(100, lid), solution(100, lid)
    x = inner_points(problem, margin=LIDS[lid])
    for name in ("rate_x", "rate_y", "rate_mass"):
        assert abs(residual(problem, name, function, x, (0.01, 0.01))).max() < 1e-4
        wrong = residual(
            problem, name, lambda z: function(z) + 1e-3 * torch.sin(9 * z.sum(1))[:, None], x, (0.01, 0.01)
        )
        assert abs(wrong).max() > 1e-3  # positive control
    s = torch.linspace(0, 1, 21, dtype=torch.float64)
    for side in ([s, 0 * s], [0 * s, s], [0 * s + 1, s]):
        assert function(torch.stack(side, dim=1))[:, :2].abs().max() < 1e-12
    top = function(torch.stack([s, 0 * s + 1], dim=1))
    given = {"4*x*(1 - x)": 4 * s * (1 - s)}.get(lid, 16 * s**2 * (1 - s) ** 2)
    torch.testing.assert_close(top[:, 0], given, rtol=0, atol=1e-9)
    assert top[:, 1].abs().max() < 1e-9 and function(torch.zeros(1, 2)).abs().max() < 1e-6  # the corner's pressure, too


def test_the_equations_hold_beside_a_lid_of_one_speed():
    problem, function = cavity(100), solution(100, "1", 2e-3)
    x = inner_points(problem, margin=0.25)
    for name in ("rate_x", "rate_y", "rate_mass"):
        assert abs(residual(problem, name, function, x, (0.02, 0.02))).max() < 5e-3
        wrong = residual(
            problem, name, lambda z: function(z) + 1e-2 * torch.sin(9 * z.sum(1))[:, None], x, (0.02, 0.02)
        )
        assert abs(wrong).max() > 2e-2  # positive control
    s = torch.tensor([0.001, 0.5, 0.999], dtype=torch.float64)
    torch.testing.assert_close(
        function(torch.stack([s, 0 * s + 1], dim=1))[:, 0], torch.ones(3, dtype=torch.float64), rtol=0, atol=1e-8
    )
    assert function(torch.tensor([[0.0, 1.0], [1.0, 1.0]]))[:, :2].isfinite().all()


def test_slow_flow_is_symmetric_and_its_pressure_antisymmetric():
    function = truth(cavity(1e-6, extra={}, tolerance=5e-3))
    x = inner_points(cavity(1), margin=0.05)
    here, mirrored = function(x), function(torch.stack([1 - x[:, 0], x[:, 1]], dim=1))
    scale = here.abs().max(dim=0).values
    assert (abs(here - mirrored * torch.tensor([1, -1, -1])).max(dim=0).values < 1e-7 * scale).all()
    assert (abs(here - mirrored)[:, 1:].max(dim=0).values > 0.1 * scale[1:]).all()  # positive control


def test_a_lid_that_is_at_rest_at_its_ends_against_finite_elements():
    """Equations without the catalogue's factors. The pressure is like the logarithm of the distance to a corner."""
    problem, plain = Problem.load("cavity"), cavity(100, "4*x*(1 - x)")
    mesh = rectangle([0, 0], [1, 1]).refined()
    for width in (0.25, 0.125, 0.0625, 0.03125):
        x, y = mesh.p[:, mesh.t].mean(axis=1)
        mesh = mesh.refined(np.nonzero(np.hypot(np.minimum(x, 1 - x), 1 - y) < width)[0])
    function, elements = truth(problem), Discrete(flow_problem(plain), mesh)
    x = inner_points(problem, 2000, margin=0.02)
    found, expected = function(x), elements.at(elements.solve(), x.numpy())
    scale = np.linalg.norm(expected, axis=0)
    difference = found.numpy() - expected
    assert (np.linalg.norm(difference, axis=0) < (3e-4, 2e-4, 1e-3) * scale).all()
    other = solution(100, "16*x**2*(1 - x)**2")(x).numpy() - expected
    assert (np.linalg.norm(other, axis=0) > 0.1 * scale).all()  # positive control
    near, nearer = (function(torch.tensor([[r, 1.0]], dtype=torch.float64))[0, 2] for r in (1e-4, 1e-6))
    assert nearer - near == pytest.approx(-4 * 2 * math.log(1e-2) / -100, rel=1e-2)  # slope * 2 log(r) * nu


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (cavity(100, equations={"a": "lap(u) = p_x", "b": "lap(v) = p_y", "c": "u_x + v_y = 0"}), "none of these"),
        (cavity(100, equations={"a": "lap(u) = 0"}), "other coordinates, fields or equations"),
        (cavity(-100), "with a number nu > 0, here it is"),
        (cavity(100, conditions={"lid": "u(y=1) = 1"}), "needs the velocity u, v on all four sides"),
        (cavity(100, extra={"moving": "u(y=0) = 1"}), "needs the velocity u, v on all four sides"),
        (cavity(100, tolerance=1e-12), "polynomials a coordinate the velocity still changes"),
    ],
)  # fmt: skip
def test_other_problems_are_refused_in_one_message(problem, said, monkeypatch):
    monkeypatch.setattr(sys.modules["pinn.references.cavity"], "POLYNOMIALS", (8, 12))
    with pytest.raises(ValueError) as error:
        truth(problem)
    assert said in str(error.value)


def test_equations_may_be_multiplied_by_functions_of_place():
    weighted = {
        "x": "u*u_x + v*u_y + p_x = nu*lap(u)",
        "y": "sqrt(x**2 + (1 - y)**2)*(u*v_x + v*v_y + p_y - nu*lap(v)) = 0",
        "mass": "(2 - x*y)**2*(u_x + v_y) = 0",
    }
    assert cavity_problem(cavity(50, equations=weighted)).viscosity == pytest.approx(0.02)
    for name, wrong in {"mass": "x*u_x + y*v_y = 0", "x": "u*(u*u_x + v*u_y + p_x - nu*lap(u)) = 0"}.items():
        with pytest.raises(ValueError, match="none of these"):
            cavity_problem(cavity(50, equations={**weighted, name: wrong}))


def test_the_stream_function():
    """Its differences are the velocities."""
    problem = Problem.load("cavity_stream")
    psi, flow = truth(problem), solution(100, "16*x**2*(1 - x)**2")
    x = torch.rand(60, 2, dtype=torch.float64) * 0.8 + 0.1
    h = 1e-4
    up, right = torch.tensor([0, h], dtype=torch.float64), torch.tensor([h, 0], dtype=torch.float64)
    u, v = (psi(x + up) - psi(x - up)) / (2 * h), -(psi(x + right) - psi(x - right)) / (2 * h)
    assert (torch.cat([u, v], dim=1) - flow(x)[:, :2]).abs().max() < 1e-6
    assert (torch.cat([v, u], dim=1) - flow(x)[:, :2]).abs().max() > 1e-2  # positive control
    edge = torch.tensor([[0.0, 0.3], [1, 0.6], [0.4, 0], [0.7, 1]], dtype=torch.float64)
    assert psi(edge).abs().max() < 1e-9
    other = {**problem.definition, "equations": {"vorticity": "lap(lap(psi)) = 0"}}
    with pytest.raises(ValueError, match=r"solves psi_y\*lap"):
        truth(Problem(**other))
    open_ended = {key: text for key, text in problem.definition["conditions"].items() if key != "left"}
    with pytest.raises(ValueError, match="on all four sides"):
        truth(Problem(**{**problem.definition, "conditions": open_ended}))
