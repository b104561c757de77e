"""The index of a folder of runs: one table to sort and filter, and their curves on top of each other."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

import yaml

from pinn.files import CONFIG, HISTORY, REPORT, RESULT, read_history, read_result, write
from pinn.report.curves import curves
from pinn.report.html import frame, place_plotly

INDEX = "index.html"
DRAWN = 8  # runs whose curves are shown at first
NO_SETTINGS = ("pde", "run_dir", "resume", "chosen")  # in a run's config.yaml, and nothing to compare
POINTS = 240  # of a curve
SCRIPTS = ("plots.js", "index.js")
NUMBERS = ("error", "residual", "loss", "seconds", "steps", "parameters", "memory")  # columns to be sorted as numbers


def runs_below(folder: Path) -> list[Path]:
    """The directories of all runs in a folder, the folder itself among them, by name."""
    return sorted(path.parent for path in folder.rglob(CONFIG) if (path.parent / HISTORY).exists())


def write_index(folder: Path) -> Path:
    """Write index.html, which compares the runs below a folder.

    Raises:
        ValueError: There is none.
    """
    found = runs_below(folder)
    if not found:
        raise ValueError(f"{folder}: no run is below: no folder has a {CONFIG} and a {HISTORY}.")
    runs = [_told(run, folder) for run in found]
    varied = _varied([run["settings"] for run in runs if run["settings"]])
    for run in runs:
        run["settings"] = {key: run["settings"].get(key, "–") for key in varied}
    place_plotly(folder)
    noun = "run" if len(runs) == 1 else "runs"
    body = (
        f'<header><p class="over">{escape(str(folder))}</p><h1>{len(runs)} {noun}</h1>'
        '<p class="lead">Each against its truth where there is one, else by its residual at points that it never saw. '
        "Click a head to sort.</p></header>"
        '<section><div class="controls"><input class="filter" id="filter" type="search" placeholder="filter: words"'
        ' aria-label="filter"><span class="note" id="count"></span></div>'
        '<div class="scroll"><table id="runs"></table></div></section>'
        '<section><h2>Curves</h2><div class="controls" id="choices"></div><div class="panels wide">'
        '<div id="overlay"></div></div></section><footer>Made by pinn.</footer>'
    )
    data = json.dumps({"runs": runs, "varied": varied, "numbers": NUMBERS, "drawn": DRAWN}, separators=(",", ":"))
    path = folder / INDEX
    write(path, frame(f"{len(runs)} {noun} · {folder}", body, data, SCRIPTS))
    return path


def _told(run: Path, folder: Path) -> dict[str, Any]:
    """What the index says of a run; of one whose files are broken, that they are: the others stand beside it."""
    try:
        return _summary(run, folder)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        why = f"broken: {f'{error}'.strip().partition(chr(10))[0] or type(error).__name__}"
        unknown = dict.fromkeys(("page", *NUMBERS))
        empty = {**curves([]), "groups": {}}
        return {
            **unknown,
            **_named(run, folder),
            "pde": run.parent.name,
            "status": why,
            "settings": {},
            "curves": empty,
        }


def _named(run: Path, folder: Path) -> dict[str, str]:
    return {"name": str(run.relative_to(folder)) if run != folder else run.name}


def _summary(run: Path, folder: Path) -> dict[str, Any]:
    result = read_result(run / RESULT)
    rows = read_history(run / HISTORY)
    every = max(1, len(rows) // POINTS)
    last = rows[-1] if rows else {}
    errors = [found["relative_l2"] for found in (result.get("error") or {}).values()]
    errors = errors or [value for key, value in last.items() if key.startswith("error/")]
    found = curves([*rows[:-1:every], *rows[-1:]])
    kept = {group: found["groups"][group] for group in ("loss", "error") if group in found["groups"]}
    settings = yaml.safe_load((run / CONFIG).read_text())
    return {
        **_named(run, folder),
        "page": str((run / REPORT).relative_to(folder)) if (run / REPORT).exists() else None,
        "pde": result.get("pde", run.parent.name),
        "status": result.get("status", "no result"),
        "error": max((e for e in errors if e is not None), default=None),
        "residual": max((r for r in (result.get("residual") or {}).values() if r is not None), default=None),
        "loss": sum(value for key, value in last.items() if key.startswith("loss/")) if last else None,
        "seconds": result.get("seconds"),
        "steps": result.get("steps", last.get("step")),
        "memory": result.get("peak_memory_megabytes"),
        "settings": _flat({key: value for key, value in settings.items() if key not in NO_SETTINGS}),
        "curves": {**found, "groups": {group: _worst(columns) for group, columns in kept.items()}},
    }


def _worst(columns: dict[str, list[float | None]]) -> list[float | None]:
    """At each step the largest of several columns."""
    return [max((v for v in values if v is not None), default=None) for values in zip(*columns.values(), strict=True)]


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted keys; lists as one text."""
    found: dict[str, str] = {}
    for key, value in settings.items():
        name = f"{prefix}{key}"
        found |= _flat(value, f"{name}.") if isinstance(value, dict) and value else {name: _text(value)}
    return found


def _text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(part, dict) and "name" in part for part in value) and value:
        return " → ".join(part["name"] for part in value)
    return "–" if value in (None, {}, []) else str(value)


def _varied(settings: list[dict[str, str]]) -> list[str]:
    """Keys in which the runs differ."""
    keys = dict.fromkeys(key for one in settings for key in one)
    return [key for key in keys if len({one.get(key, "–") for one in settings}) > 1]
