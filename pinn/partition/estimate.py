"""The error that is expected, and where: what the last level has changed, times the fall of what is left.

Shape letters: N points, D coordinates, F fields.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinn.language.scope import TIME
from pinn.networks.partition import CELLS, Partition
from pinn.networks.waves import Waves
from pinn.partition.level import FINE, HOPELESS, Level
from pinn.partition.newton import Found
from pinn.partition.system import Sampled
from pinn.partition.terms import parts_of_terms
from pinn.problem import Problem

if TYPE_CHECKING:
    from pinn.partition.strip import Strip

AT_A_TIME = 2**14  # points
MATTERS = 0.01  # of a field: a change that does
NOTHING = 1e-10  # of the terms of an equation: a field that makes no more of them, and another at each level, is zero,
UNSEEN = 10.0  # if that is also less than so many times what is left


@dataclass(frozen=True)
class Change:
    """What the last level of a strip has changed.

    Attributes:
        end: Of its interval of time.
        before: The level but one; None where there is only one.
        after: The last one.
        factors: Times that change: its root mean square is then what `Level.estimate` tells, (F,).
    """

    end: float
    before: Partition | None
    after: Partition
    factors: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Points (N, D) to ``factors |u_after - u_before|``, (N, F); NaN where there is nothing to compare.

        Of a coefficient field with what the data leave open of it.
        """
        if self.before is None or not len(x):
            return x.new_full((len(x), self.after.outputs + len(self.after.beside)), math.nan)
        found = self.factors * (self.after(x) - self.before(x)).abs()
        for k, one in enumerate(self.after.beside, self.after.outputs):
            if isinstance(one, Waves):
                found[:, k] = torch.hypot(found[:, k], one.deviation(x).nan_to_num(nan=0.0))
        return found


@dataclass(frozen=True)
class Estimate:
    """Of the error of a level.

    Attributes:
        errors: Of each field, relative; None where there is nothing to compare.
        fall: Of what is left since the level before: the part of that one's error which is still there.
        factors: Times the change since then: its root mean square is then that of `errors`, (F,).
    """

    errors: dict[str, float] | None
    fall: float
    factors: Tensor


def estimated(
    fields: Sequence[str], before: Tensor | None, after: Tensor, left: tuple[float, float], levels: Sequence[Level],
    stayed: float, found: Found, sampled: Sampled,
) -> Estimate:  # fmt: skip
    """The error of each field, from what a level has changed and from the fall of what is left.

    Args:
        fields: Their names.
        before: Their values in the last level that was a solution, (N, F); None where there was none.
        after: Those in the new one.
        left: Of the new one: `Level.residual` and `Level.spread`.
        levels: Before it.
        stayed: See `error_before`.
        found: The new solution.
        sampled: The points that it was fitted to.
    """
    residual, none = left[0], Estimate(None, 1.0, torch.ones_like(after[0]))
    last = next((level for level in reversed(levels) if level.residual <= HOPELESS), None)
    if before is None or last is None:
        return none
    if residual > HOPELESS:  # it is no solution, and nothing is compared with it
        return replace(none, errors=dict.fromkeys(fields, math.inf))
    # where Newton's steps have not come to an end, what has changed tells nothing of what is still to change
    fall = _fall(left, last) if residual <= FINE or found.converged else 1.0
    size = after.norm(dim=0)
    changes = ((after - before).norm(dim=0) / size).nan_to_num(nan=0.0)
    sampled.processes.agree([changes])
    relative, then = changes, dict(last.estimate or {})
    if residual < FINE and len(size) > 1 and bool((changes >= MATTERS).any()):
        part = parts_of_terms(sampled, found, size)
        sampled.processes.agree([part])
        zero = (part <= min(NOTHING, UNSEEN * residual)) & (changes >= MATTERS)  # but for rounding
        relative = torch.where(zero, part * changes, changes)
        then |= {field: 0.0 for field, nothing in zip(fields, zero.tolist(), strict=False) if nothing}
    errors = {}
    for field, change in zip(fields, relative.tolist(), strict=True):
        told = then.get(field, 0.0)
        errors[field] = min(1.0, fall * too_small(change, told)) * error_before(change, told, fall, stayed)
    factors = changes.new_tensor(list(errors.values())) / changes
    return Estimate(errors, fall, factors.where(changes > 0, fall))


def _fall(left: tuple[float, float], last: Level) -> float:
    """Of what is left: by cells, where the smallest count for too much, and by volume, where they do for too little."""
    falls = [new / old for new, old in zip(left, (last.residual, last.spread), strict=True) if old]
    return min(1.0, math.prod(falls) ** (1 / len(falls))) if falls else 1.0


def too_small(change: float, told: float) -> float:
    """By what factor the estimate of the level before has turned out too small, as more than it has changed.

    Then errors fall more slowly than what is left does, as where rows hardly count because a slope is infinite, and the
    next estimate would be as wrong. What changes by rounding says nothing.

    Args:
        change: Of a field, relative.
        told: The estimate of the level before; 0 where it had none.
    """
    return max(1.0, change / told) if told > 0 and change > FINE else 1.0


def error_before(change: float, told: float, fall: float, stayed: float) -> float:
    """The error of the level before, from what the last one has changed.

    If errors fall as what is left does, the change is between ``1 - fall`` and ``1 + fall`` of it. Cells that have
    stayed as they were have changed little, whatever their error: it is at least their part of what was told then.

    Args:
        change: Of a field, relative.
        told: The estimate of the level before; 0 where it had none.
        fall: Of what is left since then.
        stayed: The part of what was left then that lies in cells which have stayed.
    """
    return max(change, min(told, change / (1 - fall) if fall < 1 else math.inf), stayed * told)


class EstimatedError:
    """The estimated error as a function of points.

    Args:
        changes: Of the strips of time, in order; one of all where time is not cut.
        axis: The number of time among the coordinates; None where it is not cut.
    """

    def __init__(self, changes: Sequence[Change], axis: int | None):
        self.changes, self.axis = changes, axis

    def __call__(self, x: Tensor) -> Tensor:
        """Points (N, D) on the CPU to (N, F), float64, not negative; NaN where there is nothing to compare.

        Strips are told one by one: what one inherits from those before it is not in it.
        """
        with torch.no_grad():
            return torch.cat([self._part(part) for part in x.to(self.changes[0].after.lower).split(AT_A_TIME)]).double()

    def _part(self, x: Tensor) -> Tensor:
        if self.axis is None:
            return self.changes[0](x)
        after = self.changes[0].after
        found = x.new_full((len(x), after.outputs + len(after.beside)), math.nan)
        ends = x.new_tensor([change.end for change in self.changes])
        strip = torch.bucketize(x[:, self.axis].contiguous(), ends)
        for k, change in enumerate(self.changes):
            found[strip == k] = change(x[strip == k])
        return found


def estimated_error(problem: Problem, strips: Sequence[Strip]) -> EstimatedError | None:
    """That of strips of time, or of one strip that is all; None where no strip has a level before its last."""
    changes = [
        Change(strip.times[1] if strip.times else math.inf, _here(strip.earlier), after, strip.factors.cpu())
        for strip in strips
        if (after := _here(strip.partition)) is not None
    ]
    if all(change.before is None for change in changes):
        return None
    return EstimatedError(changes, problem.coordinate_names.index(TIME) if strips[0].times else None)


def _here(partition: Partition | None) -> Partition | None:
    """The same on the CPU, as solutions are; what is elsewhere stays there."""
    if partition is None:
        return None
    networks = [one if next(one.parameters()).is_cpu else copy.deepcopy(one).cpu() for one in partition.networks]
    cells = [getattr(partition, name).cpu() for name in CELLS]
    beside = [copy.deepcopy(one).cpu() for one in partition.beside]
    return partition.like(networks, *cells, beside=beside)
