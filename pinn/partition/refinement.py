"""A problem solved by refinement: level by level, and where time is cut, strip by strip.

Shape letters: K cells, D coordinates.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from pinn.evolution import autonomous, linear, long_time, start, uncut
from pinn.language.scope import TIME
from pinn.networks.partition import CELLS, Partition
from pinn.partition.cells import NEAR, Cells
from pinn.partition.estimate import EstimatedError, estimated_error
from pinn.partition.gains import FALLS, MANY
from pinn.partition.identify import Knowledge
from pinn.partition.lengths import lengths
from pinn.partition.level import FINE, HOPELESS, STALLED, Level
from pinn.partition.local import MakesLocal
from pinn.partition.next_level import refine, refine_the_worst
from pinn.partition.processes import ALONE, Processes
from pinn.partition.strip import START, Strip
from pinn.partition.strips import Strips
from pinn.partition.worth import CHEAP, POOR, TOLD, Worth, expected
from pinn.problem import Problem
from pinn.residuals import Residuals

ROUNDING = 1e-13  # of the fields: what is left that no more cells make smaller
GOOD = 1e-9  # an estimate that is good enough to end at
STALE = 4  # levels that have not halved the estimate, as where values at a corner contradict each other: the last
FIRST = 8  # cells to begin with, at most
LONG = 1.5  # times as long as wide: then more cells are taken along that coordinate to begin with
STEPS_OF_FIRST = 5  # of Newton's, for which there is to be time on the first cells
STRIPS = 1  # of the time, to begin with
SLIGHT = 0.1  # of the largest part of a change of several numbers: what is less is not named
UNFINISHED = "the time for it is over before the end is reached: what is beyond is not solved"
LOST = "the solution cannot be followed beyond t = {:.5g}: it may grow without bound there"


class Refinement:
    """Levels of refinement until nothing is worth the time.

    Args:
        problem: Without conditions that are built in.
        residuals: Of it.
        local: Makes the network of a cell.
        seed: Of networks and points.
        budget: Seconds that are to be used; None: as many as levels are worth, `PATIENCE` at most, and `MORE` for what
            is solved poorly.
        memory: Bytes that a level may take, in each process; None: most of what is free when it begins.
        processes: Among which the cells are divided. All get the same solution.
    """

    def __init__(
        self, problem: Problem, residuals: Residuals, local: MakesLocal, seed: int, budget: float | None = None,
        memory: float | None = None, processes: Processes = ALONE,
    ):  # fmt: skip
        self.problem, self.residuals, self.local, self.seed = problem, residuals, local, seed
        self.processes, self.device = processes, next(residuals.parameters()).device
        self.worth = Worth(budget, memory, processes, self.device, len(problem.coordinate_names))
        self.levels: list[Level] = []
        self.ended: str | None = None
        self.length = 0.0
        self.first: Cells | None = None  # of the first strip; None: a few
        self.cuttable = TIME in problem.coordinate_names and uncut(problem) is None
        self.linear, self.alike = linear(problem), autonomous(problem)
        self.marching = self.cuttable and not self.linear
        self.span = (-math.inf, math.inf)
        if self.cuttable:
            self.axis = problem.coordinate_names.index(TIME)
            self.span = (problem.domain.lower[self.axis], problem.domain.upper[self.axis])
            found = long_time(problem)
            self.length = (self.span[1] - self.span[0]) / (found.strips if found else STRIPS)
        self.strips = self._strips()

    def _strips(self) -> Strips:
        return Strips(self.problem.fields, self.span, self.worth, self.linear)

    @property
    def strip(self) -> Strip:
        """The present one, begun when it is first asked for."""
        if self.strips.present is None:
            self.strips.present = self._next()
        return self.strips.present

    @property
    def done(self) -> list[Strip]:
        """The strips before it."""
        return self.strips.done

    @property
    def used(self) -> list[Partition]:
        """The networks that the next level looks at: those of the present strip and of the two before."""
        return [strip.partition for strip in [*self.done[-2:], self.strip] if strip.partition is not None]

    def _next(self) -> Strip:
        domain = self.problem.domain
        if not self.marching:
            tiling = Cells.grid(domain.lower, domain.upper, self._counts(), len(self.problem.sides))
            strip = Strip(
                self.problem, self.residuals, self.local, self.seed, tiling, until=self.worth.ends,
                processes=self.processes,
            )  # fmt: skip
            strip.begin_within(self.worth.most_memory, self.worth.left / STEPS_OF_FIRST)
            return strip
        before = self.done[-1] if self.done else None
        begin = before.times[1] if before and before.times else self.span[0]
        left = self.span[1] - begin
        count = max(1, round(left / self.length + 0.3))  # no sliver at the end
        end = self.span[1] if count == 1 else begin + left / count
        lower, upper = list(domain.lower), list(domain.upper)
        lower[self.axis], upper[self.axis] = begin, end
        tiling = Cells.grid(lower, upper, self._counts(), len(self.problem.sides))
        if self.first and not before:
            tiling = self.first.over(self.axis, begin, end)
        if before:
            tiling = before.cells_over(begin, end).with_others(tiling)
        told = before and self.strips.ratios and self.linear  # by one level: Newton takes one step
        local = before.solved_with if before and told else self.local
        strip = Strip(
            self.problem, self.residuals, local, self.seed, tiling, (begin, end), before, start(self.problem),
            self.worth.ends, self.processes, self.alike,
        )  # fmt: skip
        self.strips.had = self.worth.left
        if not told:
            strip.begin_within(self.worth.most_memory, math.inf if before else self.worth.left / STEPS_OF_FIRST)
        if before and not strip.again:
            before.kept = None
        if not (told and strip.again):
            strip.meet_the_start(max(START, before.levels[-1].residual) if before else START)
        if not told and (before or strip.price > TOLD):
            strip.begin_with_fewer_features()
        return strip

    def _counts(self) -> list[int]:
        """So many cells along each coordinate to begin with that they are about as long as wide in space."""
        sides = lengths(self.problem)
        counts = dict.fromkeys(self.problem.domain.names, 1)

        def side(name: str) -> float:
            return sides[name] / counts[name]

        while sides and math.prod(counts.values()) < FIRST:
            longest = max(sides, key=side)
            if side(longest) <= LONG * min(map(side, sides)):
                break
            counts[longest] += 1
        return list(counts.values())

    def advance(self) -> Level:
        """One level; then `ended` says why it was the last, or None."""
        strip = self.strip
        self.strips.had = self.worth.left if self.strips.had is None else self.strips.had
        level = strip.solve()
        self.levels.append(level)
        self.ended = self._after_strip() if self.marching else self._after(level)
        return level

    def _after(self, level: Level) -> str | None:
        """Refine, or say why not."""
        ended = self._end(level)
        if not ended:
            refine(self.strip)
            if self._is_better_cut():
                self._cut()
                return None
            ended = self._too_long(level)
            if ended and refine_the_worst(self.strip, lambda: self._too_long(level) is None):
                ended = None
        return ended

    def _is_better_cut(self) -> bool:
        """Whether all of time at once, or a first strip in space of two coordinates and more, begins to be dear.

        That is, while the solution is poor and no fast fall is in sight. The price of strips grows with the time, that
        of one that is cut along time as well faster, where cells have to be shorter than that.
        """
        strip = self.strip
        thick = not self.marching or len(self.problem.coordinate_names) >= MANY and not self.done
        length = strip.length if self.marching else self.span[1] - self.span[0]
        if not self.cuttable or not thick or strip.price <= CHEAP or self._as_long_as_cells() >= (1 - NEAR) * length:
            return False
        last = strip.levels[-1]
        poor = last.estimate is None or max(last.estimate.values()) > POOR
        return poor and (len(strip.levels) < 2 or last.residual > FALLS * strip.levels[-2].residual)

    @property
    def _to_cut(self) -> Cells:
        return self.strip.cells if len(self.strip.levels) > 1 else self.strip.tiling

    def _as_long_as_cells(self) -> float:
        """How long most cells are in time."""
        return float(self._to_cut.widths[:, self.axis].median())

    def _cut(self) -> None:
        """Begin anew, strip by strip: the first is as long as most cells and has those with which time begins."""
        cells, self.length = self._to_cut, self._as_long_as_cells()
        ends = self.span[0] + self.length
        self.first = cells[cells.lower[:, self.axis] < ends * (1 - NEAR) + NEAR * self.span[0]]
        self.first.upper[:, self.axis].clamp_(max=ends)
        self.marching, self.strips.present = True, None

    def _after_strip(self) -> str | None:
        """Refine the strip or begin another, or say why not."""
        late, strips = self.worth.left < 0, self.strips
        strips.note_growth()
        if not late and strips.takes_up_the_first():
            return None
        strip = self.strip
        done = strips.is_done()
        if not done:
            refine(strip)
            if self._is_better_cut():
                self._cut()
                return None
            done = strips.is_dear()
        failed = strips.has_failed()
        if done and not failed and strip.interval[1] >= self.span[1]:
            return "the time is over"
        if late:
            return UNFINISHED
        if strips.is_lost():
            begin = strip.interval[0]
            if strips.done:
                strips.present = strips.done.pop()
            return LOST.format(begin)
        if failed:
            self.length, strips.present = strip.length / 2, None
        elif done:
            self.length = strip.layer * (2 if strip.idle or strips.was_easy() else 1)
            strips.finish()
        if done or failed:
            strips.present = self._next()
        return None

    def _too_long(self, level: Level) -> str | None:
        """Whether the next level is, or is not worth it."""
        price, error = self.strip.price, math.inf if level.estimate is None else max(level.estimate.values())
        falling = len(self.levels) < 2 or level.residual <= FALLS * self.levels[-2].residual
        if error <= GOOD and not (price <= CHEAP and falling):
            return f"the error is estimated to be below {GOOD:.0e}"
        if price > self.worth.of(error):
            return f"the error is estimated to be {error:.0e}, and the next level would take long"
        if self.worth.too_large(self.strip):
            return "the next level would take more memory than there is"
        if expected(self.strip) > self.worth.left - self.worth.kept(error):
            return "the next level would take too long"
        return None

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
        if len(self.levels) > STALE and all(one.residual > HOPELESS for one in self.levels[-STALE - 1 :]):
            return "no solution is found"
        told = [max(one.estimate.values()) if one.estimate else math.inf for one in self.levels]
        if len(told) > 2 * STALE and min(told[-STALE:]) > STALLED * min(told[:-STALE]):
            return f"{STALE} levels have gained little"
        return None

    @property
    def deviations(self) -> dict[str, float]:
        """One standard deviation of each learned number, of the noise of the data; empty where it cannot be told.

        What the cells leave open of the number is added, as far as levels tell.
        """
        found, drift = self.strip.known.deviations, self.strip.known.drift
        if found is None or not self.residuals.unbounded:
            return {}
        if drift is not None:
            found = torch.hypot(found, drift[: len(found)])
        slopes = self._slopes
        return dict(zip(self.residuals.unbounded, (found.to(slopes) * slopes.abs()).tolist(), strict=True))

    @property
    def untold(self) -> list[dict[str, float]]:
        """Changes of learned numbers that are lost in the noise of the data: by how much each, the first by one."""
        found = self.strip.known.untold
        if found is None or not self.residuals.unbounded:
            return []
        slopes, listed = self._slopes, []
        for change in (found[: len(slopes)].to(slopes) * slopes[:, None]).mT:
            sizes = (change / (self.residuals.stride * slopes)).abs()
            of = {n: c for n, c, s in zip(self.residuals.unbounded, change.tolist(), sizes, strict=True)
                  if s > SLIGHT * sizes.max()}  # fmt: skip
            listed.append({name: c / next(iter(of.values())) for name, c in of.items()})
        return listed

    @property
    def _slopes(self) -> Tensor:
        """Of the learned numbers by what is trained, (Z,)."""
        found = [torch.autograd.grad(self.residuals.learned[n], z)[0] for n, z in self.residuals.unbounded.items()]
        return torch.stack(found)

    @property
    def unfinished(self) -> bool:
        """Whether strips of time, as far as they are solved, do not reach its end."""
        return self.marching and not any(strip.interval[1] >= self.span[1] for strip in self.strips.solved[-1:])

    @property
    def estimate(self) -> dict[str, float] | None:
        """Of the relative error of each field: that of the last level, with what noise leaves.

        Of strips the root mean square over time of what each has added and what it has made of the error before. A
        strip of one level has nothing to compare: it has added what others have, in proportion to what is left of it.
        """
        if not self.marching:
            told, unknown = self.levels[-1].estimate if self.levels else None, self.strip.known.unknown
            return told and {name: math.hypot(value, unknown.get(name, 0.0)) for name, value in told.items()}
        return dict.fromkeys(self.problem.fields, math.inf) if self.unfinished else self.strips.estimate

    @property
    def so_far(self) -> dict[str, float] | None:
        """The estimate, or that of the time which is solved, where strips do not reach its end yet."""
        return self.strips.estimate if self.unfinished else self.estimate

    @property
    def converged(self) -> bool:
        """Whether Newton's steps have come to an end wherever more than rounding is left."""
        last = [strip.levels[-1] for strip in self.strips.solved]
        settled = all(level.converged or level.residual <= FINE for level in last)
        return settled or self.linear and not self.residuals.unbounded

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
            "rate": self.strips.rate,
            "marching": self.marching,
            "first": self.first and (self.first.lower, self.first.upper, self.first.sides),
            "ended": self.ended,
        }

    def load(self, state: dict[str, Any], network: Partition) -> None:
        """Go on from a state, with the network that was there."""
        self.levels = [Level(**one) for one in state["levels"]]
        self.length, self.ended = state["length"], state["ended"]
        self.strips = self._strips()
        self.strips.rate = state["rate"]
        self.marching, self.first = state["marching"], state["first"] and Cells(*state["first"])
        start_of = 0
        for kept in state["strips"]:
            tiling, times = Cells(*kept["tiling"]), kept["times"] and tuple(kept["times"])
            before = self.done[-1] if self.done else None
            strip = Strip(
                self.problem, self.residuals, self.local, self.seed, tiling, times, before,
                start(self.problem) if self.marching else None, self.worth.ends, self.processes, self.alike,
            )  # fmt: skip
            strip.levels = [Level(**one) for one in kept["levels"]]
            strip.tolerance, strip.size, strip.smooth = kept["tolerance"], kept["size"], kept["smooth"]
            strip.units, strip.waves = kept.get("units"), kept.get("waves")
            strip.stayed = kept.get("stayed", 1.0)  # checkpoints of before have none
            strip.known, strip.doubt = Knowledge(**kept["known"]), kept["doubt"]
            strip.local, strip.crowding = self.local.of(kept["features"]), kept["crowding"]
            if kept["count"]:
                strip.take(network.some(start_of, start_of + kept["count"]))
            start_of += kept["count"]
            self.done.append(strip)
        self.strips.present = self.done.pop()

    @property
    def partition(self) -> Partition | None:
        """All cells of the strips that are done, and of the present one; None where none is solved."""
        strips = [*self.done, self.strip] if self.marching else [self.strip]
        parts = [strip.partition for strip in strips if strip.partition is not None]
        if not parts or len(parts) == 1 and not (self.ended and self.unfinished):
            return parts[0] if parts else None
        cells = {name: [getattr(part, name).clone() for part in parts] for name in CELLS}
        axis = self.axis
        if self.ended and self.unfinished:  # something has to be there
            cells["above"][-1][:, axis] = -(self.span[1] - self.span[0])
        for below, above, last in zip(cells["below"], cells["above"], range(len(parts) - 1, -1, -1), strict=True):
            if last < len(parts) - 1:
                below[below[:, axis] < 0, axis] = 0.0
            if last:
                above[above[:, axis] < 0, axis] = 0.0
        networks: list[nn.Module] = [network for part in parts for network in part.networks]
        return parts[0].like(networks, *(torch.cat(cells[name]) for name in CELLS), beside=())
