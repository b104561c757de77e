"""Layers of cells in time: where a strip ends, and how the one that follows begins.

A strip that follows is one layer of cells: these do not overlap in time, have fewer points in common, and ask for fewer
of Newton's steps.

Shape letters: K cells, D coordinates.
"""

from __future__ import annotations

from torch import Tensor

from pinn.partition.cells import Cells

NEAR = 1e-9  # of the time of all cells: what ends so near to its end ends there


def at_end(cells: Cells, axis: int) -> Tensor:
    """Which cells touch the end of time, (K,)."""
    ends, begins = cells.upper[:, axis], cells.lower[:, axis]
    return ends >= ends.max() - NEAR * (ends.max() - begins.min())


def layer(cells: Cells, axis: int) -> float:
    """How long most cells are at the end of time; where there is no space, how long the time of all is."""
    if cells.lower.shape[1] == 1:
        return float(cells.upper.max() - cells.lower.min())
    return float(cells.widths[at_end(cells, axis), axis].median())


def following(cells: Cells, axis: int, begin: float, end: float) -> Cells:
    """The last layer of cells, stretched to an interval that follows: shorter cells lie in it as they do there."""
    first = float(cells.upper[:, axis].max()) - layer(cells, axis)
    some = cells[cells.upper[:, axis] > first + NEAR * layer(cells, axis)]
    lower = some.lower.clone()
    lower[:, axis].clamp_(min=first)
    return Cells(lower, some.upper, some.sides).over(axis, begin, end)
