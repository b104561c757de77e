"""A problem on an interval of time, or on all of it, solved on cells that are refined level by level.

Shape letters: K cells, N points, D coordinates, F fields, W features (1 included).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from pinn.geometry import Box, Domain, Place, Points, Region
from pinn.language.scope import TIME
from pinn.networks.partition import Partition
from pinn.operators import Plan, derivatives
from pinn.partition.again import Kept, later
from pinn.partition.bandwidth import wave_numbers
from pinn.partition.cells import Cells
from pinn.partition.cholesky import numbers_of
from pinn.partition.estimate import estimated
from pinn.partition.identify import Knowledge
from pinn.partition.layers import at_end, following, layer
from pinn.partition.level import FINE, HOPELESS, STALLED, Level
from pinn.partition.local import MakesLocal, highest_derivative, partition_of, write
from pinn.partition.newton import Found, newton, solved_again
from pinn.partition.points import HELD_OUT, ROWS, CellPoints, Drawn
from pinn.partition.processes import ALONE, Processes, agreed
from pinn.partition.refine import blind, directions, idle, left, marked, refined, roughness
from pinn.partition.solving import solved
from pinn.partition.starts import begun, going_on, moved_to, zero
from pinn.partition.system import Sampled, Values
from pinn.partition.unknown import moved, unknown
from pinn.problem import Problem
from pinn.residuals import Residuals
from pinn.sampling import points
from pinn.sampling.sobol import Sobol

HIDDEN = 5.0  # times what is left at the points that were fitted: there are too few of them
MATTERS = 0.01  # of the largest that is left: what is less does not
CROWDED = 8.0  # times as many points, at most
BESIDE_SMALLER = 2.0  # times as many in a cell with a smaller neighbour, of which the windows are steeper
CHECKED, CHECKED_START = 0.25, 0.5  # points that nothing is fitted to, as parts of those that are
COMPARED = 2**11  # points at which two levels are compared
START = 1e-8  # what the first cells may leave of what an interval begins with
UNKNOWN = 1e6  # what is left, over the size of the fields, where it is not finite
WIDER = 1.5  # times as many features
FEWEST = 10  # of them, with which a level may begin
REGULAR = 1e-2  # of the square of what is left: smaller singular values of a cell fit the points, and not the solution
ROUGH = 1e-6  # the largest that are not
SUPPRESSED = 0.2  # of what is left, that lies in what was so left out: the solution is smooth, and misses it
START_LEVELS = 12
IDLE = 0.75  # of the cells at the end: where so many are idle in time, those that follow are twice as long
DEAR = 3.0  # seconds of cells of which the levels to come are to see that they hold the start
FEATURE = 1.2e-6  # seconds for an unknown and each feature of its cell: their jets at the points
COLUMN = 1.25e-9  # seconds for an unknown and the square of those of its cell: their orthonormal columns


class Strip:
    """The problem on an interval of time, or on all of it, level by level.

    Args:
        problem: Without conditions that are built in.
        residuals: Of it.
        local: Makes the network of a cell.
        seed: Of the networks and of the points.
        tiling: The cells to begin with.
        times: The interval; None: all.
        before: What ends where this begins; None: the problem's own conditions say how it begins.
        initial: Where time begins.
        until: When, by `time.perf_counter` of the first process, no further step of Newton's begins.
        processes: Among which the cells are divided.
        alike: Whether the system of one strip is that of any other with the same cells: see `again`.
    """

    def __init__(
        self, problem: Problem, residuals: Residuals, local: MakesLocal, seed: int, tiling: Cells,
        times: tuple[float, float] | None = None, before: Strip | None = None, initial: Place | None = None,
        until: float = math.inf, processes: Processes = ALONE, alike: bool = False,
    ):  # fmt: skip
        self.problem, self.residuals, self.local, self.seed, self.tiling = problem, residuals, local, seed, tiling
        self.times, self.before, self.initial = times, before, initial
        self.until, self.processes = until, processes
        self.domain = problem.domain if times is None else _during(problem.domain, times)
        self.partition: Partition | None = None
        self.earlier: Partition | None = None  # that of the last level before that was a solution
        self.factors = torch.ones(0)  # times what has changed since then: the estimated error, by field
        self.stayed = 1.0  # the part of what was left then that lies in cells which have stayed as they were
        self.found: Found | None = None
        self.coefficients: list[Tensor] = []
        self.levels: list[Level] = []
        self.left: Tensor | None = None
        self.rough: Tensor | None = None  # how much the fields of each cell change along each coordinate
        self.crowding = torch.ones(len(tiling), dtype=torch.float64)  # times the usual number of points, by cell
        self.unrefined: tuple[Cells, Tensor] | None = None  # the cells of the last level, and their crowding
        self.size = 1.0  # of the fields: the largest root mean square, in their units
        self.tolerance: float | None = None  # of the next level
        self.usual = local.features
        self.smooth = False  # whether the cells see what there is, with all of their features
        self.units: Tensor | None = before.units if before else None  # that measure the fields; None: all by one
        self.measured: Tensor | None = None  # how large the fields were then
        self.known = Knowledge()  # of data and learned numbers
        self.doubt: list[Tensor] = []  # the estimated error, as coefficients
        self.balance: dict[tuple[Place, str], Tensor] = {}  # of the present level: see `Sampled.weigh`
        self.alike = alike
        self.kept: Kept | None = None  # of the last level, for a strip that follows
        self.waves: Tensor | None = None  # the wave numbers by which its features were drawn, (K, D)
        self._compared: Tensor | None = None

    @property
    def again(self) -> Kept | None:
        """What the strip before has kept, where it is what the first level here needs."""
        kept = self.before.kept if self.before and not self.levels else None
        about = self.tiling, self.crowding, self.local.features, self.tolerance
        return kept if kept and kept.is_for(*about, self.time_axis, self.interval[0]) else None

    @property
    def time_axis(self) -> int:
        """The number of time among the coordinates."""
        return self.problem.coordinate_names.index(TIME)

    @property
    def interval(self) -> tuple[float, float]:
        """Of time."""
        assert self.times is not None
        return self.times

    @property
    def length(self) -> float:
        """Of the interval."""
        return self.interval[1] - self.interval[0]

    @property
    def cells(self) -> Cells:
        """The cells of the last level."""
        assert self.partition is not None
        return Cells.of(self.partition)

    @property
    def solved_with(self) -> MakesLocal:
        """The network of a cell of the last level, whatever has been prepared for another."""
        return self.local.of(self.coefficients[0].shape[1] - 1)

    @property
    def handed_on(self) -> float:
        """The part of the cells that the next strip begins with: those of the last layer."""
        return len(self.cells_over(*self.interval)) / len(self.cells)

    @property
    def layer(self) -> float:
        """How long most cells are where the interval ends: see `layers`."""
        return layer(self.cells, self.time_axis)

    @property
    def idle(self) -> bool:
        """Whether nearly all cells at the end could be twice as long in time, as far as is known."""
        if self.rough is None:
            return False
        axis = self.time_axis
        return float(idle(self.rough.cpu(), axis)[at_end(self.cells, axis)].double().mean()) >= IDLE

    def cells_over(self, begin: float, end: float) -> Cells:
        """Those of an interval that follows."""
        return following(self.cells, self.time_axis, begin, end)

    def _since(self, began: float) -> float:
        """Seconds, the same in all processes."""
        return agreed(self.processes, [time.perf_counter() - began], next(self.residuals.parameters()).device)[0]

    def solve(self) -> Level:
        """One level on the present cells."""
        began = time.perf_counter()
        self._leave_out_empty()
        waves = wave_numbers(self)
        partition, self.balance, again = self._partition(waves), {}, self.again
        self.kept = None  # of no more use, and as large as what is to come
        if self.before:
            self.before.kept = None
        crowding, tolerance = self.crowding, self.tolerance
        sampled = self._fitted(partition, self.residuals.places, again)
        sampled.handed_on = self.alike and self.times is not None
        numbers, known = sampled.numbers, self.known
        found = solved_again(sampled, again.system) if again else solved(self, partition, sampled)
        if not found.better and self.levels:
            sampled.numbers, self.known = numbers, known
            return self._as_before(found, self._since(began))
        write(partition, found.coefficients)
        held_out = self._held_out(partition, self.residuals.places, CHECKED, again)
        rest, rough = self._judge(partition, held_out, found, again)
        if blind(sampled.residual(found.values), found.scales):
            rest = torch.full_like(rest, torch.inf)
        with torch.no_grad():
            compared = partition(self.compared_at(partition))
        sizes = self.sizes(compared)
        size = self.largest(sizes) or 1.0
        rest, self.size = (rest / size).nan_to_num(nan=UNKNOWN, posinf=UNKNOWN), size
        self._crowd(sampled, found, rest)
        squares, volumes = rest.square(), self.tiling.widths.prod(dim=1).to(rest)
        means = [float(squares.mean().sqrt()), float((volumes * squares).sum() / volumes.sum()) ** 0.5]
        residual, spread = agreed(self.processes, means, rest.device)
        last = self.levels[-1].residual if self.levels else math.inf
        astray = last <= HOPELESS < residual
        if FINE > last <= residual or astray:  # rounding, which more cells make larger, or no solution after one
            sampled.numbers, self.known = numbers, known
            return self._as_before(found, self._since(began), astray)
        partition.beside = copy.deepcopy(partition.beside)  # as they are now
        finer = float(self.tiling.finer_than(self.cells).max()) if self.partition else 1.0
        if self.levels and self.levels[-1].residual <= HOPELESS:
            self.earlier = self.partition
        self.partition = partition
        self.coefficients, self.found, self.waves = found.coefficients, found, waves
        self.left, self.rough = rest, rough
        stalled = bool(self.levels) and residual > STALLED * self.levels[-1].residual
        self.smooth = found.suppressed > SUPPRESSED or self.smooth and not stalled
        self.tolerance = None if self.smooth else min(REGULAR * residual**2, ROUGH)
        told = unknown(partition, found, self.compared_at(partition), compared)
        self.known = replace(self.known, unknown=dict(zip(self.problem.fields, told.tolist(), strict=False)))
        change = moved(self._compared, compared, told)
        estimate = estimated(
            self.problem.fields, self._compared, compared, (residual, spread), self.levels, self.stayed, found, sampled
        )
        inherited, growth = self._inherited(partition, found, compared, estimate.fall)
        self.factors = estimate.factors
        if residual <= HOPELESS:  # nothing is compared with what is no solution
            self._compared = compared
        unknowns = sum(c.numel() for c in found.coefficients)
        converged = found.converged or self._is_still(partition, found, compared, estimate.errors)
        last = self.levels[-1].estimate if self.levels else None
        drift = sampled.numbers - numbers
        noisy = self.known.hide(found, drift, estimate.errors, change, last)
        self.known = replace(self.known, drift=estimate.fall * drift if self.levels else None)
        level = Level(
            len(partition), unknowns, residual, spread, estimate.errors, found.steps, converged,
            self._since(began), found.memory, self.price, self.times, noisy=noisy, inherited=inherited, growth=growth,
            sizes=dict(zip(self.problem.fields, sizes, strict=True)), finer=finer,
        )  # fmt: skip
        self.levels.append(level)
        if found.decomposed:
            self.kept = Kept(
                self.interval[0], self.tiling, crowding, self.local.features, tolerance, found.decomposed, sampled,
                held_out, rough, again.uses + 1 if again else 0,
            )  # fmt: skip
        return level

    def largest(self, sizes: list[float]) -> float:
        """Of the fields, each in its unit."""
        measured = [1.0] * len(sizes) if self.units is None else [*self.units.tolist(), *([1.0] * len(sizes))]
        return max(size / unit for size, unit in zip(sizes, measured, strict=False))

    def _is_still(self, partition: Partition, found: Found, fields: Tensor, errors: dict[str, float] | None) -> bool:
        """Whether the last of Newton's steps, taken as a whole, changes each field by less than it is wrong.

        So it is where single points of an equation of two parts, as of an obstacle, change sides at every step.
        """
        if not found.last or errors is None or found.response is not None:
            return False
        write(partition, found.last)
        with torch.no_grad():
            moved = (partition(self.compared_at(partition)).norm(dim=0) / fields.norm(dim=0)).nan_to_num(nan=0.0)
        write(partition, found.coefficients)
        self.processes.agree([moved])
        return all(change <= error for change, error in zip(moved.tolist(), errors.values(), strict=True))

    def _inherited(
        self, partition: Partition, found: Found, fields: Tensor, fall: float
    ) -> tuple[dict[str, float] | None, float]:
        """What the error of the strip before makes of each field, relative to it, and by what factor it grows.

        An error at the end of a strip is an error of the start of the next, and grows or decays there as small changes
        of the solution do. `doubt` is that with what is added here.
        """
        if not found.inherited:
            return None, 1.0
        self.doubt = found.inherited
        if self.levels:
            self.doubt = [a + fall * b for a, b in zip(found.inherited, found.changed, strict=True)]
        at, axis = self.compared_at(partition), self.time_axis
        write(partition, found.inherited)
        with torch.no_grad():
            told = (partition(at).norm(dim=0) / fields.norm(dim=0)).nan_to_num(nan=0.0)
            begin, end = (float(partition(moved_to(at, axis, moment)).norm()) for moment in self.interval)
        write(partition, found.coefficients)
        *told, growth = agreed(self.processes, [*told.tolist(), end / begin if begin else 1.0], at.device)
        return dict(zip(self.problem.fields, told, strict=True)), growth

    def _as_before(self, found: Found, seconds: float, astray: bool = False) -> Level:
        """A level whose cells do no better than those before: those stay.

        Where its steps have gone astray, how fast the error falls is not known any more: it is told as it was before.
        """
        self.local, self.tiling = self.solved_with, self.cells
        told = self.levels[-2:][0].estimate if astray else self.levels[-1].estimate
        level = replace(self.levels[-1], steps=found.steps, gained=False, seconds=seconds, estimate=told)
        self.levels.append(level)
        return level

    def meet_the_start(self, enough: float) -> None:
        """Refine the cells, along space, until they hold what the interval begins with, up to so much."""
        assert self.initial is not None
        time_axis = self.time_axis
        for _ in range(START_LEVELS if self.price <= DEAR else 0):
            self._leave_out_empty()
            partition = self._partition(wave_numbers(self))
            sampled = self._fitted(partition, [self.initial])
            sampled.doubts = None
            found = newton(sampled, self.start(sampled), 1)
            write(partition, found.coefficients)
            held_out = self._held_out(partition, [self.initial], CHECKED_START)
            rest = left(held_out, found.coefficients, found.scales)
            self.processes.agree([rest])
            if float(rest.max()) <= enough or self.price > DEAR:
                return
            rough = self._roughness(partition, held_out, self.initial)
            along = directions(rough, True, time_axis)
            look = self.looking(partition, found, [self.initial])
            self.tiling, parents = refined(self.tiling, rest, marked(rest).cpu(), along, look)
            self.crowding = self.crowding[parents]

    def begin_within(self, memory: float, seconds: float) -> None:
        """Take fewer features where the first level would need more than this: of many fields a cell has many columns.

        Args:
            memory: Bytes for the rows of all cells, and as much again for their orthonormal columns.
            seconds: For a step of Newton's.
        """
        each = 2 * next(self.residuals.parameters()).element_size()
        while self.local.features > FEWEST:
            columns = (self.local.features + 1) * len(self.problem.fields)
            rows = ROWS * columns * float(self._density.sum())
            if each * rows * columns <= memory and self.price <= seconds:
                return
            self.local = self.local.of(max(FEWEST, self.local.features // 2))
            self.usual = self.local.features

    def begin_with_fewer_features(self) -> None:
        """Solve a cheap level first, as most of Newton's steps are its; and the one after has something to compare."""
        self.usual = self.local.features
        self.local = self.local.of(round(self.usual / WIDER))

    @property
    def price(self) -> float:
        """Seconds that a level on the present cells takes on a usual core, roughly.

        Not by the clock, so that the same seed gives the same solution.
        """
        features = self.local.features + 1
        columns = features * len(self.problem.fields)
        return float(self._density.sum()) * columns * (FEATURE * features + COLUMN * columns**2)

    @property
    def memory(self) -> float:
        """Bytes that a level on the present cells takes: those of its decomposition, and of features like the last."""
        assert self.partition is not None
        level, before, bytes_each = self.levels[-1], self.cells, self.partition.lower.element_size()
        each = (self.found.rank if self.found else level.unknowns) / len(before)
        wider = (self.local.features + 1) / self.coefficients[0].shape[1]
        now, then = (
            bytes_each * numbers_of(cells.overlapping(), [round(columns)] * len(cells))
            for cells, columns in ((self.tiling, each * wider), (before, each))
        )
        return now + max(level.memory - then, 0) * max(self.price / level.price, 1.0)

    @property
    def _density(self) -> Tensor:
        """Times the usual number of points, by cell: in a larger one there are the ends of its neighbours' windows."""
        return self.crowding * (1 + (BESIDE_SMALLER - 1) * self.tiling.beside_smaller)

    def _leave_out_empty(self) -> None:
        """Cells that lie outside of the domain."""
        met = self.drawing.meeting(self.tiling)
        self.tiling, self.crowding = self.tiling[met], self.crowding[met]

    @property
    def drawing(self) -> CellPoints:
        """Draws the points of the present cells."""
        begins = None if self.times is None or self.initial is None else (self.initial, self.times[0])
        like = next(self.residuals.parameters())
        return CellPoints(self.problem, self.domain, self.local.features, self.seed, begins, like)

    def _partition(self, waves: Tensor | None) -> Partition:
        torch.manual_seed(self.seed)
        beside = getattr(self.residuals.network, "beside", ())  # the coefficient fields, as they are now
        order, sides = highest_derivative(self.problem), self.problem.sides
        partition = partition_of(self.tiling, self.local, order, beside, sides, waves)
        return partition.to(next(self.residuals.parameters())).requires_grad_(False)

    def _crowd(self, sampled: Sampled, found: Found, rest: Tensor) -> None:
        """Take more points where those that were fitted hide what is left between them."""
        fitted = left(sampled, found.coefficients, found.scales) / self.size
        self.processes.agree([fitted])
        hidden = (rest > HIDDEN * fitted) & (rest > max(MATTERS * float(rest.max()), FINE))
        self.crowding = torch.where(hidden.cpu(), (2 * self.crowding).clamp(max=CROWDED), self.crowding)

    def _fitted(self, partition: Partition, places: Sequence[Place], again: Kept | None = None) -> Sampled:
        if again:
            return self._later(partition, again.fitted, again.begin)
        return self._sampled(partition, self.drawing.fitted(self.tiling, self._density, places), keep=True)

    def _held_out(
        self, partition: Partition, places: Sequence[Place], part: float, again: Kept | None = None
    ) -> Sampled:
        if again:
            return self._later(partition, again.held_out, again.begin)
        drawn = self.drawing.held_out(self.tiling, places, part)
        return self._sampled(partition, drawn, keep=self.alike and self.times is not None)

    def _later(self, partition: Partition, before: Sampled, begin: float) -> Sampled:
        """The same points in a strip that begins later."""
        sampled = self._sampled(partition, later(before, self.time_axis, self.interval[0] - begin), keep=True)
        sampled.take(before)
        return sampled

    def looking(self, partition: Partition, found: Found, places: Sequence[Place]) -> Callable[[Cells, Tensor], Tensor]:
        """From parts of cells, and the cell of each, to what is left there."""

        def look(parts: Cells, of: Tensor) -> Tensor:
            at, owners = self.drawing.held_out(parts, places, CHECKED)
            sampled = self._sampled(
                partition, (at, {place: of.to(p.device)[p] for place, p in owners.items()}), keep=False
            )
            rest = left(sampled, found.coefficients, found.scales, owners, len(parts))
            self.processes.agree([rest])
            return rest.cpu() / self.size

        return look

    def _sampled(self, partition: Partition, drawn: Drawn, keep: bool) -> Sampled:
        at, cells = drawn
        shifts: dict[tuple[Place, str], Tensor] = {}
        doubts: dict[tuple[Place, str], Tensor] = {}
        if self.before is not None and self.initial is not None and self.initial in at:
            start = {self.initial: at[self.initial]}
            bare = Sampled(self.residuals, partition, start, {}, keep=False, processes=self.processes)
            ends = self.before.values(start)
            shifts = {(self.initial, name): r for name, r in bare.residual(ends)[self.initial].items()}
            if keep and self.before.doubt:
                wrong = [c + e for c, e in zip(self.before.coefficients, self.before.doubt, strict=True)]
                doubted = self.before.values(start, wrong)
                after = bare.residual(doubted)[self.initial]
                doubts = {(self.initial, name): r - shifts[self.initial, name] for name, r in after.items()}
        sampled = Sampled(self.residuals, partition, at, cells, keep, shifts, self.processes)
        sampled.balance = self.balance
        sampled.left_before = self.levels[-1].residual if self.levels and self.times is None else 0.0
        if self.units is not None:
            sampled.units = self.units
        sampled.doubts = doubts if keep and self.times else None
        return sampled

    def state(self) -> dict[str, Any]:
        """What goes on from here needs, beside the networks."""
        return {
            "times": self.times,
            "tiling": (self.tiling.lower, self.tiling.upper, self.tiling.sides),
            "crowding": self.crowding,
            "waves": self.waves,
            "tolerance": self.tolerance,
            "size": self.size,
            "units": self.units,
            "smooth": self.smooth,
            "stayed": self.stayed,
            "known": asdict(self.known),
            "doubt": self.doubt,
            "features": self.local.features,
            "levels": [asdict(one) for one in self.levels],
            "count": len(self.partition) if self.partition else 0,
        }

    def take(self, partition: Partition) -> None:
        """Go on from a level that was solved before, of which the network is there."""
        below, above = Cells.of(partition).reaches()  # without walls between strips
        below, above = below.to(partition.lower), above.to(partition.lower)
        networks, lower, upper = list(partition.networks), partition.lower, partition.upper
        beside = copy.deepcopy(list(partition.beside))
        partition = partition.like(networks, lower, upper, below, above, partition.sides, beside=beside)
        self.partition = partition
        self.coefficients = [torch.cat([o.weight, o.bias[:, None]], dim=1).detach() for o in partition.layers]
        self._compared = partition(self.compared_at(partition)).detach()

    def values(self, at: Mapping[Place, Points], coefficients: list[Tensor] | None = None) -> Values:
        """The operators of the present solution at points, or those of other coefficients."""
        assert self.partition is not None
        sampled = Sampled(self.residuals, self.partition, at, {}, False, processes=self.processes)
        return sampled.values(self.coefficients if coefficients is None else coefficients)

    def start(self, sampled: Sampled) -> Values:
        """Where Newton's steps begin: the level before, or how the strip before goes on."""
        if self.partition is not None:
            return self.values(sampled.points)
        if self.before is not None and self.problem.domain.interior in sampled.points:
            return going_on(sampled, self.before, self.interval[0], self.time_axis)
        if self.times is not None and self.problem.domain.interior in sampled.points:
            return begun(sampled, self.problem)
        return zero(sampled, self.local.features)

    def sizes(self, fields: Tensor) -> list[float]:
        """The root mean square of each field, of their values (N, F)."""
        return agreed(self.processes, fields.square().mean(dim=0).sqrt().tolist(), fields.device)

    def _judge(
        self, partition: Partition, held_out: Sampled, found: Found, again: Kept | None
    ) -> tuple[Tensor, Tensor]:
        of_cells = left(held_out, found.coefficients, found.scales)
        self.processes.agree([of_cells])
        if again and not again.stale:
            return of_cells, again.rough
        return of_cells, self._roughness(partition, held_out, self.problem.domain.interior)

    def _roughness(self, partition: Partition, sampled: Sampled, place: Place) -> Tensor:
        def of_solution(plan: Plan, x: Tensor) -> dict[str, Tensor]:
            return {name: value.detach() for name, value in derivatives(partition, x, plan).items()}

        at, cells = sampled.points[place], sampled.cells[place]
        own = torch.tensor(sampled.share.owners, device=cells.device)[cells] == self.processes.rank
        return roughness(self.problem, of_solution, at[own], cells[own], self.tiling, self.processes)

    def compared_at(self, partition: Partition) -> Tensor:
        """The points at which two levels are compared, and fields are measured, (N, D)."""
        return points(
            self.domain, {self.domain.interior: COMPARED}, Sobol(), seed=self.seed + HELD_OUT, step=1,
            dtype=partition.lower.dtype, device=partition.lower.device,
        )[self.domain.interior].x  # fmt: skip


def _during(domain: Domain, times: tuple[float, float]) -> Domain:
    """The domain within an interval of time."""
    box = domain if isinstance(domain, Box) else domain.box
    bounds = {
        name: times if name == TIME else (low, high)
        for name, low, high in zip(box.names, box.lower, box.upper, strict=True)
    }
    cut = Box(bounds, box.parameters)
    return cut if isinstance(domain, Box) else Region(domain.shape, cut)
