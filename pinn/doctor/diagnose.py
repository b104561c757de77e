"""From what was measured to words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pinn.doctor.case import SMALL, Advice, Case
from pinn.doctor.measure import Measured, measure
from pinn.doctor.rules import RULES, diverged
from pinn.schema import Config

if TYPE_CHECKING:
    from pinn.solution import Solution

UNSOLVED = 0.05  # of an equation's terms: the solution is one of another equation
WRONG = 0.05  # an estimated relative error
RIGHT = 1e-6  # one of a solution of which no equation can be unsolved
HOPELESS = 1.0  # one of which the figure says nothing
OPPOSED = -0.5  # a cosine of two gradients that work against each other


def diagnose(
    solution: Solution, config: Config, result: Mapping[str, Any], rows: Sequence[Mapping[str, float]]
) -> dict[str, Any]:
    """What limits a run and what to try.

    Args:
        solution: Of the run.
        config: How it was trained.
        result: What result.json will hold: `status`, `steps`, `loss`, `residual`, `noise_floor`.
        rows: The history.

    Returns:
        `summary`, a sentence; `advice`, a list of `finding`, `try` (lists of overrides) and `gain`, the largest gain
        first; `misfit`, `left`, `gradients`, `cosines`, `regions` and `spectrum`: see `Measured`.
    """
    last = {key: value for row in rows for key, value in row.items()}
    weights = {name: last.get(f"weight/{name}", 1.0) for name in solution.problem.equations}
    finite = all(math.isfinite(value) for value in solution.residual.values())
    measured = measure(solution, weights) if finite else Measured(dict.fromkeys(weights, math.inf))
    case = Case(solution.problem, config, result, rows, measured, _size(solution, config))
    rules = (diverged,) if not finite else () if case.refined else RULES
    advice = sorted((one for rule in rules for one in rule(case)), key=lambda one: -one.gain)
    return {
        "summary": _summary(case, advice),
        "advice": [{"finding": one.finding, "try": [list(t) for t in one.tries], "gain": one.gain} for one in advice],
        "misfit": measured.misfit,
        "left": measured.left,
        "gradients": measured.gradients,
        "cosines": measured.cosines,
        "regions": measured.regions,
        "spectrum": measured.spectrum,
    }


def _size(solution: Solution, config: Config) -> int:
    """How many numbers are trained: all, or those of the output layer."""
    output = all(phase.method.trains == "output" for phase in config.phases)
    part: Any = solution.residuals.network.output if output else solution.residuals
    return sum(p.numel() for p in part.parameters())


def doubt(case: Case) -> str | None:
    """Why the solution is not to be trusted; None where nothing speaks against it."""
    left = _left(case)
    name = max(left, key=left.__getitem__, default="")
    if name and left[name] > UNSOLVED:
        return f"{name} is not solved: {100 * left[name]:.0f} % of its terms are left."
    if not case.result.get("converged", True):
        return "Newton's steps for what is not linear have not come to an end."
    unknown = case.result.get("unknown") or {}
    told = [(value, unknown.get(name, 0.0)) for name, value in (case.result.get("estimate") or {}).items()]
    error = max((math.sqrt(max(e**2 - u**2, 0.0)) if math.isfinite(e) else e for e, u in told), default=0.0)
    if error > WRONG:
        told = f"{100 * error:.0f} % of the solution" if error < HOPELESS else "larger than the solution"
        return f"The error is estimated to be {told}."
    return None


def _left(case: Case) -> dict[str, float]:
    """Of each equation the part of its terms; not where all of them are rounding, as where a field is zero."""
    # the misfit alone does not say it, see `Case.met`: the estimate has to be small as well
    told = case.result.get("estimate") or {}
    right = bool(told) and max(told.values()) < RIGHT
    left, misfit = case.measured.left, case.measured.misfit
    return {name: part for name, part in left.items() if not (right and part > UNSOLVED and misfit[name] < SMALL)}


def _summary(case: Case, advice: Sequence[Advice]) -> str:
    if not case.measured.gradients:
        return "The run has no solution to look at."
    misfit, left = case.measured.misfit, _left(case)
    wrong = max(left, key=lambda name: left[name], default="")
    if why := doubt(case):
        text = f"{why} Do not trust the solution."
    elif misfit[case.worst] < SMALL and (not wrong or left[wrong] < SMALL):
        return f"Every equation is met to {misfit[case.worst]:.0e} of its size: nothing is left that is worth the time."
    elif wrong:
        text = f"What is left of {wrong} is {left[wrong]:.0e} of the sum of its terms."
    else:
        text = ""
    if case.worst not in left and not misfit[case.worst] < SMALL:
        text += f" {case.worst} is met to {misfit[case.worst]:.0e} of what a random function of that size would leave."
    unknown = case.result.get("unknown") or {}
    if unknown and max(unknown.values()) > WRONG:
        name = max(unknown, key=unknown.__getitem__)
        text += f" The data's noise leaves {100 * unknown[name]:.0f} % of {name} unknown."
    opposed = [(a, b) for a, of in case.measured.cosines.items() for b, c in of.items() if a < b and c < OPPOSED]
    if opposed and case.first_order:
        text += f" The gradients of {opposed[0][0]} and {opposed[0][1]} work against each other."
    text = text.strip()
    return text if advice or case.refined else f"{text} No rule knows what limits it."
