"""Error against seconds on a table of problems, each with its bar: `python scripts/benchmark.py accuracy`.

A run is the command of a user, `python scripts/train.py pde=NAME seed=S`, in a process of its own; its seconds are
those of the whole process. Its figure is the worst field's relative L2 error against the truth at points that training
never saw, or, where numbers are to be found, their worst relative error. A problem meets its bar if the median of its
seeds does, in error and in seconds; a run that diverged, failed or was stopped counts as infinitely wrong.
"""

import argparse
import ast
import hashlib
import json
import math
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from benchmarks.accuracy_table import BARS, OURS, PEERS, Row, key, ordered, picture, put_into, read, table, write
from benchmarks.watched import Watched, watch

from pinn import Problem
from pinn.files import HISTORY, RESULT, read_history
from pinn.references import truth
from pinn.solution import held_out

ROOT = Path(__file__).parents[2]
PEER_PROBLEMS = ("poisson", "biharmonic", "burgers")
HELD_OUT = 2**12  # points at which a peer measures itself
PATIENCE = 2  # a run is stopped after so many times the time of its bar: a near miss should still be measured
CURVE = 200  # points of a run's curve that are kept


Numbers = Mapping[str, Any]
__all__ = ["add_options", "picture", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Of the command line."""
    parser.add_argument("--problems", nargs="+", choices=BARS, default=list(BARS))
    parser.add_argument("--seeds", type=int, default=5, help="how many: 0, 1, ...")
    parser.add_argument(
        "--budget", type=float, metavar="SECONDS", help="stop each run after so many, not after its own"
    )
    parser.add_argument("--keep", action="store_true", help="keep the rows that this code has given before")
    parser.add_argument(
        "--peers", nargs="+", default=[], metavar="LIBRARY=PYTHON", help=f"{', '.join(PEERS)}: each by its interpreter"
    )
    parser.add_argument("--peer-budget", type=float, default=900, metavar="SECONDS", help="of each of their runs")


def run(options: argparse.Namespace) -> list[Row]:
    """A row a problem, solver and seed; results.csv and curves.csv are written after each."""
    known = [row for row in read(options.out / "results.csv") if row["code"] == code(*key(row)[:2])]
    rows = known if options.keep else []
    curves = [point for point in read(options.out / "curves.csv") if key(point) in set(map(key, rows))]
    for problem in options.problems:
        Problem.load(problem)
        for solver, command, limit in solvers(problem, options):
            for seed in range(options.seeds):
                if key({"problem": problem, "solver": solver, "seed": str(seed)}) in set(map(key, rows)):
                    continue
                row, curve = measure(problem, solver, seed, command, limit)
                rows, curves = ordered([*rows, row]), [*curves, *curve]
                write(options.out / "results.csv", rows)
                write(options.out / "curves.csv", curves)
                shown = ("problem", "solver", "seed", "status", "errors", "seconds")
                print(*(f"{name}={row[name]}" for name in shown), flush=True)
    answer = table(rows)
    print(answer)
    put_into(options.out / "README.md", answer)
    return rows


def solvers(problem: str, options: argparse.Namespace) -> Iterator[tuple[str, list[str], float]]:
    """Each solver's name, its command without the seed and the directory, and when it is stopped."""
    yield OURS, ours(problem), options.budget or PATIENCE * BARS[problem][-1].seconds
    for library, interpreter in (peer.split("=", 1) for peer in options.peers):
        if problem in PEER_PROBLEMS:
            command = [interpreter, str(Path(__file__).parent / "accuracy_peer.py"), library, problem]
            yield library, command, options.peer_budget


def ours(problem: str) -> list[str]:
    """The command of a user."""
    return [sys.executable, str(ROOT / "scripts/train.py"), f"pde={problem}", "trainer.enable_progress_bar=false"]


def measure(problem: str, solver: str, seed: int, command: list[str], limit: float) -> tuple[Row, list[Row]]:
    """Run it; its row and the points of its curve."""
    definition = Problem.load(problem)
    truth(definition)  # where a solver of our own has to find it, its time is not the network's
    with tempfile.TemporaryDirectory() as folder:
        if solver == OURS:
            command = [*command, f"seed={seed}", f"run_dir={folder}"]
        else:
            put_held_out(definition, Path(folder))
            command = [*command, str(seed), folder]
        watched = watch(command, Path(folder), limit)
        return summary(definition, solver, seed, watched, Path(folder))


def put_held_out(problem: Problem, folder: Path) -> None:
    """Where a peer measures itself, and the truth there."""
    true = truth(problem)
    assert true is not None
    x = held_out(problem, HELD_OUT)
    np.savez(folder / "held_out.npz", x=x.numpy(), truth=true(x).numpy())


def summary(problem: Problem, solver: str, seed: int, watched: Watched, folder: Path) -> tuple[Row, list[Row]]:
    """The row and the curve of a run that has ended, however it did."""
    result = json.loads((folder / RESULT).read_text()) if (folder / RESULT).exists() else {}
    history = read_history(folder / HISTORY)
    found = figures(problem, result.get("parameters", {}), errors_of(result)) if result else {}
    if not found and history:  # stopped without a last word
        found = of_history(problem, history[-1])
    status = "timed out" if watched.timed_out else str(result.get("status", "failed"))
    if status == "finished" and not all(map(math.isfinite, found.values())):
        status = "diverged"
    identity = {"problem": problem.name, "solver": solver, "seed": str(seed)}
    row = identity | {
        "status": status,
        "error": f"{max(found.values()):.3e}" if found else "",
        "errors": " ".join(f"{name}:{value:.2e}" for name, value in found.items()),
        "estimate": estimate_of(result),
        "seconds": f"{watched.seconds:.1f}",
        "steps": str(result.get("steps", int(history[-1]["step"]) if history else "")),
        "unknowns": str(result.get("unknowns", "")),
        "code": code(problem.name, solver),
        "machine": machine(),
        "versions": " ".join(f"{name}:{version}" for name, version in result.get("versions", {}).items()),
    }
    if status == "failed":
        print(f"{problem.name}, {solver}, seed {seed}: {watched.last_line}", flush=True)
    points = [
        identity | {"step": str(int(line["step"])), "seconds": f"{at:.2f}", "error": f"{max(values.values()):.3e}"}
        for line, at in zip(history, watched.times, strict=False)
        if (values := of_history(problem, line))
    ]
    return row, thinned(points)


def estimate_of(result: Numbers) -> str:
    """Of the error of the worst field, as the run has told it; empty where it has told none."""
    told = result.get("estimate") or {}
    return f"{max(math.inf if value is None else value for value in told.values()):.1e}" if told else ""


def errors_of(result: Numbers) -> dict[str, float]:
    """The relative L2 errors that result.json tells; what is no number there is infinite."""
    errors = {field: error["relative_l2"] for field, error in (result.get("error") or {}).items()}
    return {field: math.inf if error is None else float(error) for field, error in errors.items()}


def figures(problem: Problem, parameters: Numbers, errors: dict[str, float]) -> dict[str, float]:
    """What a run is judged by: the relative errors of the numbers to be found, else those of the fields."""
    if not problem.learned:
        return errors
    known = {name: value.truth for name, value in problem.learned.items() if value.truth}
    return {name: abs(float(parameters[name]) / true - 1) for name, true in known.items() if parameters.get(name)}


def of_history(problem: Problem, line: Numbers) -> dict[str, float]:
    """The same of a line of metrics.csv."""
    parameters, errors = (
        {name.partition("/")[2]: value for name, value in line.items() if name.startswith(kind)}
        for kind in ("parameter/", "error/")
    )
    return {name: value for name, value in figures(problem, parameters, errors).items() if math.isfinite(value)}


def thinned(points: list[Row]) -> list[Row]:
    """At most about `CURVE` of them, the last one among them."""
    every = -(-len(points) // CURVE) or 1
    return points[::-1][::every][::-1]


def code(problem: str, solver: str, file: Path | None = None) -> str:
    """A fingerprint of what a problem's figures depend on: figures of other code are never mixed with these.

    Args:
        problem: Its name.
        solver: Ours, or a peer.
        file: The problem's, where it is not of the catalogue.
    """
    configs = (ROOT / "configs").rglob("*.yaml")
    own = [file for file in configs if file.parent.name not in ("pde", "experiment") or file.stem == problem]
    ours = [*sorted((ROOT / "pinn").rglob("*.py")), *sorted(own), *([file] if file else ())]
    files = ours if solver == OURS else [Path(__file__).parent / "accuracy_peer.py"]
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{os.path.relpath(file, ROOT)}\0{told(file.suffix, file.read_text())}\0".encode())
    return digest.hexdigest()[:10]


@cache
def told(suffix: str, text: str) -> str:
    """What a file says to the machine: neither its comments nor its docstrings change a figure."""
    if suffix == ".yaml":
        return json.dumps(yaml.safe_load(text))
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def machine() -> str:
    """Processor, and how many of its cores a run may take."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = os.environ.get("OMP_NUM_THREADS")
    return f"{names[0] if names else platform.machine()}, cores {cores}" + (f", threads {threads}" if threads else "")
