"""Edges of cells in views: those of the partition, each once, and only within the view."""

import numpy as np
import pytest
import torch

from pinn.geometry import Box
from pinn.partition import Cells
from pinn.plots import edges, view, views


def seen(domain, cells, axes=None, held=None):
    shown = views(domain)[0] if axes is None else view(domain, axes, held or {}, 11)
    return edges(cells.lower, cells.upper, shown)


def lengths(segments, axis):
    """Of all segments along an axis, by where they are along the other."""
    found = {}
    for (x0, y0), (x1, y1) in segments.tolist():
        fixed, along = ((y0, y1), (x0, x1)) if axis == 0 else ((x0, x1), (y0, y1))
        if fixed[0] == fixed[1]:
            found[round(fixed[0], 9)] = found.get(round(fixed[0], 9), 0.0) + along[1] - along[0]
    return found


def some(domain, times=4, seed=0):
    """Cells halved here and there."""
    cells = Cells.grid(domain.lower, domain.upper, [1] * len(domain.names))
    torch.manual_seed(seed)
    for _ in range(times):
        cells, _ = cells.halved(torch.rand(len(cells), len(domain.names)) < 0.6)
    return cells


def test_on_a_line_the_ends_of_cells_are_seen():
    domain = Box({"x": (-1, 3)})
    cells = some(domain)
    inner = sorted(set(cells.lower[:, 0].tolist()) - {-1.0})
    assert len(inner) > 3 and seen(domain, cells).tolist() == pytest.approx(inner)
    assert len(seen(domain, Cells.grid((-1,), (3,), (1,)))) == 0


def test_in_a_plane_a_grid_is_seen_once():
    domain = Box({"x": (0, 1), "y": (-2, 2)})
    segments = seen(domain, Cells.grid(domain.lower, domain.upper, (4, 2)))
    assert segments.shape == (4, 2, 2)  # three across and one along: faces that go on are one
    assert lengths(segments, 1) == pytest.approx({0.25: 4, 0.5: 4, 0.75: 4}) and lengths(segments, 0) == {0.0: 1}
    assert seen(domain, Cells.grid(domain.lower, domain.upper, (1, 1))).shape == (0, 2, 2)


@pytest.mark.parametrize("names", ["xy", "tx"])
def test_in_a_plane_every_point_of_an_edge_is_on_a_face_and_the_other_way_round(names):
    domain = Box(dict(zip(names, ((0, 1), (-2, 2)), strict=True)))
    cells = some(domain, seed=3)
    segments = seen(domain, cells)
    parts = torch.linspace(0.01, 0.99, 50, dtype=torch.float64)[:, None, None]
    first, last = torch.from_numpy(segments).unbind(dim=1)
    points = (first + parts * (last - first)).reshape(-1, 2)
    within = (points[:, None] >= cells.lower - 1e-12) & (points[:, None] <= cells.upper + 1e-12)
    on_face = ((points[:, None] - cells.lower).abs() < 1e-12) | ((points[:, None] - cells.upper).abs() < 1e-12)
    assert bool((within.all(dim=2) & on_face.any(dim=2)).any(dim=1).all())
    inner = (cells.lower > torch.tensor([0.0, -2.0])) * cells.widths.flip(1)  # each inner face is a lower one of a cell
    assert sum(lengths(segments, 1).values()) <= float(inner[:, 0].sum()) + 1e-9
    corners = torch.stack([cells.lower, cells.upper]).reshape(-1, 2)
    assert set(lengths(segments, 1)) == {round(x, 9) for x in corners[:, 0].tolist()} - {0.0, 1.0}
    assert set(lengths(segments, 0)) == {round(x, 9) for x in corners[:, 1].tolist()} - {-2.0, 2.0}


def test_a_plane_through_space_shows_the_cells_that_it_cuts():
    domain = Box({"x": (0, 1), "y": (0, 1), "z": (0, 1)})
    fine, coarse = Cells.grid((0, 0, 0), (1, 1, 0.5), (4, 4, 1)), Cells.grid((0, 0, 0.5), (1, 1, 1), (2, 1, 1))
    cells = Cells(torch.cat([fine.lower, coarse.lower]), torch.cat([fine.upper, coarse.upper]))
    counts = [len(seen(domain, cells, (0, 1), {2: z})) for z in (0.0, 0.3, 0.5, 0.8, 1.0)]
    assert counts == [6, 6, 1, 1, 1]  # on the face itself one side is seen


def test_what_lies_beyond_the_view_is_not_seen():
    domain = Box({"x": (0, 1), "y": (0, 1)})
    segments = seen(domain, Cells.grid((-1, -1), (2, 2), (6, 6)))
    assert segments.shape == (2, 2, 2) and np.ptp(segments, axis=(0, 1)).tolist() == [1, 1]
