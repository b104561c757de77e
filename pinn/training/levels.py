"""Refinement as steps of training: a step of least squares on a partition whose cells are found is one level."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pinn.networks import Partition
from pinn.partition import EstimatedError, Level, Refinement
from pinn.schema import Partition as Chosen
from pinn.training.network import Local

if TYPE_CHECKING:
    from pinn.training.module import PINN

log = logging.getLogger("pinn")
OFTEN = 4  # strips of time, the levels of each of which are measured; of more so many in a doubling of their number


class Levels:
    """What `LeastSquares` sees of a partition that is refined: see `pinn.optimizers.system.Refined`."""

    def __init__(self, module: PINN):
        chosen = module.config.network
        assert isinstance(chosen, Chosen)
        self.module, self.local = module, Local(chosen.local, module.problem)
        self.found: Refinement | None = None
        self.kept: dict[str, Any] = {}  # what a checkpoint had

    @property
    def refinement(self) -> Refinement:
        """Begun when it is first asked for."""
        if self.found is None:
            module = self.module
            self.found = Refinement(
                module.problem,
                module.residuals,
                self.local,
                module.config.seed,
                module.budget.left if module.budget else None,
                memory=module.config.memory_budget,
                processes=module.ranks,
            )
            if self.kept:
                self.found.load(self.kept, self.network)
        return self.found

    @property
    def network(self) -> Partition:
        """The partition of the whole domain, as far as it is solved."""
        network = self.module.residuals.network
        assert isinstance(network, Partition)
        return network

    def advance(self) -> Tensor:
        """Solve one level, and take its cells: the mean square of what is left where nothing was fitted."""
        used = self.refinement.used
        for part in used:
            part.requires_grad_(False)  # jets of features are not to be differentiated
        level = self.refinement.advance()
        if (partition := self.refinement.partition) is not None:
            self.network.become(partition)
        for part in [*used, *self.refinement.used, self.network.beside]:
            part.requires_grad_(True)
        if not self.module.ranks.rank:
            log.warning("%s", said(level, len(self.network)))
            if self.ended:
                log.warning("refinement ends: %s", self.ended)
        return torch.tensor(level.residual**2)

    @property
    def rare(self) -> int:
        """Every how many levels are measured: the cells of all strips take part, which would take longest of all."""
        return max(1, len(self.refinement.done) // OFTEN)

    @property
    def parameters(self) -> list[Tensor]:
        """Those of the output layers, of which there are others after each level."""
        return list(self.network.output.parameters())

    @property
    def ended(self) -> str | None:
        """Why there is no further level."""
        return self.found.ended if self.found else None

    @property
    def underway(self) -> bool:
        """Whether strips of time do not reach its end yet: fields beyond are zero, where `1/u` is no number."""
        return self.found is not None and not self.found.ended and self.found.unfinished

    @property
    def estimate(self) -> dict[str, float]:
        """Of the relative L2 error of each field, as far as it can be told."""
        return (self.refinement.estimate or {}) if self.found or self.kept else {}

    @property
    def converged(self) -> bool:
        """Whether Newton's steps have come to an end."""
        return self.refinement.converged if self.found or self.kept else True

    @property
    def deviations(self) -> dict[str, float]:
        """One standard deviation of each learned number, of the noise of the data."""
        return self.refinement.deviations if self.found or self.kept else {}

    @property
    def untold(self) -> list[dict[str, float]]:
        """Changes of learned numbers that are lost in the noise of the data."""
        return self.refinement.untold if self.found or self.kept else []

    @property
    def unknown(self) -> dict[str, float]:
        """What the noise of the data leaves unknown of each field, relative to it: a part of the estimate."""
        return dict(self.refinement.strip.known.unknown) if self.found or self.kept else {}

    @property
    def estimated_error(self) -> EstimatedError | None:
        """Where it is expected; None where no two levels were solved since the run began or went on."""
        return self.found.estimated_error if self.found else None

    def metrics(self) -> dict[str, float]:
        """What is logged of the last level."""
        if self.found is None or not self.found.levels:
            return {}
        found = {"cells": float(len(self.network)), "left": self.found.levels[-1].residual}
        told = self.found.so_far or {}
        return found | {f"estimate/{name}": value for name, value in told.items() if math.isfinite(value)}

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the network."""
        return self.found.state() if self.found else self.kept


def said(level: Level, cells: int) -> str:
    """One line about a level."""
    when = f"t {level.strip[0]:.4g} to {level.strip[1]:.4g}: " if level.strip else ""
    estimate = f", error about {max(level.estimate.values()):.0e}" if level.estimate else ""
    whole = f" of {cells}" if level.strip else ""
    return f"{when}{level.cells}{whole} cells, {level.unknowns} unknowns, {level.residual:.0e} left{estimate}"
