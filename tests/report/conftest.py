"""Problems and runs that pages are made of."""

import pytest

from pinn.app import solve
from pinn.problem import Problem

SMALL = ("network.width=10", "sampling.points=60", "sampling.boundary_points=20", "trainer.log_every_n_steps=1")


@pytest.fixture(scope="session")
def stokes():
    """Unsteady Stokes flow around a hole: three fields, time, no box, no truth."""
    return Problem(
        name="stokes_hole",
        coordinates={"t": [0, 1], "x": [0, 2], "y": [0, 1]},
        domain={"difference": ["box", {"disk": {"center": [0.6, 0.5], "radius": 0.2, "name": "hole"}}]},
        fields=[{"U": ["u", "v"]}, "p"],
        parameters={"nu": 0.1},
        equations={"momentum": "d(U, t) + grad(p) = nu*lap(U)", "continuity": "div(U) = 0"},
        conditions={
            "rest": "U(t=0) = 0", "inlet": "U(x=0) = (4*y*(1 - y)*t, 0)", "foot": "U(y=0) = 0", "top": "U(y=1) = 0",
            "hole": "U(hole) = 0", "outlet": "nu*u_x(x=2) - p(x=2) = 0", "straight": "v_x(x=2) = 0",
        },
        enforce="soft",
    )  # fmt: skip


@pytest.fixture(scope="session")
def line():
    """A number to be found, with its truth."""
    return Problem(
        name="line",
        coordinates={"x": [0, 1]},
        fields=["u"],
        parameters={"k": {"learn": 0.5, "truth": 1.0}},
        equations={"bend": "k*u_xx = -pi**2*sin(pi*x)"},
        conditions={"ends": "u(boundary) = 0"},
        observations={"seen": {"points": 5}},
        exact={"u": "sin(pi*x)"},
    )


@pytest.fixture(scope="session")
def runs(stokes, line, tmp_path_factory):
    """A folder with three runs."""
    folder = tmp_path_factory.mktemp("runs")
    solve(stokes, *SMALL, "trainer.max_steps=1", run_dir=folder / "stokes_hole" / "first")
    for name, steps in (("few", 3), ("more", 12)):
        lines = (*SMALL, f"trainer.max_steps={steps}")
        solve(line, *lines, optimizer="gauss_newton", run_dir=folder / "line" / name)
    return folder
