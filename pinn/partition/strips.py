"""Strips of time: whether the present one is done, and what all of them add to the error."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pinn.partition.level import HOPELESS, STALLED, Level
from pinn.partition.strip import Strip
from pinn.partition.worth import Worth, expected

EASY = 2  # levels, after which the next strip is twice as long, if it adds so little
HANDED_ON = 2.0  # times as much a level is worth that all strips to come may need
SHORTEST = 2.0**-14  # of the time: a strip that fails then is the end
SOLVED = 2e-9  # the estimate of a strip that is done
ADDED = 3.0  # of what a strip has made of the error before it, by its part of the time: one that adds less is done
LESS = 3e-3  # of what a strip may add: an error of eighth order of cells that are half as long as they might be
SHARE = 2.0  # times what is left of the time, by its length: a strip's, as most take less
WORTH = 0.25  # of the seconds of a strip: levels that gain little are worth so much
FASTEST = 20.0  # e-foldings of an error that are reckoned with, at most
STEADY = 1.0  # e-foldings that are seen of the error of a linear problem: fewer may be an oscillation
ADDS = 4 / 3  # of errors of strips the power that is summed: 1 for errors that are alike, 2 for independent ones
LITTLE = 1e-11  # what is left of one that is, whatever there is to compare
MOST = 10  # levels of a strip
JUDGED = 3  # levels, after which a strip that leaves more than FAILED is too long
FAILED = 1e-2
COARSE = 1e-5  # what is left of a strip that is too long where a level gains nothing
SPOILT = 1e3  # times the most that a strip before has left: so much is left of such a strip as well


class Strips:
    """Those that are done, and the present one.

    Args:
        fields: Of the problem.
        span: All of time.
        worth: Seconds and memory that there are.
        linear: Whether the equations are: then what strips add for what they leave is alike in all, and tells
            whether a first level is enough. Elsewhere it has grown a hundredfold (`cahn_hilliard`).

    Attributes:
        done: In order of time.
        present: The one after them; None before it is begun.
        rate: E-foldings of an error in a unit of time.
        had: Seconds that were left when the present one began, or the run went on.
    """

    def __init__(self, fields: Sequence[str], span: tuple[float, float], worth: Worth, linear: bool):
        self.fields, self.span, self.worth, self.linear = fields, span, worth, linear
        self.done: list[Strip] = []
        self.present: Strip | None = None
        self.rate = 0.0
        self.had: float | None = None

    @property
    def solved(self) -> list[Strip]:
        """All that have a level."""
        return [*self.done, self.present] if self.present and self.present.levels else self.done

    @property
    def ratios(self) -> dict[str, float]:
        """Of estimates to what is left, of the last strip that has both; empty where none has."""
        known = (strip.levels[-1] for strip in reversed(self.solved))
        last = next((level for level in known if level.estimate), None)
        return {f: e / max(last.residual, LITTLE) for f, e in (last.estimate or {}).items()} if last else {}

    @property
    def estimate(self) -> dict[str, float] | None:
        """Of the relative error of each field: root mean square over time of what is added and what is inherited."""
        wrong, whole = dict.fromkeys(self.fields, 0.0), dict.fromkeys(self.fields, 0.0)
        for strip in self.solved if self.ratios else ():
            level = strip.levels[-1]
            for f, added in self._added(level).items():
                size = level.sizes.get(f, 1.0)
                wrong[f] += strip.length * size**2 * (added + (level.inherited or {}).get(f, 0.0)) ** 2
                whole[f] += strip.length * size**2
        return {f: math.sqrt(wrong[f] / (whole[f] or 1.0)) for f in self.fields} if self.ratios else None

    def is_done(self) -> bool:
        """Whether the present strip adds little enough, or another level would gain nothing, or it has failed."""
        levels = self._strip.levels
        left = levels[-1].residual
        stalled = len(levels) > 2 and left > STALLED * levels[-2].residual > STALLED**2 * levels[-3].residual
        stalled = stalled and left <= FAILED and self._elapsed > WORTH * self._share
        solved = left <= LITTLE and bool(self.ratios) or self._part_of_enough(levels[-1]) <= 1
        return solved or stalled or not levels[-1].gained or self.has_failed() or len(levels) >= MOST

    def is_dear(self) -> bool:
        """Whether the next level of the present strip takes more than it is worth, or than what the strip may have."""
        strip, level = self._strip, self._strip.levels[-1]
        told = level.estimate or self.linear
        if told and strip.price * self._costs > HANDED_ON * self.worth.of(self._by_then):
            return True
        late = self._elapsed + expected(strip) > SHARE * self._share and len(strip.levels) > 1
        return level.residual <= FAILED and (late or self.worth.too_large(strip))

    def has_failed(self) -> bool:
        """Whether the present strip is too long to be solved."""
        begin, end = self._strip.interval
        return self._is_worse and end - begin > SHORTEST * (self.span[1] - self.span[0])

    def is_lost(self) -> bool:
        """Whether no strip, however short, is a solution where the present one begins."""
        return self._is_worse and not self.has_failed() and self._strip.levels[-1].residual > FAILED

    @property
    def _is_worse(self) -> bool:
        """Whether the present strip leaves more than those before it, or than a solution does."""
        levels = self._strip.levels
        left, gained = levels[-1].residual, levels[-1].gained
        others = [strip.levels[-1].residual for strip in self.done]
        coarse = min(COARSE, SPOILT * max(*others, LITTLE)) if others else COARSE
        lost = not levels[-1].converged and left > LITTLE  # by Newton's steps
        return left > FAILED and len(levels) >= JUDGED or not gained and (left > coarse or lost) or left > HOPELESS

    def was_easy(self) -> bool:
        """Whether cells of twice the present strip's length would do as well, as far as can be told."""
        last = self._strip.levels[-1]
        return len(self._strip.levels) <= EASY and (last.residual <= LITTLE or self._part_of_enough(last) <= LESS)

    def finish(self) -> None:
        """The present strip is done.

        The error of one of one level is known in size alone: its `doubt` is made as large as that.
        """
        strip, level = self._strip, self._strip.levels[-1]
        if not level.estimate and level.inherited and self.ratios:
            more = [self.ratios[f] * level.residual / own for f, own in level.inherited.items() if own]
            factor = (1 + max(more, default=0.0) ** ADDS) ** (1 / ADDS)
            strip.doubt = [factor * c for c in strip.doubt]
        self.done.append(strip)
        self.present = None

    def takes_up_the_first(self) -> bool:
        """Go back to the first strip where it is worth another level, now that the second shows how errors grow."""
        if len(self.done) != 1 or len(self._strip.levels) != 1 or self.has_failed():
            return False
        second, self.present = self.present, self.done.pop()
        refined = self.present.price > self.present.levels[-1].price
        if not refined or self.is_done() or self.is_dear():
            self.done, self.present = [self.present], second
            return False
        self.had = None
        return True

    def note_growth(self) -> None:
        """How fast errors have grown in the later half of the time so far."""
        half = (self.span[0] + self._strip.interval[1]) / 2
        late = [s for s in self.solved if s.interval[1] > half and s.levels[-1].inherited]
        if late:
            grown = sum(math.log(max(s.levels[-1].growth, 1e-3)) for s in late)
            grown = max(grown - STEADY, 0.0) if self.linear else grown
            self.rate = grown / sum(s.length for s in late)

    @property
    def _strip(self) -> Strip:
        assert self.present is not None
        return self.present

    def _part_of_enough(self, level: Level) -> float:
        """What a level of a strip adds, over what it may: next to nothing, or its share of what it inherits."""
        if not level.estimate and not self.linear:
            return math.inf
        share = self._strip.length / (self.span[1] - self.span[0])
        enough = max(SOLVED, ADDED * share * max((level.inherited or {}).values(), default=0.0))
        return max(self._added(level).values(), default=math.inf) / enough

    def _added(self, level: Level) -> dict[str, float]:
        """The error that a level of a strip adds, by field; where it is the first, by what is left and the others."""
        return level.estimate or {f: ratio * level.residual for f, ratio in self.ratios.items()}

    @property
    def _ahead(self) -> float:
        """How many such strips there are until the end of time, with the present one."""
        return (self.span[1] - self._strip.interval[0]) / self._strip.length

    @property
    def _costs(self) -> float:
        """How many times as much as the present strip all until the end of time cost, with it."""
        return 1 + (self._ahead - 1) * self._strip.handed_on

    @property
    def _growth(self) -> float:
        """The factor by which the error that a strip adds is expected to grow until the end of time."""
        return math.exp(min(max(self.rate, 0.0) * (self.span[1] - self._strip.interval[1]), FASTEST))

    @property
    def _elapsed(self) -> float:
        """Seconds since the strip was begun."""
        assert self.had is not None
        return self.had - self.worth.left

    @property
    def _share(self) -> float:
        """Seconds that are the strip's after its last level, those that follow having the cells they begin with."""
        assert self.had is not None
        return (self.had - self.worth.kept(self._by_then)) / self._costs

    @property
    def _by_then(self) -> float:
        """The error at the end of time, if all strips from now on add what this one does; infinite if none can tell."""
        return self._ahead * self._growth * max(self._added(self._strip.levels[-1]).values(), default=math.inf)
