"""Weights & Biases and TensorBoard: what a run shows on them besides its measurements.

Both get the configuration, the plan, the problem in LaTeX, pictures, and the final errors.
"""

from __future__ import annotations

import copy
import netrc
import os
import secrets
import socket
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from PIL import Image

from pinn.files import CHECKPOINT, CONFIG, write
from pinn.problem import Problem
from pinn.report import words
from pinn.report.mathematics import latex
from pinn.residuals import Residuals
from pinn.schema import Config, ConfigError, Wandb
from pinn.solution import Solution

IDENTITY = "wandb.id"
REACH = 3.0  # seconds to reach the host; with init_timeout less than ten


def dashboard(config: Config, problem: Problem, residuals: Residuals, directory: Path | None, processes: int) -> Logger:
    """The logger of the configured dashboard.

    Raises:
        ConfigError: TensorBoard is not installed.
    """
    place = directory or Path(tempfile.mkdtemp(prefix="pinn-"))
    about = {"plan": words.channels(residuals), "latex": latex(problem)}
    if isinstance(config.logger, Wandb):
        return _wandb(config.logger, {**config.model_dump(mode="json"), **about, "processes": processes}, place)
    return _tensorboard(config, about, place)


class Pictures(Callback):
    """Show field, truth, error, estimated error and residual every so many steps."""

    def __init__(self, every: int):
        self.every = every

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *args: Any) -> None:  # noqa: D102
        if trainer.global_step % self.every or not trainer.is_global_zero:
            return
        estimated = pl_module.levels.estimated_error if pl_module.levels else None
        solution = Solution(pl_module.problem, copy.deepcopy(pl_module.residuals), estimated_error=estimated)
        with tempfile.TemporaryDirectory() as folder:
            show(trainer.loggers, solution.pictures(Path(folder)), trainer.global_step)


def show(loggers: Iterable[Any], files: Sequence[Path], step: int | None = None) -> None:
    """Put pictures on the dashboards."""
    for logger in loggers:
        for file in files:
            if isinstance(logger, WandbLogger):
                logger.log_image(file.stem, [str(file)], step)
            elif isinstance(logger, TensorBoardLogger):
                shown = np.asarray(Image.open(file).convert("RGB"))
                logger.experiment.add_image(file.stem, shown, step or 0, dataformats="HWC")


def close(loggers: Sequence[Any], files: Sequence[Path], result: Mapping[str, Any], directory: Path | None) -> None:
    """Show the last pictures and the table of final errors, keep the model, and end the run."""
    show(loggers, files, result["steps"])
    rows = [[field, e["relative_l2"], e["max"]] for field, e in (result["error"] or {}).items()]
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            _close_wandb(logger.experiment, rows, result, directory)
        elif isinstance(logger, TensorBoardLogger):
            lines = "".join(f"| {field} | {l2:.3e} | {most:.3e} |\n" for field, l2, most in rows)
            logger.experiment.add_text("errors", f"| field | relative L2 | largest |\n| --- | --- | --- |\n{lines}")
            logger.experiment.close()


def _close_wandb(run: Any, rows: list[list[Any]], result: Mapping[str, Any], directory: Path | None) -> None:
    import wandb

    if rows:
        run.log({"errors": wandb.Table(columns=["field", "relative_l2", "max"], data=rows)})
    run.summary.update({"status": result["status"], "steps": result["steps"], "seconds": result["seconds"]})
    for field, relative, _ in rows:
        run.summary[f"final_error/{field}"] = relative
    if directory and (directory / CHECKPOINT).exists():
        model = wandb.Artifact(f"model-{run.id}", type="model")
        for name in (CHECKPOINT, CONFIG):
            model.add_file(str(directory / name))
        run.log_artifact(model)
    run.finish()  # so that another may begin in this process


def _tensorboard(config: Config, about: dict[str, Any], place: Path) -> Logger:
    try:
        logger = TensorBoardLogger(place, name="", version="tensorboard")
        writer = logger.experiment
    except ModuleNotFoundError:
        raise ConfigError("logger=tensorboard: it is not installed; pip install -e '.[tensorboard]'.") from None
    lines = (f"**{name}** ${text}$" for section in about["latex"].values() for name, text in section.items())
    writer.add_text("problem", "\n\n".join(lines))
    writer.add_text("plan", "\n\n".join(f"**{place}** {said}" for place, said in about["plan"].items()))
    writer.add_text("config", "".join(f"    {line}\n" for line in config.model_dump_json(indent=2).splitlines()))
    return logger


def _wandb(settings: Wandb, config: dict[str, Any], directory: Path) -> WandbLogger:
    """A W&B logger that never asks and never hangs: online with an account and a network, offline otherwise."""
    import wandb

    identity = directory / IDENTITY  # a run that goes on keeps its name at W&B
    if not identity.exists():
        write(identity, secrets.token_hex(4))
    # absolute: what writes the files may be W&B's service of another process, which stands elsewhere (WANDB_SERVICE)
    options: dict[str, Any] = {"project": settings.project, "config": config, "dir": directory.absolute()}
    # the runs of a problem, or of a sweep with a run_dir, stand together; of several processes the first speaks for all
    options |= {"id": identity.read_text(), "name": "-".join(directory.parts[-2:]), "group": directory.parent.name}
    quiet = wandb.Settings(silent=True, console="off", init_timeout=settings.init_timeout)
    if _has_account():
        try:
            _reach(wandb.Settings().base_url)
            return WandbLogger(experiment=wandb.init(**options, mode="online", resume="allow", settings=quiet))
        except (wandb.Error, OSError) as error:
            print(f"wandb: offline, because: {str(error).strip().splitlines()[0]}")
            wandb.teardown()
    return WandbLogger(experiment=wandb.init(**options, mode="offline", settings=quiet))


def _reach(url: str) -> None:
    """Raise OSError where nothing answers: W&B itself would try for minutes."""
    found = urlparse(url)
    port = found.port or (80 if found.scheme == "http" else 443)
    socket.create_connection((found.hostname or "", port), REACH).close()


def _has_account() -> bool:
    import wandb

    if os.environ.get("WANDB_MODE", "online") != "online":
        return False
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlparse(wandb.Settings().base_url).hostname or ""
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
