"""The choices of the groups: ours, and those under --config-dir."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pinn.app.compose import CONFIGS


def choices(group: str) -> list[str]:
    """Of one group, by name."""
    typed = " ".join(sys.argv[1:])
    own = config_dir(typed.split(" "))
    folders = [CONFIGS / group, *([Path(own) / group] if own else [])]
    return sorted(
        {file.relative_to(folder).with_suffix("").as_posix() for folder in folders for file in folder.rglob("*.yaml")}
    )


def config_dir(arguments: list[str]) -> str | None:
    """The folder of one's own problems, where one is typed."""
    found = re.search(r"(?:--config-dir|-cd)[= ](\S+)", " ".join(arguments))
    return found[1] if found else None
