"""Strips alike: of equations that are linear and say the same at all times, one system is that of them all.

A strip that is as long as the one before and has the same cells differs in its sources and in what it begins with. Its
features, which are those of the strip before, are not computed again, nor is its system decomposed again.

Shape letters: K cells, D coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinn.geometry import Place, Points
from pinn.partition.cells import Cells
from pinn.partition.newton import Decomposed
from pinn.partition.points import Drawn
from pinn.partition.system import Sampled

LOOKED = 8  # strips, after which it is measured how much the fields change: that takes as long as all else
SAME = 1e-9  # of a cell's width: cells that differ by less are alike


@dataclass(frozen=True)
class Kept:
    """What a strip hands on.

    Attributes:
        begin: When it begins.
        tiling: Its cells.
        crowding: Times the usual number of points, (K,).
        features: Of a cell.
        tolerance: Of the singular values of a cell.
        system: Decomposed.
        fitted: The points of its equations, with features.
        held_out: Those that nothing was fitted to.
        rough: How much the fields of each cell change along each coordinate, (K, D).
        uses: How many strips have used the system.
    """

    begin: float
    tiling: Cells
    crowding: Tensor
    features: int
    tolerance: float | None
    system: Decomposed
    fitted: Sampled
    held_out: Sampled
    rough: Tensor
    uses: int

    @property
    def stale(self) -> bool:
        """Whether the fields may change as little by now that longer strips would do."""
        return self.uses % LOOKED == LOOKED - 1

    def is_for(
        self, tiling: Cells, crowding: Tensor, features: int, tolerance: float | None, axis: int, begin: float
    ) -> bool:
        """Whether cells that begin at another time are otherwise the same, with as many features and points."""
        if (len(tiling), features, tolerance) != (len(self.tiling), self.features, self.tolerance):
            return False
        return torch.equal(crowding, self.crowding) and are_alike(self.tiling, tiling, axis, begin - self.begin)


def are_alike(tiling: Cells, other: Cells, axis: int, shift: float) -> bool:
    """Whether other cells are those of a tiling, but for a shift along a coordinate."""
    if len(tiling) != len(other) or not torch.equal(tiling.sides, other.sides):
        return False
    moved = shift * torch.nn.functional.one_hot(torch.tensor(axis), tiling.lower.shape[1])
    pairs = (tiling.lower, other.lower), (tiling.upper, other.upper)
    return all(bool(((b - moved - a).abs() <= SAME * tiling.widths).all()) for a, b in pairs)


def later(sampled: Sampled, axis: int, shift: float) -> Drawn:
    """Its points, so much later, and the cell of each."""

    def moved(points: Points) -> Points:
        x = points.x.clone()
        x[:, axis] += shift
        return replace(points, x=x)

    at: dict[Place, Points] = {place: moved(points) for place, points in sampled.points.items()}
    return at, dict(sampled.cells)
