"""What a partition costs as waves get shorter: Helmholtz's equation with k = 20, 40, 80, 160, to an error of 1e-6.

Each wave number is solved in a process of its own, level by level, until the true error is below 1e-6. A row has the
cells and the seconds of the processor, all levels together, the memory of the process at its largest, the error, and
the estimate that was told. Time should grow no faster than (cells)^1.5.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
import yaml

from pinn.networks import MLP, Scaled
from pinn.partition import Refinement
from pinn.problem import Problem
from pinn.references import truth
from pinn.residuals import Residuals
from pinn.schema import MLP as Chosen
from pinn.solution import held_out
from pinn.training.network import Local

WAVES = (20, 40, 80, 160)
ENOUGH = 1e-6
POINTS = 2**12
CONFIGS = Path(__file__).parents[2] / "configs"


def add_options(parser: argparse.ArgumentParser) -> None:
    """--waves."""
    parser.add_argument("--waves", type=int, nargs="+", default=WAVES, help="wave numbers k")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure."""
    if options.one:
        print(json.dumps(_solved(options.one)))
        sys.exit()
    rows = []
    for k in options.waves:
        command = [sys.executable, sys.argv[0], "cells", "--one", str(k)]
        row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
        if rows:
            growth = math.log(row["seconds"] / rows[-1]["seconds"]) / math.log(row["cells"] / rows[-1]["cells"])
            row["power"] = round(growth, 2)
        rows.append({"power": None} | row)
        print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    return rows


def _solved(k: int) -> dict[str, Any]:
    given = dict(Problem.load("helmholtz_100").definition)
    problem = Problem(**{**given, "parameters": {"k": k}})
    like = MLP(Scaled(problem.domain.lower, problem.domain.upper), 1, width=2).double()
    usual = yaml.safe_load((CONFIGS / "network" / "mlp.yaml").read_text())
    local = Local(Chosen(**usual), problem)
    refinement = Refinement(problem, Residuals(problem, like), local, seed=0, patience=math.inf)
    x, true = held_out(problem, POINTS), truth(problem)
    assert true is not None
    target, began = true(x), time.process_time()
    while True:
        level, partition = refinement.advance(), refinement.partition
        assert partition is not None
        with torch.no_grad():
            error = float((partition(x) - target).norm() / target.norm())
        if error <= ENOUGH or refinement.ended:
            break
    return {
        "k": k, "cells": level.cells, "unknowns": level.unknowns, "seconds": round(time.process_time() - began, 1),
        "gigabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2), "error": f"{error:.1e}",
        "estimate": f"{max((level.estimate or {'u': math.nan}).values()):.1e}",
    }  # fmt: skip


def picture(rows: list[dict[str, Any]], path: Path) -> None:
    """Seconds against cells."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.5), layout="constrained")
    axes = figure.subplots()
    cells, seconds = [row["cells"] for row in rows], [row["seconds"] for row in rows]
    axes.loglog(cells, seconds, "o-", label="measured")
    axes.loglog(cells, [seconds[0] * (n / cells[0]) ** 1.5 for n in cells], ":", label="(cells)$^{1.5}$")
    axes.set(xlabel="cells", ylabel="seconds", title=f"Helmholtz's equation to {ENOUGH:.0e}")
    axes.legend()
    figure.savefig(path, dpi=150)
