"""Physics-informed neural networks: any PDE as text, derivatives as minimal jets.

Example:
    >>> import pinn
    >>> plate = pinn.Problem.load("biharmonic")
    >>> solution = pinn.solve(plate, optimizer="least_squares")  # doctest: +SKIP
    >>> solution(0.5, 0.5), solution.derivative("u_xx", points), solution.error  # doctest: +SKIP
    >>> solution = pinn.load("runs/biharmonic/...")  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

from pinn import operators
from pinn.language import LanguageError

if TYPE_CHECKING:
    from pinn.app import solve
    from pinn.problem import Problem
    from pinn.training.build import load

__all__ = ["LanguageError", "Problem", "load", "operators", "solve"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Loaded when first used: Lightning and Hydra take seconds, and `pinn.operators` runs where they are missing."""
    if name == "Problem":
        from pinn.problem import Problem

        return Problem
    if name == "solve":
        from pinn.app import solve

        return solve
    if name == "load":
        from pinn.training.build import load

        return load
    raise AttributeError(f"module 'pinn' has no attribute {name!r}")
