"""Layers of cells in time: which are the last, and what follows them."""

import torch

from pinn.partition import Cells
from pinn.partition.layers import at_end, following, layer


def halved(halves: list[bool]) -> Cells:
    """A row of cells over t in [0, 1] and x in [0, 1], of which some are halved in time."""
    cells = Cells.grid([0.0, 0.0], [1.0, 1.0], [1, len(halves)])
    return cells.halved(torch.tensor([[half, False] for half in halves]))[0]


def test_a_layer_is_as_long_as_most_cells_at_the_end():
    assert layer(halved([True, False, False]), 0) == 1.0
    assert layer(halved([True, True, False]), 0) == 0.5


def test_at_the_end_are_the_upper_halves():
    cells = halved([True, False])
    assert cells.lower[at_end(cells, 0)].tolist() == [[0.5, 0.0], [0.0, 0.5]]


def test_a_layer_follows_in_which_short_cells_stay_short():
    cells = following(halved([True, False, False]), 0, 1.0, 3.0)
    assert sorted(cells.widths[:, 0].tolist()) == [1.0, 1.0, 2.0, 2.0]
    assert cells.lower[:, 0].min() == 1 and cells.upper[:, 0].max() == 3


def test_a_layer_of_halves_is_one_layer():
    cells = following(halved([True, True, False]), 0, 1.0, 1.5)
    assert cells.widths[:, 0].tolist() == [0.5] * 3


def test_without_space_all_cells_follow():
    cells = Cells.grid([0.0], [1.0], [4])
    assert layer(cells, 0) == 1.0
    assert following(cells, 0, 1.0, 3.0).lower[:, 0].tolist() == [1.0, 1.5, 2.0, 2.5]
