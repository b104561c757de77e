"""Corners of the boundary, and points at which what holds on it changes: there a solution is like r^a, with a below 1.

Cells that are halved towards such a point come near to it by one factor at each halving, and what the smallest of them
leaves is h^a, whatever their features: Babuska and Guo 1988, SIAM J. Numer. Anal. 25.

Shape letters: K cells, D coordinates, N points of a place, M rows, L rows of integrals.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pinn.language.scope import TIME
from pinn.partition.cells import NEAR, Cells
from pinn.partition.system import Sampled

LIGHT = 0.5  # the power of its size with which the rows of a small cell count: a is 1/2 at the end of a crack
AGAIN = 4  # times that a cell at a corner is halved ahead of what the residual sees
MARKED = 0.1  # of the largest that is left of a cell: cells that are halved
STANDS_OUT = 3.0  # times what is left of the cells around it: that of a cell at a corner
SMALL = 0.3  # of the size of most cells: one at a corner was halved more often than those
AROUND = 4.0  # widths of a cell: how far the centres of those around it are


def lightness(sampled: Sampled) -> Tensor:
    """The weight of each row beside its scale, (M + L,): less in small cells.

    At a corner of the boundary, where a solution is like r^a, the smallest cell leaves h^a whatever the others do, and
    the rows of a few such cells would bend the solution far away to leave a little less there. What they leave acts on
    it as h^a times as much at most. Refinement looks at the scaled residuals themselves.

    Rows of an equation of two parts, `min(a, b) = 0`, count so on a line and in time as well: the cell in which one
    part becomes the other leaves something at any size, and the rest would bend for it.
    """
    partition, light = sampled.partition, []
    sides = partition.upper.amax(0) - partition.lower.amin(0)
    relative = ((partition.upper - partition.lower) / sides).log().mean(dim=1).exp()
    alike = len(sides) == 1 or TIME in sampled.residuals.coordinate_names
    for place, name in sampled.names:
        n = 1 if place.integral else len(sampled.points[place].x)
        even = alike and (place, name) not in sampled.balance or place.integral or place.data is not None
        light.append(relative.new_ones(n) if even else relative[sampled.cells[place]] ** LIGHT)
    return torch.cat(light)


def corners(tiling: Cells, found: Tensor) -> list[int]:
    """The cells at which a corner seems to be: small ones of which far more is left than of those around.

    Not in space, where the cells of a few more halvings would be too many, and what is sharp is often an edge.

    Args:
        tiling: The cells.
        found: What is left of each, (K,).
    """
    if tiling.widths.shape[1] > 2:
        return []
    sizes = tiling.widths.prod(dim=1)
    acts = found * sizes ** (LIGHT / tiling.widths.shape[1])  # on the solution far away
    result, of_others = [], found.where((sizes < SMALL * sizes.median()) & (acts >= MARKED * acts.max()), 0)
    while float(of_others.max()) >= max(MARKED * float(found.max()), 1e-300):
        worst = int(of_others.argmax())
        away = (tiling.centres - tiling.centres[worst]).abs()
        around = (away <= AROUND * tiling.widths[worst]).all(dim=1)
        ring = found[around & ~_touching(tiling, tiling, worst)]
        if len(ring) and found[worst] > STANDS_OUT * ring.max():
            result.append(worst)
        of_others = of_others.where(~around, 0)
    return result


def smallest_at(cells: Cells, tiling: Cells, k: int) -> Tensor:
    """The numbers of the smallest cells in cell k of a tiling and those that touch it."""
    sizes = cells.widths.prod(dim=1).where(_touching(cells, tiling, k), torch.inf)
    return (sizes <= (1 + NEAR) * sizes.min()).nonzero()[:, 0]


def _touching(cells: Cells, tiling: Cells, k: int) -> Tensor:
    """Which cells are within cell k of a tiling or touch it, (K,)."""
    away = (cells.centres - tiling.centres[k]).abs()
    return (away <= (1 + NEAR) * (cells.widths + tiling.widths[k]) / 2).all(dim=1)
