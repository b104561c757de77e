"""SPRING: natural-gradient steps from small batches. Letters: M residuals, P parameters."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pinn.optimizers.ranges import Part, Positive, check
from pinn.optimizers.system import OneGroup, System, finite_linearisation, read, write


class SPRING(OneGroup):
    r"""Gauss–Newton in the space of the residuals, with momentum: for batches of M << P points, drawn anew each step.

    ``d <- mu d + Jᵀ (J Jᵀ + lam I)⁻¹ (r - mu J d)``, ``theta <- theta - lr d``: of all steps that solve this batch's
    equations, to within lam, the one nearest to the last step shrunk by mu, so that what earlier batches said of other
    directions is kept. Goldshlager, Abrahamsen, Lin 2024, arXiv 2401.10190; for PINNs, Guzmán-Cordero et al. 2025,
    arXiv 2505.12149, whose ENGD-W is mu = 0. The price is M² P: in 5 to 100 dimensions a batch is small, a network not.

    Args:
        lr: the part of the step that is taken: a batch knows its own points only.
        damping: lam as a part of the trace of J Jᵀ.
        momentum: mu.
    """

    def __init__(self, params, lr: Positive = 0.1, damping: Positive = 1e-8, momentum: Part = 0.9):
        check(SPRING, lr=lr, damping=damping, momentum=momentum)
        super().__init__(params, {"lr": lr, "damping": damping, "momentum": momentum})

    def step(self, closure: Callable[[], System]) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step; the loss r·r before it."""
        group, parameters, memory = self.param_groups[0], self.parameters, self.memory
        r, jacobian = finite_linearisation(closure())
        start = read(parameters)
        kept = group["momentum"] * memory.get("direction", torch.zeros_like(start))
        memory["direction"] = kept + damped(jacobian, r - jacobian @ kept, group["damping"])
        write(parameters, start - group["lr"] * memory["direction"])
        return r @ r


def damped(jacobian: Tensor, target: Tensor, damping: float) -> Tensor:
    """``Jᵀ (J Jᵀ + lam I)⁻¹ target`` (P,); lam grows tenfold where rounding makes the matrix indefinite."""
    kernel = jacobian @ jacobian.T
    lam = damping * float(kernel.trace())
    while True:
        shifted = kernel.clone()
        shifted.diagonal().add_(lam)
        factor, failed = torch.linalg.cholesky_ex(shifted)
        if not failed:
            return jacobian.T @ torch.cholesky_solve(target[:, None], factor)[:, 0]
        lam *= 10
