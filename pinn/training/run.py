"""One run, from the problem and the checked configuration to the result."""

from __future__ import annotations

import logging
import signal
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml
from rich.console import Console

from pinn.files import BEFORE, CHECKPOINT, CONFIG, HISTORY, write
from pinn.problem import Problem
from pinn.references import truth
from pinn.residuals import Residuals
from pinn.schema import Config, ConfigError
from pinn.solution import Solution, held_out
from pinn.training import report
from pinn.training.budget import Budget
from pinn.training.files import alone, first_checkpoint, written
from pinn.training.launch import launch, requeue
from pinn.training.surroundings import LOGGERS

if TYPE_CHECKING:
    from lightning.pytorch import Callback, Trainer
    from lightning.pytorch.loggers import Logger

    from pinn.training.module import PINN

Watch = Callable[[int, Mapping[str, float]], bool]
LOADING = 5.0  # seconds, roughly, where all was loaded before
MEASURED = 2**10  # held-out points of the errors logged during training
EXIT = {"finished": 0, "pruned": 0, "diverged": 1, "interrupted": 130, "terminated": 143}


@dataclass(frozen=True)
class Run:
    """What a run leaves.

    Attributes:
        solution: The trained network as a function.
        status: `finished`, `diverged`, `interrupted` (Ctrl-C), `terminated` (another signal) or `pruned` (in a search).
    """

    solution: Solution
    status: str

    @property
    def error(self) -> float:
        """The largest relative L2 error of a field; where no truth is known, the largest held-out residual."""
        errors = self.solution.error
        found = [error["relative_l2"] for error in errors.values()] if errors else self.solution.residual.values()
        return max(found)

    @property
    def exit_status(self) -> int:
        """What the command returns to the shell."""
        return EXIT[self.status]


def train(
    problem: Problem,
    config: Config,
    residuals: Residuals,
    directory: Path | None,
    started: float | None = None,
    watch: Watch | None = None,
    budget: Budget | None = None,
) -> Run:
    """Train, measure, and write what belongs in the directory; a dry run prints what that would cost.

    Args:
        problem: What to solve.
        config: How.
        residuals: What `build` made of the two; trained in place.
        directory: Where the files go; None writes none.
        started: When the clock of `seconds` began, as of `time.time()`; now if it is None.
        watch: Told the step and the metrics of each measurement; when it answers True, the run is pruned. A run that is
            watched is one of many: it prints nothing and draws nothing.
        budget: When all has to be over, where the configuration says so; counted from `started` if it is None.

    Raises:
        ConfigError: The checkpoint that the run should go on from is of another one, or another run is at work there.
    """
    started, here = started or time.time(), launch()
    if config.budget and budget is None:
        budget = Budget(config.budget, started, LOADING)
    console = Console(quiet=here.rank > 0 or watch is not None, highlight=False)
    with alone(None if here.rank else directory), written(directory):
        begin, done = first_checkpoint(config, directory), 0
        if begin:
            from pinn.training.checkpoint import going_on

            begin, done = going_on(begin, problem, config)
        report.header(console, problem, config, residuals)
        if config.dry_run:
            from pinn.training.cost import print_plan

            print_plan(console, problem, config, residuals)
            return Run(Solution(problem, residuals), "finished")
        if begin:
            console.print(f"  goes on from step {done} of {begin}", style="dim", soft_wrap=True)
        if directory and not here.rank:
            if begin and (earlier := begin.with_name(HISTORY)).exists() and not (directory / HISTORY).exists():
                write(directory / HISTORY, earlier.read_text())
            if begin == directory / BEFORE:
                (directory / CHECKPOINT).unlink(missing_ok=True)  # else the next one would take its place
            write(
                directory / CONFIG, yaml.safe_dump(config.model_dump(mode="json", exclude_unset=True), sort_keys=False)
            )
        module, status = fit(problem, config, residuals, directory, console, begin, watch, budget)
        estimated = module.levels.estimated_error if module.levels else None
        solution = Solution(problem, residuals, directory, estimated)
        if here.rank:
            return Run(solution, "finished")  # the first process tells how it ended; the others' status would kill it
        result = report.result(problem, config, solution, module, status, started)
        pictures = report.finish(console, result, solution, config, directory, started, budget)
        if config.logger.name != "csv":
            from pinn.training.dashboards import close

            close(module.loggers, pictures, result, directory)
        if status == "terminated" and here.job:
            console.print(requeue(here.job))
        return Run(solution, status)


def fit(
    problem: Problem,
    config: Config,
    residuals: Residuals,
    directory: Path | None,
    console: Console,
    begin: Path | None = None,
    watch: Watch | None = None,
    budget: Budget | None = None,
) -> tuple[PINN, str]:
    """Train in place, from a checkpoint or anew, and report nothing; the module, for its measurements, and its end."""
    from pinn.training.module import PINN

    try:
        true = truth(problem)
    except ValueError as error:
        raise ConfigError(f"pde={problem.name}: reference: {problem.reference}: {error}") from None
    except MemoryError as error:
        why = f"{problem.reference}: {error}; take smaller options"
        raise ConfigError(f"pde={problem.name}: reference: {why}") from None
    x = held_out(problem, MEASURED)
    module = PINN(residuals, problem, config, None if true is None else (x, true(x)), budget)
    trainer = _trainer(config, module, directory, console, watch)
    heard = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, ckpt_path=begin, weights_only=True)
    except SystemExit as end:  # Lightning's answer to Ctrl-C, after which it ignores every other one
        signal.signal(signal.SIGINT, heard)
        raise KeyboardInterrupt from end
    if module.lessons:  # what is left is told of the problem itself, however far the run came
        module.teach(len(module.lessons) - 1)
    return module, "diverged" if module.diverged else module.ended


def _trainer(config: Config, module: PINN, directory: Path | None, console: Console, watch: Watch | None) -> Trainer:
    from lightning.fabric.plugins.environments.lightning import LightningEnvironment
    from lightning.fabric.utilities.exceptions import MisconfigurationException
    from lightning.pytorch import Trainer

    from pinn.training.callbacks import Bar, Keeper, Watched
    from pinn.training.checkpoint import WholeFiles
    from pinn.training.loggers import History
    from pinn.training.ranks import DataParallel, Outside

    options, here = config.trainer.model_dump(), launch()
    callbacks: list[Callback] = [Keeper(directory and directory / CHECKPOINT, config.checkpoint_every)]
    if options.pop("enable_progress_bar") and not console.quiet:
        callbacks.append(Bar(console))
    if watch:
        callbacks.append(Watched(watch))
    started_by = LightningEnvironment() if here.size is None else Outside(here)
    plugins: list[Any] = [WholeFiles(), module.stopwatch, started_by]
    if here.size:
        options |= {"devices": here.devices, "num_nodes": here.nodes}
    if here.size or config.several_devices:
        options["strategy"] = DataParallel()
    if options["accelerator"] == "auto" and config.precision.dtype == "float64" and torch.backends.mps.is_available():
        options["accelerator"] = "cpu"  # Apple's GPUs have no float64
    loggers: list[Logger] = [History(directory / HISTORY)] if directory else []
    every = 0 if config.logger.name == "csv" or here.rank else config.logger.pictures_every
    if every:
        from pinn.training.dashboards import Pictures

        callbacks.append(Pictures(every))
    _silence_lightning()
    ours = ("enable_progress_bar", "enable_model_summary", "enable_checkpointing", "use_distributed_sampler")
    try:
        trainer = Trainer(
            **options,
            max_epochs=-1,
            callbacks=callbacks,
            plugins=plugins,
            logger=loggers,
            **dict.fromkeys(ours, False),
        )
    except MisconfigurationException as error:  # a device that is not there
        raise ConfigError(f"trainer: {error}") from error
    if config.logger.name != "csv" and not here.rank:
        from pinn.training.dashboards import dashboard

        shows = dashboard(config, module.problem, module.residuals, directory, trainer.world_size)
        trainer.loggers = [*loggers, shows]
    return trainer


def _silence_lightning() -> None:
    """Lightning's own lines and warnings speak of data loaders and other people's products."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"lightning\.")
