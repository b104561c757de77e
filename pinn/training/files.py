"""The run's directory, and the checkpoint that a run begins from."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

from pinn.files import CHECKPOINT, HISTORY, RESULT
from pinn.schema import Config, ConfigError


def new_directory(config: Config, problem: str, job: int | None = None, scheduled: str | None = None) -> Path:
    """Make the directory of a run: `run_dir`, `runs/<problem>/<job>`, or one that nobody has, `.../<date-time>`.

    Args:
        config: Says `run_dir` and `resume`.
        problem: Name of the problem.
        job: Number of the run within a sweep; a sweep's runs stand side by side within `run_dir`.
        scheduled: Name of the scheduler's job: the same when it is started again.
    """
    try:
        path = fixed_directory(config, problem, job, scheduled)
        if path is None:
            return _unique(Path("runs", problem, time.strftime("%Y-%m-%d_%H-%M-%S")))
        if config.resume is False and any((path / name).exists() for name in (CHECKPOINT, HISTORY, RESULT)):
            raise ConfigError(
                f"run_dir={path}: a run is there already. Go on with it by resume=auto, or name another directory."
            )
        path.mkdir(parents=True, exist_ok=True)
        return path
    except OSError as error:
        raise ConfigError(f"run_dir={config.run_dir}: {error.strerror}: {error.filename}") from error


def fixed_directory(config: Config, problem: str, job: int | None, scheduled: str | None) -> Path | None:
    """Where every process of a run, and the run that goes on, finds its files; None where only a clock names it."""
    if config.run_dir is not None:
        path = Path(config.run_dir).expanduser()
        return path if job is None else path / str(job)
    return Path("runs", problem, scheduled) if scheduled else None


def first_checkpoint(config: Config, directory: Path | None) -> Path | None:
    """What a run goes on from: the checkpoint in its directory, else the one that `resume` names, else nothing.

    Raises:
        ConfigError: What `resume` names is not there.
    """
    if config.resume is False:
        return None
    own = directory / CHECKPOINT if directory else None
    if own and own.exists():
        return own
    if config.resume == "auto":
        return None
    path = Path(config.resume).expanduser()
    path = path / CHECKPOINT if path.is_dir() else path
    if not path.is_file():
        raise ConfigError(f"resume={config.resume}: there is no checkpoint {path}.")
    return path


def _unique(path: Path) -> Path:
    for number in count():
        candidate = path.with_name(f"{path.name}_{number}") if number else path
        try:
            candidate.mkdir(parents=True)
        except FileExistsError:
            continue
        return candidate
    raise AssertionError
