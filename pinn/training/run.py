"""One run, from the problem and the checked configuration to the result."""

from __future__ import annotations

import logging
import os
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml
from rich.console import Console

from pinn.files import CHECKPOINT, CONFIG, HISTORY, write
from pinn.problem import Problem
from pinn.references import truth
from pinn.residuals import Residuals
from pinn.schema import Config, ConfigError, Wandb
from pinn.solution import Solution, held_out
from pinn.training import report

if TYPE_CHECKING:
    from lightning.pytorch import Callback, Trainer
    from lightning.pytorch.loggers import Logger

    from pinn.training.module import PINN

MEASURED = 2**11  # held-out points of the errors logged during training
EXIT = {"finished": 0, "diverged": 1, "interrupted": 130, "terminated": 143}


@dataclass(frozen=True)
class Run:
    """What a run leaves.

    Attributes:
        solution: The trained network as a function.
        status: `finished`, `diverged`, `interrupted` (Ctrl-C) or `terminated` (SIGTERM).
    """

    solution: Solution
    status: str

    @property
    def exit_status(self) -> int:
        """What the command returns to the shell."""
        return EXIT[self.status]


def train(
    problem: Problem, config: Config, residuals: Residuals, directory: Path | None, started: float | None = None
) -> Run:
    """Train, measure, and write what belongs in the directory; a dry run prints what that would cost.

    Args:
        problem: What to solve.
        config: How.
        residuals: What `build` made of the two; trained in place.
        directory: Where the files go; None writes none.
        started: When the clock of `seconds` began, as of `time.time()`; now if it is None.

    Raises:
        ConfigError: A run that should go on was begun with another configuration.
    """
    started = started or time.time()
    console = Console(quiet=rank() > 0, highlight=False)
    report.header(console, problem, config, residuals)
    if config.dry_run:
        from pinn.training.cost import print_plan

        print_plan(console, problem, config, residuals)
        return Run(Solution(problem, residuals), "finished")
    if directory and not rank():
        _keep(config, directory)
    module, status = fit(problem, config, residuals, directory, console)
    from pinn.training.loggers import close

    solution = Solution(problem, residuals)
    if not rank():
        result = report.result(problem, config, solution, module, status, started)
        pictures = report.finish(console, result, solution, directory, started)
        close(module.loggers, pictures)
    return Run(solution, status)


def fit(
    problem: Problem, config: Config, residuals: Residuals, directory: Path | None, console: Console
) -> tuple[PINN, str]:
    """Train in place, and report nothing; the module, for its measurements, and how it ended."""
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    from pinn.training.module import PINN

    true = truth(problem)
    x = held_out(problem, MEASURED)
    module = PINN(residuals, problem, config, None if true is None else (x, true(x)))
    trainer = _trainer(config, directory, console)
    try:
        trainer.fit(module, ckpt_path=directory / CHECKPOINT if directory and config.resume else None)
    except SIGTERMException:
        return module, "terminated"
    return module, "diverged" if module.diverged else "interrupted" if module.interrupted else "finished"


def _trainer(config: Config, directory: Path | None, console: Console) -> Trainer:
    from lightning.fabric.utilities.exceptions import MisconfigurationException
    from lightning.pytorch import Trainer

    from pinn.training.callbacks import Bar, Checkpoint, Interrupt

    options = config.trainer.model_dump()
    callbacks: list[Callback] = [Checkpoint(directory / CHECKPOINT)] if directory else []
    if options.pop("enable_progress_bar") and not rank():
        callbacks.append(Bar(console))
    if (
        options["devices"] == options["num_nodes"] == 1
    ):  # several processes must stop at the same step: left to Lightning
        callbacks.append(Interrupt())
    if options["accelerator"] == "auto" and config.precision.dtype == "float64" and torch.backends.mps.is_available():
        options["accelerator"] = "cpu"  # Apple's GPUs have no float64
    _silence_lightning()
    ours = ("enable_progress_bar", "enable_model_summary", "enable_checkpointing", "use_distributed_sampler")
    try:
        return Trainer(
            **options,
            max_epochs=-1,
            callbacks=callbacks,
            logger=_loggers(config, directory),
            **dict.fromkeys(ours, False),
        )
    except MisconfigurationException as error:  # a device that is not there
        raise ConfigError(f"trainer: {error}") from error


def _loggers(config: Config, directory: Path | None) -> list[Logger]:
    from pinn.training.loggers import History, wandb_logger

    loggers: list[Logger] = [History(directory / HISTORY)] if directory else []
    if isinstance(config.logger, Wandb) and not rank():
        place = directory or Path(tempfile.mkdtemp(prefix="pinn-"))
        loggers.append(wandb_logger(config.logger, config.model_dump(mode="json"), place))
    return loggers


def _silence_lightning() -> None:
    """Lightning's own lines and warnings speak of data loaders and other people's products."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\.")


def _keep(config: Config, directory: Path) -> None:
    """Write config.yaml; a run that goes on must be the run that began."""
    path = directory / CONFIG
    now = config.model_dump(mode="json", exclude_unset=True)
    if config.resume and path.exists():
        then = yaml.safe_load(path.read_text())
        free = ("trainer", "logger", "run_dir", "resume")
        changed = [
            key for key in {**then, **now} if key not in free and _unstepped(then.get(key)) != _unstepped(now.get(key))
        ]
        if changed:
            raise ConfigError(
                f"resume=true: {', '.join(changed)} differs from {path}; only steps, trainer and logger may change."
            )
    write(path, yaml.safe_dump(now, sort_keys=False))


def _unstepped(part: Any) -> Any:
    """A part of the configuration without the numbers of steps."""
    if isinstance(part, dict):
        return {key: _unstepped(value) for key, value in part.items() if key != "steps"}
    return [_unstepped(value) for value in part] if isinstance(part, list) else part


def rank() -> int:
    """Number of this process among those that train together, before Lightning is there to ask."""
    return int(next((os.environ[name] for name in ("RANK", "SLURM_PROCID", "LOCAL_RANK") if name in os.environ), 0))
