"""The run's directory."""

from __future__ import annotations

import time
from itertools import count
from pathlib import Path

from pinn.files import CHECKPOINT, HISTORY, RESULT
from pinn.schema import Config, ConfigError


def new_directory(config: Config, problem: str, job: int | None = None) -> Path:
    """Make the directory of a run: `run_dir`, or one that nobody else has, `runs/<problem>/<date-time>`.

    Args:
        config: Says `run_dir` and `resume`.
        problem: Name of the problem.
        job: Number of the run within a sweep; a sweep's runs stand side by side within `run_dir`.
    """
    try:
        if config.run_dir is None:
            return _unique(Path("runs", problem, time.strftime("%Y-%m-%d_%H-%M-%S")), config)
        path = Path(config.run_dir).expanduser() if job is None else Path(config.run_dir).expanduser() / str(job)
        _may_write(path, config)
        path.mkdir(parents=True, exist_ok=True)
        return path
    except OSError as error:
        raise ConfigError(f"run_dir={config.run_dir}: {error.strerror}: {error.filename}") from error


def _unique(path: Path, config: Config) -> Path:
    if config.resume:
        raise ConfigError("resume=true: say which run to go on with: run_dir=PATH.")
    for number in count():
        candidate = path.with_name(f"{path.name}_{number}") if number else path
        try:
            candidate.mkdir(parents=True)
        except FileExistsError:
            continue
        return candidate
    raise AssertionError


def _may_write(path: Path, config: Config) -> None:
    if config.resume and not (path / CHECKPOINT).exists():
        raise ConfigError(f"resume=true: there is no checkpoint {path / CHECKPOINT}. To start anew, leave resume out.")
    if not config.resume and any((path / name).exists() for name in (CHECKPOINT, HISTORY, RESULT)):
        raise ConfigError(
            f"run_dir={path}: a run is there already. Go on with it by resume=true, or name another directory."
        )
