"""The history of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from pinn.plots.draw import STYLE
from pinn.plots.symbols import plain, symbol

LABELS = {"loss": "loss", "error": "relative $L^2$ error"}


def history(rows: Sequence[Mapping[str, float]], path: Path) -> Path:
    """Draw the loss of each equation and the error of each field over the steps, on logarithmic axes.

    Args:
        rows: One mapping a logged step, with ``step`` and some of ``loss/<equation>`` and ``error/<field>``.
        path: The picture to write.

    Returns:
        That path.
    """
    names = dict.fromkeys(name for row in rows for name in row)  # in the order of their first appearance
    curves = {name: curve for name in names if (curve := _curve(rows, name))}
    groups = {group: [name for name in curves if name.startswith(f"{group}/")] for group in LABELS}
    groups = {group: names for group, names in groups.items() if names}
    with rc_context(STYLE):
        figure = Figure(figsize=(4.8 * max(len(groups), 1), 3.4), layout="constrained")
        for k, (group, names) in enumerate(groups.items()):
            axes = figure.add_subplot(1, len(groups), k + 1)
            for name in names:
                marker = "." if len(curves[name]) == 1 else "-"
                axes.semilogy(*zip(*curves[name], strict=True), marker, label=_label(*name.split("/", 1)))
            axes.set(xlabel="step", ylabel=LABELS[group])
            axes.grid()
            axes.legend()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    return path


def _curve(rows: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    """Steps and values of one column, as far as a logarithmic axis can show them."""
    return [(row["step"], row[name]) for row in rows if row.get(name) is not None and 0 < row[name] < math.inf]


def _label(group: str, name: str) -> str:
    """Fields are symbols, equations have names."""
    return symbol(name) if group == "error" else plain(name)
