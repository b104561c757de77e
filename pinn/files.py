"""The files of a run's directory: their names, how they are written, and how they are read."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

CHECKPOINT = "last.ckpt"
BEFORE = "before.ckpt"  # the checkpoint before that one
CONFIG = "config.yaml"
HISTORY = "metrics.csv"
RESULT = "result.json"
REPORT = "report.html"


def write(path: Path, text: str) -> None:
    """Write a file in one piece: a reader sees the old one or the new one, never half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)


def read_history(path: Path) -> list[dict[str, float]]:
    """The rows of metrics.csv; none if there is no such file. What was not measured in a row is not in it.

    A last line without an end is left out: whoever wrote it was killed.

    Raises:
        ValueError: It has something else than names and numbers.
    """
    if not path.exists():
        return []
    whole = path.read_text().rpartition("\n")[0]
    try:
        return [{k: float(value) for k, value in row.items() if value} for row in csv.DictReader(whole.splitlines())]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is no history of a run: {error}") from None


def read_result(path: Path) -> dict[str, Any]:
    """What result.json holds; nothing while the run goes on.

    Raises:
        ValueError: It is none of a run.
    """
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} is no result of a run")
    return found
