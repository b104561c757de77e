"""A closer look at the losses, now and then: what is too dear for every measurement."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from pinn.geometry import Place, Points
from pinn.residuals import Residuals
from pinn.training.balance import Balance
from pinn.training.ranks import Ranks

SLICE = 2**12  # points at a time
APART = 1.4  # ratio of the steps of two closer looks


def due(step: int, every: int) -> bool:
    """Whether to look closely at a step, when every so many are measured: a pure function, so that a resumed run does.

    The first step is looked at, and then so many in each power of ten.
    """
    return step <= every or _count(step) > _count(step - every)


def _count(step: int) -> int:
    return math.floor(math.log(step) / math.log(APART))


def closer(residuals: Residuals, points: Mapping[Place, Points], balance: Balance, ranks: Ranks) -> dict[str, float]:
    """`residual_max/<equation>` at the points, and `grad_norm/<equation>`, of the gradient of its weighted loss."""
    names, like = list(balance.factors), next(residuals.parameters())
    largest: dict[str, float] = dict.fromkeys(names, 0.0)
    for place, at in points.items():
        for part in [at] if place.integral else at.split(SLICE):
            with torch.no_grad():
                sizes = {name: float(r.abs().max()) for name, r in residuals({place: part}).items()}
            largest |= {name: max(size, largest[name]) for name, size in sizes.items()}
    gradients = residuals.gradients(points, balance.weights, balance.shifts)
    zero = torch.zeros(sum(p.numel() for p in residuals.parameters()), dtype=like.dtype, device=like.device)
    norms = [float(g.norm()) for g in ranks.sums(gradients.get(name, zero) for name in names)]
    found = dict(zip(names, ranks.largest(list(largest.values()), like.device), strict=True))
    return {
        **{f"residual_max/{name}": value for name, value in found.items()},
        **{f"grad_norm/{name}": norm for name, norm in zip(names, norms, strict=True)},
    }
