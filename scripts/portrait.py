"""Small pictures of fields alone, for the catalogue."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.colors import to_rgb
from PIL import Image
from torch import Tensor

from pinn.geometry import Domain
from pinn.plots.draw import STYLE, drawn
from pinn.plots.panels import SEQUENTIAL, Panel, evaluated, value_range
from pinn.plots.symbols import symbol
from pinn.plots.views import views

FINE, SNAPSHOTS = 201, (0.0, 0.5, 1.0)  # points and times
SHADES = (28, 16, 16)  # of the colour map, of grey and of a line's colour in the file
PORTRAIT: dict[Any, object] = {"savefig.dpi": 84}  # a panel is about 360 pixels wide


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
    found = evaluated(lambda x: dict(zip(map(symbol, fields), values(x).unbind(1), strict=True)), shown)
    rows = [
        [Panel(v, name, part, value_range(parts), False, SEQUENTIAL) for v, part in zip(shown, parts, strict=True)]
        for name, parts in found.items()
    ]
    buffer = io.BytesIO()
    with rc_context(STYLE | PORTRAIT):
        drawn(rows).savefig(buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    few = Image.open(buffer).convert("RGB").quantize(palette=_palette(), dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    return path


def _palette() -> Image.Image:
    """Even steps of all that a portrait shows: a palette made from the picture would bend its colour map."""
    mapped, grey, line = (np.linspace(0, 1, count)[:, None] for count in SHADES)
    shades = [colormaps[SEQUENTIAL](mapped[:, 0])[:, :3], grey * np.ones(3), 1 + line * (np.array(to_rgb("C0")) - 1)]
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.rint(255 * np.concatenate(shades)).astype(np.uint8).tobytes())
    return palette
