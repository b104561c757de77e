"""The files of a run's directory: their names, how they are written, and how they are read."""

from __future__ import annotations

import csv
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

CHECKPOINT = "last.ckpt"
BEFORE = "before.ckpt"  # the checkpoint before that one
CONFIG = "config.yaml"
HISTORY = "metrics.csv"
RESULT = "result.json"
REPORT = "report.html"

MOST_CHARACTERS = 200_000  # of a YAML file: a problem has some thousand
MOST_PARTS = 50_000
DEEPEST = 50


def typed(text: Any) -> Path:
    """The path that somebody has typed.

    Raises:
        ValueError: No file can have this name, or there is no such user.
    """
    try:
        if not str(text):
            raise ValueError("this is empty")
        path = Path(text).expanduser()
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):  # whoever reads or writes there says so
            os.stat(path)
    except OSError as error:
        raise ValueError(f"{text}: {error.strerror}; write a path such as runs/heat") from None
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{text!r}: {error}; write a path such as runs/heat") from None
    return path


def yaml_text(path: Path) -> str:
    """The text of a YAML file, that is none to be afraid of: references to its own parts can make it grow without end.

    Raises:
        ValueError: It is not in UTF-8, no YAML, or too large, with its references put in.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not written in UTF-8 ({error.reason} at {error.start}): save it as UTF-8") from None
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"it has {len(text)} characters, {MOST_CHARACTERS} at most: put data into a file of their own")
    try:
        _check_parts(text)
    except yaml.YAMLError as error:
        mark, why = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        hint = "YAML takes no tabs: indent with spaces" if r"'\t'" in why else "put texts with such signs in quotes"
        raise ValueError(f"{' '.join(why.split())}{place}: {hint}") from None
    return text


def _check_parts(text: str) -> None:
    """Refuse YAML whose references to its own parts make it deep or large."""
    sizes: dict[Any, int] = {}
    within: list[tuple[str | None, int]] = [(None, 0)]  # what is open: its anchor, and how much is in it so far
    for event in yaml.parse(text, yaml.SafeLoader):
        size, anchor = 0, getattr(event, "anchor", None)
        if isinstance(event, yaml.CollectionStartEvent):
            within.append((anchor, 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size = within.pop()
        elif isinstance(event, yaml.ScalarEvent):
            size = 1
        elif isinstance(event, yaml.AliasEvent):
            if anchor in {name for name, _ in within}:
                raise ValueError(f"*{anchor} stands within what it refers to: write it out")
            size = sizes.get(anchor, 1)
        if anchor and size and not isinstance(event, yaml.AliasEvent):
            sizes[anchor] = size
        name, before = within[-1]
        within[-1] = name, before + size
        if len(within) > DEEPEST or before + size > MOST_PARTS:
            raise ValueError(
                f"it is nested deeper than {DEEPEST} times, or has more than {MOST_PARTS} parts with its references "
                "put in: write less"
            )


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
