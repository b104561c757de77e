"""A level of a problem in which numbers are learned, or data are met: Newton's steps within steps of the numbers.

The fields are solved for with the numbers held, and the numbers take Gauss and Newton's steps down what the data are
missed by: variable projection, see `numbers`. Where nothing is learned and nothing observed it is `newton` alone.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field, replace

from torch import Tensor

from pinn.partition.coefficients import Fields
from pinn.partition.level import STALLED
from pinn.partition.newton import Found, newton
from pinn.partition.system import Sampled, Values

LESS = 0.1  # times the weight before
LEAST = 1e-4  # the weight at which equations hold to what noise is left of: its square
GROWS = 2.0  # times what the data are missed by: noise that is no longer fitted makes no more of it
STEPS = 6  # of the numbers, with one weight
TRIED = 6  # of Newton's with less weight: where more are needed the cells do not hold what the data ask for
HALVINGS = 3
ENOUGH = 1e-3  # of the variance of the noise: a step that promises to lower the sum of squares by less is the last
UNSURE = 1e-2  # what is left, over the size of the fields, where numbers may have gone astray with them
HARD = 2e-3  # the weight of data beside which equations hold as if they had to
NOTHING = 0.1  # of what the noise of the data leaves unknown: a level that changes no more is the last
FOLLOWED = 2e-3  # part of the data that fields follow which equations and conditions do not determine
LITTLE = 0.5  # of the standard deviation: so much a number may still move there
SETTLED = 0.1  # of the noise: a step of coefficient fields that changes the data by less is the last
NEARLY = 1.0  # of the noise: steps of coefficient fields have not come to an end where the next would change more
LINEAR = 0.5  # of what a step changes of the data: so much of it may be other than its linearisation says
LOWER = 1e-3  # relative: a step that lowers the misfit by less is the last


@dataclass(frozen=True)
class Knowledge:
    """What a level hands on of data and learned numbers.

    Attributes:
        weight: Of data, beside equations.
        shares: Of each observed quantity in that: as their noises are.
        deviations: One standard deviation of each number, as it is trained, (Z,); None where it cannot be told.
        unknown: What these deviations make of each field, relative to it.
        untold: Directions of which the data tell nothing, (Z, L); None where there are no data.
        drift: How far each number is from where more cells would take it, by what the last level has changed, (Z,).
    """

    weight: float = 1.0
    shares: dict[str, float] = field(default_factory=dict)
    deviations: Tensor | None = None
    unknown: dict[str, float] = field(default_factory=dict)
    untold: Tensor | None = None
    drift: Tensor | None = None

    def hide(
        self, found: Found, change: Tensor, estimate: dict[str, float] | None, moved: float = math.inf,
        before: dict[str, float] | None = None,
    ) -> bool:  # fmt: skip
        """Whether a level has changed less than what the noise of the data leaves unknown.

        Args:
            found: What it has found.
            change: Of the numbers, (Z,).
            estimate: Of the error of each field.
            moved: What it has changed of a field, over what the data leave unknown of it.
            before: The estimate of the level before.
        """
        if estimate is None or not found.noises or self.weight > HARD:
            return False
        close = max(estimate.values()) <= NOTHING * found.noise
        if found.response is None:
            return close
        if isinstance(found.response, Fields):
            return moved <= LITTLE
        if self.deviations is None:
            return False
        # where data are all that determines the fields, these follow the noise the better the more cells there are
        free = found.response.taken > FOLLOWED and found.unmet <= NOTHING * found.misfit
        settled = bool((change.abs() <= (LITTLE if free else NOTHING) * self.deviations).all())
        # with nothing known at its edge a field is as wrong as the noise makes it, on any cells
        stalled = before is not None and max(estimate.values()) > STALLED * max(before.values())
        return settled and (free or close or stalled)

    def then(self, found: Found, weight: float) -> Knowledge:
        """After a level."""
        deviations, shares = found.response and found.response.deviations, self.shares
        if deviations is not None and (least := min(found.noises.values())):
            shares = {name: least / noise for name, noise in found.noises.items()}
        return Knowledge(weight, shares, deviations, untold=found.response and found.response.untold)


def identified(
    sampled: Sampled, start: Values, most: int, foreign: bool, tolerance: float | None, until: float,
    known: Knowledge, left: float,
) -> tuple[Found, Knowledge]:  # fmt: skip
    """One level: fields and numbers, and then the same with less weight of the data, as long as that is of use.

    Data have noise and equations have none, so that in the end these are to hold as if they had to, and noise cannot
    enter them. At first they cannot hold, on few cells and with guessed numbers: then the data say where the solution
    is (Ramsay, Hooker, Campbell, Cao 2007, J. R. Stat. Soc. B 69). What noise leaves of the equations falls as the
    square of the weight, what the cells leave does not fall: so the weight falls until both leave as much as the
    data in these units, which is the most likely weight, and not where the data are then missed by more, as by cells
    that cannot hold the solution.

    Args:
        sampled: The cells and the points.
        start: Values to begin with.
        most: Newton's steps.
        foreign: Whether those are of other cells.
        tolerance: Of the singular values of a cell.
        until: When no further step begins.
        known: From the level before.
        left: By the level before: where that is much, numbers of which the data told little there begin anew.

    Returns:
        What was found, and what the next level is to know. The learned numbers are those of `sampled`.
    """
    sampled.shares, weight, stride = known.shares, known.weight, sampled.residuals.stride
    if left > UNSURE and known.deviations is not None and not bool((known.deviations < stride).all()):
        sampled.residuals.guess()
    found = first = newton(sampled, start, most, foreign, tolerance, until, weight)
    found = _numbers(sampled, first, most, tolerance, until, weight)
    while sampled.data and weight > LEAST * (1 + LESS) and time.perf_counter() < until:
        numbers = sampled.numbers
        less = newton(sampled, found.values, min(most, TRIED), False, tolerance, until, LESS * weight)
        enough = GROWS * LESS * found.misfit
        if less.converged and less.unmet <= less.misfit:
            less = _numbers(sampled, less, most, tolerance, until, LESS * weight)
        if not (less.converged and less.unmet <= less.misfit <= enough):
            sampled.numbers = numbers
            break
        found, weight = less, LESS * weight
    if isinstance(found.response, Fields):
        found.response.tell(sampled)
    return replace(found, better=first.better or found is not first), known.then(found, weight)


def _numbers(sampled: Sampled, found: Found, most: int, tolerance: float | None, until: float, weight: float) -> Found:
    """Steps of the numbers until they gain nothing."""
    rows = sum(r.stop - r.start for r in sampled.data.values())
    for _ in range(STEPS):
        response = found.response
        if isinstance(response, Fields):
            return _fields(sampled, found, most, tolerance, until, weight)
        if response is None or time.perf_counter() > until:
            break
        before = _judged(found, rows)
        if response.gain <= ENOUGH * before / max(rows, 1) or not response.gain:
            break
        numbers, better = sampled.numbers, None
        for k in range(HALVINGS):
            change = 0.5**k * response.change
            sampled.numbers = numbers + change
            trial = newton(sampled, sampled.values(found.after(change)), most, False, tolerance, until, weight)
            if _judged(trial, rows) < before:
                better = trial
                break
        if better is None:
            sampled.numbers = numbers
            break
        found = better
        if _judged(found, rows) > (1 - LOWER / max(rows, 1)) * before:
            break
    return found


def _fields(sampled: Sampled, found: Found, most: int, tolerance: float | None, until: float, weight: float) -> Found:
    """Steps of the coefficient fields until they change nothing that the data would show.

    A step, or a half or a quarter of it, is taken where the data then change as its linearisation says, but for the
    half, or are missed by less. They have converged where a further one would change the data by less than their noise.
    """
    for _ in range(STEPS):
        response = found.response
        assert isinstance(response, Fields)
        promised = response.slopes @ response.change / response.noise
        if float(promised.norm()) <= SETTLED or time.perf_counter() > until:
            break
        numbers, better = sampled.numbers, None
        for k in range(HALVINGS):
            change = 0.5**k * response.change
            sampled.numbers = numbers + change
            trial = newton(sampled, sampled.values(found.after(change)), most, False, tolerance, until, weight)
            assert isinstance(trial.response, Fields)
            before, after = response.left / response.noise, trial.response.left / response.noise
            apart = after - before - 0.5**k * promised
            as_said = float(apart.norm()) <= LINEAR * 0.5**k * float(promised.norm())
            if as_said or float(after.norm()) < float(before.norm()):
                better = trial
                break
        if better is None:
            sampled.numbers = numbers
            break
        found = better
    assert isinstance(found.response, Fields)
    promised = found.response.slopes @ found.response.change / found.response.noise
    return replace(found, converged=found.converged and float(promised.norm()) <= NEARLY)


def _judged(found: Found, rows: int) -> float:
    """What the steps of the numbers lower: the sum of squares of the data's residuals; without data, of all."""
    return found.misfit**2 * rows if rows else found.loss
