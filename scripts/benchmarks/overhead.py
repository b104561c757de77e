"""What a step costs beside the step: Lightning, measuring, metrics.csv and the progress bar.

Each row is a run with its files and its bar. `outside` is the mean of `time/outside` in its metrics.csv, the part of
the time that is not spent inside the optimizer's steps, and `later` that of its second half: closer looks at the losses
are frequent at the beginning.
"""

import argparse
import io
import tempfile
from pathlib import Path
from statistics import mean

from rich.console import Console

from pinn import Problem
from pinn.app.compose import checked, compose
from pinn.files import read_history
from pinn.training.build import build
from pinn.training.choice import choose
from pinn.training.run import fit


def add_options(parser: argparse.ArgumentParser) -> None:
    """Steps, and points, which make the steps longer."""
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--points", type=int, nargs="+", default=[120, 600, 3000])


def run(options: argparse.Namespace) -> list[dict]:
    """One row a number of points."""
    rows = []
    for points in options.points:
        history = _history(points, options.steps)
        outside = [row["time/outside"] for row in history]
        rows.append(
            {
                "points": points,
                "step_ms": round(1e3 * mean(row["time/step"] for row in history), 3),
                "outside": round(mean(outside), 4),
                "later": round(mean(outside[len(outside) // 2 :]), 4),
            }
        )
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    return rows


def picture(rows: list[dict], path: Path) -> None:
    """The share of the time that does not go to the step, against the step's length."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    for name in ("outside", "later"):
        axes.semilogx([row["step_ms"] for row in rows], [row[name] for row in rows], "o-", label=name)
    axes.axhline(0.05, color="0.6", lw=0.8)
    axes.set(xlabel="step (ms)", ylabel="share beside the step", ylim=(0, None))
    axes.legend()
    figure.savefig(path, dpi=120)


def _history(points: int, steps: int) -> list[dict[str, float]]:
    typed = ["pde=poisson", "experiment=none", "network.width=64", "network.depth=3", f"sampling.points={points}"]
    typed += ["derivatives.compile=false", "optimizer=adam", f"optimizer.steps={steps}", "tolerance=0"]
    problem = Problem.load("poisson")
    config = choose(problem, checked(compose(*typed, "trainer=cpu")))
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)
    with tempfile.TemporaryDirectory() as folder:
        fit(problem, config, build(problem, config), Path(folder), terminal)
        return read_history(Path(folder, "metrics.csv"))
