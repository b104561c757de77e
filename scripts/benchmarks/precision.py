"""Noise floors: what each arithmetic leaves of the operators: `python scripts/benchmark.py precision`.

The relative error (root mean square over 2,048 points) that rounding makes in an operator's values, and in the gradient
of their mean square, against float64 by nested derivatives; float64 is compared by its own two engines, which round
differently. MLP D -> 128 x 4 tanh -> F, median over seeds. `floor_loss` is the square of the first: the smallest loss
that means anything, in parts of the loss of the operator's own size. TF32 takes an accelerator.
"""

import argparse
import statistics
from pathlib import Path

import torch
from benchmarks.network import POINTS, mlp
from benchmarks.operators import TASKS
from torch import Tensor

from pinn import operators

PRECISIONS = {"fp64": torch.float64, "fp32": torch.float32, "tf32": torch.float32, "bf16": torch.float32}
LARGE = "laplacian_100d"  # nested derivatives in float64 take too long


def add_options(parser: argparse.ArgumentParser) -> None:
    """Of the command line."""
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=[task for task in TASKS if task != LARGE])
    parser.add_argument("--seeds", type=int, default=3)


def run(options: argparse.Namespace) -> list[dict[str, object]]:
    """A row a task and precision."""
    rows = []
    for task in options.tasks:
        for name in PRECISIONS:
            if name == "tf32" and not torch.cuda.is_available():
                continue
            found = [apart(task, name, seed) for seed in range(options.seeds)]
            values, gradients = (statistics.median(errors) for errors in zip(*found, strict=True))
            row = {"task": task, "precision": name, "of_values": f"{values:.1e}", "of_gradient": f"{gradients:.1e}"}
            rows.append({**row, "floor_loss": f"{values**2:.0e}"})
            print(*(f"{key}={value}" for key, value in rows[-1].items()), flush=True)
    return rows


def apart(task: str, precision: str, seed: int) -> tuple[float, float]:
    """Relative errors of values and gradients."""
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
        here = numbers(task, PRECISIONS[precision], "jet", seed, device)
    truth = numbers(task, torch.float64, "autograd", seed, device)
    value, gradient = (float((a - b).norm() / b.norm()) for a, b in zip(here, truth, strict=True))
    return value, gradient


def numbers(task: str, dtype: torch.dtype, engine: operators.Engine, seed: int, device: str) -> tuple[Tensor, Tensor]:
    """The operators' values and the gradient of their mean square, in float64; the same network whatever the dtype."""
    texts, coordinates, fields = TASKS[task]
    plan = operators.plan(texts if isinstance(texts, dict) else {"r": texts}, coordinates, list(fields))
    network = mlp(len(coordinates), len(fields), torch.float32, seed).to(device, dtype)
    x = torch.rand(POINTS, len(coordinates)).to(device, dtype)
    values = torch.cat(list(operators.derivatives(network, x, plan, engine=engine).values()))
    gradients = torch.autograd.grad(
        values.square().mean(), list(network.parameters()), allow_unused=True, materialize_grads=True
    )
    return values.detach().double(), torch.cat([g.flatten() for g in gradients]).double()


def picture(rows: list[dict[str, object]], path: Path) -> None:
    """The errors of values by task and precision."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    tasks = list(dict.fromkeys(str(row["task"]) for row in rows))
    for name in PRECISIONS:
        chosen = {str(row["task"]): float(str(row["of_values"])) for row in rows if row["precision"] == name}
        if chosen:
            axes.plot([tasks.index(task) for task in chosen], list(chosen.values()), "o", label=name)
    axes.set_yscale("log")
    axes.set_ylabel("relative rounding error of the operator")
    axes.set_xticks(range(len(tasks)), [task.replace("_", " ") for task in tasks], rotation=35, ha="right")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=130)
