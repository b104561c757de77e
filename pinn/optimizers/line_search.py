"""A line search for the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

ARMIJO, CURVATURE = 1e-4, 0.9
GROWTH = 4.0
TRIALS = 30


class Trial(NamedTuple):
    """A point on the line: its distance, the value f and the slope f' there, and the whole gradient."""

    t: float
    value: float
    slope: float
    gradient: Tensor


def strong_wolfe(along: Callable[[float], Trial], start: Trial, first: float) -> Trial | None:
    """A trial with ``f(t) <= f(0) + 1e-4 t f'(0)`` and ``|f'(t)| <= 0.9 |f'(0)|``, or None.

    Trials grow until a minimum is between two of them, then close in on it by cubic interpolation. Nocedal, Wright
    2006, Numerical Optimization, algorithms 3.5 and 3.6. Where rounding hides the second condition, a trial that meets
    the first is taken.

    Args:
        along: the trial at a distance.
        start: at 0, with a negative slope.
        first: the distance that is tried first.
    """
    low, high, t = start, None, first
    for _ in range(TRIALS):
        trial = along(t)
        falls = trial.value <= start.value + ARMIJO * t * start.slope  # False for NaN
        if not falls or (low is not start and trial.value >= low.value):
            high = trial
        elif abs(trial.slope) <= -CURVATURE * start.slope:
            return trial
        else:
            if trial.slope * (high.t - low.t if high else 1.0) >= 0:
                high = low
            low = trial
        t = _between(low, high) if high else GROWTH * t
    return None if low is start else low


def _between(a: Trial, b: Trial) -> float:
    """Where the cubic through both, with their slopes, has its minimum; the middle where that is near an end."""
    width = b.t - a.t
    secant = 3 * (b.value - a.value) / width
    middle = a.slope + b.slope - secant
    under_root = middle**2 - a.slope * b.slope
    if under_root >= 0:  # False for NaN
        root = math.copysign(math.sqrt(under_root), width)
        down = b.slope - a.slope + 2 * root
        part = 1 - (b.slope + root - middle) / down if down else 0.5
        if 0.1 <= part <= 0.9:
            return a.t + part * width
    return a.t + width / 2
