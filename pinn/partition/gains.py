"""What more cells and more features gain, as the levels so far tell it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from pinn.partition.cells import UNEQUAL
from pinn.partition.level import STALLED, Level

RESOLVED = 1e-3  # what is left where waves and layers are seen
FALLS = 0.03  # of the residual of the level before: a smooth solution, of which more features see more
SMOOTH = 0.1  # of the residual of the level before, with cells half as wide: less than any corner leaves
MANY = 3  # coordinates, of which cells are halved into eight: there what the last levels gained for their price decides
RATE = -1.5  # the power of the price with which what is left falls: a level of more features gains enough
VAIN = -1.0  # the same where they have gained too little
UNSEEN = 0.03  # what is left where nothing may be seen of the solution
EASY = 1.0  # seconds: a level on a line that may have twice the cells whether they are needed or not


def more_features_gain(levels: Sequence[Level], everywhere: bool, coordinates: int) -> bool:
    """Whether the last level has fallen as that of a smooth solution does, all over or by more features as well.

    In three dimensions and more both more cells and more features are dear, and it is what they have gained for their
    price that decides.

    Args:
        levels: So far, one at least.
        everywhere: Whether nearly all cells leave alike.
        coordinates: How many there are.
    """
    if len(levels) < 2:
        return everywhere and (levels[-1].residual < RESOLVED or coordinates > MANY)
    before, last = levels[-2:]
    widened = before.cells == last.cells
    if coordinates <= MANY and last.residual >= RESOLVED or not (everywhere or widened):
        return False
    if coordinates < MANY:
        return last.residual < FALLS * before.residual
    by_features, by_cells = _rate(levels, True), _rate(levels, False)
    return by_features <= (min(by_cells, RATE) if widened else by_cells)


def halving_falls_fast(levels: Sequence[Level]) -> bool:
    """Whether the last level of more cells, each halved once, has fallen as that of a smooth solution does.

    No corner is felt yet then.
    """
    falls = [
        last.residual < SMOOTH * before.residual and last.finer < UNEQUAL
        for before, last in itertools.pairwise(levels)
        if last.cells > before.cells
    ]
    return bool(falls) and falls[-1]


def widened_in_vain(levels: Sequence[Level], coordinates: int) -> bool:
    """Whether the last level had more features than the one before, and has gained less than they cost.

    In three dimensions and more smaller cells of so many would be dear.
    """
    if coordinates < MANY or len(levels) < 2 or levels[-2].cells != levels[-1].cells:
        return False
    return _rate(levels[-2:], True) > VAIN


def _rate(levels: Sequence[Level], widened: bool) -> float:
    """The power of the price with which what is left has fallen by the last level of more features, or of cells.

    Where there was none yet: so good that it is tried, or of cells so bad that it is not.
    """
    rates = [
        math.log(max(last.residual, 1e-300) / before.residual) / math.log(last.price / before.price)
        for before, last in itertools.pairwise(levels)
        if (before.cells == last.cells) == widened and last.price > before.price and before.residual > 0
    ]
    return rates[-1] if rates else -math.inf if widened else 0.0


def sees_nothing(levels: Sequence[Level], coordinates: int, price: float) -> bool:
    """Whether nothing is seen of the solution of a problem on a line, and smaller cells here and there do not help.

    So waves leave it that only values at a point are known of: zero elsewhere, and a bend at the point, is all that too
    large cells can do, and smaller ones at the point do it no better.

    Args:
        levels: So far.
        coordinates: How many there are.
        price: Of a level on the present cells, in seconds.
    """
    last = [level.residual for level in levels[-2:]]
    stalled = len(last) == 2 and last[1] > max(UNSEEN, STALLED * last[0])
    return stalled and coordinates == 1 and price <= EASY
