"""Training slab by slab of time: each begins with the end of the one before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sympy
import torch
from torch import Tensor, nn

from pinn.geometry import Place, Points
from pinn.language import coordinate
from pinn.language.scope import TIME
from pinn.networks import March
from pinn.operators import derivatives, plan
from pinn.optimizers import LeastSquares
from pinn.problem import Problem
from pinn.residuals import Residuals
from pinn.sampling import Sobol, points
from pinn.schema import Config
from pinn.slabs import beginning, inherited, start


def begin(problem: Problem, config: Config, residuals: Residuals, k: int) -> None:
    """Make slab k the present one: its solution begins where the one before it ended, and stands still.

    Args:
        problem: With its initial conditions.
        config: Says how many points a slab gets; its start gets half as many.
        residuals: Of the problem without them, on a `March`.
        k: Number of the slab.
    """
    march = residuals.network
    assert isinstance(march, March)
    march.present = k
    output = march.output
    assert isinstance(output, nn.Linear)
    with torch.no_grad():
        for parameter in output.parameters():
            parameter.zero_()
    kind = {"dtype": output.weight.dtype, "device": output.weight.device}
    place = start(problem)
    drawn = points(problem.domain, {place: -(-config.sampling.points // 2)}, Sobol(), seed=config.seed, step=k, **kind)
    at = {place: Points(march.squeezed(drawn[place].x, k))}
    orders = march.starts[k]
    assert isinstance(orders, nn.ModuleList)
    for order, network in enumerate(orders):
        layer = network.output
        assert isinstance(layer, nn.Linear)
        fitted = beginning(problem, k, order, march.length(k))
        if k:
            fitted.values = {**fitted.values, **_ends(problem, residuals, march, k, order)}
        at_start = Residuals(fitted, march, residuals.engine, residuals.memory_budget)
        parameters: list[Tensor] = list(layer.parameters())
        fit = _Fit(at_start, at, parameters)
        unknowns = sum(parameter.numel() for parameter in parameters)
        rounding = torch.finfo(output.weight.dtype).eps * max(len(fit.residual()), unknowns)
        # the values have the errors of the slab before, and are differentiated: small singular values stay cut off
        LeastSquares(parameters, rcond=rounding).step(lambda fit=fit: fit)


@dataclass(frozen=True)
class _Fit:
    """What the start of a slab has to meet, as a least-squares system: see `pinn.optimizers.system`."""

    residuals: Residuals
    points: Mapping[Place, Points]
    parameters: list[Tensor]

    def residual(self) -> Tensor:
        with torch.no_grad():
            return self.residuals.vector(self.points, {})

    def linearise(self) -> tuple[Tensor, Tensor]:
        return self.residuals.linearise(self.points, {}, self.parameters)


def _ends(
    problem: Problem, residuals: Residuals, march: March, k: int, order: int
) -> dict[str, Callable[[Tensor], Tensor]]:
    """The values that slab k - 1 leaves to the next one, by name, as functions of points (N, D)."""
    names, t = inherited(problem, order), coordinate(TIME)
    unknown = {name: problem.scope.unknown(field) for name, field in names.items()}
    texts = {name: sympy.Derivative(u, (t, order)) if order else u for name, u in unknown.items()}
    ends = plan(texts, problem.coordinate_names, problem.fields)

    def value(name: str) -> Callable[[Tensor], Tensor]:
        def at(x: Tensor) -> Tensor:
            with march.at(k - 1), torch.no_grad():
                return derivatives(residuals.solution, x, ends, engine=residuals.engine)[name].detach()

        return at

    return {name: value(name) for name in names}
