"""Corners: which cells they are, that parts there are halved ahead, and where none is, none are."""

import torch

from pinn.partition import Cells, refine
from pinn.partition.corners import AGAIN, corners


def near(corner, cells):
    at = torch.tensor(corner, dtype=torch.float64)
    return ((cells.lower <= at) & (at <= cells.upper)).all(dim=1)


def graded(*towards):
    """Cells that are halved three times towards some points."""
    cells = Cells.grid([0.0, 0.0], [1.0, 1.0], [8, 8])
    for _ in range(3):
        some = torch.stack([near(corner, cells) for corner in towards]).any(dim=0)
        cells = cells.halved(some[:, None].expand(-1, 2))[0].balanced()[0]
    return cells


def left(*standing):
    """What looks at parts, of which far more is left at some points."""

    def look(parts, of=None):
        return torch.where(torch.stack([near(corner, parts) for corner in standing]).any(dim=0), 1.0, 0.1).double()

    return look


def test_each_corner_is_found_and_nothing_else():
    cells = graded((0.0, 0.0), (1.0, 0.0))
    found = corners(cells, left((0.0, 0.0), (1.0, 0.0))(cells))
    assert len(found) == 2
    assert sorted(cells.centres[found][:, 0].round().tolist()) == [0.0, 1.0]
    assert corners(cells, left((0.0, 0.0))(cells)) == [int(near((0.0, 0.0), cells).nonzero()[0, 0])]


def test_a_corner_with_a_larger_cell_across_it_is_found():
    cells = Cells.grid([-1.0, -1.0], [1.0, 1.0], [8, 8])
    for _ in range(3):
        some = near((0.0, 0.0), cells) & (cells.centres > 0).all(dim=1)
        cells = cells.halved(some[:, None].expand(-1, 2))[0].balanced()[0]
    at, across = (
        int(k) for sign in (1, -1) for k in (near((0.0, 0.0), cells) & (sign * cells.centres > 0).all(1)).nonzero()
    )
    assert float(cells.widths[across, 0] / cells.widths[at, 0]) >= 4
    found = torch.full((len(cells),), 0.01, dtype=torch.float64)
    found[at], found[across] = 1.0, 0.9
    assert corners(cells, found) == [at]


def test_what_is_even_or_large_is_no_corner():
    cells = graded((0.0, 0.0))
    assert corners(cells, torch.ones(len(cells), dtype=torch.float64)) == []
    assert corners(cells, left((0.5, 0.5))(cells)) == []  # cells of the usual size
    tiny = left((0.0, 0.0))(cells).where(~near((1.0, 1.0), cells), 1e3)
    assert corners(cells, tiny) == []  # far more is left elsewhere
    cube = Cells.grid([0.0] * 3, [1.0] * 3, [2, 2, 2])
    assert corners(cube, torch.rand(8, dtype=torch.float64)) == []


def test_parts_at_a_corner_are_halved_ahead_of_what_is_seen():
    cells, look = graded((0.0, 0.0)), left((0.0, 0.0))
    both = torch.ones(len(cells), 2, dtype=torch.bool)
    finest = float(cells.widths.min())
    worst = refine.marked(look(cells))
    ahead, parents = refine.refined(cells, look(cells), worst, both, look, depth=AGAIN)
    some, _ = refine.refined(cells, look(cells), worst, both, look, depth=1)
    seen, _ = refine.refined(cells, look(cells), worst, both, look, depth=0)
    assert float(seen.widths.min()) == finest / 2
    assert float(some.widths.min()) == finest / 8
    assert float(ahead.widths.min()) < finest / 2 ** (1 + AGAIN)
    assert bool(near((0.0, 0.0), ahead)[ahead.widths.prod(dim=1).argmin()])
    assert len(parents) == len(ahead) and float(ahead.widths.prod(dim=1).sum()) == 1.0
