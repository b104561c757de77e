"""Whether to compile derivatives: where the first-order steps that are left save more time than it takes."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from pinn.training.ranks import Ranks

if TYPE_CHECKING:
    from pinn.training.module import PINN

SECONDS = 3.0  # a channel, roughly: see warm_up_seconds in experiments/operators/results.csv
SAVED = 0.25  # part of an eager step, at least
log = logging.getLogger("pinn")


def compile_if_worthwhile(module: PINN) -> None:
    """Compile for the first-order phases; where that fails, as without a compiler, go on as before and say so."""
    config, residuals = module.config, module.residuals
    steps = sum(phase.steps for phase in module.turns.left if phase.method.closure == "gradient")
    if config.trainer.max_steps >= 0:
        steps = min(steps, config.trainer.max_steps)
    if config.derivatives.compile == "auto" and not worth_compiling(module, steps) or not steps:
        return
    try:
        residuals.compile_derivatives()
        _gradient_seconds(module)
    except Exception as error:  # the compiler's, or that of what it calls
        residuals.compile_derivatives(False)
        log.warning("derivatives: not compiled, %s: %s", type(error).__name__, str(error).partition("\n")[0])


def worth_compiling(module: PINN, steps: int) -> bool:
    """Whether so many first-order steps are likely to save more time than compilation takes."""
    if not steps:
        return False
    _gradient_seconds(module)  # the first is slower
    seconds = _gradient_seconds(module)
    if module.budget:
        steps = min(steps, int(max(module.budget.left, 0.0) / seconds))
    return steps * SAVED * seconds > SECONDS * module.residuals.channels


def _gradient_seconds(module: PINN) -> float:
    """Time of one loss and its gradients at this process's points."""
    start = time.perf_counter()
    module.gradient(Ranks())
    return time.perf_counter() - start
