"""Optimizers for least-squares losses; Adam and L-BFGS are torch's own.

`GaussNewton` and `LeastSquares` need more than a loss: their closure returns an object `system` with

* ``system.residual()`` -> r (M,), at the parameters' present values, and
* ``system.linearise()`` -> r (M,), J (M, P), with columns in the order of the parameters given to the optimizer.

The loss is r·r.
"""

from pinn.optimizers.gauss_newton import GaussNewton
from pinn.optimizers.least_squares import LeastSquares

__all__ = ["GaussNewton", "LeastSquares"]
