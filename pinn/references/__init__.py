"""Truth: exact solutions, and our own reference solutions where there is no exact one.

A reference is a function ``problem -> (x (N, D) -> fields (N, F))`` in a module of its own, listed in `REFERENCES`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from torch import Tensor

from pinn.references.cole_hopf import cole_hopf
from pinn.references.navier_series import navier_series

if TYPE_CHECKING:
    from pinn.problem import Problem

__all__ = ["REFERENCES", "truth"]

REFERENCES: dict[str, Callable[[Problem], Callable[[Tensor], Tensor]]] = {
    "cole_hopf": cole_hopf,
    "navier_series": navier_series,
}


def truth(problem: Problem) -> Callable[[Tensor], Tensor] | None:
    """Return the solution to compare with: the exact one, else the problem's reference, else None.

    Args:
        problem: The problem to be solved.

    Returns:
        A function from points (N, D) to fields (N, F) in the dtype and on the device of the points.

    Raises:
        ValueError: If the reference is unknown, or solves another problem than this one.
    """
    if problem.exact:
        return cast("Callable[[Tensor], Tensor]", problem.exact_values)  # None only where there is nothing exact
    if problem.reference is None:
        return None
    if problem.reference not in REFERENCES:
        near = difflib.get_close_matches(problem.reference, REFERENCES, n=1)
        hint = f"did you mean {near[0]!r}? The known ones are" if near else "the known ones are"
        raise ValueError(f"there is no reference {problem.reference!r}: {hint} {', '.join(REFERENCES)}")
    return REFERENCES[problem.reference](problem)
