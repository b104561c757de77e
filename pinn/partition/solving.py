"""The solution of one level: Newton's steps from what is known, and from elsewhere where these lead to none.

Shape letters: N points, F fields.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch

from pinn.evolution import linear
from pinn.networks.partition import Partition
from pinn.partition.gains import RESOLVED, UNSEEN
from pinn.partition.identify import Knowledge, identified
from pinn.partition.level import FINE, STALLED
from pinn.partition.local import write
from pinn.partition.newton import Found, newton
from pinn.partition.refine import blind
from pinn.partition.starts import elsewhere, excited, followed, opposite, zero
from pinn.partition.system import Sampled, Values
from pinn.partition.terms import apart, units

if TYPE_CHECKING:
    from pinn.partition.strip import Strip

STEPS = 30  # of Newton's, a level
BETTER = 0.1  # of the loss of steps that have come to an end: so little others must leave to be the solution
FOLLOWED = 30.0  # seconds that following a solution may take, by the price of a level


def solved(strip: Strip, partition: Partition, sampled: Sampled) -> Found:
    """By Newton's steps from what is known, and from elsewhere where these do not come to an end.

    Args:
        strip: Whose level it is; it is told the units of the fields, and what is known of data.
        partition: The cells.
        sampled: These and the points.
    """
    return _Solving(strip, partition, sampled).found()


class _Solving:
    """Of one level; `first` where the strip has none before it."""

    def __init__(self, strip: Strip, partition: Partition, sampled: Sampled):
        self.strip, self.partition, self.sampled = strip, partition, sampled
        self.first = strip.partition is None

    def found(self) -> Found:
        strip, sampled = self.strip, self.sampled
        start, numbers = strip.start(sampled), sampled.numbers
        sampled.weigh(start)
        known = strip.known
        found = self._identified(start, known, not self.first)
        if self._measures(found):
            found = self._identified(found.values, known, False)
        if self.first and blind(sampled.residual(found.values), found.scales):
            sampled.numbers = numbers
            found = self._identified(excited(sampled, start), known, False)
            if other := opposite(sampled, found):
                found = self._identified(other, known, False)
        return self._from_elsewhere(found) if self.first or self._is_lost(found) else found

    def _identified(self, start: Values, known: Knowledge, foreign: bool) -> Found:
        """The fields, and the learned numbers with them."""
        strip = self.strip
        before = strip.levels[-1].residual if strip.levels else 0.0
        found, strip.known = identified(
            self.sampled, start, STEPS, foreign, strip.tolerance, strip.until, known, before
        )  # fmt: skip
        return found

    def _is_lost(self, found: Found) -> bool:
        """Whether levels go on from what is no solution: much is left, and steps or levels lower it no more."""
        last = self.strip.levels[-1]
        before = [level.residual for level in self.strip.levels[-2:]]
        stalled = len(before) == 2 and before[1] > STALLED * before[0]
        unseen = last.residual > UNSEEN and (stalled or not (found.converged or last.converged))
        return unseen or last.residual > RESOLVED and not found.better

    def _measures(self, found: Found) -> bool:
        """Whether the fields turn out to be of other sizes than those by which they were measured; then it is by these.

        A residual is as large as the field in which it stands: all of a displacement of 1e-4 m would be little beside a
        temperature of 400 K. Strips of time have the units of the first: what decays to nothing goes on to be measured
        by what it was.
        """
        strip, sampled = self.strip, self.sampled
        if sampled.fields == 1 or not found.converged or strip.before is not None:
            return False
        sizes = sampled.units.new_tensor(self._sizes(found))
        if strip.measured is not None and not apart(sizes, strip.measured):  # as they were: the terms need no look
            return False
        measured, strip.measured = units(sampled, found, sizes), sizes
        strip.processes.agree([measured])
        if not apart(measured, sampled.units):
            return False
        strip.units = sampled.units = measured
        return True

    def _from_elsewhere(self, found: Found) -> Found:
        """What steps from other starts find, where those from zero have not come to an end, or have at no solution."""
        strip, sampled = self.strip, self.sampled
        if strip.times is not None or len(sampled.numbers) or sampled.data:
            return found
        ended = found.converged
        if ended and (self._leaves_little(found, RESOLVED) or linear(strip.problem)):
            return found
        starts, affordable = elsewhere(sampled), int(FOLLOWED / strip.price)
        if affordable > STEPS and not (ended and self.first):
            begin = zero(sampled, strip.local.features)
            one = followed(sampled, begin, self._steps, self._is_solution, affordable, strip.until)
            starts = itertools.chain([one], starts)
        for start in starts:
            other = self._steps(start)
            better = self._is_solution(other)
            if better > ended or better == ended and not other.loss >= (BETTER if ended else 1.0) * found.loss:
                found, ended = other, better
        return found

    def _steps(self, start: Values, most: int = STEPS) -> Found:
        return newton(self.sampled, start, most, False, self.strip.tolerance, self.strip.until)

    def _is_solution(self, found: Found) -> bool:
        return found.converged or self._leaves_little(found, FINE)

    def _leaves_little(self, found: Found, part: float) -> bool:
        """Whether no more than a part of the size of the fields is left."""
        size = self.strip.largest(self._sizes(found))
        return size > 0 and found.unmet <= part * size

    def _sizes(self, found: Found) -> list[float]:
        """Of the fields."""
        write(self.partition, found.coefficients)
        with torch.no_grad():
            return self.strip.sizes(self.partition(self.strip.compared_at(self.partition)))
