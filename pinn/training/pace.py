"""The steps of a run within its budget: what the next one will cost, and whose turn it then is."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from pinn.solution import HELD_OUT
from pinn.training.build import trained

if TYPE_CHECKING:
    from pinn.training.module import PINN

log = logging.getLogger("pinn")


def in_time(module: PINN) -> bool:
    """Whether the next step will end in time; else go on to the next phase, or end. The same in all processes."""
    budget, ranks = module.budget, module.ranks
    if module.levels:  # which know what the next one will take, and end by themselves
        return True
    while budget is not None:
        shares = (module.parts - 1 - module.part) * len(module.config.phases) + len(module.turns.left)
        budget.share(shares, solve_size(module))
        late, over = ranks.largest([float(not budget.fits), float(budget.left <= 0)], module.device)
        if not late:
            return True
        if len(module.turns.left) > 1 and not over:
            module.end_phase("its share of the budget is over")
        elif module.part < module.parts - 1 and not over:
            module.next_part()
        else:
            if not ranks.rank:
                log.warning("budget=%g: the time is over in %s", budget.seconds, module.turns.present.name)
            module.trainer.should_stop = True
            return False
    return True


def solve_size(module: PINN) -> float:
    """M P**2 of a step of the present phase; 0 where it is one gradient."""
    phase = module.turns.present
    if phase.method.closure != "system":
        return 0.0
    plans = module.residuals.plans
    rows = sum(len(at.x) * len(plans[place].names) for place, at in module.points().items())
    return float(rows * sum(p.numel() for p in trained(module.residuals, phase)) ** 2)


def evaluation_seconds(module: PINN) -> float:
    """What the errors and the residuals at the end will take, from what they take at fewer points."""
    times = [time.perf_counter()]
    for measure in (module.losses, module.errors):
        measure()
        times.append(time.perf_counter())
    points = HELD_OUT * len(module.residuals.places) / max(module.collocation.count, 1)
    errors = HELD_OUT / len(module.truth[0]) if module.truth else 0.0
    return (times[1] - times[0]) * points + (times[2] - times[1]) * errors
