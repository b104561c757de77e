"""Panels as a figure, built without pyplot: nothing here needs a screen or leaves state behind."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from pinn.plots.panels import DIVERGING, Panel
from pinn.plots.symbols import caption, symbol
from pinn.plots.views import View

STYLE: dict[Any, object] = {
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "savefig.dpi": 130,
}
EDGES: dict[str, Any] = {"linewidths": 0.5, "alpha": 0.45}  # of cells in a plane
TICKS: dict[str, Any] = {"linestyle": "", "marker": 2, "color": "black", "markersize": 5, "alpha": 0.5}  # on a line


class Picture(Figure):
    """Panels that fill the figure: what stands outside of the outermost is added when it is saved, also by a user."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """The same with the whole of it by default."""
        super().savefig(fname, **{"bbox_inches": "tight", **options})

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def drawn(rows: list[list[Panel]]) -> Figure:
    """A row of panels a name; with one view only, up to three names share a row."""
    shared = len(rows[0]) > 1
    panels = [panel for row in rows for panel in row]
    columns = len(rows[0]) if shared else min(len(rows), 3)
    count = math.ceil(len(panels) / columns)
    width, height = _size(panels[0].view, shared)
    across, up = (0.35, 0.4) if shared else (1.7, 0.8)  # inches between panels: room for labels and colour bars
    figure = Picture(figsize=(columns * (width + across) - across, count * (height + up) - up))
    layout = {"left": 0, "right": 1, "bottom": 0, "top": 1, "wspace": across / width, "hspace": up / height}
    grid = figure.subplots(count, columns, squeeze=False, gridspec_kw=layout)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw_panel(axes, panel, shared, last=axes in grid[:, -1])
    for axes in grid[:-1].flat if shared else []:
        axes.set(xlabel="", xticklabels=[])
    for axes in grid[:, 1:].flat if shared else []:
        axes.set(ylabel="", yticklabels=[])
    return figure


def _draw_panel(axes: Axes, panel: Panel, shared: bool, *, last: bool) -> None:
    """Draw one panel; where a row shares one colour bar, its last panel has it, and it carries the title."""
    held = caption(panel.view.caption)
    axes.set_title(held if shared else ", ".join(filter(None, (panel.title, held))))
    if len(panel.view.axes) == 1:
        _line(axes, panel)
        return
    image = _plane(axes, panel)
    axes.locator_params(nbins=3 if shared else 4)
    if last or not shared:
        bar = axes.inset_axes((1.04, 0, 0.05, 1))
        axes.figure.colorbar(image, cax=bar, label=panel.title.replace(", ", "\n") if shared else "")
        bar.minorticks_off()
        if not panel.logarithmic:
            bar.locator_params(nbins=max(2, round(1.6 * _size(panel.view, shared)[1])))


def _line(axes: Axes, panel: Panel) -> None:
    low, high = panel.view.extent[0]
    axes.plot(np.linspace(low, high, panel.view.resolution), panel.values)
    axes.set(xlabel=symbol(panel.view.labels[0]), xlim=(low, high))
    if panel.logarithmic:
        axes.set_ylim(panel.span[0], 2 * panel.span[1])  # before the scale, which may find nothing to fit
        axes.set_yscale("log")
    axes.grid()
    if panel.cells is not None:
        axes.plot(panel.cells, np.zeros(len(panel.cells)), transform=axes.get_xaxis_transform(), **TICKS)


def _plane(axes: Axes, panel: Panel) -> AxesImage:
    (left, right), (bottom, top) = panel.view.extent
    half = 0.5 / (panel.view.resolution - 1)  # of an interval: pixels are centred on the grid points
    dx, dy = half * (right - left), half * (top - bottom)
    image = axes.imshow(
        panel.values.reshape(panel.view.resolution, panel.view.resolution).T,
        norm=LogNorm(*panel.span, clip=True) if panel.logarithmic else Normalize(*panel.span),
        cmap=panel.colours,
        origin="lower",
        extent=(left - dx, right + dx, bottom - dy, top + dy),
        interpolation="bilinear",
        aspect="equal" if panel.view.to_scale else "auto",
    )
    axes.set(
        xlabel=symbol(panel.view.labels[0]), ylabel=symbol(panel.view.labels[1]), xlim=(left, right), ylim=(bottom, top)
    )
    if panel.cells is not None:
        colour = "black" if panel.colours == DIVERGING else "white"
        axes.add_collection(LineCollection(list(panel.cells), colors=colour, **EDGES), autolim=False)
    return image


def _size(view: View, shared: bool) -> tuple[float, float]:
    """Width and height of a panel's frame in inches, after the shape of what it shows."""
    if len(view.axes) == 1 or not view.to_scale:
        return 3.6, 2.6
    (left, right), (bottom, top) = view.extent
    shape = (top - bottom) / (right - left)
    width = min(2.0 if shared else 3.0, 4.0 / shape)
    return width, width * shape
