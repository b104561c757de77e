"""Cost of the derivative operators, in plain training steps of one network: `python scripts/benchmark.py operators`.

A plain step is forward and backward of mean(u**2) at all points; the engines' steps are those of training, in which
jets take the points in slices that stay in the cache. Each round times a plain step and one step of each engine, one
after the other, so that a drift of the machine's speed cancels; an untimed plain step goes before the timed one, as a
plain step right after a heavy one is slower and would flatter the ratio. Peak memory is that of a process of its own,
above the one that takes plain steps alone. One thread, MLP D -> 128 x 4 tanh -> F, N = 2048 points.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
from benchmarks.network import POINTS, mlp
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from pinn import Problem
from pinn.geometry import Points
from pinn.residuals import Residuals

NS = {
    "x": "u_t + u*u_x + v*u_y + p_x - 0.01*lap(u)",
    "y": "v_t + u*v_x + v*v_y + p_y - 0.01*lap(v)",
    "c": "u_x + v_y",
}
TASKS: dict[str, tuple[dict[str, str] | str, list[str], str]] = {
    "laplacian_2d": ("lap(u)", list("xy"), "u"),
    "laplacian_3d": ("lap(u)", list("xyz"), "u"),
    "laplacian_10d": ("lap(u)", [f"x{i}" for i in range(10)], "u"),
    "laplacian_100d": ("lap(u)", [f"x{i}" for i in range(100)], "u"),
    "biharmonic_2d": ("lap(lap(u))", list("xy"), "u"),
    "biharmonic_3d": ("lap(lap(u))", list("xyz"), "u"),
    "kuramoto_sivashinsky": ("u_t + u*u_x + u_xx + u_xxxx", list("tx"), "u"),
    "burgers": ("u_t + u*u_x - 0.01*u_xx", list("tx"), "u"),
    "navier_stokes": (NS, list("txy"), "uvp"),
    "cahn_hilliard": ("u_t - lap(u**3 - u - 0.01*lap(u))", list("txy"), "u"),
    "stream_function": ("u_y*lap(u_x) - u_x*lap(u_y) - 0.01*lap(lap(u))", list("xy"), "u"),
}
ENGINES = ("plain", "autograd", "jet", "compiled")
PEERS = ("deepxde", "pina", "torchphysics", "folx")
PEER_TASKS = {"laplacian_2d": (1, 2), "laplacian_3d": (1, 3), "laplacian_10d": (1, 10), "laplacian_100d": (1, 100)}
PEER_TASKS |= {"biharmonic_2d": (2, 2), "biharmonic_3d": (2, 3)}  # how often the Laplacian is taken, and D


def steps(task: str, dtype: torch.dtype, engines: tuple[str, ...]) -> tuple[int, dict[str, Callable[[], object]]]:
    """The number of channels, and a training step by each engine: losses and gradients of all parameters."""
    texts, coordinates, fields = TASKS[task]
    equations = {name: f"{text} = 0" for name, text in ({"r": texts} if isinstance(texts, str) else texts).items()}
    problem = Problem(coordinates=dict.fromkeys(coordinates, [0, 1]), fields=list(fields), equations=equations)
    model, x = mlp(len(coordinates), len(fields), dtype), torch.rand(POINTS, len(coordinates), dtype=dtype)
    at = {problem.domain.interior: Points(x)}
    parameters = list(model.parameters())
    residuals = {engine: Residuals(problem, model, "autograd" if engine == "autograd" else "jet") for engine in engines}
    if "compiled" in residuals:
        residuals["compiled"].compile_derivatives()
    every: dict[str, Callable[[], object]] = {
        "plain": lambda: torch.autograd.grad(model(x).square().mean(), parameters)
    }
    every |= {engine: partial(found.gradient, at, {}) for engine, found in residuals.items()}
    return max(found.channels for found in residuals.values()) if residuals else 0, every


def seconds(step: Callable[[], object]) -> float:
    """Of one call."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def measure(task: str, dtype: torch.dtype, engines: tuple[str, ...], rounds: int) -> list[dict[str, object]]:
    """A row an engine: the median over the rounds of its time in plain steps of the same round."""
    torch._dynamo.reset()  # it gives up after eight variants of one function
    channels, todo = steps(task, dtype, engines)
    start = time.perf_counter()
    for step in todo.values():
        step()
    warm_up = time.perf_counter() - start
    times: dict[str, list[float]] = {engine: [] for engine in todo}
    for _ in range(rounds):
        todo["plain"]()
        for engine, step in todo.items():
            times[engine].append(seconds(step))
    rows = []
    for engine in engines:
        ratios = [a / b for a, b in zip(times[engine], times["plain"], strict=True)]
        rows.append(
            {
                "task": task,
                "dtype": str(dtype).removeprefix("torch."),
                "engine": engine,
                "channels": channels,
                "plain_steps": round(statistics.median(ratios), 2),
                "milliseconds": round(1e3 * statistics.median(times[engine]), 1),
                "plain_milliseconds": round(1e3 * statistics.median(times["plain"]), 1),
                "warm_up_seconds": round(warm_up, 1),
                "megabytes_above_plain": round(peak(task, dtype, engine) - peak(task, dtype, "plain")),
            }
        )
    return rows


def peak(task: str, dtype: torch.dtype, engine: str) -> float:
    """Peak memory in MB of a process that takes three steps (compilation happens before it counts)."""
    command = [sys.executable, sys.argv[0], "peak", task, str(dtype).removeprefix("torch."), engine]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_peak(task: str, dtype: torch.dtype, engine: str) -> None:
    """In the process of its own: the growth of the resident set from before the steps to its peak."""
    _, todo = steps(task, dtype, () if engine == "plain" else (engine,))
    todo["plain"]()
    if engine == "compiled":
        todo[engine]()
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    for _ in range(3):
        todo[engine]()
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print((int(line.split()[1]) * 1024 - before) / 1e6)


def picture(rows: list[dict[str, object]], path: Path) -> None:
    """Bars of every engine's cost in plain steps by task, a panel a dtype; a line at the number of channels."""
    tasks = list(dict.fromkeys(str(row["task"]) for row in rows))
    engines = [e for e in (*ENGINES[1:], *PEERS) if any(row["engine"] == e for row in rows)]
    dtypes = sorted({str(row["dtype"]) for row in rows})
    figure = Figure(figsize=(10, 3.2 * len(dtypes)), layout="constrained")
    panels = figure.subplots(len(dtypes), sharex=True, squeeze=False)[:, 0]
    for axes, dtype in zip(panels, dtypes, strict=True):
        for i, engine in enumerate(engines):
            cost = {
                str(r["task"]): float(str(r["plain_steps"]))
                for r in rows
                if (r["engine"], r["dtype"]) == (engine, dtype)
            }
            positions = [tasks.index(task) + (i - (len(engines) - 1) / 2) * 0.8 / len(engines) for task in cost]
            axes.bar(positions, list(cost.values()), width=0.8 / len(engines), label=engine)
        channels = {str(row["task"]): float(str(row["channels"])) for row in rows if row.get("channels")}
        for i, task in enumerate(tasks):
            line = [channels[task]] * 2
            axes.plot([i - 0.42, i + 0.42], line, "k", lw=1, label="channels" if not i else None)
        axes.set_yscale("log")
        axes.set_yticks([2, 5, 10, 20, 50, 100, 200], ["2", "5", "10", "20", "50", "100", "200"])
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylabel(f"plain steps, {dtype}")
    panels[-1].set_xticks(range(len(tasks)), [task.replace("_", " ") for task in tasks], rotation=35, ha="right")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Of the command line."""
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--engines", nargs="+", choices=ENGINES[1:], default=list(ENGINES[1:]))
    parser.add_argument("--dtypes", nargs="+", choices=["float32", "float64"], default=["float32", "float64"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument(
        "--peers", nargs="+", default=[], metavar="LIBRARY=PYTHON", help=f"{', '.join(PEERS)}: each by its interpreter"
    )


def run(options: argparse.Namespace) -> list[dict[str, object]]:
    """A row a task, dtype and engine."""
    rows: list[dict[str, object]] = []
    for task in options.tasks:
        for dtype in options.dtypes:
            for row in measure(task, getattr(torch, dtype), tuple(options.engines), options.rounds):
                rows.append(row)
                print(*(f"{key}={value}" for key, value in row.items()), flush=True)
            for row in peer_rows(task, dtype, options.peers, options.rounds) if task in PEER_TASKS else ():
                rows.append(row)
                print(*(f"{key}={value}" for key, value in row.items()), flush=True)
    return rows


def peer_rows(task: str, dtype: str, peers: list[str], rounds: int) -> Iterator[dict[str, object]]:
    """The same step by other libraries, each in a process of its own environment; a failure is said, and gives none."""
    for library, interpreter in (peer.split("=", 1) for peer in peers):
        command = [interpreter, str(Path(__file__).parent / "peer.py"), library]
        sizes = [*map(str, PEER_TASKS[task]), dtype, str(rounds)]
        done = subprocess.run([*command, *sizes], capture_output=True, text=True)
        if done.returncode:
            print(f"{library} on {task}, {dtype}: {done.stderr.strip().splitlines()[-1]}", flush=True)
            continue
        ratio, unit = map(float, done.stdout.split()[-2:])
        yield {"task": task, "dtype": dtype, "engine": library, "plain_steps": ratio, "plain_milliseconds": unit}
