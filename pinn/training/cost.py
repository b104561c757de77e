"""What a run would cost, before it begins: `dry_run=true`."""

from __future__ import annotations

import copy
import time

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pinn.partition import PATIENCE
from pinn.phases import Phase
from pinn.problem import Problem
from pinn.report.words import channels, duration
from pinn.residuals import Residuals
from pinn.schema import CSV, Config, Partition
from pinn.training.compilation import worth_compiling
from pinn.training.module import PINN

TRIED = 3  # steps of each phase, of which the last counts


def print_plan(console: Console, problem: Problem, config: Config, residuals: Residuals) -> None:
    """Print operators, channels, memory and the expected time, from a few steps of each phase on a copy."""
    for place, said in channels(residuals).items():
        console.print(f"  {place}: {said}", markup=False)
    if isinstance(config.network, Partition) and config.network.refined:
        most = config.budget or PATIENCE
        console.print(f"levels of cells that are halved, as many as are worth it: none begins after {duration(most)}")
        return
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=True)
    for title in ("phase", "steps", "a step", "plain steps", "points/s", "time"):
        table.add_column(title, justify="left" if title == "phase" else "right")
    total = peak = 0.0
    for phase in config.phases:
        module = _try(problem, config, residuals, phase)
        steps, most = phase.steps, config.trainer.max_steps
        steps = min(steps, most) if most >= 0 else steps
        seconds = module.metrics["time/step"]
        total, peak = total + steps * seconds, max(peak, module.metrics["memory/peak"])
        plain, count = plain_seconds(module), sum(len(at.x) for at in module.points().values())
        table.add_row(
            phase.name, f"{steps}", duration(seconds), f"{seconds / plain:.1f}", f"{count / seconds:.0f}",
            duration(steps * seconds),
        )  # fmt: skip
        compiled = phase.method.closure == "gradient" and config.derivatives.compile == "auto"
        if compiled and worth_compiling(module, steps):
            console.print(f"  {phase.name} will be compiled, and then be faster than this")
    console.print(table)
    console.print(f"{duration(total)} if no phase ends earlier, {peak:.0f} MB")


def plain_seconds(module: PINN) -> float:
    """Of forward and backward of mean(u**2) at the points of a step: the unit of what derivatives cost."""
    network = module.residuals.network
    x = torch.cat([at.x for at in module.points().values()])
    times = []
    for _ in range(TRIED):
        start = time.perf_counter()
        torch.autograd.grad(network(x).square().mean(), list(network.parameters()), allow_unused=True)  # empty cells
        times.append(time.perf_counter() - start)
    return min(times)


def _try(problem: Problem, config: Config, residuals: Residuals, phase: Phase) -> PINN:
    """A few steps of one phase, with nothing kept."""
    from pinn.training.run import fit

    quiet = {"enable_progress_bar": False, "log_every_n_steps": 1, "max_steps": -1, "max_time": None}
    derivatives = config.derivatives.model_copy(update={"compile": False})
    trial = {"optimizer": phase.model_copy(update={"steps": TRIED}), "tolerance": 0.0, "derivatives": derivatives}
    trial["logger"] = CSV(name="csv")
    trial["trainer"] = config.trainer.model_copy(update=quiet)
    return fit(problem, config.model_copy(update=trial), copy.deepcopy(residuals), None, Console(quiet=True))[0]
