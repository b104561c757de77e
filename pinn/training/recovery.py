"""What a run does when its loss is no longer a number: it says where, goes back, and takes smaller steps."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

if TYPE_CHECKING:
    from pinn.training.module import PINN

TRIES = 3
SMALLER = 0.1  # each time
log = logging.getLogger("pinn")


class Recovery:
    """The state of the last measurement whose loss was a number.

    Attributes:
        tries: How often the run went back to it.
    """

    def __init__(self):
        self.tries = 0
        self._good: tuple[int, Any] | None = None
        self._optimizer: Optimizer | None = None

    @property
    def factor(self) -> float:
        """Of the learning rate."""
        return SMALLER**self.tries

    def begin(self, module: PINN, optimizer: Optimizer) -> None:
        """Remember the state in which an optimizer's turn begins."""
        if optimizer is not self._optimizer:
            self.keep(module, optimizer)

    def keep(self, module: PINN, optimizer: Optimizer) -> None:
        """Remember the present state."""
        self._optimizer = optimizer
        state = module.residuals.state_dict(), optimizer.state_dict(), module.balance.state()
        self._good = module.global_step, copy.deepcopy(state)

    def back(self, module: PINN, optimizer: Optimizer) -> bool:
        """Take the last good state again, and say so; whether there is another try."""
        where, again = _lost(module), self.tries < TRIES and self._good is not None
        if self._good:
            step, (parameters, moments, balance) = self._good[0], copy.deepcopy(self._good[1])
            module.residuals.load_state_dict(parameters)
            optimizer.load_state_dict(moments)
            module.balance.load(balance)
            where += f": back to step {step}"
        self.tries += again
        if not module.ranks.rank:
            log.warning("%s%s", where, f", with a tenth of the step ({self.tries} of {TRIES})" if again else "")
        return again


def _lost(module: PINN) -> str:
    """Which equation has no finite value, and where."""
    points, names = module.points(), module.problem.coordinate_names
    for name, r in module.residuals.at_points(points).items():
        lost, x = ~r.isfinite(), points[module.problem.equations[name].place].x
        if lost.any():
            one = len(x) == len(r) and not lost.all()
            at = ", ".join(f"{n}={v:.3g}" for n, v in zip(names, x[lost][0].tolist(), strict=True)) if one else ""
            return f"step {module.global_step}: {name} has no finite value {f'at {at}' if one else 'anywhere'}"
    return f"step {module.global_step}: the loss has no finite value"


def finite(parameters: Iterable[Tensor]) -> bool:
    """Whether they are numbers: others are not worth a checkpoint."""
    return all(bool(torch.isfinite(parameter).all()) for parameter in parameters)
