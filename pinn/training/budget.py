"""Seconds that a whole command may take, and what of them is left for training."""

from __future__ import annotations

import time
from collections.abc import Callable

RECENT = 3  # durations that tell how long the next step will be
MARGIN = 1.2  # of the longest of them
A_SOLVE = 2e-10  # seconds for each of the M P**2 of a least-squares solve, roughly, where none was timed yet
DRAWING = 1.0  # pictures, page and diagnosis, as part of the time that loading took: both are Python's own work


class Budget:
    """When the present phase has to end, so that the command ends in time.

    The time that is left is shared equally: among the present phase, those after it, and as many in each lesson
    that is to come. What a phase does not need passes to the next ones.

    Args:
        seconds: Of the whole command.
        started: When it began, as of `clock()`.
        loading: How long it loaded before it could begin: a yardstick of the machine, as busy as it is.
        clock: Tells the time.

    Attributes:
        evaluation: Seconds that the errors and residuals at the end take.
    """

    def __init__(self, seconds: float, started: float, loading: float, clock: Callable[[], float] = time.time):
        self.seconds, self.started, self.clock = seconds, started, clock
        self.drawing, self.evaluation = DRAWING * loading, 0.0
        self._ends = started + seconds
        self._shares = 0
        self._recent: list[float] = []
        self._expected, self._unit = 0.0, A_SOLVE

    @property
    def left(self) -> float:
        """Seconds until training has to end."""
        return self.started + self.seconds - self.evaluation - self.drawing - self.clock()

    def drawable(self, parts: float = 0.0) -> bool:
        """Whether there is time for pictures and a page, when all else is done.

        Args:
            parts: Points that are drawn, as parts of those of `evaluation`.
        """
        return self.clock() + self.drawing + parts * self.evaluation <= 1.1 * self.seconds + self.started

    def share(self, shares: int, size: float) -> None:
        """Whose time it is: a phase begins where the number of shares is another than before.

        Args:
            shares: How many are to come, with the present one.
            size: M P**2 of its steps, for M residuals and P parameters; 0 for a step that is one gradient.
        """
        if shares != self._shares:
            self._shares, self._ends = shares, self.clock() + max(self.left, 0.0) / shares
            self._recent, self._expected = [], size * self._unit

    def took(self, seconds: float, size: float) -> None:
        """Note how long a step of that size, or several short ones, took."""
        self._recent = [*self._recent, seconds][-RECENT:]
        if size:
            self._unit = seconds / size

    @property
    def fits(self) -> bool:
        """Whether the next step of the phase is likely to end in time."""
        return self.clock() + MARGIN * max(self._recent, default=self._expected) <= self._ends
