"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pinn.optimizers.ranges import Betas, Count, Positive, check

EPS = 1e-8
LARGEST = 10_000
"""Sides longer than this keep their own basis, as in the paper."""


class SOAP(torch.optim.Optimizer):
    r"""Adam on the gradient G of each matrix, seen in the eigenvectors of averages of ``G Gᵀ`` and ``Gᵀ G``.

    ``L <- b L + (1 - b) G Gᵀ`` and ``R <- b R + (1 - b) Gᵀ G`` have the eigenvectors ``Q_L`` and ``Q_R``; Adam's second
    moment is that of ``Q_Lᵀ G Q_R``, and its step is turned back. The eigenvectors follow by one power iteration, a QR
    decomposition of ``L Q_L``, every so many steps. Vyas et al. 2024, arXiv 2409.11321, algorithm 3. The first
    step only finds the eigenvectors. Vectors and scalars get Adam itself. The best first-order results that are
    published for stiff evolution equations are SOAP's: Wang et al. 2025, arXiv 2502.00604.

    Args:
        params: matrices, vectors and scalars.
        lr: the learning rate.
        betas: of the first moment, and of the second and the preconditioner.
        every: steps from one QR decomposition to the next.
    """

    def __init__(self, params, lr: Positive = 3e-3, betas: Betas = (0.95, 0.95), every: Count = 10):
        check(SOAP, lr=lr, betas=betas, every=every)
        super().__init__(params, {"lr": lr, "betas": betas, "every": every})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor]) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step; the loss before it."""
        with torch.enable_grad():
            loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._update(p, p.grad, group)
        return loss

    def _update(self, p: Tensor, gradient: Tensor, group: dict) -> None:
        state, (beta1, beta2) = self.state[p], group["betas"]
        if not state:
            state.update(step=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
            for side, size in enumerate(p.shape if p.dim() == 2 else ()):
                if size <= LARGEST:
                    state[f"average{side}"] = (1 - beta2) * _outer(gradient, side)
                    state[f"basis{side}"] = torch.linalg.eigh(state[f"average{side}"])[1].flip(1)
            return
        state["step"] += 1
        turned = _turn(gradient, state)
        state["m"].lerp_(gradient, 1 - beta1)
        state["v"].lerp_(turned.square(), 1 - beta2)
        mean = _turn(state["m"], state) / (1 - beta1 ** state["step"])
        spread = (state["v"] / (1 - beta2 ** state["step"])).sqrt()
        p.sub_(_turn(mean / (spread + EPS), state, back=True), alpha=group["lr"])
        for side in (0, 1):
            if f"average{side}" in state:
                state[f"average{side}"].lerp_(_outer(gradient, side), 1 - beta2)
                if state["step"] % group["every"] == 0:
                    _refresh(state, side)


def _outer(gradient: Tensor, side: int) -> Tensor:
    """``G Gᵀ`` for the side 0, ``Gᵀ G`` for the side 1."""
    return gradient @ gradient.T if side == 0 else gradient.T @ gradient


def _turn(matrix: Tensor, state: dict, back: bool = False) -> Tensor:
    """``Q_Lᵀ A Q_R``, or back, ``Q_L A Q_Rᵀ``; a side without a basis stays as it is."""
    left, right = state.get("basis0"), state.get("basis1")
    if left is not None:
        matrix = (left if back else left.T) @ matrix
    if right is not None:
        matrix = matrix @ (right.T if back else right)
    return matrix


def _refresh(state: dict, side: int) -> None:
    """One power iteration, eigenvectors in falling order; the second moment follows the order."""
    basis, product = state[f"basis{side}"], state[f"average{side}"] @ state[f"basis{side}"]
    order = (basis * product).sum(0).argsort(descending=True)
    state[f"basis{side}"] = torch.linalg.qr(product[:, order])[0]
    state["v"] = state["v"].index_select(side, order)
