"""What the next level of a strip is: which of its cells are halved, or whether all get more features.

Shape letters: K cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pinn.language.scope import TIME
from pinn.partition.gains import (
    MANY,
    RESOLVED,
    halving_falls_fast,
    more_features_gain,
    sees_nothing,
    widened_in_vain,
)
from pinn.partition.refine import DEPTH, directions, marked, refined
from pinn.partition.strip import WIDER, Strip

EVERYWHERE = 0.5  # of the volume: so much is to be halved
MOST = 0.9  # of the sum of squares of what is left: the worst cells, where the next level is to be a small one


def refine(strip: Strip) -> None:
    """Halve the cells that have the most left; or, where that is nearly everywhere, take more features."""
    if not strip.levels[-1].gained or strip.left is None:
        return
    strip.stayed, strip.unrefined = 0.0, None
    if strip.local.features < strip.usual:
        strip.local = strip.local.of(strip.usual)
        return
    volumes = strip.tiling.widths.prod(dim=1)
    share = float(volumes[marked(strip.left).cpu()].sum() / volumes.sum())
    everywhere = share > EVERYWHERE
    wider = min(round(WIDER * strip.local.features), strip.local.widest)
    coordinates = len(strip.problem.coordinate_names)
    if wider > strip.local.features and more_features_gain(strip.levels, everywhere, coordinates):
        strip.local = strip.local.of(wider)
    else:
        if widened_in_vain(strip.levels, coordinates):
            before, fields = strip.levels[-2], len(strip.coefficients[0])
            strip.local = strip.local.of(max(before.unknowns // before.cells // fields - 1, strip.usual))
        lost = sees_nothing(strip.levels, coordinates, strip.price)
        unseen = lost or everywhere and strip.smooth and strip.levels[-1].residual >= RESOLVED
        strip.unrefined = strip.tiling, strip.crowding
        _halve(strip, marked(strip.left).cpu() | unseen, 0 if lost else _depth(strip))


def refine_the_worst(strip: Strip, fits: Callable[[], bool]) -> bool:
    """In place of what `refine` has, halve as few cells as have most of what is left, and less often at corners.

    Args:
        strip: Of which a level is solved.
        fits: Whether the level that is prepared is not too dear.

    Returns:
        Whether one fits.
    """
    if strip.unrefined is None or strip.left is None:
        return False
    tiling, crowding = strip.unrefined
    squares, order = strip.left.cpu().square().sort(descending=True)
    few = order[: 1 + int((squares.cumsum(0) < MOST * squares.sum()).sum())]
    chosen = torch.zeros(len(tiling), dtype=torch.bool).index_fill(0, few, True)
    for depth in range(_depth(strip), -1, -1):
        strip.tiling, strip.crowding = tiling, crowding
        _halve(strip, chosen, depth)
        if fits():
            return True
    return False


def _depth(strip: Strip) -> int:
    """How often a peak is halved again: it is a corner, but not in what waves and fronts leave unresolved.

    In a smooth solution it is the edge of a cell, where every fit is worst: in space such halvings are dear.
    """
    coordinates = len(strip.problem.coordinate_names)
    smooth = coordinates == MANY and halving_falls_fast(strip.levels)
    return 0 if strip.smooth or smooth or strip.times or coordinates > MANY else DEPTH


def _halve(strip: Strip, chosen: Tensor, depth: int) -> None:
    """Halve cells, (K,), along the coordinates in which the fields change most, and again at corners."""
    assert strip.partition is not None and strip.found is not None and strip.rough is not None
    assert strip.left is not None
    look = strip.looking(strip.partition, strip.found, strip.residuals.places)
    along = directions(strip.rough, TIME in strip.problem.coordinate_names)
    volumes, squares = strip.tiling.widths.prod(dim=1), strip.left.cpu().square()
    strip.tiling, parents = refined(strip.tiling, strip.left, chosen, along, look, depth)
    strip.crowding = strip.crowding[parents]
    same = torch.bincount(parents, minlength=len(squares)) == 1
    parts = [float(part[same].sum() / part.sum()) for part in (squares, volumes * squares)]
    strip.stayed = math.prod(parts) ** 0.25  # as for the fall
