"""What a partition costs as waves get shorter: Helmholtz's equation with k = 20, 40, 80, 160, to an error of 1e-6.

Each wave number is solved by one process, and by two that divide the cells, level by level, until the true error is
below 1e-6. A row has the cells and, of the process that took the most, the seconds of its processor, all levels
together, and its memory at its largest; the error, and the estimate that was told. Time should grow no faster than
(cells)^1.5, and `part`, what each of several processes takes of the time of one, should be 0.6 at most of two.
"""

import argparse
import json
import math
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import distributed

from pinn.networks import MLP, Scaled
from pinn.partition import Refinement
from pinn.problem import Problem
from pinn.references import truth
from pinn.residuals import Residuals
from pinn.schema import MLP as Chosen
from pinn.solution import held_out
from pinn.training.network import Local
from pinn.training.ranks import Ranks

WAVES = (20, 40, 80, 160)
ENOUGH = 1e-6
POINTS = 2**12
CONFIGS = Path(__file__).parents[2] / "configs"


def add_options(parser: argparse.ArgumentParser) -> None:
    """--waves, --processes."""
    parser.add_argument("--waves", type=int, nargs="+", default=WAVES, help="wave numbers k")
    parser.add_argument("--processes", type=int, nargs="+", default=(1, 2), help="how many there are")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure."""
    if options.one:
        print(json.dumps(_solved(options.one)))
        sys.exit()
    rows: list[dict[str, Any]] = []
    for k in options.waves:
        for count in options.processes:
            row = {"k": k, "processes": count, "power": None, "part": None} | _largest(k, count)
            before = next((r for r in reversed(rows) if r["processes"] == count), None)
            if before:
                growth = math.log(row["seconds"] / before["seconds"]) / math.log(row["cells"] / before["cells"])
                row["power"] = round(growth, 2)
            alone = next((r for r in rows if (r["k"], r["processes"]) == (k, 1)), None)
            if alone and count > 1:
                row["part"] = round(row["seconds"] / alone["seconds"], 2)
            rows.append(row)
            print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    return rows


def _largest(k: int, count: int) -> dict[str, Any]:
    """Solve in so many processes: the first one's row, but for what another has more of."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": str(count)}
    command = [sys.executable, sys.argv[0], "cells", "--one", str(k)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | shared | {"RANK": str(rank)})
        for rank in range(count)
    ]
    found = [json.loads(process.communicate()[0].splitlines()[-1]) for process in running]
    return found[0] | {name: max(row[name] for row in found) for name in ("seconds", "gigabytes")}


def _solved(k: int) -> dict[str, Any]:
    ranks = Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    if ranks.size > 1:
        distributed.init_process_group("gloo")
    given = dict(Problem.load("helmholtz_100").definition)
    problem = Problem(**{**given, "parameters": {"k": k}})
    like = MLP(Scaled(problem.domain.lower, problem.domain.upper), 1, width=2).double()
    usual = yaml.safe_load((CONFIGS / "network" / "mlp.yaml").read_text())
    local = Local(Chosen(**usual), problem)
    refinement = Refinement(problem, Residuals(problem, like), local, seed=0, budget=math.inf, processes=ranks)
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
        "cells": level.cells, "unknowns": level.unknowns, "seconds": round(time.process_time() - began, 1),
        "gigabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2), "error": f"{error:.1e}",
        "estimate": f"{max((level.estimate or {'u': math.nan}).values()):.1e}",
    }  # fmt: skip


def picture(rows: list[dict[str, Any]], path: Path) -> None:
    """Seconds against cells."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.5), layout="constrained")
    axes = figure.subplots()
    for count in dict.fromkeys(row["processes"] for row in rows):
        some = [row for row in rows if row["processes"] == count]
        label = "one process" if count == 1 else f"each of {count}"
        axes.loglog([row["cells"] for row in some], [row["seconds"] for row in some], "o-", label=label)
    ends = [rows[0]["cells"], rows[-1]["cells"]]
    axes.loglog(ends, [rows[0]["seconds"] * (n / ends[0]) ** 1.5 for n in ends], ":", label="(cells)$^{1.5}$")
    axes.set(xlabel="cells", ylabel="seconds", title=f"Helmholtz's equation to {ENOUGH:.0e}")
    axes.legend()
    figure.savefig(path, dpi=150)
