"""What a step of 5 ms costs beside the step: Lightning, metrics.csv and the progress bar.

The same Adam steps are taken twice, in a bare loop and by a run with its files and its bar, in turns. Compared is the
time of the processor, which other programs do not lengthen; the start of a run is in neither.
"""

import argparse
import io
import tempfile
import time
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import torch
from lightning.pytorch import Callback
from omegaconf import OmegaConf
from rich.console import Console

from pinn import Problem
from pinn.app import CONFIGS
from pinn.schema import Config, check
from pinn.training.build import build
from pinn.training.module import PINN
from pinn.training.run import _trainer

WARM = 20  # steps before the clock starts


def add_options(parser: argparse.ArgumentParser) -> None:
    """Steps and repetitions."""
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--points", type=int, nargs="+", default=[250, 1500, 6000])


def run(options: argparse.Namespace) -> list[dict]:
    """One row a number of points, that is, a length of the step."""
    rows = []
    for points in options.points:
        pairs = [(_bare(points, options.steps), _whole(points, options.steps)) for _ in range(options.repeats)]
        bare, whole = np.median(pairs, axis=0)
        rows.append(
            {
                "points": points,
                "step_ms": round(1e3 * bare, 3),
                "run_ms": round(1e3 * whole, 3),
                "overhead_ms": round(1e3 * (whole - bare), 3),
                "overhead": round(1 - bare / whole, 4),
            }
        )
        print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    return rows


def picture(rows: list[dict], path: Path) -> None:
    """The share of the time that does not go to the step, against the step's length."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.loglog([row["step_ms"] for row in rows], [max(row["overhead"], 1e-3) for row in rows], "o-")
    axes.axhline(0.05, color="0.6", lw=0.8)
    axes.set(xlabel="step (ms)", ylabel="share beside the step")
    figure.savefig(path, dpi=120)


class Clock(Callback):
    """Processor time from one step to another."""

    def on_train_batch_end(self, trainer, pl_module, *args) -> None:
        """Note the first and the last."""
        if pl_module.global_step == WARM:
            self.began = time.process_time()
        self.ended = time.process_time()


def _module(points: int, steps: int) -> tuple[PINN, Config]:
    typed = ["pde=poisson", "network.width=64", "network.depth=3", f"sampling.points={points}"]
    typed += ["derivatives.compile=false", "optimizer=adam", f"optimizer.steps={steps + WARM}", "tolerance=0"]
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        composed: Any = OmegaConf.to_container(
            hydra.compose("train", [*typed, "trainer.accelerator=cpu"]), resolve=True
        )
    config, problem = check(composed), Problem.load("poisson")
    return PINN(build(problem, config), problem, config, None), config


def _bare(points: int, steps: int) -> float:
    """Seconds a step, in a loop."""
    module, _ = _module(points, steps)
    optimizer = torch.optim.Adam(module.residuals.parameters(), lr=1e-3)
    parameters, at = list(module.residuals.parameters()), module.collocation.at(0, torch.device("cpu"))
    began = 0.0
    for step in range(steps + WARM):
        if step == WARM:
            began = time.process_time()
        _, gradient = module.residuals.gradient(at, module.balance.weights)
        for parameter, found in zip(parameters, gradient, strict=True):
            parameter.grad = found
        optimizer.step()
    return (time.process_time() - began) / steps


def _whole(points: int, steps: int) -> float:
    """Seconds a step, in a run that writes its files and moves its bar."""
    module, config = _module(points, steps)
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)
    with tempfile.TemporaryDirectory() as folder:
        trainer: Any = _trainer(config, module, Path(folder), terminal, None)
        clock = Clock()
        trainer.callbacks.append(clock)
        trainer.fit(module)
    return (clock.ended - clock.began) / steps
