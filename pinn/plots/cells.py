"""Where a view meets the edges of cells.

Shape letters: K cells, D coordinates, S segments.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from pinn.plots.views import View

NEAR = 1e-9  # of the view: edges that are so close are one


def edges(lower: Tensor, upper: Tensor, view: View) -> np.ndarray:
    """The edges of the cells that a view cuts, within it: each once, and without those that are its frame.

    Args:
        lower: Lower corners of the cells, (K, D).
        upper: Upper corners, (K, D).
        view: A line or a plane.

    Returns:
        Of a line the ends of the cells, (S,); of a plane segments, none of which overlap: (S, 2, 2), of each its two
        ends and of each end its two coordinates.
    """
    low, high = lower.detach().cpu().double().numpy(), upper.detach().cpu().double().numpy()
    at = view.points[0].numpy()
    held = [d for d in range(low.shape[1]) if d not in view.axes]
    met = (low <= at) & ((at < high) | (at <= high) & (high == high.max(axis=0)))  # a point on a face is in one cell
    axes, (starts, ends) = list(view.axes), np.array(view.extent).T
    met = met[:, held].all(axis=1)
    # from 0 to 1, so that what is near is so along all coordinates
    low, high = ((corner[met][:, axes] - starts) / (ends - starts) for corner in (low, high))
    if len(axes) == 1:
        return starts[0] + (ends[0] - starts[0]) * _inner(np.concatenate([low, high])[:, 0])
    found = [np.zeros((0, 2, 2))]
    for across, along in ((0, 1), (1, 0)):
        places = np.concatenate([low[:, across], high[:, across]])
        spans = np.concatenate([np.stack([low[:, along], high[:, along]], axis=1)] * 2).clip(0, 1)
        for place in _inner(places):
            joined = _joined(spans[np.abs(places - place) <= NEAR])
            segments = np.full((len(joined), 2, 2), place)
            segments[:, :, along] = joined
            found.append(segments)
    return starts + (ends - starts) * np.concatenate(found)


def _inner(places: np.ndarray) -> np.ndarray:
    """Each of the numbers between 0 and 1 once."""
    places = np.unique(places[(places > NEAR) & (places < 1 - NEAR)])
    return places[np.diff(places, prepend=-1.0) > NEAR]


def _joined(spans: np.ndarray) -> np.ndarray:
    """Intervals (n, 2) that cover the same and do not overlap; those of no length are left out."""
    found: list[list[float]] = []
    for first, last in spans[np.argsort(spans[:, 0], kind="stable")].tolist():
        if last - first <= NEAR:
            continue
        if found and first <= found[-1][1] + NEAR:
            found[-1][1] = max(found[-1][1], last)
        else:
            found.append([first, last])
    return np.array(found).reshape(-1, 2)
