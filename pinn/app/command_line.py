"""The console command `pinn` and its commands."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import Any

from pinn.app.errors import USER_ERRORS, complain
from pinn.app.guard import parsed
from pinn.app.help import overview
from pinn.app.sbatch import script
from pinn.app.train import train
from pinn.messages import did_you_mean
from pinn.schema import ConfigError

INTERRUPTED = 130


def main(command: str | None = None) -> None:
    """The console command `pinn`, whose first word names one of `COMMANDS`; without such a word it trains.

    Args:
        command: The name, where it is not typed: that of the script.
    """
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        if command is None and (first in COMMANDS or re.fullmatch(r"[a-z]+", first) and first != "help"):
            command = sys.argv.pop(1)
        if command not in (None, *COMMANDS):
            raise ConfigError(f"{command}: no such command. {did_you_mean(command, COMMANDS)}")
        status = COMMANDS[command or "train"](sys.argv[1:])
    except USER_ERRORS as error:
        status = complain(error)
    except KeyboardInterrupt:  # before training has begun, which ends by itself, or for the second time
        print("interrupted", file=sys.stderr)
        status = INTERRUPTED
    sys.exit(status)


def _train(arguments: list[str]) -> int:
    """Train a network on a problem: pde=NAME."""
    if _asks_for_help(arguments):
        print(overview(COMMANDS), end="")
        return 0
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing, so that all errors look alike
    if "--sbatch" in arguments:
        print(script([argument for argument in arguments if argument != "--sbatch"]), end="")
        return 0
    return train(arguments)


def _evaluate(arguments: list[str]) -> int:
    """Measure the error of a run in any norm: run=PATH."""
    from pinn.commands import Evaluate, evaluate

    return _with_options("evaluate", Evaluate, evaluate, arguments)


def _predict(arguments: list[str]) -> int:
    """Write a run's fields on a grid to files: run=PATH."""
    from pinn.commands import Predict, predict

    return _with_options("predict", Predict, predict, arguments)


def _export(arguments: list[str]) -> int:
    """Write a run's network to ONNX or torch.export: run=PATH."""
    from pinn.commands import Export, export

    return _with_options("export", Export, export, arguments)


def _with_options(name: str, model: Any, command: Callable[[Any], int], arguments: list[str]) -> int:
    """Run a command whose options are typed as `key=value`, as Hydra's are."""
    from pinn.commands import read, usage

    if _asks_for_help(arguments):
        print(usage(name, model), end="")
        return 0
    return command(read(model, {override.key_or_group: override.value() for override in parsed(arguments)}))


def _asks_for_help(arguments: list[str]) -> bool:
    return not arguments or bool({"-h", "--help", "help"} & set(arguments))


def _report(arguments: list[str]) -> int:
    """Write the page of a run, or an index of a folder of runs: PATH."""
    from pinn.pages import report

    return report(arguments)


def _watch(arguments: list[str]) -> int:
    """Show a run in the browser while it trains: PATH."""
    from pinn.pages import watch

    return watch(arguments)


COMMANDS: dict[str, Callable[[list[str]], int]] = {  # what stands below `def` is the help's line
    "train": _train,
    "evaluate": _evaluate,
    "predict": _predict,
    "export": _export,
    "report": _report,
    "watch": _watch,
}
