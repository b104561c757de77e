"""Weights that stay."""

from pinn.balancing.scheme import Measured, Scheme
from pinn.problem import Problem


class Fixed(Scheme):
    """Ones: the weights that are given in the configuration are all there is."""

    def __init__(self, problem: Problem):
        super().__init__(problem)

    def update(self, measured: Measured) -> None:  # noqa: D102
        pass
