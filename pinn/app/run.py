"""One run of the command line."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from pinn.app.compose import checked, directory, stated
from pinn.app.trials import search
from pinn.schema import ConfigError

LOADED = time.time()


def run(composed: DictConfig, started: float) -> int:
    """Train, or search, as the configuration says; the exit status."""
    from pinn.training.launch import launch

    config = checked(composed)
    if config.sweep.name == "optuna":
        return search(config)
    sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    if sweep and config.several_devices and launch().size is None:  # each process would run the whole sweep
        raise ConfigError("-m: the runs of a sweep take one device each; set trainer.devices=1, or launcher=slurm.")
    choice = HydraConfig.get().runtime.choices["pde"]
    problem, config = stated(choice, composed, config)
    from pinn.training.budget import Budget
    from pinn.training.build import build
    from pinn.training.choice import choose
    from pinn.training.files import fixed_directory
    from pinn.training.run import train

    budget = Budget(config.budget, started, time.time() - started) if config.budget else None
    job = HydraConfig.get().job.num if sweep else None
    config = choose(problem, config, fixed_directory(config, choice, job, launch().job))
    residuals = build(problem, config)
    with nullcontext() if config.dry_run else directory(config, choice, job) as place:
        return train(problem, config, residuals, place, started, budget=budget).exit_status


def process_start() -> float:
    """When this process began, as of `time.time()`; where the system does not tell, when this module was loaded."""
    try:
        ticks = float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")
    except OSError:
        return LOADED
