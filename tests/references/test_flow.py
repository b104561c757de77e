"""Flow in channels: the published benchmark, exact flows, and what is refused."""

from functools import cache

import numpy as np
import pytest
import torch

from pinn import Problem
from pinn.references import truth
from pinn.references.flow import Discrete, _first_mesh, _rounded
from pinn.references.flow_problem import flow_problem

# DFG 2D-1: drag, lift and pressure difference. Nabh 1998; ranges of Schaefer & Turek 1996 hold them.
DRAG, LIFT, DROP = 5.57953523384, 0.010618948146, 0.11752016697


def force(discrete, fields, disk):
    """What the flow does to a disk, (2,): the residual of the equations tested with 1 on its circle.

    As accurate as the energy, better than an integral of the stress (Babuska & Miller 1984).
    """
    residual = discrete._stokes() @ fields + discrete._convection(fields)[0]
    velocity, _ = discrete.bases
    on_disk = velocity.get_dofs(discrete._facets(("disk", disk))).flatten()
    return -np.array([residual[on_disk].sum(), residual[velocity.N + on_disk].sum()])


@cache
def benchmark(level):
    stated = flow_problem(Problem.load("cylinder"))
    mesh = _first_mesh(stated)
    for _ in range(level):
        mesh = _rounded(stated, mesh.refined())
    discrete = Discrete(stated, mesh)
    fields = discrete.solve()
    front, back = discrete.at(fields, np.array([[0.15, 0.2], [0.25, 0.2]]))[:, 2]
    return *(force(discrete, fields, 0) * 2 / (0.2**2 * 0.1)), front - back


def test_drag_lift_and_pressure_of_the_cylinder():
    drag, lift, drop = benchmark(0)
    assert drag == pytest.approx(DRAG, rel=5e-5)
    assert lift == pytest.approx(LIFT, rel=2e-3)
    assert drop == pytest.approx(DROP, rel=5e-4)  # a pressure at two points of the circle


@pytest.mark.slow
def test_they_converge_to_the_published_ones():
    coarse, fine = (np.array(benchmark(level)) - (DRAG, LIFT, DROP) for level in (0, 1))
    assert (abs(fine) < abs(coarse) / 4).all() and (abs(fine) < (1e-6, 1e-6, 1e-5)).all()


def test_edges_at_a_circle_are_curved():
    """The area of the flow: polygons in place of circles, whose area is less, would leave 1e-3 of the disk."""
    stated = flow_problem(Problem.load("cylinder"))
    velocity, _ = Discrete(stated, _first_mesh(stated)).bases
    disk = np.pi * 0.05**2
    assert 2.2 * 0.41 - velocity.dx.sum() == pytest.approx(disk, rel=1e-6)


KOVASZNAY = {
    "coordinates": {"x": [-0.5, 1], "y": [-0.5, 1.5]},
    "fields": ["u", "v", "p"],
    "parameters": {"nu": 1 / 40, "k": "1/(2*nu) - sqrt(1/(4*nu**2) + 4*pi**2)"},
    "functions": {"U": "1 - exp(k*x)*cos(2*pi*y)", "V": "k/(2*pi)*exp(k*x)*sin(2*pi*y)"},
    "equations": {
        "x": "u*u_x + v*u_y + p_x = nu*lap(u)",
        "y": "u*v_x + v*v_y + p_y = nu*lap(v)",
        "c": "u_x + v_y = 0",
    },
    "conditions": {"u": "u(boundary) = U", "v": "v(boundary) = V", "p": "p(x=1, y=-0.5) = (1 - exp(2*k))/2"},
    "enforce": "soft",
    "reference": {"flow": {"tolerance": 1e-3}},
}


def test_kovasznays_flow():
    """An exact solution of Navier's and Stokes' equations, with values on all sides."""
    problem = Problem(**KOVASZNAY)
    x = torch.rand(200, 2, dtype=torch.float64) * torch.tensor([1.5, 2]) - 0.5
    k = problem.parameters["k"]
    grow, angle = torch.exp(k * x[:, 0]), 2 * torch.pi * x[:, 1]
    exact = torch.stack([1 - grow * angle.cos(), k / (2 * torch.pi) * grow * angle.sin(), (1 - grow**2) / 2], dim=1)
    found = truth(problem)(x)
    assert (found[:, :2] - exact[:, :2]).abs().max() < 1e-3 and (found[:, 2] - exact[:, 2]).abs().max() < 5e-3
    mirrored = exact * torch.tensor([1, -1, 1])
    assert (found - mirrored).abs().max() > 0.1  # positive control


@pytest.mark.parametrize("inertia", ["", "u*u_x + v*u_y + "])
def test_poiseuilles_flow_is_exact(inertia):
    """u = y (1 - y), p = 2 nu (3 - x): within the polynomials, and out at the do-nothing end."""
    across = inertia.replace("u_x", "v_x").replace("u_y", "v_y")
    problem = Problem(
        coordinates={"x": [0, 3], "y": [0, 1]}, fields=["u", "v", "p"], parameters={"nu": 0.1},
        equations={"x": f"{inertia}p_x = nu*lap(u)", "y": f"{across}p_y = nu*lap(v)", "c": "u_x + v_y = 0"},
        conditions={
            "in": "u(x=0) = y*(1 - y)", "v_in": "v(x=0) = 0", "foot": "u(y=0) = 0", "v_foot": "v(y=0) = 0",
            "top": "u(y=1) = 0", "v_top": "v(y=1) = 0", "out": "nu*u_x(x=3) - p(x=3) = 0", "v_out": "v_x(x=3) = 0",
        },
        enforce="soft", reference="flow",
    )  # fmt: skip
    x = torch.rand(50, 2, dtype=torch.float64) * torch.tensor([3.0, 1.0])
    y = x[:, 1]
    exact = torch.stack([y * (1 - y), 0 * y, 0.2 * (3 - x[:, 0])], dim=1)
    assert (truth(problem)(x) - exact).abs().max() < 1e-9


def changed(**sections):
    mapping = Problem.load("cylinder").definition
    return {
        **mapping,
        **{k: {**mapping[k], **v} if isinstance(v, dict) and k != "domain" else v for k, v in sections.items()},
    }


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (changed(equations={"momentum": "dot(U, grad(U)) + 2*grad(p) = nu*lap(U) + U"}), "solves u\\*u_x"),
        (changed(equations={"continuity": "u_x - v_y = 0"}), "solves u\\*u_x"),
        (changed(conditions={"cylinder": "u_x(cylinder) = 0"}), "neither a given velocity nor an outflow"),
        (changed(conditions={"straight": "u(x=2.2) = 0"}), "needs u and v on every side"),
        (changed(domain={"difference": ["box", {"polygon": {"vertices": [[1, 0.1], [1.1, 0.1], [1, 0.2]]}}]},
                 conditions={"cylinder": "u(boundary) = 0"}), "takes a box, or"),
    ],
)  # fmt: skip
def test_other_problems_are_refused(problem, said):
    with pytest.raises(ValueError, match=said):
        truth(Problem(**problem))
