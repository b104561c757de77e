"""Muon."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pinn.optimizers.ranges import NotNegative, Part, Positive, check


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum for matrices, AdamW for the rest; Jordan et al. 2024.

    torch's Muon, which takes matrices alone. A matrix of one row or column is a vector, and goes to AdamW with the
    biases and the scalars. Updates of matrices are scaled to the size of AdamW's (Liu et al. 2025, arXiv 2502.16982),
    so that one learning rate suits both. torch orthogonalises in bfloat16, whatever the precision of the parameters.
    """

    def __init__(self, params, lr: Positive = 1e-3, momentum: Part = 0.95, weight_decay: NotNegative = 0.0):
        check(Muon, lr=lr, momentum=momentum, weight_decay=weight_decay)
        params = list(params)
        matrices = [p for p in params if p.dim() == 2 and min(p.shape) > 1]
        others = [p for p in params if not any(p is matrix for matrix in matrices)]
        both: dict[str, Any] = {"lr": lr, "weight_decay": weight_decay}
        self._parts: list[torch.optim.Optimizer] = []
        if matrices:
            self._parts.append(torch.optim.Muon(matrices, momentum=momentum, adjust_lr_fn="match_rms_adamw", **both))
        if others:
            self._parts.append(torch.optim.AdamW(others, **both))
        super().__init__([group for part in self._parts for group in part.param_groups], {})

    def step(self, closure: Callable[[], Tensor]) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step; the loss before it."""
        loss = closure()
        for part, group in zip(self._parts, self.param_groups, strict=True):
            part.param_groups, part.state = [group], self.state  # one state: loading it replaces both
            part.step()
        return loss
