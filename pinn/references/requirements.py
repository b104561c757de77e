"""What a reference asks of a problem before it claims to solve it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pinn.geometry import Box

if TYPE_CHECKING:
    from pinn.problem import Problem


def require(problem: Problem, reference: str, *, coordinates: Sequence[str], parameters: Sequence[str]) -> None:
    """Check that a problem has one field on a box with these coordinates, in any order, and these positive parameters.

    Raises:
        ValueError: In one sentence, if it has not.
    """
    if sorted(problem.coordinate_names) != sorted(coordinates):
        raise ValueError(
            f"reference {reference} solves a problem in {', '.join(coordinates)}, "
            f"but this one is in {', '.join(problem.coordinate_names)}"
        )
    if not isinstance(problem.domain, Box):
        raise ValueError(f"reference {reference} solves a problem on a box, but this domain is {problem.domain}")
    if len(problem.fields) != 1:
        raise ValueError(f"reference {reference} has one field, but this problem has {', '.join(problem.fields)}")
    for name in parameters:
        if name not in problem.parameters:
            known = ", ".join(problem.parameters) or "none"
            raise ValueError(f"reference {reference} needs a number for the parameter {name}; those given are: {known}")
        if not problem.parameters[name] > 0:
            raise ValueError(f"reference {reference} needs {name} > 0, but {name} = {problem.parameters[name]:g}")
