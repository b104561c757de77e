"""Where measurements go: metrics.csv, and Weights & Biases."""

from __future__ import annotations

import csv
import io
import netrc
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from pinn.files import read_history, write
from pinn.schema import Wandb


class History(Logger):
    """A row of metrics.csv a measurement. A resumed run appends, in place of what came after its checkpoint."""

    def __init__(self, path: Path):
        super().__init__()
        self.path = path
        self._columns: list[str] = []

    @property
    def name(self) -> str:  # noqa: D102
        return "history"

    @property
    def version(self) -> str:  # noqa: D102
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The configuration has a file of its own."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append a row."""
        row = {"step": step, **metrics}
        if not set(row) <= set(self._columns):
            self._begin(row)
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self._columns, lineterminator="\n").writerow(row)

    def _begin(self, row: dict[str, Any]) -> None:
        """Write what came before this row anew, with its columns as well."""
        earlier = [old for old in read_history(self.path) if old["step"] < row["step"]]
        self._columns = list(dict.fromkeys(name for known in (*earlier, row) for name in known))
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({**old, "step": int(old["step"])} for old in earlier)
        write(self.path, text.getvalue())


def wandb_logger(settings: Wandb, config: dict[str, Any], directory: Path) -> WandbLogger:
    """A W&B logger that never asks and never hangs: online with an account and a network, offline otherwise."""
    import wandb

    identity = directory / "wandb.id"  # a run that goes on keeps its name at W&B
    if not identity.exists():
        write(identity, secrets.token_hex(4))
    name = "-".join(directory.parts[-2:])
    options: dict[str, Any] = {"project": settings.project, "name": name, "config": config, "dir": directory}
    options["id"] = identity.read_text()
    quiet = wandb.Settings(silent=True, console="off", init_timeout=settings.init_timeout)
    if _has_account():
        try:
            return WandbLogger(experiment=wandb.init(**options, mode="online", resume="allow", settings=quiet))
        except (wandb.Error, OSError) as error:
            print(f"wandb: offline, because: {str(error).strip().splitlines()[0]}")
            wandb.teardown()
    return WandbLogger(experiment=wandb.init(**options, mode="offline", settings=quiet))


def close(loggers: Iterable[Any], pictures: list[Path]) -> None:
    """Hand the pictures to W&B and end its run, so that another may begin in this process."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            for picture in pictures:
                logger.log_image(picture.stem, [str(picture)])
            logger.experiment.finish()


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
