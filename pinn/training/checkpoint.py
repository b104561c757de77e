"""Checkpoints: whole or not there, and of the run that goes on."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO

import pinn
from pinn.files import BEFORE, CHECKPOINT
from pinn.problem import Problem
from pinn.schema import Config, ConfigError
from pinn.training.stored import BROKEN, read_checkpoint

log = logging.getLogger("pinn")
FORMAT = 2
"""Of what stands under `pinn` in a checkpoint; another number is another meaning."""

FREE = (
    *("pde", "trainer", "logger", "launcher", "sweep", "run_dir", "resume", "checkpoint_every"),
    *("dry_run", "silence", "budget", "memory_budget", "chosen"),
)
"""Keys that a run may change when it goes on."""


class WholeFiles(TorchCheckpointIO):
    """Writes a checkpoint beside the last one and renames it: whoever is killed meanwhile still has the last one.

    The one before stays as well, for the case that a disk spoils the last.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write in one piece."""
        place = Path(path)
        draft = place.with_name(f".{place.name}")
        try:
            with draft.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            draft.unlink(missing_ok=True)  # a full disk has no room for half of one
            raise
        with suppress(OSError):  # there is none yet, or the file system has no links
            place.with_name(BEFORE).unlink(missing_ok=True)
            os.link(place, place.with_name(BEFORE))
        os.replace(draft, place)


class BrokenError(ConfigError):
    """A file that should be a checkpoint is none."""


def going_on(path: Path, problem: Problem, config: Config) -> tuple[Path, int]:
    """The checkpoint to go on from and its step: this one or, where it is broken, the one before it.

    Raises:
        ConfigError: See `check`.
    """
    try:
        return path, check(path, problem, config)
    except BrokenError as error:
        before = path.with_name(BEFORE)
        if path.name != CHECKPOINT or not before.exists():
            raise
        found = before, check(before, problem, config)
        log.warning("%s The one before it is taken: %s", error, before)
        return found


def identity(problem: Problem, config: Config) -> dict[str, Any]:
    """What the next step depends on beside the state: the problem and the configuration, without numbers of steps."""
    domain = problem.domain
    return {
        "format": FORMAT,
        "problem": {
            "fields": list(problem.fields),
            "bounds": {
                name: [low, high] for name, low, high in zip(domain.names, domain.lower, domain.upper, strict=True)
            },
            "parameters": dict(problem.parameters),
            "learned": sorted(problem.learned),
            "equations": {name: f"{equation.residual}" for name, equation in problem.equations.items()},
            "built_in": dict(problem.built_in),
        },
        **_unstepped(config.model_dump(mode="json", exclude=set(FREE))),
    }


def check(path: Path, problem: Problem, config: Config) -> int:
    """The step of a checkpoint that this run can go on from.

    Raises:
        ConfigError: It is none, or one of another problem, configuration or version; the message names what differs.
    """
    try:
        found = read_checkpoint(path)
        then, by, steps = found["pinn"]["identity"], found["pinn"]["version"], int(found["global_step"])
        for part in (then, found["state_dict"], found["optimizer_states"]):
            if not isinstance(part, dict | list):
                raise TypeError(f"{type(part).__name__} where the state of a run should be")
    except BROKEN as error:
        text = f"{error}".partition("\n")[0]
        raise BrokenError(f"resume: {path} is no checkpoint of a run: {type(error).__name__}: {text}.") from None
    now = identity(problem, config)
    if then.get("format") != FORMAT:
        raise ConfigError(
            f"resume: {path} was written by pinn {by}, in format {then.get('format')}; this is pinn "
            f"{pinn.__version__}, whose format is {FORMAT}."
        )
    if changed := differences(then, now):
        raise ConfigError(
            f"resume: {path} is of another run. These differ: {'; '.join(changed)}. Only steps, trainer and logger may "
            "change. To begin anew, name another run_dir."
        )
    return steps


def differences(then: Any, now: Any, key: str = "") -> list[str]:
    """The dotted keys at which two configurations differ, with what stands there."""
    if isinstance(then, dict) and isinstance(now, dict):
        inner = [differences(then.get(k), now.get(k), f"{key}.{k}" if key else f"{k}") for k in {**then, **now}]
        return [line for lines in inner for line in lines]
    return [] if then == now else [f"{key} was {then}, is {now}"]


def about(problem: Problem, config: Config) -> dict[str, Any]:
    """What a checkpoint says of the run that it belongs to."""
    return {"identity": identity(problem, config), "version": pinn.__version__}


def _unstepped(part: Any) -> Any:
    """A part of the configuration without the numbers of steps."""
    if isinstance(part, dict):
        return {key: _unstepped(value) for key, value in part.items() if key != "steps"}
    return [_unstepped(value) for value in part] if isinstance(part, list) else part
