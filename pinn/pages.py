"""The commands `pinn report` and `pinn watch`: what they read, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import yaml

from pinn.files import CHECKPOINT, CONFIG, HISTORY, typed
from pinn.report.index import write_index
from pinn.report.page import write_report
from pinn.report.watch import Live
from pinn.report.watch import watch as serve
from pinn.schema import ConfigError
from pinn.training.build import kept, load, restore

REPORT = """\
Write report.html of a run, or index.html of a folder of runs: a table to sort and to filter, and their curves.

  pinn report runs/poisson/2026-01-31_12-00-00
  pinn report runs

The pages need no network and no server: open them in a browser.
"""
WATCH = """\
Show a run in the browser while it trains. Only this machine can see the page; Ctrl-C ends it, and not the run.

  pinn watch runs/poisson/2026-01-31_12-00-00
  pinn watch runs/poisson/2026-01-31_12-00-00 port=8000     else a free port

Curves follow every measurement, pictures every checkpoint.
"""


def report(arguments: Sequence[str]) -> int:
    """Write the page of a run, or the index of a folder of runs, and say where it is.

    Raises:
        ConfigError: There is neither.
    """
    if not arguments or {"-h", "--help", "help"} & set(arguments):
        print(REPORT, end="")
        return 0
    folder = _folder(arguments, "report")
    try:
        if (folder / CHECKPOINT).exists():
            print(write_report(folder, load(folder), kept(folder)))
        else:
            print(write_index(folder))
    except ConfigError:
        raise
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(str(error)) from None
    except (TypeError, KeyError, AttributeError) as error:  # of a result.json that somebody else wrote
        raise ConfigError(f"{folder}: its files are none of a run: {type(error).__name__}: {error}") from None
    return 0


def watch(arguments: Sequence[str]) -> int:
    """Serve the page of a run until Ctrl-C.

    Raises:
        ConfigError: There is no run, or no such port.
    """
    if not arguments or {"-h", "--help", "help"} & set(arguments):
        print(WATCH, end="")
        return 0
    ports = [argument.removeprefix("port=") for argument in arguments if argument.startswith("port=")]
    folder = _folder([argument for argument in arguments if not argument.startswith("port=")], "watch")
    if ports and not (ports[0].isdecimal() and int(ports[0]) < 2**16):
        raise ConfigError(f"port={ports[0]}: should be a number below 65536; leave it out for a free port.")
    for name in (CONFIG, HISTORY):
        if not (folder / name).exists():
            raise ConfigError(f"{folder}: no run has begun here: {name} is missing.")
    kept(folder)
    torch.set_num_threads(1)  # the training needs the others
    try:
        serve(Live(folder, restore), int(ports[0]) if ports else 0, lambda line: print(line, flush=True))
    except OSError as error:
        raise ConfigError(f"port={ports[0] if ports else 0}: {error.strerror}.") from None
    return 0


def _folder(arguments: Sequence[str], command: str) -> Path:
    if len(arguments) != 1:
        raise ConfigError(f"pinn {command} takes one path; got {' '.join(arguments) or 'none'}.")
    try:
        folder = typed(arguments[0].removeprefix("run="))
    except ValueError as error:
        raise ConfigError(f"{error}.") from None
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder.")
    return folder
