"""What a panel shows: values at the points of a view, and the colours that they span.

Shape letters: N points, D coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pinn.plots.views import View

OUTLIER = 5  # times the range of all but the last hundredth: a singularity, which the colours leave out
DECADES = 4  # how far below the largest error the colours reach
SEQUENTIAL, DIVERGING, MAGNITUDE = "viridis", "RdBu_r", "magma"  # colour maps


@dataclass(frozen=True)
class Panel:
    """A field, an error or a residual seen in one view.

    Attributes:
        view: Where it is looked at.
        title: What it is.
        values: Its values at the view's points, (N,); outside of the domain NaN, which is left white.
        span: The values that its colours, or its vertical axis, span.
        logarithmic: Whether they do so by powers of ten.
        colours: Name of the colour map.
        cells: Edges of the cells that are drawn over it: see `pinn.plots.cells.edges`; None where there are none.
    """

    view: View
    title: str
    values: np.ndarray
    span: tuple[float, float]
    logarithmic: bool
    colours: str
    cells: np.ndarray | None = None


def evaluated(function: Callable[[Tensor], Mapping[str, Tensor]], shown: list[View]) -> dict[str, np.ndarray]:
    """Values by name at all views: {name: (views, N)}. The function is asked inside the domain only."""
    parts = [function(view.points[view.inside]) for view in shown]
    values = {name: np.full((len(shown), len(shown[0].points)), np.nan) for name in parts[0]}
    for k, (view, part) in enumerate(zip(shown, parts, strict=True)):
        for name, found in part.items():
            values[name][k, view.inside.numpy()] = found.detach().cpu().double().numpy()
    return values


def of_values(
    shown: list[View], values: dict[str, np.ndarray], prefix: str, *, like: dict[str, np.ndarray]
) -> list[list[Panel]]:
    """One row a field, one panel a view; the colours span the values of `like`."""
    rows = []
    for name, parts in values.items():
        low, high = span = _span(like[name])
        colours = DIVERGING if low == -high else SEQUENTIAL
        rows.append([Panel(v, prefix + name, part, span, False, colours) for v, part in zip(shown, parts, strict=True)])
    return rows


def of_magnitudes(
    shown: list[View], values: dict[str, np.ndarray], prefix: str, *, gaps: bool = False
) -> list[list[Panel]]:
    """One row a name, one panel a view, of absolute values on a logarithmic scale; gaps are NaN, and not told."""
    rows, inside = [], np.stack([view.inside.numpy() for view in shown])
    for name, parts in values.items():
        size = np.abs(parts)
        span = magnitude_range(size)
        told = size[inside & ~np.isnan(size)] if gaps else size[inside]
        title = f"|{prefix}{name}|, largest {_scientific(told.max(initial=0))}"
        rows.append([Panel(view, title, part, span, True, MAGNITUDE) for view, part in zip(shown, size, strict=True)])
    return rows


def _span(values: np.ndarray) -> tuple[float, float]:
    """Span the values; symmetrically if they take both signs to a like degree, so that white means zero."""
    low, high = value_range(values)
    if low < 0 < high and min(-low, high) > 0.2 * max(-low, high):
        return -max(-low, high), max(-low, high)
    return low, high


def value_range(values: np.ndarray) -> tuple[float, float]:
    """Least and largest value, without those near a singularity."""
    finite = values[np.isfinite(values)]
    low, high = finite.min(initial=np.inf), finite.max(initial=-np.inf)
    if not low < high:
        return (low - 0.5, high + 0.5) if low == high else (0.0, 1.0)
    usual = np.quantile(finite, (0.005, 0.995))
    if high - low > OUTLIER * (usual[1] - usual[0]) > 0:
        low, high = usual
    return float(low), float(high)


def magnitude_range(size: np.ndarray) -> tuple[float, float]:
    """What logarithmic colours of absolute values span: so many decades below the largest."""
    top = float(size[np.isfinite(size)].max(initial=0)) or 1e-16  # zero everywhere still needs a scale
    return top * 10.0**-DECADES, top


def _scientific(value: float) -> str:
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return rf"${mantissa} \times 10^{{{int(exponent)}}}$"
