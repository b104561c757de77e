"""Physics-informed neural networks: any PDE as text, derivatives as minimal jets.

import pinn
plate = pinn.Problem.load("biharmonic")
solution = pinn.solve(plate, optimizer="gauss_newton")
solution(0.5, 0.5); solution.derivative("u_xx", points); solution.error; solution.plot()
"""

from typing import TYPE_CHECKING, Any

from pinn import operators
from pinn.language import LanguageError
from pinn.problem import Problem

if TYPE_CHECKING:
    from pinn.app import solve

__all__ = ["LanguageError", "Problem", "operators", "solve"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`solve` is loaded when first used: it brings Lightning and Hydra, seconds that the rest need not wait for."""
    if name == "solve":
        from pinn.app import solve

        return solve
    raise AttributeError(f"module 'pinn' has no attribute {name!r}")
