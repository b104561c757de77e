"""A level of a problem in which numbers are learned, or data are met: Newton's steps within steps of the numbers.

The fields are solved for with the numbers held, and the numbers take Gauss and Newton's steps down what the data are
missed by: variable projection, see `numbers`. Where nothing is learned and nothing observed it is `newton` alone.
"""

from __future__ import annotations

import time
from dataclasses import replace

from pinn.partition.newton import Found, newton
from pinn.partition.system import Sampled, Values

LESS = 0.1  # times the weight before
LEAST = 1e-4  # the weight at which equations hold to what noise is left of: its square
STEPS = 20  # of the numbers
HALVINGS = 3
ENOUGH = 1e-3  # of the variance of the noise: a step that promises to lower the sum of squares by less is the last
LOWER = 1e-3  # relative: a step that lowers the misfit by less is the last


def identified(
    sampled: Sampled, start: Values, most: int, foreign: bool, tolerance: float | None, until: float, weight: float
) -> tuple[Found, float]:
    """One level: fields and numbers, and then the same with less weight of the data, as long as that is of use.

    Data have noise and equations have none, so that in the end these are to hold as if they had to, and noise cannot
    enter them. At first they cannot hold, on few cells and with guessed numbers: then the data say where the solution
    is (Ramsay, Hooker, Campbell, Cao 2007, J. R. Stat. Soc. B 69). What noise leaves of the equations falls as the
    square of the weight, what the cells leave does not fall: so the weight falls until both leave as much as the
    data in these units, which is the most likely weight.

    Args:
        sampled: The cells and the points.
        start: Values to begin with.
        most: Newton's steps.
        foreign: Whether those are of other cells.
        tolerance: Of the singular values of a cell.
        until: When no further step begins.
        weight: Of the data, to begin with.

    Returns:
        What was found, and the last weight. The learned numbers are those of `sampled`.
    """
    found = first = newton(sampled, start, most, foreign, tolerance, until, weight)
    found = _numbers(sampled, first, most, tolerance, until, weight)
    while sampled.data and weight > LEAST * (1 + LESS) and time.perf_counter() < until:
        numbers = sampled.numbers
        less = newton(sampled, found.values, most, False, tolerance, until, LESS * weight)
        if less.unmet <= less.misfit:
            less = _numbers(sampled, less, most, tolerance, until, LESS * weight)
        if less.unmet > less.misfit:
            sampled.numbers = numbers
            break
        found, weight = less, LESS * weight
    return replace(found, better=first.better or found is not first), weight


def _numbers(sampled: Sampled, found: Found, most: int, tolerance: float | None, until: float, weight: float) -> Found:
    """Steps of the numbers until they gain nothing."""
    rows = sum(r.stop - r.start for r in sampled.data.values())
    for _ in range(STEPS):
        response = found.response
        if response is None or time.perf_counter() > until:
            break
        before = _judged(found, rows)
        if response.gain <= ENOUGH * before / max(rows, 1) or not response.gain:
            break
        numbers, better = sampled.numbers, None
        for k in range(HALVINGS):
            change = 0.5**k * response.change
            sampled.numbers = numbers + change
            coefficients = list(found.coefficients)
            for d, parts in zip(change, response.coefficients, strict=True):
                coefficients = [c + (d * part).reshape(c.shape) for c, part in zip(coefficients, parts, strict=True)]
            trial = newton(sampled, sampled.values(coefficients), most, False, tolerance, until, weight)
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


def _judged(found: Found, rows: int) -> float:
    """What the steps of the numbers lower: the sum of squares of the data's residuals; without data, of all."""
    return found.misfit**2 * rows if rows else found.loss
