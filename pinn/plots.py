"""Pictures of any problem: its fields, the truth, the error, the residuals, and the history of a run.

Figures are built without pyplot, so that nothing here needs a screen or leaves state behind.
Shape letters: N points, D coordinates, F fields.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from PIL import Image
from torch import Tensor

from pinn.geometry import Domain

RESOLUTION = 101  # points along each axis of a picture
TIMES = (0.0, 1 / 3, 2 / 3, 1.0)  # parts of the time interval at which a plane in space is shown
FINE, SNAPSHOTS = 201, (0.0, 0.5, 1.0)  # the same for portraits
OUTLIER = (
    5  # so many times the range of all but the last hundredth of values: a singularity, which the colours leave out
)
SHADES = (28, 16, 16)  # of the colour map, of grey and of a line's colour in a portrait's file
PORTRAIT: dict[Any, object] = {"savefig.dpi": 84}  # a panel is about 360 pixels wide
DECADES = 4  # how far below the largest error the colours reach
LABELS = {"loss": "loss", "error": "relative $L^2$ error"}
SEQUENTIAL, DIVERGING, MAGNITUDE = "viridis", "RdBu_r", "magma"  # colour maps
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


class Picture(Figure):
    """Panels that fill the figure: what stands outside of the outermost is added when it is saved, also by a user."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """The same with the whole of it by default."""
        super().savefig(fname, **{"bbox_inches": "tight", **options})


@dataclass(frozen=True)
class View:
    """A line or a plane through the domain: where one panel looks.

    Attributes:
        axes: The one or two coordinates that vary, by index.
        extent: Their intervals.
        labels: Their names.
        points: Grid points, (N, D), float64, the first axis varying slowest.
        inside: Which of them lie in the domain, (N,).
        caption: The coordinates that are held, such as ``"t = 0.5"``; empty if there are none.
        to_scale: Whether both axes are drawn with one scale: those of space are.
        resolution: Points along each axis.
    """

    axes: tuple[int, ...]
    extent: tuple[tuple[float, float], ...]
    labels: tuple[str, ...]
    points: Tensor
    inside: Tensor
    caption: str
    to_scale: bool
    resolution: int


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
    """

    view: View
    title: str
    values: np.ndarray
    span: tuple[float, float]
    logarithmic: bool
    colours: str


def views(domain: Domain, parts: Sequence[float] = TIMES, resolution: int = RESOLUTION) -> list[View]:
    """Choose where to look at a domain.

    One coordinate: the line. Two: the plane, time running to the right. More: the plane of the first two spatial
    coordinates, or of time and the only one, through the middle of the others; several times, if time is left, or
    several values of the first parameter that is left.

    Args:
        domain: What is looked at.
        parts: Which parts of the interval of time, or of the parameter, have gone by.
        resolution: Points along each axis.
    """
    time_first = sorted(range(len(domain.names)), key=lambda i: (domain.names[i] != "t", i not in domain.spatial))
    if len(domain.names) < 3:
        return [view(domain, tuple(time_first), {}, resolution)]
    plane = domain.spatial[:2] if len(domain.spatial) > 1 else tuple(time_first[:2])
    middle = {i: (low + high) / 2 for i, (low, high) in enumerate(zip(domain.lower, domain.upper, strict=True))}
    others = [i for i in time_first if i not in plane and i not in domain.spatial]
    if not others:
        return [view(domain, plane, middle, resolution)]
    low, high = domain.lower[others[0]], domain.upper[others[0]]
    held = [{**middle, others[0]: low + part * (high - low)} for part in parts]
    return [view(domain, plane, values, resolution) for values in held]


def pictures(
    domain: Domain,
    fields: Sequence[str],
    prediction: Callable[[Tensor], Tensor],
    truth: Callable[[Tensor], Tensor] | None,
    residuals: Callable[[Tensor], Mapping[str, Tensor]] | None,
    path: Path,
) -> list[Path]:
    """Draw field.png and, where there is something to draw, exact.png, error.png and residual.png.

    Args:
        domain: Where the fields live.
        fields: Names of the F fields.
        prediction: Points (N, D), float64 on the CPU, to fields (N, F).
        truth: The same for the true fields, or None.
        residuals: Points (N, D) to ``{equation: (N,)}``, or None.
        path: Folder for the pictures; it is made if need be.

    Returns:
        The files written.
    """
    sheets = _sheets(domain, fields, prediction, truth)
    if residuals is not None:
        shown = views(domain)
        sheets["residual"] = _magnitudes(shown, _evaluate(residuals, shown), "residual of ")
    path.mkdir(parents=True, exist_ok=True)
    files = []
    for name, rows in sheets.items():
        files.append(path / f"{name}.png")
        with rc_context(STYLE):
            _figure(rows).savefig(files[-1])
    return files


def figure(
    domain: Domain,
    fields: Sequence[str],
    prediction: Callable[[Tensor], Tensor],
    truth: Callable[[Tensor], Tensor] | None,
) -> Figure:
    """One figure with each field and, where there is a truth, the truth and the error beside it.

    Args:
        domain: Where the fields live.
        fields: Names of the F fields.
        prediction: Points (N, D), float64 on the CPU, to fields (N, F).
        truth: The same for the true fields, or None.
    """
    by_field = zip(*_sheets(domain, fields, prediction, truth).values(), strict=True)
    with rc_context(STYLE):
        return _figure([row for rows in by_field for row in rows])


def portrait(domain: Domain, fields: Sequence[str], values: Callable[[Tensor], Tensor], path: Path) -> Path:
    """Draw fields alone, in one small file for a page: three times instead of four, few colours.

    Args:
        domain: Where the fields live.
        fields: Names of the F fields.
        values: Points (N, D), float64 on the CPU, to fields (N, F).
        path: The picture to write.

    Returns:
        That path.
    """
    shown = views(domain, SNAPSHOTS, FINE)
    found = _evaluate(lambda x: dict(zip(fields, values(x).unbind(1), strict=True)), shown)
    rows = [
        [Panel(v, name, part, value_range(parts), False, SEQUENTIAL) for v, part in zip(shown, parts, strict=True)]
        for name, parts in found.items()
    ]
    drawn = io.BytesIO()
    with rc_context(STYLE | PORTRAIT):
        _figure(rows).savefig(drawn)
    path.parent.mkdir(parents=True, exist_ok=True)
    few = Image.open(drawn).convert("RGB").quantize(palette=_palette(), dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    return path


def _palette() -> Image.Image:
    """Even steps of all that a portrait shows: a palette made from the picture would bend its colour map."""
    mapped, grey, line = (np.linspace(0, 1, count)[:, None] for count in SHADES)
    shades = [colormaps[SEQUENTIAL](mapped[:, 0])[:, :3], grey * np.ones(3), 1 + line * (np.array(to_rgb("C0")) - 1)]
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.rint(255 * np.concatenate(shades)).astype(np.uint8).tobytes())
    return palette


def _sheets(
    domain: Domain,
    fields: Sequence[str],
    prediction: Callable[[Tensor], Tensor],
    truth: Callable[[Tensor], Tensor] | None,
) -> dict[str, list[list[Panel]]]:
    """Field, truth and error: of each, one row of panels a field."""
    shown = views(domain)
    predicted = _evaluate(lambda x: dict(zip(fields, prediction(x).unbind(1), strict=True)), shown)
    if truth is None:
        return {"field": _fields(shown, predicted, "predicted ", like=predicted)}
    true = _evaluate(lambda x: dict(zip(fields, truth(x).unbind(1), strict=True)), shown)
    error = {field: predicted[field] - true[field] for field in fields}
    return {
        # Both take the colours of the truth, so that they can be compared by eye.
        "field": _fields(shown, predicted, "predicted ", like=true),
        "exact": _fields(shown, true, "exact ", like=true),
        "error": _magnitudes(shown, error, "error of "),
    }


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
                axes.semilogy(*zip(*curves[name], strict=True), marker, label=name.partition("/")[2])
            axes.set(xlabel="step", ylabel=LABELS[group])
            axes.grid()
            axes.legend()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    return path


def _curve(rows: Sequence[Mapping[str, float]], name: str) -> list[tuple[float, float]]:
    """Steps and values of one column, as far as a logarithmic axis can show them."""
    return [(row["step"], row[name]) for row in rows if row.get(name) is not None and 0 < row[name] < math.inf]


def view(domain: Domain, axes: tuple[int, ...], held: Mapping[int, float], resolution: int) -> View:
    """The line or plane of some coordinates, by index, through the values of the others."""
    extent = tuple((domain.lower[i], domain.upper[i]) for i in axes)
    lines = [torch.linspace(low, high, resolution, dtype=torch.float64) for low, high in extent]
    grid = torch.meshgrid(*lines, indexing="ij")
    points = torch.tensor([held.get(i, 0.0) for i in range(len(domain.names))], dtype=torch.float64)
    points = points.repeat(grid[0].numel(), 1)
    points[:, list(axes)] = torch.stack([g.flatten() for g in grid], dim=1)
    caption = _caption({domain.names[i]: value for i, value in held.items() if i not in axes})
    names = tuple(domain.names[i] for i in axes)
    to_scale = set(axes) <= set(domain.spatial)
    return View(axes, extent, names, points, domain.inside(points), caption, to_scale, resolution)


def _caption(held: Mapping[str, float]) -> str:
    """``y = 0, z = w = 1``; of more than three with one value the first and the last."""
    together: dict[str, list[str]] = {}
    for name, value in held.items():
        together.setdefault(f"{value:.3g}", []).append(name)
    short = {value: names if len(names) < 4 else [names[0], "...", names[-1]] for value, names in together.items()}
    return ", ".join(f"{' = '.join(names)} = {value}" for value, names in short.items())


def _evaluate(function: Callable[[Tensor], Mapping[str, Tensor]], shown: list[View]) -> dict[str, np.ndarray]:
    """Values by name at all views: {name: (views, N)}. The function is asked inside the domain only."""
    parts = [function(view.points[view.inside]) for view in shown]
    values = {name: np.full((len(shown), len(shown[0].points)), np.nan) for name in parts[0]}
    for k, (view, part) in enumerate(zip(shown, parts, strict=True)):
        for name, found in part.items():
            values[name][k, view.inside.numpy()] = found.detach().cpu().double().numpy()
    return values


def _fields(
    shown: list[View], values: dict[str, np.ndarray], prefix: str, *, like: dict[str, np.ndarray]
) -> list[list[Panel]]:
    """One row a field, one panel a view; the colours span the values of `like`."""
    rows = []
    for name, parts in values.items():
        low, high = span = _span(like[name])
        colours = DIVERGING if low == -high else SEQUENTIAL
        rows.append([Panel(v, prefix + name, part, span, False, colours) for v, part in zip(shown, parts, strict=True)])
    return rows


def _magnitudes(shown: list[View], values: dict[str, np.ndarray], prefix: str) -> list[list[Panel]]:
    """One row a name, one panel a view, of absolute values on a logarithmic scale."""
    rows, inside = [], np.stack([view.inside.numpy() for view in shown])
    for name, parts in values.items():
        size = np.abs(parts)
        top = size[np.isfinite(size)].max(initial=0) or 1e-16  # zero everywhere still needs a scale
        span = (top * 10.0**-DECADES, top)
        title = f"|{prefix}{name}|, largest {_scientific(size[inside].max(initial=0))}"
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


def _scientific(value: float) -> str:
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return rf"${mantissa} \times 10^{{{int(exponent)}}}$"


def _figure(rows: list[list[Panel]]) -> Figure:
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
    axes.set_title(panel.view.caption if shared else ", ".join(filter(None, (panel.title, panel.view.caption))))
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
    axes.set(xlabel=panel.view.labels[0], xlim=(low, high))
    if panel.logarithmic:
        axes.set_ylim(panel.span[0], 2 * panel.span[1])  # before the scale, which may find nothing to fit
        axes.set_yscale("log")
    axes.grid()


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
    axes.set(xlabel=panel.view.labels[0], ylabel=panel.view.labels[1], xlim=(left, right), ylim=(bottom, top))
    return image


def _size(view: View, shared: bool) -> tuple[float, float]:
    """Width and height of a panel's frame in inches, after the shape of what it shows."""
    if len(view.axes) == 1 or not view.to_scale:
        return 3.6, 2.6
    (left, right), (bottom, top) = view.extent
    shape = (top - bottom) / (right - left)
    width = min(2.0 if shared else 3.0, 4.0 / shape)
    return width, width * shape
