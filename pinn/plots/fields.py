"""Pictures of any problem: its fields, the truth, the error, the residuals.

Shape letters: N points, D coordinates, F fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure
from torch import Tensor

from pinn.geometry import Domain
from pinn.plots.cells import edges
from pinn.plots.draw import STYLE, drawn
from pinn.plots.panels import Panel, evaluated, of_magnitudes, of_values
from pinn.plots.symbols import plain, symbol
from pinn.plots.views import views

WITH_CELLS = {"field", "estimate"}  # pictures


def pictures(
    domain: Domain,
    fields: Sequence[str],
    prediction: Callable[[Tensor], Tensor],
    truth: Callable[[Tensor], Tensor] | None,
    residuals: Callable[[Tensor], Mapping[str, Tensor]] | None,
    path: Path,
    estimate: Callable[[Tensor], Tensor] | None = None,
    cells: tuple[Tensor, Tensor] | None = None,
) -> list[Path]:
    """Draw field.png and, where there is something to draw, exact.png, error.png, estimate.png and residual.png.

    Args:
        domain: Where the fields live.
        fields: Names of the F fields.
        prediction: Points (N, D), float64 on the CPU, to fields (N, F).
        truth: The same for the true fields, or None.
        residuals: Points (N, D) to ``{equation: (N,)}``, or None.
        path: Folder for the pictures; it is made if need be.
        estimate: Points (N, D) to the estimated error of the fields, (N, F), NaN where it is not known; or None.
        cells: Lower and upper corners of the cells that the field and the estimate are drawn with, (K, D) each; or
            None.

    Returns:
        The files written.
    """
    sheets, shown = _sheets(domain, fields, prediction, truth), views(domain)
    if estimate is not None:
        names = list(map(symbol, fields))
        found = evaluated(lambda x: dict(zip(names, estimate(x).unbind(1), strict=True)), shown)
        sheets["estimate"] = of_magnitudes(shown, found, "estimated error of ", gaps=True)
    if cells is not None:
        for name in WITH_CELLS & sheets.keys():
            sheets[name] = [[replace(panel, cells=edges(*cells, panel.view)) for panel in row] for row in sheets[name]]
    if residuals is not None:
        named = {plain(name): values for name, values in evaluated(residuals, shown).items()}
        sheets["residual"] = of_magnitudes(shown, named, "residual of ")
    path.mkdir(parents=True, exist_ok=True)
    files = []
    for name, rows in sheets.items():
        files.append(path / f"{name}.png")
        with rc_context(STYLE):
            drawn(rows).savefig(files[-1])
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
        return drawn([row for rows in by_field for row in rows])


def _sheets(
    domain: Domain,
    fields: Sequence[str],
    prediction: Callable[[Tensor], Tensor],
    truth: Callable[[Tensor], Tensor] | None,
) -> dict[str, list[list[Panel]]]:
    """Field, truth and error: of each, one row of panels a field."""
    shown, names = views(domain), list(map(symbol, fields))
    predicted = evaluated(lambda x: dict(zip(names, prediction(x).unbind(1), strict=True)), shown)
    if truth is None:
        return {"field": of_values(shown, predicted, "predicted ", like=predicted)}
    true = evaluated(lambda x: dict(zip(names, truth(x).unbind(1), strict=True)), shown)
    error = {name: predicted[name] - true[name] for name in names}
    return {
        # Both take the colours of the truth, so that they can be compared by eye.
        "field": of_values(shown, predicted, "predicted ", like=true),
        "exact": of_values(shown, true, "exact ", like=true),
        "error": of_magnitudes(shown, error, "error of "),
    }
