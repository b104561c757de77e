"""A step that lowers every equation's loss."""

import torch
from torch import Tensor

from pinn.balancing.scheme import Measured, Scheme
from pinn.problem import Problem


class ConflictFree(Scheme):
    """The direction u that is equally inclined to the gradients of all equations, so that none of their losses rises.

    `u = U(pinv([U(g_1), ..., U(g_E)]) 1)` with `U(g) = g/|g|`, and the gradient is `sum_e (g_e . u) u`: ConFIG, Liu,
    Chu & Thuerey 2024 (arXiv 2408.11104). Scaling a loss does not turn it: weights change its length alone.
    """

    combines = True

    def __init__(self, problem: Problem):
        super().__init__(problem)

    def update(self, measured: Measured) -> None:  # noqa: D102
        pass

    def combine(self, gradients: Tensor) -> Tensor:  # noqa: D102
        units = _unit(gradients)
        # the pseudoinverse of (E, P) through that of (E, E): the rows' lengths are 1, only their angles can be bad
        direction = _unit(torch.linalg.pinv(units @ units.T, hermitian=True).sum(1) @ units)
        return (gradients @ direction).sum() * direction


def _unit(vectors: Tensor) -> Tensor:
    """Of length 1, or zero: (..., P)."""
    norms = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / norms.clamp_min(torch.finfo(vectors.dtype).tiny)
