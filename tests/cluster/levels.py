"""A process of several that refines: solves each of the cases in its directory, in turn.

RANK=0 ... python levels.py    with the environment of torchrun; see `tests/training/test_levels_together.py`.
"""

import contextlib
import io
import json
import sys

from pinn import Problem, plots
from pinn.app import solve

PROBLEMS = {
    "linear": Problem(
        coordinates={"x": [0, 1], "y": [0, 1]}, fields=["u"], parameters={"k": 40}, name="waves",
        equations={"helmholtz": "lap(u) + k**2*u = 0"}, conditions={"edge": "u(boundary) = sin(k*x) + cos(k*y)"},
    ),
    "nonlinear": Problem(
        coordinates={"x": [-1, 1]}, fields=["u"], parameters={"nu": 1e-4}, name="layers",
        equations={"reaction": "nu*u_xx = u + u**3 - cos(3*x)"}, conditions={"ends": "u(boundary) = 0"},
    ),
    "strips": Problem(
        coordinates={"t": [0, 12]}, fields=["u"], equations={"swing": "u_tt = -sin(u)"}, name="pendulum",
        conditions={"start": "u(t=0) = 2", "speed": "u_t(t=0) = 0"},
    ),
}  # fmt: skip
QUIET = ("trainer.enable_progress_bar=false", "trainer.accelerator=cpu")


def levels(cases: dict[str, list[str]], directory: str) -> None:
    """All cases."""
    for name, typed in cases.items():
        with contextlib.redirect_stdout(io.StringIO()):
            solve(PROBLEMS[name.partition(" ")[0]], *QUIET, *typed, run_dir=f"{directory}/{name}")


if __name__ == "__main__":
    plots.pictures, plots.history = lambda *_: [], lambda _, path: path
    levels(json.loads(sys.argv[1]), sys.argv[2])
