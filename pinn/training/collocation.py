"""The points of each step."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pinn.geometry import Place, Points
from pinn.networks import Partition
from pinn.problem import Problem
from pinn.residuals import Residuals
from pinn.sampling import ADAPTIVE, SAMPLERS, Uniform, points
from pinn.schema import AdaptiveSampling, Config
from pinn.training.build import counts
from pinn.training.ranks import Ranks


class Collocation:
    """The points of a step: a pure function of the seed and the step.

    Adaptive ones are one of the points before and of the residual as well.

    Args:
        problem: Where points are drawn.
        config: How.
        residuals: Where they are needed, and how large the residuals are there.
        autocast: The context of a step.

    Attributes:
        ranks: The processes that share them.
        count: How many there are, in all places and processes.
        adaptive: The interior's adaptive points, and the draw that made them: what a checkpoint keeps.
    """

    def __init__(
        self,
        problem: Problem,
        config: Config,
        residuals: Residuals,
        autocast: Callable[[], AbstractContextManager[Any]],
    ):
        self.problem, self.config, self.residuals, self.autocast = problem, config, residuals, autocast
        self.ranks = Ranks()
        self.adaptive: dict[str, Tensor] = {}
        self.count = 0
        self._drawn: tuple[tuple[int, int], dict[Place, Points]] = ((-1, -1), {})

    def at(self, step: int, device: torch.device) -> dict[Place, Points]:
        """The points of a step, on a device."""
        sampling = self.config.sampling
        draw = step // sampling.resample_every if sampling.resample_every else 0
        network = self.residuals.network
        # of a partition that is refined, other points are covered at each level
        cells = len(network) if isinstance(network, Partition) else 0
        if self._drawn[0] != (draw, cells):
            adaptive = isinstance(sampling, AdaptiveSampling)
            kind = {"dtype": getattr(torch, self.config.precision.dtype), "device": device}
            kind |= {"seed": self.config.seed, "step": 0 if adaptive else draw}
            rule = SAMPLERS["sobol" if adaptive else sampling.name]()
            drawn = points(self.problem.domain, counts(self.config, self.residuals), rule, **kind)
            if adaptive:
                drawn |= self._adapted(sampling, drawn, draw)
            if isinstance(network, Partition) and self.config.network.name == "partition":
                covered = {place: at if place.integral else at[network.covers(at.x)] for place, at in drawn.items()}
                drawn = {place: at for place, at in covered.items() if len(at.x)}
            self.count = sum(len(found.x) for found in drawn.values())
            self._drawn = ((draw, cells), self.ranks.share(drawn))
        return self._drawn[1]

    def _adapted(self, sampling: AdaptiveSampling, drawn: dict[Place, Points], draw: int) -> dict[Place, Points]:
        """The interior's points, moved to where the residual is large; every process finds the same."""
        interior = self.problem.domain.interior
        if interior not in drawn:
            return {}
        present = self.adaptive.get("x", drawn[interior].x).to(drawn[interior].x)
        for step in range(int(self.adaptive.get("draw", 0)) + 1, draw + 1):
            kind = {"seed": self.config.seed, "step": step, "dtype": present.dtype, "device": present.device}
            fresh = points(self.problem.domain, {interior: sampling.candidates}, Uniform(), **kind)[interior].x
            rule = ADAPTIVE[sampling.name](**sampling.options)
            with self.autocast():
                present = rule.update(present, fresh, partial(self._sizes, interior), self.config.seed + 2**32 * step)
        self.adaptive = {"x": present, "draw": torch.tensor(draw)}
        return {interior: Points(present)}

    def _sizes(self, place: Place, x: Tensor) -> Tensor:
        """How large the residuals are at points (N, D): the sum of |r_e| over its mean, (N,)."""
        size = self.ranks.rows(self.residuals.sizes(place, self.ranks.part(x)))
        return (size / size.mean(dim=0).clamp_min(torch.finfo(x.dtype).tiny)).sum(dim=1)
