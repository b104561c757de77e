"""The noise floor: the loss that rounding alone makes, below which training cannot go."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch

from pinn.geometry import Place, Points
from pinn.residuals import Residuals

SOME = 256  # points of each place
FINER = (torch.finfo(torch.float64).eps / torch.finfo(torch.float32).eps) ** 2


class NoiseFloor:
    """Mean squares of the rounding errors of each equation's residual, at the present parameters.

    In float32, TF32 and bfloat16 they are the differences from float64, and in float64 those of float32, scaled by the
    ratio of the roundings: errors are proportional to it.
    """

    def __init__(self, residuals: Residuals, autocast: Callable[[], AbstractContextManager[Any]]):
        self.residuals, self.autocast = residuals, autocast
        self.double = next(residuals.parameters()).dtype == torch.float64
        self.other = copy.deepcopy(residuals).to(torch.float32 if self.double else torch.float64)
        self.other.compile_derivatives(False)
        self._new = True

    @torch.no_grad()
    def losses(self, points: Mapping[Place, Points]) -> dict[str, float]:
        """By equation."""
        kind = next(self.other.parameters()).dtype
        some = {place: at[:SOME] for place, at in points.items()}
        if self._new:  # the engine looks at a network at its first use, and large weights that cancel would mislead it
            self._new = False
            self.other({place: at[:2].to(dtype=kind) for place, at in some.items()})
        for mine, theirs in zip(self.other.parameters(), self.residuals.parameters(), strict=True):
            mine.copy_(theirs)
        with self.autocast():
            here = self.residuals(some)
        there = self.other({place: at.to(dtype=kind) for place, at in some.items()})
        scale = FINER if self.double else 1.0
        return {name: scale * float((r.double() - there[name].double()).square().mean()) for name, r in here.items()}
