"""What multiplies the squares of a step's residuals: what the configuration gives, normalisation, scheme, causality."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pinn.balancing import Causal, Fixed, normalisation
from pinn.geometry import Place, Points
from pinn.problem import Problem
from pinn.residuals import Residuals
from pinn.schema import Config
from pinn.training.build import output_layer, schemes
from pinn.training.ranks import Ranks

SOME = 256  # points of each place whose Jacobian is taken


class Balance:
    """The weights and the shifts of the residuals in a step.

    The residual r of an equation is trained as `given * factor * w * (r + s)**2`: what the configuration gives, the
    factor of the normalisation, the scheme's weight w (perhaps one a point, and times that of causality), its shift s.
    The first two never change: the loss that is shown, and that ends a run, is `sum given * factor * mean(r**2)`.

    Attributes:
        factors: given * factor, by equation.
        ranks: The processes that train together: all see the same residuals, and get the same weights.
        weights: What multiplies the squares in the present step: numbers, or one for each of this process's points.
        shifts: What is added to the residuals at this process's points, where anything is.
        steady: Whether both are those of the step before: else an optimum of this step is none of the next one.
    """

    def __init__(
        self,
        problem: Problem,
        residuals: Residuals,
        config: Config,
        autocast: Callable[[], AbstractContextManager[Any]],
    ):
        self.problem, self.residuals, self.autocast = problem, residuals, autocast
        self.seed, self.normalise = config.seed, config.balancing.normalise
        self.scheme, self.causal = schemes(problem, config.balancing)
        given = config.balancing.weights
        self.given = {name: given.get(name, 1.0) for name in problem.equations}
        self.sizes: dict[str, float] = {}  # not measured yet
        self.ranks = Ranks()
        self.weights: dict[str, float | Tensor] = dict(self.given)
        self.shifts: dict[str, Tensor] = {}
        self.steady = True
        self._means: dict[str, float | Tensor] = dict(self.given)

    @property
    def factors(self) -> dict[str, float]:
        """What multiplies the mean squares in the loss that is shown."""
        return {name: given / self.sizes.get(name, 1.0) ** 2 for name, given in self.given.items()}

    def begin(self, points: Mapping[Place, Points]) -> None:
        """Measure the sizes of the residuals, unless a checkpoint had them."""
        device = next(self.residuals.parameters()).device
        self.scheme.load(self.scheme.state(), device)
        if not self.sizes:
            self.sizes = self._sizes(points) if self.normalise else dict.fromkeys(self.given, 1.0)

    def _sizes(self, points: Mapping[Place, Points]) -> dict[str, float]:
        domain, network = self.problem.domain, self.residuals.network
        slow = normalisation.slow_network(network, domain.lower, domain.upper, len(self.problem.fields))
        found = []
        for residuals in (self.residuals, self.residuals.of(slow)):
            layer = output_layer(residuals)
            values = sensitivities(residuals, points, list(layer.parameters()), self.ranks)
            features = next(p.shape[1] for p in layer.parameters() if p.dim() == 2)
            found.append({name: value / features for name, value in values.items()})
        return normalisation.sizes(list(self.given), *found)

    def update(self, points: Mapping[Place, Points], step: int) -> None:
        """Make the weights of a step."""
        present = Present(self.residuals, points, self.sizes, self.seed + 2**32 * step, self.autocast, self.ranks)
        renewed = step % self.scheme.every == 0
        if renewed:
            self.scheme.update(present)
        self.steady = self.causal is None and (isinstance(self.scheme, Fixed) or not renewed)
        weights = {name: f * self.scheme.weights.get(name, 1.0) for name, f in self.factors.items()}
        if self.causal:
            of_chunks = present.causal(self.causal, self.problem.domain.interior)
            weights |= {name: weights[name] * of_chunks for name in self.causal.equations}
        self.weights = {name: self._mine(name, w) for name, w in weights.items()}
        self.shifts = {name: self._mine(name, self.sizes[name] * s) for name, s in self.scheme.shifts.items()}
        self._means = {name: w.mean() if isinstance(w, Tensor) else w for name, w in weights.items()}

    def _mine(self, name: str, values: Any) -> Any:
        """Of values at all points, those at this process's."""
        if not isinstance(values, Tensor) or not values.dim() or self.problem.equations[name].place.integral:
            return values
        return values[self.ranks.rank :: self.ranks.size]

    def gradient(self, points: Mapping[Place, Points], ranks: Ranks) -> tuple[Tensor, list[Tensor]]:
        """The loss and the gradient of a step in every parameter, at the points of these processes.

        Where the gradient is no loss's, that is zero.
        """
        if not self.scheme.combines:
            parts, gradient = self.residuals.gradient(points, self.weights, self.shifts)
            loss, *whole = ranks.sums([torch.stack(list(parts.values())).sum(), *gradient])
            return loss, whole
        parameters = list(self.residuals.parameters())
        found = self.residuals.gradients(points, self.weights, self.shifts)
        zero = torch.cat([torch.zeros_like(p).flatten() for p in parameters])
        direction = self.scheme.combine(torch.stack(ranks.sums(found.get(name, zero) for name in self.given)))
        split = direction.split([p.numel() for p in parameters])
        return direction.new_zeros(()), [part.view_as(p) for part, p in zip(split, parameters, strict=True)]

    def means(self) -> dict[str, float]:
        """The weights by equation, those of points as their mean."""
        return {name: float(mean) for name, mean in self._means.items()}

    def state(self) -> dict[str, Any]:
        """All that the next weights depend on."""
        return {"sizes": self.sizes, **self.scheme.state()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        self.sizes = dict(state["sizes"])
        self.scheme.load(state, "cpu")


@dataclass(frozen=True)
class Present:
    """What schemes see, see `pinn.balancing.Measured`: the residuals over their sizes."""

    parts: Residuals
    points: Mapping[Place, Points]
    sizes: Mapping[str, float]
    seed: int
    autocast: Callable[[], AbstractContextManager[Any]]
    ranks: Ranks
    found: dict[str, Tensor] = field(default_factory=dict)

    def losses(self) -> dict[str, Tensor]:
        """Mean squares, ()."""
        return {name: r.square().mean() for name, r in self._residuals.items()}

    def residuals(self) -> dict[str, Tensor]:
        """At the points of all processes, (N,)."""
        return self._residuals

    def gradients(self) -> dict[str, Tensor]:
        """Of each mean square in all parameters, (P,)."""
        with self.autocast():
            found = self.parts.gradients(self.points, {name: size**-2 for name, size in self.sizes.items()})
        zero = torch.cat([torch.zeros_like(p).flatten() for p in self.parts.parameters()])
        return dict(zip(self.sizes, self.ranks.sums(found.get(name, zero) for name in self.sizes), strict=True))

    def sensitivities(self) -> dict[str, Tensor]:
        """Means of the residuals' squared gradients at some of the points, ()."""
        with self.autocast():
            found = sensitivities(self.parts, self.points, list(self.parts.parameters()), self.ranks)
        return {name: value / self.sizes[name] ** 2 for name, value in found.items()}

    def causal(self, rule: Causal, interior: Place) -> Tensor:
        """The weights of time at the interior's points, those of all processes, (N,)."""
        squares = torch.stack([self._residuals[name].square() for name in rule.equations]).sum(0)
        return rule.weights(self.ranks.whole(self.points[interior].x), squares)

    @property
    def _residuals(self) -> dict[str, Tensor]:
        """Found once; `cached_property` of Python 3.11 would let no two threads look at the same time."""
        if not self.found:
            self.found.update(self._find())
        return self.found

    def _find(self) -> dict[str, Tensor]:
        with self.autocast():
            found = self.parts.at_points(self.points)
        like = next(self.parts.parameters())
        mine = {
            name: found[name].to(like) / size if name in found else like.new_zeros(0)
            for name, size in self.sizes.items()
        }
        return {name: self.ranks.whole(r) for name, r in mine.items()}


def sensitivities(
    residuals: Residuals, points: Mapping[Place, Points], parameters: list[Tensor], ranks: Ranks
) -> dict[str, Tensor]:
    """By equation the mean of |grad r|**2 over points from all over its place, so few that their Jacobian is small."""
    few = _few(residuals, points, ranks, parameters[0].device)
    found = residuals.sensitivities(few, parameters)
    counts = {e.name: 1 if place.integral else len(at.x) for place, at in few.items() for e in residuals.groups[place]}
    names = [e.name for group in residuals.groups.values() for e in group]
    zero = torch.zeros_like(parameters[0].flatten()[0])
    sums = ranks.sums(counts[name] * found[name] if name in found else zero for name in names)
    totals = ranks.sums(zero + counts.get(name, 0) for name in names)
    return {name: value / total for name, value, total in zip(names, sums, totals, strict=True)}


def _few(
    residuals: Residuals, points: Mapping[Place, Points], ranks: Ranks, device: torch.device
) -> dict[Place, Points]:
    """What this process has of every k-th point of all, so that the number of processes makes no difference."""
    places = list(residuals.plans)
    counts = ranks.totals([len(points[place].x) if place in points else 0 for place in places], device)
    few: dict[Place, Points] = {}
    for place, count in zip(places, counts, strict=True):
        if place not in points or place.integral:
            few |= {place: points[place]} if place in points else {}
            continue
        k = max(1, math.ceil(count / SOME))
        mine = range(ranks.rank, count, ranks.size)  # their numbers among all
        first = next((j for j, number in enumerate(mine) if number % k == 0), None)
        if first is not None:
            few[place] = points[place][first :: k // math.gcd(k, ranks.size)]
    return few
