"""What optimizers for least squares see of the residuals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pinn.geometry import Place, Points
from pinn.residuals import Residuals
from pinn.training.balance import Balance


@dataclass(frozen=True)
class System:
    """The residual vector at fixed points, and its Jacobian: see `pinn.optimizers.system`."""

    residuals: Residuals
    points: Mapping[Place, Points]
    balance: Balance
    parameters: list[Tensor]  # those that the optimizer has
    autocast: Callable[[], AbstractContextManager[Any]]

    def residual(self) -> Tensor:
        """Residuals scaled so that their sum of squares is the loss, (M,)."""
        with torch.no_grad(), self.autocast():
            return self.residuals.vector(self.points, self.balance.weights, self.balance.shifts).to(self.dtype)

    def linearise(self) -> tuple[Tensor, Tensor]:
        """The residuals, (M,), and their Jacobian, (M, P)."""
        with self.autocast():
            r, jacobian = self.residuals.linearise(
                self.points, self.balance.weights, self.parameters, self.balance.shifts
            )
        return r.to(self.dtype), jacobian.to(self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """That of the parameters: autocast hands back bfloat16."""
        return next(self.residuals.parameters()).dtype
