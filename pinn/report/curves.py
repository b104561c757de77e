"""The history of a run as curves: columns by group, thinned."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

MOST = 1200  # points of a curve
DIGITS = 5


def curves(rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Columns of metrics.csv for the charts of a page.

    Args:
        rows: One mapping a measurement, with `step` and `group/name`, not all in every row.

    Returns:
        `step`, `seconds` since the first step, and `groups`: of each group the columns by name, null where nothing was
        measured.
    """
    seconds, clock, before = [], 0.0, 0.0
    for row in rows:
        clock += row.get("time/step", 0.0) * (row["step"] - before)
        before = row["step"]
        seconds.append(round(clock, 3))
    every = math.ceil(len(rows) / MOST) or 1
    kept = [k for k in range(len(rows)) if k % every == 0 or k == len(rows) - 1 or _rare(rows, k)]
    names = dict.fromkeys(name for row in rows for name in row if "/" in name)
    groups: dict[str, dict[str, list[float | None]]] = {}
    for name in names:
        group, _, rest = name.partition("/")
        groups.setdefault(group, {})[rest] = [_short(rows[k].get(name)) for k in kept]
    return {"step": [int(rows[k]["step"]) for k in kept], "seconds": [seconds[k] for k in kept], "groups": groups}


def _rare(rows: Sequence[Mapping[str, float]], k: int) -> bool:
    """Whether more was measured than in the row before."""
    return len(rows[k]) > len(rows[k - 1])


def _short(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.{DIGITS}g}")
