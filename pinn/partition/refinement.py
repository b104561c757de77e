"""A problem solved by refinement: level by level, and where it is a nonlinear evolution, strip by strip of time.

Shape letters: K cells, D coordinates.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from pinn.evolution import linear, long_time, start, uncut
from pinn.geometry import Box
from pinn.language.scope import TIME
from pinn.networks.partition import CELLS, Partition
from pinn.partition.cells import Cells
from pinn.partition.estimate import EstimatedError, estimated_error
from pinn.partition.identify import Knowledge
from pinn.partition.local import MakesLocal
from pinn.partition.memory import there_is
from pinn.partition.processes import ALONE, Processes, agreed
from pinn.partition.strip import FALLS, FINE, START, Level, Strip
from pinn.problem import Problem
from pinn.residuals import Residuals

ROUNDING = 1e-13  # of the fields: what is left that no more cells make smaller
GOOD = 1e-9  # an estimate that is good enough to end at
CHEAP = 5.0  # seconds: a level that is worth it whatever the estimate
PAID = 8.0  # seconds that a level is worth where the error is estimated to be 1e-7; and with its fourth root elsewhere
HANDED_ON = 4.0  # times as much a level of a strip is worth, whose error those after it begin with
TOLD = 1.0  # seconds: a level that lasts so long tells how long the next one will
USUAL = 5  # steps of Newton's from a level that has found the solution
SLOW = 3.0  # times its price: what a level may take on a slow core
DEARER = 1.2  # the power of a level's price with which its time grows
STALLED = 0.5  # of the residual of the level before: above it nothing is gained
PATIENCE = 240.0  # seconds without a budget, after which no level begins where the solution is good
MORE = 600.0  # seconds more where it is poor
POOR = 1e-4  # the estimate of a poor solution
POOR_STRIP = 6e-6  # that of a strip, whose error may grow in those after it
FIRST = 8  # cells to begin with, at most
LONG = 1.5  # times as long as wide: then more cells are taken along that coordinate to begin with
EASY = 2  # levels, after which the next strip is twice as long, if it is so good
STRIPS = 1  # of the time, to begin with
UNFINISHED = "the time for it is over before the end is reached: what is beyond is not solved"
SHORTEST = 2.0**-14  # of the time: a strip that fails then is the end
SOLVED = 2e-9  # the estimate of a strip that is done
ADDED = 0.3  # of what a strip has made of the error before it: one that adds less is done
LESS = 0.1  # of the most that a strip before has left: one that leaves less was too short
SHARE = 2.0  # times what is left of the time, by its length: a strip's, as most take less
WORTH = 0.25  # of the seconds of a strip: levels that gain little are worth so much
LITTLE = 1e-11  # what is left of one that is, whatever there is to compare
MOST = 10  # levels of a strip
JUDGED = 3  # levels, after which a strip that leaves more than FAILED is too long
FAILED = 1e-2
COARSE = 1e-5  # what is left of a strip that is too long where a level gains nothing
SPOILT = 1e3  # times the most that a strip before has left: so much is left of such a strip as well


class Refinement:
    """Levels of refinement until nothing is worth the time.

    Args:
        problem: Without conditions that are built in.
        residuals: Of it.
        local: Makes the network of a cell.
        seed: Of networks and points.
        budget: Seconds that are to be used; None: as many as levels are worth, `PATIENCE` at most, and `MORE` for what
            is solved poorly.
        memory: Bytes that a level may take, in each process; None: most of what there is.
        processes: Among which the cells are divided. All get the same solution.
    """

    def __init__(
        self, problem: Problem, residuals: Residuals, local: MakesLocal, seed: int, budget: float | None = None,
        memory: float | None = None, processes: Processes = ALONE,
    ):  # fmt: skip
        self.problem, self.residuals, self.local, self.seed = problem, residuals, local, seed
        self.processes, self.device = processes, next(residuals.parameters()).device
        self.ends = time.perf_counter() + (PATIENCE + MORE if budget is None else budget)  # the first process's counts
        self.priced = budget is None
        self.memory = memory or there_is(self.device, processes.size)
        self.done: list[Strip] = []
        self.levels: list[Level] = []
        self.ended: str | None = None
        self.length = 0.0
        self.marching = not linear(problem) and TIME in problem.coordinate_names and uncut(problem) is None
        if self.marching:
            axis = problem.coordinate_names.index(TIME)
            self.span = (problem.domain.lower[axis], problem.domain.upper[axis])
            found = long_time(problem)
            self.length = (self.span[1] - self.span[0]) / (found.strips if found else STRIPS)
        self._strip: Strip | None = None
        self._had: float | None = None  # seconds that were left when the strip began, or the run went on

    @property
    def strip(self) -> Strip:
        """The present one, begun when it is first asked for."""
        if self._strip is None:
            self._strip = self._next()
        return self._strip

    @strip.setter
    def strip(self, strip: Strip) -> None:
        self._strip = strip

    def _next(self) -> Strip:
        domain = self.problem.domain
        if not self.marching:
            tiling = Cells.grid(domain.lower, domain.upper, self._counts(), len(self.problem.sides))
            return Strip(
                self.problem, self.residuals, self.local, self.seed, tiling, until=self.ends, processes=self.processes
            )  # fmt: skip
        before = self.done[-1] if self.done else None
        begin = before.times[1] if before and before.times else self.span[0]
        left = self.span[1] - begin
        count = max(1, round(left / self.length + 0.3))  # no sliver at the end
        end = self.span[1] if count == 1 else begin + left / count
        axis = domain.names.index(TIME)
        lower, upper = list(domain.lower), list(domain.upper)
        lower[axis], upper[axis] = begin, end
        tiling = Cells.grid(lower, upper, self._counts(), len(self.problem.sides))
        if before:
            tiling = before.cells_over(begin, end).with_others(tiling)
        strip = Strip(
            self.problem, self.residuals, self.local, self.seed, tiling, (begin, end), before, start(self.problem),
            self.ends, self.processes,
        )  # fmt: skip
        self._had = self._left
        strip.meet_the_start(max(START, before.levels[-1].residual) if before else START)
        if before or strip.price > TOLD:
            strip.begin_with_fewer_features()
        return strip

    def _counts(self) -> list[int]:
        """So many cells along each coordinate to begin with that they are about as long as wide in space."""
        domain = self.problem.domain
        box = domain if isinstance(domain, Box) else domain.box
        space = [d for d, name in enumerate(domain.names) if name != TIME and name not in box.parameters]
        counts = [1] * len(domain.names)

        def side(d: int) -> float:
            return (domain.upper[d] - domain.lower[d]) / counts[d]

        while space and math.prod(counts) < FIRST:
            longest = max(space, key=side)
            if side(longest) <= LONG * min(map(side, space)):
                break
            counts[longest] += 1
        return counts

    @property
    def _left(self) -> float:
        """Seconds until no level begins."""
        return agreed(self.processes, [self.ends - time.perf_counter()], self.device)[0]

    def advance(self) -> Level:
        """One level; then `ended` says why it was the last, or None."""
        strip = self.strip
        self._had = self._left if self._had is None else self._had
        level = strip.solve()
        self.levels.append(level)
        self.ended = self._after_strip() if self.marching else self._after(level)
        return level

    def _after(self, level: Level) -> str | None:
        """Refine, or say why not."""
        ended = self._end(level)
        if not ended:
            self.strip.refine()
            ended = self._too_long(level)
        return ended

    def _after_strip(self) -> str | None:
        """Refine the strip or begin another, or say why not."""
        late = self._left < 0
        done = self._strip_is_done()
        if not done:
            self.strip.refine()
            done = self._strip_is_dear()
        failed = self._strip_failed()
        if done and not failed and self.strip.interval[1] >= self.span[1]:
            return "the time is over"
        if late:
            return UNFINISHED
        if failed:
            self.length = self.strip.length / 2
        elif done:
            self._hand_on()
            self.done.append(self.strip)
            if len(self.strip.levels) <= EASY and self.strip.levels[-1].residual <= LESS * self._worst:
                self.length = 2 * self.strip.length
        if done or failed:
            self.strip = self._next()
        return None

    def _hand_on(self) -> None:
        """Make the error of a strip of one level, which is known in size alone, as large as that."""
        level = self.strip.levels[-1]
        if not level.estimate and level.inherited and self._ratios:
            factors = [1 + self._ratios[f] * level.residual / own for f, own in level.inherited.items() if own]
            self.strip.doubt = [max(factors, default=1.0) * c for c in self.strip.doubt]

    def _too_long(self, level: Level) -> str | None:
        """Whether the next level is, or is not worth it."""
        price, growth = self.strip.price, max(self.strip.price / level.price, 1.0)
        falling = len(self.levels) < 2 or level.residual <= FALLS * self.levels[-2].residual
        if level.estimate is not None:
            estimate = max(level.estimate.values())
            if estimate <= GOOD and not (price <= CHEAP and falling):
                return f"the error is estimated to be below {GOOD:.0e}"
            if price > self._worth(estimate):
                return f"the error is estimated to be {estimate:.0e}, and the next level would take long"
        if self._too_large(growth * level.memory):
            return "the next level would take more memory than there is"
        if self._expected(level) > self._left - self._kept(level):
            return "the next level would take too long"
        return None

    def _too_large(self, memory: float) -> bool:
        return bool(agreed(self.processes, [memory > self.memory], self.device)[0])

    def _worth(self, estimate: float) -> float:
        """Seconds that a level may take which begins with such an error."""
        return max(CHEAP, PAID * (estimate / 1e-7) ** 0.25) if self.priced else math.inf

    def _expected(self, level: Level) -> float:
        """Seconds that the next level of the strip takes, by what this one took.

        What a level of a moment took tells little: then it is its price, on a slow core. Newton's steps from a level
        that has found the solution are few, however long the way to it was.
        """
        growth, steps = max(self.strip.price / level.price, 1.0), min(level.steps, USUAL)
        most = growth**DEARER * level.seconds * steps / level.steps
        return most if level.price > TOLD else min(most, SLOW * steps * self.strip.price)

    def _strip_is_done(self) -> bool:
        levels = self.strip.levels
        left = levels[-1].residual
        stalled = len(levels) > 2 and left > STALLED * levels[-2].residual > STALLED**2 * levels[-3].residual
        stalled = stalled and left <= FAILED and self._elapsed > WORTH * self._share(levels[-1])
        estimate = max(levels[-1].estimate.values()) if levels[-1].estimate else None
        told = bool(self._ratios)
        enough = max(SOLVED, ADDED * max((levels[-1].inherited or {}).values(), default=0.0))
        solved = left <= LITTLE and told or estimate is not None and estimate <= enough
        solved = solved or told and bool(self.done) and left <= self._worst
        return solved or stalled or not levels[-1].gained or self._strip_failed() or len(levels) >= MOST

    @property
    def _worst(self) -> float:
        """The most that a strip has left."""
        return max((strip.levels[-1].residual for strip in self.done), default=0.0)

    @property
    def _elapsed(self) -> float:
        """Seconds since the strip was begun."""
        assert self._had is not None
        return self._had - self._left

    def _share(self, level: Level) -> float:
        """Seconds that are the strip's after such a level."""
        assert self._had is not None
        begin, end = self.strip.interval
        return (self._had - self._kept(level)) * (end - begin) / (self.span[1] - begin)

    def _kept(self, level: Level) -> float:
        """Seconds that are not for what is solved well."""
        added = level.estimate or {f: ratio * level.residual for f, ratio in self._ratios.items()}
        enough = POOR_STRIP if self.marching else POOR
        return MORE if self.priced and max(added.values(), default=math.inf) <= enough else 0.0

    def _strip_is_dear(self) -> bool:
        """Whether the next level would take more than it is worth, or than what the strip may have."""
        level = self.strip.levels[-1]
        growth = max(self.strip.price / level.price, 1.0)
        handed_on = HANDED_ON if self.strip.interval[1] < self.span[1] else 1.0
        if level.estimate and self.strip.price > handed_on * self._worth(max(level.estimate.values())):
            return True
        late = self._elapsed + self._expected(level) > SHARE * self._share(level) and len(self.strip.levels) > 1
        return level.residual <= FAILED and (late or self._too_large(growth * level.memory))

    def _strip_failed(self) -> bool:
        levels, (begin, end) = self.strip.levels, self.strip.interval
        left, gained = levels[-1].residual, levels[-1].gained
        coarse = min(COARSE, SPOILT * max(self._worst, LITTLE)) if self.done else COARSE
        lost = not levels[-1].converged and left > LITTLE  # by Newton's steps
        worse = left > FAILED and len(levels) >= JUDGED or not gained and (left > coarse or lost)
        return worse and end - begin > SHORTEST * (self.span[1] - self.span[0])

    def _end(self, level: Level) -> str | None:
        if level.noisy:
            return "the noise of the data leaves more unknown than the cells"
        if level.residual <= ROUNDING:
            return "what is left is rounding"
        if not level.gained:
            return "a level gains nothing"
        residuals = [one.residual for one in self.levels[-3:]]
        stalled = len(residuals) == 3 and residuals[2] > STALLED * residuals[1] > STALLED**2 * residuals[0]
        if stalled and residuals[2] < FINE:
            return "a level gains little"
        return None

    @property
    def deviations(self) -> dict[str, float]:
        """One standard deviation of each learned number, of the noise of the data; empty where it cannot be told."""
        found = self.strip.known.deviations
        if found is None or not self.residuals.unbounded:
            return {}
        slopes = [torch.autograd.grad(self.residuals.learned[n], z)[0] for n, z in self.residuals.unbounded.items()]
        told = found.to(slopes[0]) * torch.stack(slopes).abs()
        return dict(zip(self.residuals.unbounded, told.tolist(), strict=True))

    @property
    def estimate(self) -> dict[str, float] | None:
        """Of the relative error of each field: that of the last level, with what noise leaves.

        Of strips the root mean square over time of what each has added and what it has made of the error before. A
        strip of one level has nothing to compare: it has added what others have, in proportion to what is left of it.
        """
        if not self.marching:
            told, unknown = self.levels[-1].estimate if self.levels else None, self.strip.known.unknown
            return told and {name: math.hypot(value, unknown.get(name, 0.0)) for name, value in told.items()}
        if self.ended == UNFINISHED:
            return dict.fromkeys(self.problem.fields, math.inf)
        ratios, squares, whole = self._ratios, dict.fromkeys(self.problem.fields, 0.0), 0.0
        for strip in self._solved:
            level, whole = strip.levels[-1], whole + strip.length
            for f in ratios:
                added = level.estimate[f] if level.estimate else ratios[f] * level.residual
                squares[f] += strip.length * (added + (level.inherited or {}).get(f, 0.0)) ** 2
        return {f: math.sqrt(squares[f] / whole) for f in ratios} or None

    @property
    def _solved(self) -> list[Strip]:
        return [*self.done, self.strip] if self.strip.levels else self.done

    @property
    def _ratios(self) -> dict[str, float]:
        """Of estimates to what is left, the largest of all strips that have both; empty where none has."""
        known = [strip.levels[-1] for strip in self._solved if strip.levels[-1].estimate]
        return {
            f: max(one.estimate[f] / one.residual for one in known if one.estimate)
            for f in (self.problem.fields if known else ())
        }

    @property
    def converged(self) -> bool:
        """Whether Newton's steps have come to an end wherever more than rounding is left."""
        return all(level.converged or level.residual <= FINE for level in (strip.levels[-1] for strip in self._solved))

    @property
    def estimated_error(self) -> EstimatedError | None:
        """Where it is expected; None where there is nothing to compare."""
        return estimated_error(self.problem, [*self.done, self.strip])

    def state(self) -> dict[str, Any]:
        """What goes on from here needs, beside the network: numbers and tensors alone."""
        return {
            "strips": [strip.state() for strip in [*self.done, self.strip]],
            "levels": [asdict(one) for one in self.levels],
            "length": self.length,
            "ended": self.ended,
        }

    def load(self, state: dict[str, Any], network: Partition) -> None:
        """Go on from a state, with the network that was there."""
        self.levels = [Level(**one) for one in state["levels"]]
        self.length, self.ended, self.done = state["length"], state["ended"], []
        start_of = 0
        for kept in state["strips"]:
            tiling, times = Cells(*kept["tiling"]), kept["times"] and tuple(kept["times"])
            before = self.done[-1] if self.done else None
            strip = Strip(
                self.problem, self.residuals, self.local, self.seed, tiling, times, before,
                start(self.problem) if self.marching else None, self.ends, self.processes,
            )  # fmt: skip
            strip.levels = [Level(**one) for one in kept["levels"]]
            strip.tolerance, strip.size, strip.smooth = kept["tolerance"], kept["size"], kept["smooth"]
            strip.known, strip.doubt = Knowledge(**kept["known"]), kept["doubt"]
            strip.local, strip.crowding = self.local.of(kept["features"]), kept["crowding"]
            if kept["count"]:
                strip.take(network.some(start_of, start_of + kept["count"]))
            start_of += kept["count"]
            self.done.append(strip)
        self.strip = self.done.pop()

    @property
    def partition(self) -> Partition | None:
        """All cells of the strips that are done, and of the present one; None where none is solved."""
        strips = [*self.done, self.strip] if self.marching else [self.strip]
        parts = [strip.partition for strip in strips if strip.partition is not None]
        if not parts or len(parts) == 1 and self.ended != UNFINISHED:
            return parts[0] if parts else None
        cells = {name: [getattr(part, name).clone() for part in parts] for name in CELLS}
        axis = self.problem.coordinate_names.index(TIME)
        if self.ended == UNFINISHED:  # something has to be there
            cells["above"][-1][:, axis] = -(self.span[1] - self.span[0])
        for below, above, last in zip(cells["below"], cells["above"], range(len(parts) - 1, -1, -1), strict=True):
            if last < len(parts) - 1:
                below[below[:, axis] < 0, axis] = 0.0
            if last:
                above[above[:, axis] < 0, axis] = 0.0
        networks: list[nn.Module] = [network for part in parts for network in part.networks]
        return parts[0].like(networks, *(torch.cat(cells[name]) for name in CELLS), beside=())
