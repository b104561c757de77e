"""Weights that make the equations converge equally fast."""

from pinn.balancing.scheme import Measured, Scheme, inverse_shares
from pinn.optimizers.ranges import Count
from pinn.problem import Problem


class NTK(Scheme):
    """`w_e = sum_j tr K_j / tr K_e`, with K_e the neural tangent kernel of equation e, its trace taken over N.

    A trace over N is the mean rate at which gradient flow removes the residual of a point: the weights make the rates
    equal. Wang, Yu & Perdikaris 2022, J. Comput. Phys. 449 (arXiv 2007.14527).

    Args:
        every: Steps between updates: each takes a backward pass an equation over some of its points.
    """

    def __init__(self, problem: Problem, every: Count = 100):
        super().__init__(problem, every)

    def update(self, measured: Measured) -> None:  # noqa: D102
        self._set(inverse_shares(self._vector(measured.sensitivities())))
