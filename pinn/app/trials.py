"""A search: each trial is the command with other values for some keys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.core.hydra_config import HydraConfig

from pinn.app.compose import checked, directory, stated
from pinn.app.errors import USER_ERRORS, explain
from pinn.app.guard import check_lines
from pinn.messages import did_you_mean
from pinn.schema import Config, ConfigError, Optuna

if TYPE_CHECKING:
    from pinn.search import Watch


def search(config: Config) -> int:
    """Run the trials; the exit status."""
    from rich.console import Console

    from pinn.search import flat, search
    from pinn.training.build import build
    from pinn.training.choice import choose
    from pinn.training.run import train

    assert isinstance(config.sweep, Optuna)
    choice = HydraConfig.get().runtime.choices["pde"]
    typed = [line for line in HydraConfig.get().overrides.task if not re.match(r"\+?(sweep|run_dir|resume)\b", line)]

    def evaluate(lines: list[str], place: Path, watch: Watch) -> float | None:
        try:
            check_lines(lines)  # their keys may stand in a file
            composed = hydra.compose("train", [*typed, *lines, f"run_dir={place}"])
            problem, run = stated(choice, composed, checked(composed))
            run = choose(problem, run, place)
            place.mkdir(parents=True, exist_ok=True)
            done = train(problem, run, build(problem, run), place, watch=watch)
        except USER_ERRORS as error:
            raise ConfigError(explain(error)) from None
        if done.status == "interrupted":
            raise KeyboardInterrupt
        if done.status == "diverged":
            raise FloatingPointError("the loss is no longer a number")
        return done.error if done.status == "finished" else None

    for key in flat(config.sweep.ranges):
        if key.partition(".")[0] not in Config.model_fields:
            raise ConfigError(f"sweep.ranges.{key}: there is no such key. {did_you_mean(key, Config.model_fields)}")
    console = Console(highlight=False)
    with directory(config, f"{choice}-search") as place:
        return search(config.sweep, config.seed, place, evaluate, console)
