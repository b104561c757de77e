"""From what was measured to words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pinn.doctor.measure import Measured, measure
from pinn.schema import MOST_CELLS, Config, Partition

if TYPE_CHECKING:
    from pinn.problem import Problem
    from pinn.solution import Solution

SMALL = 1e-10  # a misfit that is nobody's concern
UNSOLVED = 0.05  # of an equation's terms: the solution is one of another equation
UNMET = 0.1  # a condition's misfit: the solution is one of another problem
WRONG = 0.05  # an estimated relative error
RIGHT = 1e-6  # one of a solution of which no equation can be unsolved
HOPELESS = 1.0  # one of which the figure says nothing
OPPOSED = -0.5  # a cosine of two gradients that work against each other
CHOSEN = ("optimizer=auto", "sampling=sobol", "balancing=fixed", "precision=auto")
SECOND_ORDER = ("optimizer=least_squares_then_gauss_newton", "balancing=fixed", "precision=fp64")
Result = Mapping[str, Any]
Rows = Sequence[Mapping[str, float]]


def diagnose(solution: Solution, config: Config, result: Result, rows: Rows) -> dict[str, Any]:
    """What limits a run and what to try.

    Args:
        solution: Of the run.
        config: How it was trained.
        result: What result.json will hold: `status`, `estimate`, `unknown`, `untold`, `converged`.
        rows: The history.

    Returns:
        `summary`, a sentence; `advice`, a list of `finding` and `try`, a list of overrides that are typed together;
        `misfit`, `left`, `gradients`, `cosines`, `regions` and `spectrum`: see `Measured`.
    """
    last = {key: value for row in rows for key, value in row.items()}
    weights = {name: last.get(f"weight/{name}", 1.0) for name in solution.problem.equations}
    finite = all(math.isfinite(value) for value in solution.residual.values())
    measured = measure(solution, weights) if finite else Measured(dict.fromkeys(weights, math.inf))
    first_order = all(phase.method.closure == "gradient" for phase in config.phases)
    summary = _summary(result, measured, first_order) if finite else _lost(weights, rows)
    tries = [] if _met(result, measured) else _tries(solution.problem, config)
    return {
        "summary": summary,
        "advice": [{"finding": finding, "try": [list(overrides)]} for finding, overrides in tries],
        "misfit": measured.misfit,
        "left": measured.left,
        "gradients": measured.gradients,
        "cosines": measured.cosines,
        "regions": measured.regions,
        "spectrum": measured.spectrum,
    }


def _tries(problem: Problem, config: Config) -> list[tuple[str, tuple[str, ...]]]:
    """What goes further than one network, or than gradients; nothing on cells that are found."""
    chosen = config.network
    if isinstance(chosen, Partition) and chosen.refined:
        return []
    if len(problem.coordinate_names) <= MOST_CELLS and not config.curriculum:
        found = "network.cells=auto" if isinstance(chosen, Partition) else "network=partition"
        return [("Cells that find their own places go further, with all that is chosen for them:", (found, *CHOSEN))]
    if any(phase.method.first_order for phase in config.phases):
        return [("A second-order method goes further, as far as there is memory for its Jacobian:", SECOND_ORDER)]
    return []


def _lost(names: Mapping[str, float], rows: Rows) -> str:
    """Of a run whose loss is no number."""
    first = rows[0] if rows else {}
    if lost := [name for name in names if not math.isfinite(first.get(f"loss/{name}", 0.0))]:
        return (
            f"{', '.join(lost)} had no finite value at the first measurement: the steps were too large, or there is a "
            "logarithm or a quotient of what is not positive; then write what is finite for any field, such as "
            "log(abs(u))."
        )
    return "The steps were too large: the loss is no longer a number."


def doubt(result: Result, measured: Measured) -> str | None:
    """Why the solution is not to be trusted; None where nothing speaks against it."""
    left = _left(result, measured)
    name = max(left, key=left.__getitem__, default="")
    if name and left[name] > UNSOLVED:
        return f"{name} is not solved: {100 * left[name]:.0f} % of its terms are left."
    told = result.get("estimate") or {}
    unsure = {n for n, of in measured.fields.items() if not told or any(told.get(f, 0.0) > RIGHT for f in of)}
    name = max(unsure - measured.left.keys(), key=lambda key: measured.misfit.get(key, 0.0), default="")
    if name and measured.misfit.get(name, 0.0) > UNMET:
        return f"{name} is not met: {100 * measured.misfit[name]:.0f} % of what a random function would leave is left."
    name = max(measured.below, key=lambda key: measured.below[key][1], default="")
    if name and measured.below[name][1] > WRONG:
        return _below(name, measured)
    if not result.get("converged", True):
        return "Newton's steps for what is not linear have not come to an end."
    unknown = result.get("unknown") or {}
    return _wrong({name: _without(error, unknown.get(name, 0.0)) for name, error in told.items()})


def _without(error: float, unknown: float) -> float:
    """What the noise of data leaves unknown does not count."""
    return math.sqrt(max(error**2 - unknown**2, 0.0)) if math.isfinite(error) else error


def _wrong(errors: dict[str, float]) -> str | None:
    """Of fields whose error is told to be large."""
    name = max(errors, key=errors.__getitem__, default="")
    if not name or errors[name] <= WRONG:
        return None
    error, known = errors[name], {other: e for other, e in errors.items() if e <= WRONG}
    of, what = (f" of {name}", f"{name} itself") if known else ("", "the solution")
    size = f"{100 * error:.0f} % of {what}" if error < HOPELESS else f"larger than {what}"
    rest = f"; that of {', '.join(known)} to be {max(known.values()):.0e} at most" if known else ""
    return f"The error{of} is estimated to be {size}{rest}."


def _below(name: str, measured: Measured) -> str:
    """Of an equation with a power of what is negative."""
    what, part = measured.below[name]
    return (
        f"{what} in {name} is negative in places, down to {part:.0e} of its largest size, where its power has no "
        "value: that of its size was taken, with its sign."
    )


def _left(result: Result, measured: Measured) -> dict[str, float]:
    """Of each equation the part of its terms; not where all of them are rounding, as where a field is zero.

    A small misfit alone does not say it: where large numbers in the output layer cancel, random signs of them are
    larger by far than the solution, and what they leave than any residual. The estimate of each of its fields has to be
    small as well.
    """
    told, left, misfit = result.get("estimate") or {}, measured.left, measured.misfit
    worst = {name: max((told.get(f, 0.0) for f in measured.fields[name]), default=0.0) for name in left if told}
    right = {name for name, error in worst.items() if error < RIGHT}
    rounding = {n for n in right if misfit[n] < SMALL < RIGHT < left[n] or misfit[n] < RIGHT < UNSOLVED < left[n]}
    return {name: part for name, part in left.items() if name not in rounding}


def _met(result: Result, measured: Measured) -> bool:
    """Whether nothing is left that is worth the time."""
    small = max([*measured.misfit.values(), *_left(result, measured).values()]) < SMALL
    told = _estimated(result) < RIGHT and not result.get("untold")
    told = told and all(part <= RIGHT for _, part in measured.below.values())
    return small and told and doubt(result, measured) is None


def _estimated(result: Result) -> float:
    """The error of the worst field, as far as it is told."""
    return max((result.get("estimate") or {}).values(), default=0.0)


def _summary(result: Result, measured: Measured, first_order: bool) -> str:
    misfit, left = measured.misfit, _left(result, measured)
    worst, wrong = max(misfit, key=misfit.__getitem__), max(left, key=left.__getitem__, default="")
    if _met(result, measured):
        return f"Every equation is met to {misfit[worst]:.0e} of its size: nothing is left that is worth the time."
    text = []
    if why := doubt(result, measured):
        text.append(f"{why} Do not trust the solution.")
    elif wrong:
        text.append(f"What is left of {wrong} is {left[wrong]:.0e} of the sum of its terms.")
    if worst not in left and SMALL <= misfit[worst] <= UNMET:
        text.append(f"{worst} is met to {misfit[worst]:.0e} of what a random function of that size would leave.")
    text += [_below(n, measured) for n, (_, part) in measured.below.items() if RIGHT < part <= WRONG]
    if not text:  # a misfit may be small where the error is not, as beside an obstacle
        text.append(f"The error is estimated to be {_estimated(result):.0e} of the solution.")
    unknown = result.get("unknown") or {}
    if unknown and max(unknown.values()) > WRONG:
        name = max(unknown, key=unknown.__getitem__)
        text.append(f"The data's noise leaves {100 * unknown[name]:.0f} % of {name} unknown.")
    text += [_untold(change) for change in result.get("untold", [])]
    opposed = [(a, b) for a, of in measured.cosines.items() for b, c in of.items() if a < b and c < OPPOSED]
    if opposed and first_order:
        text.append(f"The gradients of {opposed[0][0]} and {opposed[0][1]} work against each other.")
    return " ".join(text)


def _untold(change: Mapping[str, float]) -> str:
    """Of learned numbers that may change so at once, as far as the data show."""
    if len(change) == 1:
        return f"The data do not tell {next(iter(change))}: what was found for it means nothing."
    *names, last = change
    *changes, final = (f"{name} by {value:.3g}" for name, value in change.items())
    whole = f"changes of {', '.join(changes)} and {final} at once are lost in their noise"
    return f"The data do not tell {', '.join(names)} and {last} apart: {whole}."
