"""Where the error is expected: what the last level has changed, times the fall of what is left.

Shape letters: N points, D coordinates, F fields.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinn.language.scope import TIME
from pinn.networks.partition import CELLS, Partition
from pinn.networks.waves import Waves
from pinn.problem import Problem

if TYPE_CHECKING:
    from pinn.partition.strip import Strip

AT_A_TIME = 2**14  # points


@dataclass(frozen=True)
class Change:
    """What the last level of a strip has changed.

    Attributes:
        end: Of its interval of time.
        before: The level but one; None where there is only one.
        after: The last one.
        fall: Of the residual meanwhile: the factor of `Level.estimate`.
    """

    end: float
    before: Partition | None
    after: Partition
    fall: float

    def __call__(self, x: Tensor) -> Tensor:
        """Points (N, D) to ``fall |u_after - u_before|``, (N, F); NaN where there is nothing to compare.

        Of a coefficient field with what the data leave open of it.
        """
        if self.before is None or not len(x):
            return x.new_full((len(x), self.after.outputs + len(self.after.beside)), math.nan)
        found = self.fall * (self.after(x) - self.before(x)).abs()
        for k, one in enumerate(self.after.beside, self.after.outputs):
            if isinstance(one, Waves):
                found[:, k] = torch.hypot(found[:, k], one.deviation(x).nan_to_num(nan=0.0))
        return found


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
        Change(strip.times[1] if strip.times else math.inf, _here(strip.earlier), after, strip.fall)
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
