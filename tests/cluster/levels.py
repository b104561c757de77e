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
    "nonlinear": Problem(  # a layer that balances itself: Burgers, steady
        coordinates={"x": [-1, 1]}, fields=["u"], parameters={"nu": 0.02}, name="layer",
        equations={"burgers": "u*u_x = nu*u_xx"},
        conditions={"left": "u(x=-1) = tanh(1/(2*nu))", "right": "u(x=1) = -tanh(1/(2*nu))"},
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
