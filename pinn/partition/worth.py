"""What a level of refinement is worth: seconds, by the clock and by the error that it begins with; and memory."""

from __future__ import annotations

import math
import time

import torch

from pinn.partition.gains import MANY
from pinn.partition.memory import there_is
from pinn.partition.processes import Processes, agreed
from pinn.partition.strip import Strip

CHEAP = 5.0  # seconds: a level that is worth it whatever the estimate
PAID = 8.0  # seconds that a level is worth where the error is estimated to be 1e-7; and with its fourth root elsewhere
PAID_BY_MANY = 20.0  # the same of three coordinates and more
TOLD = 1.0  # seconds: a level that lasts so long tells how long the next one will
USUAL = 5  # steps of Newton's from a level that has found the solution
SLOW = 3.0  # times its price: what a level may take on a slow core
DEARER = 1.2  # the power of a level's price with which its time grows
PATIENCE = 240.0  # seconds without a budget, after which no level begins where the solution is good
MORE = 600.0  # seconds more where it is poor
POOR = 1e-4  # the estimate of a poor solution


class Worth:
    """Seconds and memory that there are, and what a level may take of them.

    Args:
        budget: Seconds that are to be used; None: as many as levels are worth, `PATIENCE` at most, and `MORE` for what
            is solved poorly.
        memory: Bytes that a level may take, in each process; None: most of what is free when it begins.
        processes: All decide alike.
        device: Of what is sent among them.
        coordinates: How many there are.
    """

    def __init__(
        self, budget: float | None, memory: float | None, processes: Processes, device: torch.device, coordinates: int
    ):
        self.processes, self.device = processes, device
        self.ends = time.perf_counter() + (PATIENCE + MORE if budget is None else budget)  # the first process's counts
        self.priced, self._paid = budget is None, PAID if coordinates < MANY else PAID_BY_MANY
        self.memory = memory

    @property
    def left(self) -> float:
        """Seconds until no level begins."""
        return agreed(self.processes, [self.ends - time.perf_counter()], self.device)[0]

    def kept(self, error: float) -> float:
        """Seconds that are not for what is solved so well."""
        return MORE if self.priced and error <= POOR else 0.0

    def of(self, error: float) -> float:
        """Seconds that a level may take which begins with such an error."""
        return max(CHEAP, self._paid * (error / 1e-7) ** 0.25) if self.priced else math.inf

    def too_large(self, strip: Strip) -> bool:
        """Whether the next level of a strip would take more memory than there is."""
        return strip.memory / self.processes.size > self.most_memory

    @property
    def most_memory(self) -> float:
        """Bytes that a level may take in each process."""
        here = self.memory or there_is(self.device, self.processes.size)
        return agreed(self.processes, [here], self.device)[0]


def expected(strip: Strip) -> float:
    """Seconds that the next level of a strip takes, by what the last one took.

    What a level of a moment took tells little: then it is its price, on a slow core. Newton's steps from a level that
    has found the solution are few, however long the way to it was.
    """
    level = strip.levels[-1]
    steps = min(level.steps, USUAL)
    most = _growth(strip) ** DEARER * level.seconds * steps / level.steps
    return most if level.price > TOLD else min(most, SLOW * steps * strip.price)


def _growth(strip: Strip) -> float:
    return max(strip.price / strip.levels[-1].price, 1.0)
