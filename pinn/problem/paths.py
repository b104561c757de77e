"""Files that a problem's file names: they may lie in the folder of the command, or beside the problem."""

import os
from pathlib import Path
from typing import Any

KEYS = ("file", "table")  # of observations and surfaces, and of tabulated functions


def located(given: Any, folder: Path) -> Any:
    """What a YAML file holds, its paths such that they are found from the folder of the command.

    A relative path that leads nowhere from there is looked for in the folder of the YAML file, and in the one above it,
    which is that of `--config-dir`.

    Args:
        given: Mappings, lists and values.
        folder: Of the YAML file.

    Returns:
        The same, with absolute paths where a file was found beside it; a path that leads nowhere stays as it was
        written, for the message.
    """
    if isinstance(given, list):
        return [located(inner, folder) for inner in given]
    if not isinstance(given, dict):
        return given
    return {
        key: _path(inner, folder) if key in KEYS and isinstance(inner, str) else located(inner, folder)
        for key, inner in given.items()
    }


def _path(written: str, folder: Path) -> str:
    """os.path answers no where pathlib raises: of names that no file can have."""
    if os.path.exists(written):
        return written
    beside = (os.path.join(above, written) for above in (folder, folder.parent))
    return next((os.path.realpath(path) for path in beside if os.path.isfile(path)), written)
