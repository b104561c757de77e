"""Systems of ordinary differential equations, from their own text.

Shape letters: N points, F fields, S states.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.integrate import OdeSolution, solve_ivp
from torch import Tensor

from pinn.language import constant, torch_function
from pinn.references.evolution import Evolution, evolution

if TYPE_CHECKING:
    from pinn.problem import Problem

COARSE, FINE = 1e-12, 1e-13  # local errors of the two runs, relative to the states


def ode(problem: Problem, *, tolerance: float | str = 1e-8) -> Callable[[Tensor], Tensor]:
    """Return the solution of a system in t alone, of any order, by the Runge-Kutta pair DOP853 with dense output.

    Dormand & Prince 1980, J. Comput. Appl. Math. 6; Hairer, Norsett & Wanner, Solving ODEs I, section II.10. Two runs
    with different local errors show what is left of the digits: a chaotic system loses them exponentially.

    Args:
        problem: A problem in t with initial values.
        tolerance: The difference of the two runs that is allowed, relative to the largest absolute value of the field.

    Raises:
        ValueError: The problem is of another kind, or the tolerance cannot be reached.
    """
    if problem.coordinate_names != ("t",):
        raise ValueError(
            f"reference ode has the coordinate t alone, this problem {', '.join(problem.coordinate_names)}"
        )
    system, small = evolution(problem, "ode"), float(constant(tolerance))
    (start,), (end,) = problem.domain.lower, problem.domain.upper
    solution = _march(system, start, end, FINE, problem)
    t = np.linspace(start, end, 4001)
    values = solution(t)[system.fields]
    difference = abs(_march(system, start, end, COARSE, problem)(t)[system.fields] - values).max(axis=1)
    sizes = abs(values).max(axis=1)
    change = float((difference / np.where(sizes > 0, sizes, 1)).max())
    if not change <= small:
        raise ValueError(
            f"reference ode: rounding changes the solution by {change:.1g} up to t = {end:g}, the tolerance is "
            f"{small:g}; take a larger one, or a shorter time"
        )

    def truth(points: Tensor) -> Tensor:
        times = points.detach().cpu().double().numpy()[:, 0]
        fields = solution(times)[system.fields] if len(times) else np.empty((len(system.fields), 0))
        return torch.from_numpy(fields.T.copy()).to(points)

    return truth


def _march(system: Evolution, start: float, end: float, error: float, problem: Problem) -> OdeSolution:
    """The dense output of one run, S states."""
    rates = torch_function([*problem.scope.variables, *system.states], system.rates)  # pyright: ignore[reportArgumentType]
    first = np.array(torch_function([], system.start)(), dtype=float)

    def slope(t: float, w: np.ndarray) -> list[float]:
        return rates(t, *w.tolist())

    smallest = error * max(abs(first).max(), 1e-3)
    run: Any = solve_ivp(slope, (start, end), first, "DOP853", rtol=error, atol=smallest, dense_output=True)
    if run.sol is None or not run.success:
        raise ValueError(f"reference ode stops at t = {run.t[-1]:g}: {run.message}")
    return run.sol
