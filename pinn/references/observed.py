"""Observations that a problem takes from its own truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinn.references.truth import truth

if TYPE_CHECKING:
    from pinn.problem import Problem


def observe(problem: Problem) -> None:
    """Fill in the observations that are values of the truth.

    Raises:
        ValueError: There is no truth.
    """
    for name, data in problem.observations.items():
        if data.known:
            continue
        true = truth(problem)
        if true is None:
            raise ValueError(
                f"observations.{name}: the problem has no truth to observe; add exact: or reference:, with the truth "
                "of what is learned, or give file: or values:"
            )
        data.observe(true)
