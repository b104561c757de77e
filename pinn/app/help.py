"""What `--help` prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from pinn.app.compose import CONFIGS
from pinn.app.groups import choices

HELP = """\
Solve a partial differential equation with a neural network:
  {command} pde=NAME [group=choice] [key=value] ...
Groups and their choices, * where nothing is said:
{groups}

Any key of the YAML files in {configs} can be set:
  pde=poisson optimizer=adam network.width=64 precision=fp32
  pde=poisson run_dir=out                 files go there, and the same command again goes on from what it finds
  pde=poisson seed=0,1,2 -m               one run after another; launcher=joblib: side by side; slurm: in a queue
  pde=mine --config-dir=mine              a problem of your own, in mine/pde/mine.yaml
  pde=poisson --cfg job                   show the configuration, do not run
{others}"""


def overview(commands: Mapping[str, Callable[..., int]]) -> str:
    """Groups, choices, and the first lines of the other commands."""
    script = Path(sys.argv[0]).name
    command = "pinn train" if script != "train.py" else f"python {os.path.relpath(sys.argv[0])}"
    listed = yaml.safe_load((CONFIGS / "train.yaml").read_text())["defaults"]
    defaults = {group: choice for entry in listed if isinstance(entry, dict) for group, choice in entry.items()}
    defaults = {group.removeprefix("optional "): choice for group, choice in defaults.items()}
    rows, here = [], os.path.relpath(CONFIGS)
    for group in (name for name in defaults if not name.startswith("override")):
        names = [f"{name}*" if name == defaults[group] else name for name in choices(group)]
        rows.append(f"  {group:<12} {' '.join(names)}")
    others = [f"  pinn {name:<10} {function.__doc__}" for name, function in commands.items() if name != "train"]
    return HELP.format(
        command=command,
        groups="\n".join(rows),
        configs=CONFIGS if here.startswith("..") else here,
        others="\n".join(["\nOther commands, each with --help:", *others, ""]) if others else "",
    )
