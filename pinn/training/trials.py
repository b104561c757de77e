"""Trials of networks on few points: which features suit a problem, judged by residuals where nothing was fitted."""

from __future__ import annotations

import math
from contextlib import nullcontext
from functools import cached_property

import torch
from torch import Tensor

from pinn.evolution import linear
from pinn.geometry import Place, Points
from pinn.operators import Estimator
from pinn.optimizers import LeastSquares
from pinn.problem import Problem
from pinn.residuals import Residuals
from pinn.sampling import Sobol, points
from pinn.schema import Config
from pinn.training.balance import Balance
from pinn.training.build import output_layer
from pinn.training.frequency import frequencies
from pinn.training.network import network
from pinn.training.system import System

FEW = 200  # points in the interior, at least
FITTED = 3  # equations an unknown
HELD_OUT = 2**61  # added to the seed: points that are not fitted, and that no run is given
NEWTON = 6  # steps, where the problem is not linear
RATIO = 1.5  # of one scale that is tried to the next
GOOD = 1e-11  # a residual that is good enough to stop at
FAR = 8  # steps that are climbed at most
SLOW, FAST = 2.0, 100.0  # the frequencies that a search may begin at


class Trials:
    """Least-squares solutions with networks of several widths and scales.

    Args:
        problem: What is solved.
        config: With a network whose width and scale are varied.

    Attributes:
        found: The residuals, by width and scale.
    """

    def __init__(self, problem: Problem, config: Config):
        self.problem, self.config = problem, config
        self.found: dict[tuple[int, object], float] = {}
        self._first: Residuals | None = None

    @property
    def count(self) -> int:
        """How many there were."""
        return len(self.found)

    def residual(self, width: int, scale: object) -> float:
        """The root of the loss at held-out points, over that of a network that gives zero; inf if there is no solution.

        It falls with the error wherever the problem is well posed, and needs no knowledge of the solution.
        """
        key = width, str(scale)
        if key not in self.found:
            try:
                self.found[key] = self._solve(self._residuals(width, scale), width)
            except (FloatingPointError, torch.linalg.LinAlgError):  # pyright: ignore[reportPrivateImportUsage]
                self.found[key] = math.inf
        return self.found[key]

    def climb(self, width: int, start: float, k: int = 0) -> int:
        """From scale to scale, up or else down, while the residual falls: the number of the best, see `step`.

        Args:
            width: Of the networks.
            start: Scale number 0.
            k: The number to begin with.
        """

        def left(n: int) -> float:
            return self.residual(width, step(start, n))

        if left(k) <= GOOD:
            return k
        for way in (1, -1):
            here = k
            while abs(here - k) < FAR and left(here + way) < left(here):
                here += way
                if left(here) <= GOOD:
                    return here
            if here != k:
                return here
        return k

    @cached_property
    def linear(self) -> bool:
        """Whether the residuals are linear in the fields, as their expressions say: homogeneous, as |u| is, is less."""
        return linear(self.problem)

    @cached_property
    def frequency(self) -> float:
        """The fastest change of what stands in the equations beside the fields, along any coordinate scaled to [-1, 1].

        That is of the residuals of a network that gives zero: of sources, and of conditions that are built in. Boundary
        values and coefficients do not count.
        """
        residuals = self._residuals(16, 2.0)
        _set(output_layer(residuals), [torch.zeros_like(p) for p in output_layer(residuals).parameters()])
        domain = self.problem.domain
        at = self._points(FEW, self.config.seed).get(domain.interior)
        found = [] if at is None else frequencies(residuals, domain, at)
        return min(max([SLOW, *found]), FAST)

    def _residuals(self, width: int, scale: object) -> Residuals:
        chosen = self.config.network.model_copy(update={"width": width, "scale": scale})
        config = self.config.model_copy(update={"network": chosen})
        torch.manual_seed(config.seed)
        made = network(self.problem, config).to(getattr(torch, config.precision.dtype))
        if self._first is None:
            estimator = Estimator(config.derivatives.estimate_above, config.derivatives.directions)
            self._first = Residuals(self.problem, made, "jet", config.memory_budget, estimator)
        residuals = self._first.of(made)
        residuals.draw_directions(config.seed)
        return residuals

    def _points(self, width: int, seed: int) -> dict[Place, Points]:
        interior = self.problem.domain.interior
        equations = sum(e.place == interior for e in self.problem.equations.values()) or 1
        inside = max(FEW, FITTED * width * len(self.problem.fields) // equations)
        edge = max(FEW // 2, width * (len(self.problem.coordinate_names) - 1) // 2)
        counts = {place: edge if place.fixed or place.boundary else inside for place in self._places}
        kind = {"dtype": getattr(torch, self.config.precision.dtype), "device": "cpu"}
        return points(self.problem.domain, counts, Sobol(), seed=seed, step=0, **kind)

    @property
    def _places(self) -> tuple[Place, ...]:
        assert self._first is not None
        return self._first.places

    def _solve(self, residuals: Residuals, width: int) -> float:
        fitted = self._points(width, self.config.seed)
        balance = Balance(self.problem, residuals, self.config, nullcontext)
        balance.begin(fitted)
        balance.update(fitted, 0)
        parameters: list[Tensor] = list(output_layer(residuals).parameters())
        held_out = self._points(FEW // FITTED, self.config.seed + HELD_OUT)
        kept = [p.detach().clone() for p in parameters]
        _set(output_layer(residuals), [torch.zeros_like(p) for p in kept])
        zero = self._loss(residuals, balance, held_out)
        _set(output_layer(residuals), kept)
        system = System(residuals, fitted, balance, parameters, nullcontext)
        solver = LeastSquares(parameters)
        for _ in range(1 if self.linear else NEWTON):
            solver.step(lambda: system)
            if solver.converged:
                break
        loss = self._loss(residuals, balance, held_out)
        if not math.isfinite(zero):  # as of 1/u; each equation is divided by its size
            zero = 1.0
        return math.sqrt(loss / zero) if zero > 0 and math.isfinite(loss) else math.inf

    def _loss(self, residuals: Residuals, balance: Balance, at: dict[Place, Points]) -> float:
        return sum(balance.factors[name] * float(value) for name, value in residuals.losses(at).items())


def step(start: float, k: int) -> float:
    """The scale k steps from the one that a search begins with; of two digits."""
    return float(f"{start * RATIO**k:.2g}")


@torch.no_grad()
def _set(layer: torch.nn.Module, values: list[Tensor]) -> None:
    for parameter, given in zip(layer.parameters(), values, strict=True):
        parameter.copy_(given)
