"""What was typed becomes a checked configuration, a problem and a directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig, OmegaConf

from pinn.app.guard import check_lines, guard
from pinn.problem import configs
from pinn.schema import PDE, Config, ConfigError, check
from pinn.verification import twin

if TYPE_CHECKING:
    from pinn.problem import Problem

CONFIGS = configs()


def compose(*lines: str) -> DictConfig:
    """The configuration of some lines `key=value`."""
    check_lines(lines)
    guard()
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return hydra.compose("train", list(lines))


def checked(composed: DictConfig) -> Config:
    """A configuration in which every key is known and every value possible."""
    container = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    assert isinstance(container, dict)
    return check({str(key): value for key, value in container.items()})


def stated(choice: str, composed: DictConfig, config: Config) -> tuple[Problem, Config]:
    """The problem, or its twin, and the configuration with it, which the run directory keeps."""
    definition: Any = OmegaConf.to_container(composed.pde, resolve=True)
    if config.verify:
        definition = twin(definition)
        config = config.model_copy(update={"pde": PDE(**definition)})
    return _problem(choice, definition), config


def _problem(name: str, definition: Any) -> Problem:
    from pinn.problem import Problem

    try:
        return Problem(name=name, **definition)
    except ValueError as error:  # a LanguageError is one
        raise ConfigError(f"pde={name}: {error}") from error


@contextmanager
def directory(config: Config, problem: str, job: int | None = None) -> Iterator[Path]:
    """Where the run's files go; the first process makes it, and where a clock names it only that one needs it."""
    from pinn.training.files import fixed_directory, new_directory
    from pinn.training.launch import launch

    here = launch()
    if here.rank:
        yield fixed_directory(config, problem, job, here.job) or Path("runs", problem)
        return
    with new_directory(config, problem, job, here.job) as made:
        yield made
