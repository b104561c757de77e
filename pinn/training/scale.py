"""How fast the waves of one network are: few of them, solved for on few points, tell it where nothing was fitted."""

from __future__ import annotations

import math
from contextlib import nullcontext

import torch
from torch import Tensor

from pinn.geometry import Place, Points
from pinn.operators import Estimator
from pinn.optimizers import LeastSquares
from pinn.problem import Problem
from pinn.residuals import Residuals
from pinn.sampling import Sobol, points
from pinn.schema import Config
from pinn.training.balance import Balance
from pinn.training.build import output_layer
from pinn.training.network import network
from pinn.training.system import System

SCALES = (1e-3, 0.1, 0.2, 0.4, 0.6, 0.9, 1.3, 2.0, 3.0, 5.0, 8.0, 12.0, 18.0, 27.0, 40.0)  # the first: polynomials
WAVES = 400  # of all fields, at most
FITTED = 3  # equations an unknown
FEWEST = 100  # points of a place
HELD_OUT = 2**61  # added to the seed: points that are not fitted, and that no run is given
NEWTON = 6  # steps, where the problem is not linear


class Trials:
    """Least-squares solutions with networks of several scales, which need no knowledge of the true one."""

    def __init__(self, problem: Problem, config: Config):
        self.problem, self.config = problem, config
        self.width = min(config.network.width, WAVES // len(problem.fields))
        estimator = Estimator(config.derivatives.estimate_above, config.derivatives.directions)
        self._planned = Residuals(problem, self._network(1.0), "jet", config.memory_budget, estimator)

    def best(self) -> float | None:
        """The scale that leaves least; None where none has a solution."""
        found = {scale: self.left(scale) for scale in SCALES}
        best = min(found, key=found.__getitem__)
        return best if math.isfinite(found[best]) else None

    def left(self, scale: float) -> float:
        """The loss at points that were not fitted, over that of a network that gives zero; inf without a solution."""
        residuals = self._planned.of(self._network(scale))
        residuals.draw_directions(self.config.seed)
        layer: list[Tensor] = list(output_layer(residuals).parameters())
        fitted, others = (self._points(self.config.seed + added) for added in (0, HELD_OUT))
        balance = Balance(self.problem, residuals, self.config, nullcontext)
        balance.begin(fitted)
        balance.update(fitted, 0)
        for parameter in layer:
            torch.nn.init.zeros_(parameter)
        zero, solver = self._loss(residuals, balance, others), LeastSquares(layer)
        system = System(residuals, fitted, balance, layer, nullcontext)
        try:
            for _ in range(NEWTON):
                solver.step(lambda: system)
                if solver.converged:
                    break
        except (FloatingPointError, torch.linalg.LinAlgError):  # pyright: ignore[reportPrivateImportUsage]
            return math.inf
        loss = self._loss(residuals, balance, others)
        return loss / (zero if 0 < zero < math.inf else 1.0) if math.isfinite(loss) else math.inf

    def _network(self, scale: float) -> torch.nn.Module:
        chosen = self.config.network.model_copy(update={"width": self.width, "scale": scale})
        torch.manual_seed(self.config.seed)
        made = network(self.problem, self.config.model_copy(update={"network": chosen}))
        return made.to(getattr(torch, self.config.precision.dtype))

    def _points(self, seed: int) -> dict[Place, Points]:
        interior = self.problem.domain.interior
        equations = sum(e.place == interior for e in self.problem.equations.values()) or 1
        inside = max(FEWEST, FITTED * self.width * len(self.problem.fields) // equations)
        edge = max(FEWEST, self.width * (len(self.problem.coordinate_names) - 1) // 2)
        places = self._planned.places
        counts = {place: edge if place.fixed or place.boundary else inside for place in places}
        kind = {"dtype": getattr(torch, self.config.precision.dtype), "device": "cpu"}
        return points(self.problem.domain, counts, Sobol(), seed=seed, step=0, **kind)

    def _loss(self, residuals: Residuals, balance: Balance, at: dict[Place, Points]) -> float:
        return sum(balance.factors[name] * float(value) for name, value in residuals.losses(at).items())
