"""The run's directory, and the checkpoint that a run begins from."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import yaml

from pinn.files import BEFORE, CHECKPOINT, CONFIG, HISTORY, REPORT, RESULT, typed
from pinn.schema import Config, ConfigError

OURS = (
    CONFIG,
    CHECKPOINT,
    HISTORY,
    RESULT,
    REPORT,
    "field.png",
    "exact.png",
    "error.png",
    "residual.png",
    "history.png",
)
"""What a run writes over."""

UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


@contextmanager
def alone(directory: Path | None) -> Iterator[None]:
    """Let no second run write into a directory; the system takes the lock from whoever dies.

    Raises:
        ConfigError: Another run is at work there.
    """
    if directory is None or os.name != "posix":
        yield
        return
    import fcntl

    held = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise ConfigError(f"run_dir={directory}: another run is at work there; name another directory.") from None
    except OSError:  # a file system that has no locks
        pass
    try:
        yield
    finally:
        os.close(held)


@contextmanager
def written(directory: Path | None) -> Iterator[None]:
    """One line for a disk that is full or a directory that has gone, and not where in whose code it was noticed.

    Raises:
        ConfigError: Something could not be written any more.
    """
    try:
        yield
    except OSError as error:
        if directory is None or (error.errno not in UNWRITABLE and directory.is_dir()):
            raise
        why = error.strerror if directory.is_dir() else "the directory is gone"
        kept = "the same command goes on from the last checkpoint" if (directory / CHECKPOINT).exists() else "stopped"
        raise ConfigError(f"run_dir={directory}: {why}: {kept}.") from error


@contextmanager
def new_directory(config: Config, problem: str, job: int | None = None, scheduled: str | None = None) -> Iterator[Path]:
    """Make the directory of a run: `run_dir`, `runs/<problem>/<job>`, or one that nobody has, `.../<date-time>`.

    What is refused before it has begun leaves none.

    Args:
        config: Says `run_dir` and `resume`.
        problem: Name of the problem.
        job: Number of the run within a sweep; a sweep's runs stand side by side within `run_dir`.
        scheduled: Name of the scheduler's job: the same when it is started again.
    """
    try:
        path = fixed_directory(config, problem, job, scheduled)
        clock = Path("runs", problem, time.strftime("%Y-%m-%d_%H-%M-%S"))
        above = [folder for folder in (path or clock).parents if not folder.exists()]
        new = path is None or not path.exists()
        if path is None:
            path = _unique(clock)
        if config.resume is False and any((path / name).exists() for name in (CHECKPOINT, HISTORY, RESULT)):
            raise ConfigError(
                f"run_dir={path}: a run is there already. Go on with it by resume=auto, or name another directory."
            )
        path.mkdir(parents=True, exist_ok=True)
        if foreign := next((n for n in OURS if (path / n).exists() and not _of_a_run(path / CONFIG)), None):
            raise ConfigError(f"run_dir={path}: {foreign} lies there and is of no run; name another directory.")
    except OSError as error:
        why = f"{error.strerror}: {error.filename}"
        raise ConfigError(f"run_dir={config.run_dir}: {why}; take a folder that can be written to.") from error
    try:
        yield path
    except ConfigError:
        if new and not any((path / name).exists() for name in (CHECKPOINT, HISTORY, RESULT)):
            shutil.rmtree(path, ignore_errors=True)  # it may be gone: that may be what the error says
            for folder in above:
                with suppress(OSError):  # another run is there by now
                    folder.rmdir()
        raise


def fixed_directory(config: Config, problem: str, job: int | None, scheduled: str | None) -> Path | None:
    """Where every process of a run, and the run that goes on, finds its files; None where only a clock names it."""
    if config.run_dir is not None:
        path = _typed("run_dir", config.run_dir)
        return path if job is None else path / str(job)
    return Path("runs", problem, scheduled) if scheduled else None


def first_checkpoint(config: Config, directory: Path | None) -> Path | None:
    """What a run goes on from: the checkpoint in its directory, else the one that `resume` names, else nothing.

    Raises:
        ConfigError: What `resume` names is not there.
    """
    if config.resume is False:
        return None
    for name in (CHECKPOINT, BEFORE):
        if directory and (directory / name).exists():
            return directory / name
    if config.resume == "auto":
        return None
    path = _typed("resume", config.resume)
    path = path / CHECKPOINT if path.is_dir() else path
    if not path.is_file():
        raise ConfigError(f"resume={config.resume}: there is no checkpoint {path}.")
    return path


def _of_a_run(path: Path) -> bool:
    """Whether a file is the configuration of a run."""
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return False
    return isinstance(found, dict) and found.keys() <= Config.model_fields.keys()


def _typed(key: str, text: str) -> Path:
    try:
        return typed(text)
    except ValueError as error:
        raise ConfigError(f"{key}={error}.") from None


def _unique(path: Path) -> Path:
    for number in count():
        candidate = path.with_name(f"{path.name}_{number}") if number else path
        try:
            candidate.mkdir(parents=True)
        except FileExistsError:
            continue
        return candidate
    raise AssertionError
