"""What a run says of itself: the lines before it, result.json, the table and the pictures after it."""

from __future__ import annotations

import json
import math
import os
import platform
import shlex
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import pinn
from pinn.doctor import diagnose
from pinn.files import HISTORY, RESULT, read_history, write
from pinn.linter import findings
from pinn.problem import Problem
from pinn.report import words
from pinn.residuals import Residuals
from pinn.schema import Config, Partition
from pinn.solution import HELD_OUT, Solution
from pinn.training.build import softened
from pinn.training.deviation import standard_deviations

if TYPE_CHECKING:
    from pinn.training.budget import Budget
    from pinn.training.levels import Levels
    from pinn.training.module import PINN

ESTIMATED = "estimated relative error"
SAYS = {
    "finished": "finished",
    "diverged": "DIVERGED: the loss is no longer a number; a smaller step, float64 or another optimizer may help",
    "interrupted": "interrupted",
    "terminated": "terminated",
    "pruned": "pruned",
}


def header(console: Console, problem: Problem, config: Config, residuals: Residuals) -> None:
    """Print what is solved, with what, before anything slow is loaded."""
    intervals = zip(problem.domain.names, problem.domain.lower, problem.domain.upper, strict=True)
    box = ", ".join(f"{name} in [{low:g}, {high:g}]" for name, low, high in intervals)
    lines = Table.grid(padding=(0, 2))
    refined = isinstance(config.network, Partition) and config.network.refined
    if refined:
        problem = softened(problem)  # cells meet conditions as they do equations
    for name, equation in problem.equations.items():
        lines.add_row(f"  {escape(name)}", escape(equation.text))
    for name, text in problem.built_in.items():
        lines.add_row(f"  {escape(name)}", escape(text), "[dim]built into the network[/]")
    size = sum(p.numel() for p in residuals.parameters())
    console.print(
        f"[bold]{escape(problem.name)}[/]  {', '.join(problem.fields)}({', '.join(problem.coordinate_names)}),  {box}"
    )
    console.print(lines)
    for line in words.softened(problem):
        console.print(f"  {line}", style="dim", markup=False, soft_wrap=True)
    sampling = config.sampling
    console.print(f"  {words.network(config)}, {size} parameters", style="dim")
    console.print(
        f"  {words.precision(config)}, {config.derivatives.engine} derivatives, {residuals.channels} channels, "
        f"{sampling.points} {sampling.name} points",
        style="dim",
    )
    for line in words.choices(config):
        console.print(f"  {line}", style="dim", markup=False, soft_wrap=True)
    for finding in findings(problem):
        if finding.name not in config.silence and not (refined and finding.name == "long_time"):
            console.print(f"  look: {finding}", style="yellow", markup=False, soft_wrap=True)
    for planned in residuals.plans.values():
        if planned.directions:
            console.print(f"  {planned.directions}", style="yellow", soft_wrap=True)
    if config.precision.name in ("tf32", "bf16") and not all(phase.method.first_order for phase in config.phases):
        console.print(
            f"  {config.precision.name} is coarse for a second-order optimizer: expect an early standstill",
            style="yellow",
            soft_wrap=True,
        )


def result(
    problem: Problem, config: Config, solution: Solution, module: PINN, status: str, started: float
) -> dict[str, Any]:
    """All that result.json says."""
    deviations = {} if status in ("terminated", "diverged") else standard_deviations(module)
    found: dict[str, Any] = {
        "status": status,
        "pde": problem.name,
        "seed": config.seed,
        "precision": config.precision.name,
        "engine": config.derivatives.engine,
        "compiled": solution.residuals.compiled,
        "channels": solution.residuals.channels,
        "unknowns": sum(p.numel() for p in solution.residuals.parameters()),
        "steps": module.global_step,
        "seconds": round(time.time() - started, 3),
        "peak_memory_megabytes": round(module.metrics.get("memory/peak", 0.0)),
        "error": solution.error,
        **({"error_over": solution.error_over} if solution.error_over else {}),
        "residual": solution.residual,
        "weighted_loss": module.loss if module.metrics else None,
        "size": module.balance.sizes,
        **(_of_levels(module.levels) if module.levels else {}),
        "loss": module.reached,
        "noise_floor": module.noise,
        "parameters": solution.learned,
        **({"standard_deviation": deviations} if deviations else {}),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "lightning")},
            "pinn": pinn.__version__,
        },
        "hardware": hardware(),
        "command": shlex.join(sys.argv),
    }
    if status != "terminated":  # there is no time
        found["diagnosis"] = diagnose(solution, config, found, module.history)
    return found


def _of_levels(levels: Levels) -> dict[str, Any]:
    found = {"estimate": levels.estimate, "cells": len(levels.network), "converged": levels.converged}
    found |= {"unknown": levels.unknown} if levels.unknown else {}
    return found | ({"untold": levels.untold} if levels.untold else {})


def hardware() -> dict[str, str]:
    """On what the run ran."""
    found = {"system": f"{platform.system()} {platform.machine()}", "processor": _processor()}
    found["threads"] = f"{torch.get_num_threads()} of {os.cpu_count()} cores"
    if torch.cuda.is_available():
        found["accelerator"] = torch.cuda.get_device_name()
    return found


def finish(
    console: Console,
    result: dict[str, Any],
    solution: Solution,
    config: Config,
    directory: Path | None,
    started: float,
    budget: Budget | None = None,
) -> list[Path]:
    """Print the table; with a directory, write result.json and, unless nobody looks, pictures and the page.

    Returns:
        The pictures.
    """
    console.print()
    console.print(_table(result))
    for name, parts in result.get("error_over", {}).items():
        console.print(_over(name, parts))
    if result["parameters"]:
        console.print(_learned(result["parameters"], result.get("standard_deviation", {})))
    loss = result["weighted_loss"] or 0.0
    console.print(
        f"{SAYS[result['status']]}: {_count(result['steps'], 'step')}, loss {loss:.1e}, "
        f"{result['peak_memory_megabytes']} MB at most"
    )
    _print_diagnosis(console, result)
    if directory is None:
        return []
    if result["status"] in ("interrupted", "terminated"):
        console.print(f"the same command with run_dir={directory} goes on", soft_wrap=True)
    _write_result(directory, result, started)
    late = budget is not None and not _drawable(solution, budget)
    if late:
        console.print(f"there is no time left for pictures and a page: pinn report {directory} writes it")
    hurried = late or console.quiet or result["status"] == "terminated"
    pictures = [] if hurried or result["status"] == "diverged" else _pictures(solution, directory)
    _write_result(directory, result, started)  # the page tells the time with the pictures
    pages = [] if hurried else [_page(solution, config, directory)]
    _write_result(directory, result, started)
    console.print(
        f"{directory}/  {' '.join([*(file.name for file in (*pages, *pictures)), HISTORY, RESULT])}", soft_wrap=True
    )
    return pictures


def _write_result(directory: Path, result: dict[str, Any], started: float) -> None:
    """Write result.json, with the time that has passed until now."""
    seconds = round(time.time() - started, 3)
    write(directory / RESULT, json.dumps(_finite({**result, "seconds": seconds}), indent=2) + "\n")


def _print_diagnosis(console: Console, result: dict[str, Any]) -> None:
    """What limits the run, and the best that can be tried."""
    found = result.get("diagnosis")
    if not found:
        return
    console.print(found["summary"], soft_wrap=True, markup=False)
    for advice in found["advice"]:
        console.print(f"  {advice['finding']}", soft_wrap=True, markup=False)
        console.print(f"    [bold]{escape(shlex.join(advice['try'][0]))}[/]", soft_wrap=True)


def _pictures(solution: Solution, directory: Path) -> list[Path]:
    from pinn import plots

    files = solution.pictures(directory)
    rows = read_history(directory / HISTORY)
    if len(rows) > 1:
        files.append(plots.history(rows, directory / "history.png"))
    return files


def _drawable(solution: Solution, budget: Budget) -> bool:
    """Whether there is time for pictures and the page."""
    from pinn.report.sampled import size  # plotting libraries come with it: not before the first step

    return budget.drawable(size(solution.problem) / HELD_OUT)


def _page(solution: Solution, config: Config, directory: Path) -> Path:
    from pinn.report.page import write_report

    return write_report(directory, solution, config)


def _table(result: dict[str, Any]) -> Table:
    """Errors where there is a truth, else residuals at points that training never saw."""
    table, estimate = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=True), result.get("estimate", {})
    if result["error"]:
        for title in ("field", "relative L2 error", "largest error", *([ESTIMATED] if estimate else [])):
            table.add_column(title, justify="left" if title == "field" else "right")
        for field, error in result["error"].items():
            told = [f"{estimate[field]:.1e}"] if field in estimate else []
            table.add_row(field, f"{error['relative_l2']:.2e}", f"{error['max']:.2e}", *told)
    elif estimate:
        table.add_column("field")
        table.add_column(ESTIMATED, justify="right")
        for field, value in estimate.items():
            table.add_row(field, f"{value:.1e}")
    else:
        table.add_column("equation")
        table.add_column("held-out residual (rms)", justify="right")
        for name, value in result["residual"].items():
            table.add_row(escape(name), f"{value:.2e}")
    return table


def _learned(found: dict[str, float], deviations: dict[str, float]) -> Table:
    """What the learned parameters were found to be, and how well the data know them."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=True)
    for title in ("parameter", "found", *(["standard deviation from the data's noise"] if deviations else [])):
        table.add_column(title, justify="left" if title == "parameter" else "right")
    for name, value in found.items():
        table.add_row(name, f"{value:.6g}", *([f"{deviations[name]:.1e}"] if name in deviations else []))
    return table


def _over(name: str, parts: list[dict[str, Any]]) -> Table:
    """How the error depends on a parameter."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=True)
    table.add_column(f"relative L2 error for {name}")
    fields = [key for key in parts[0] if key not in ("from", "to")]
    for field in fields:
        table.add_column(field, justify="right")
    for part in parts:
        table.add_row(f"{part['from']:.4g} to {part['to']:.4g}", *(f"{part[field]:.2e}" for field in fields))
    return table


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _finite(value: Any) -> Any:
    """The same with null for what is not a number: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _processor() -> str:
    """Its name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
