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


@dataclass(frozen=True)
class System:
    """The residual vector at fixed points, and its Jacobian: see `pinn.optimizers.system`."""

    residuals: Residuals
    points: Mapping[Place, Points]
    weights: Mapping[str, float]
    parameters: list[Tensor]  # those that the optimizer has
    autocast: Callable[[], AbstractContextManager[Any]]

    def residual(self) -> Tensor:
        """Residuals scaled so that their sum of squares is the loss, (M,)."""
        with torch.no_grad(), self.autocast():
            return self.residuals.vector(self.points, self.weights).to(self.dtype)

    def linearise(self) -> tuple[Tensor, Tensor]:
        """The residuals, (M,), and their Jacobian, (M, P)."""
        with self.autocast():
            r, jacobian = self.residuals.linearise(self.points, self.weights, self.parameters)
        return r.to(self.dtype), jacobian.to(self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """That of the parameters: autocast hands back bfloat16."""
        return next(self.residuals.parameters()).dtype
