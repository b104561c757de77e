"""A process of several: trains each of the cases in turn, and the first process prints the curves as JSON.

RANK=0 ... python together.py    with the environment of torchrun; see `tests/test_cluster.py`.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

from pinn import Problem, plots
from pinn.app import solve
from pinn.files import read_history

PLACES = Problem(
    coordinates={"x": [0, 1], "y": [0, 1]},
    fields=["u"],
    equations={"poisson": "k*lap(u) = -2*pi**2*sin(pi*x)*sin(pi*y)"},
    conditions={
        "edge": "u(boundary) = 0",
        "corner": "u(x=0, y=0) = 0",
        "mean": "integral(u) = 4/pi**2",
    },
    parameters={"k": {"learn": 0.5, "truth": 1}},
    enforce="soft",
    exact={"u": "sin(pi*x)*sin(pi*y)"},
    observations={"probes": {"points": 3}},
    name="many_places",
)
SLOPES = Problem(  # the last bias has no gradient
    coordinates={"x": [0, 1]},
    fields=["u"],
    equations={"slope": "u_x = 2*x"},
    conditions={"end": "u_x(x=0) = 0"},
    enforce="soft",
    name="slopes",
)
SMALL = ("network.width=5", "network.depth=2", "network.scale=2", "sampling.points=41", "sampling.boundary_points=7")
OFTEN = ("trainer.log_every_n_steps=1", "trainer.enable_progress_bar=false", "trainer.accelerator=cpu")


def curve(problem: Problem, overrides: list[str], directory: str) -> list[dict[str, float]]:
    """The history of a run."""
    with contextlib.redirect_stdout(io.StringIO()):
        solve(problem, *SMALL, *OFTEN, *overrides, run_dir=directory)
    return read_history(Path(directory, "metrics.csv"))


def curves(cases: dict[str, list[str]], directory: str) -> dict[str, list[dict[str, float]]]:
    """The histories of all cases."""
    problems = {"slopes": SLOPES}
    return {
        name: curve(problems.get(name.partition(" ")[0], PLACES), typed, f"{directory}/{name}")
        for name, typed in cases.items()
    }


if __name__ == "__main__":
    plots.pictures, plots.history = lambda *_: [], lambda _, path: path
    found = curves(json.loads(sys.argv[1]), sys.argv[2])
    print(json.dumps(found) if found else "")
