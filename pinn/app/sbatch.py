"""A command as a SLURM job."""

from __future__ import annotations

import sys
from pathlib import Path

from pinn import slurm
from pinn.app.compose import checked, compose
from pinn.app.groups import config_dir
from pinn.schema import Slurm


def script(arguments: list[str]) -> str:
    """The script that runs what was typed."""
    own = config_dir(arguments)
    searched = [f"hydra.searchpath=[file://{Path(own).absolute()}]"] if own else []
    typed = [a for a in arguments if "=" in a and not a.startswith(("-", "launcher=", "launcher."))]
    asked = [a for a in arguments if a.startswith("launcher.")]
    config = checked(compose("launcher=slurm", *typed, *asked, *searched))
    assert isinstance(config.launcher, Slurm)
    name = next((a.partition("=")[2] for a in typed if a.startswith("pde=")), "pinn")
    kept = [a for a in arguments if not a.startswith(("launcher=", "launcher."))]
    return slurm.script(config.launcher, f"pinn-{name}", ["python", sys.argv[0], *kept])
