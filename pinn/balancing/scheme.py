"""What a balancing scheme is.

Shape letters: E equations, N points of an equation, P parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from pinn.optimizers.ranges import Count
from pinn.problem import Problem


class Measured(Protocol):
    """What a scheme may ask of the present parameters and points; each answer is the same on every process.

    Residuals are normalised, see `normalisation`, and each equation is asked for by itself: nothing is accumulated.
    """

    @property
    def seed(self) -> int:
        """A pure function of the run's seed and the step."""
        ...

    def losses(self) -> dict[str, Tensor]:
        """Mean squares of the residuals, ()."""
        ...

    def residuals(self) -> dict[str, Tensor]:
        """The residuals at all points, (N,)."""
        ...

    def gradients(self) -> dict[str, Tensor]:
        """Of each mean square in all parameters, (P,)."""
        ...

    def sensitivities(self) -> dict[str, Tensor]:
        """Means of the residuals' squared gradients, (): the traces of the tangent kernel over N."""
        ...


class Scheme(ABC):
    """A rule that makes weights of what it measures. The weights are fixed between its updates.

    The loss is `sum_e mean(w_e (r_e + s_e)**2)`, with w_e a number or one a point. What the next update depends on are
    tensors in `weights`, `shifts` and `memory`: the checkpoint holds them.

    Args:
        problem: Whose equations are weighed.
        every: Steps between updates, each of which takes a forward pass; the first comes before the first step.

    Attributes:
        by_point: Whether it remembers something of each point, so that the points must stay.
        combines: Whether it makes a step's gradient of the equations' gradients, and no loss belongs to that.
        weights: w by equation, () or (N,); 1 where none is given.
        shifts: s by equation, (N,); 0 where none is given.
        memory: What else it remembers.
    """

    by_point: ClassVar[bool] = False
    combines: ClassVar[bool] = False

    def __init__(self, problem: Problem, every: Count = 1):
        self.equations = tuple(problem.equations)
        self.conditions = tuple(name for name in problem.conditions if name in problem.equations)
        self.every = every
        self.weights: dict[str, Tensor] = {}
        self.shifts: dict[str, Tensor] = {}
        self.memory: dict[str, Tensor] = {}

    @abstractmethod
    def update(self, measured: Measured) -> None:
        """Make the weights of the next steps."""

    def combine(self, gradients: Tensor) -> Tensor:
        """The step's gradient, (P,), from those of the weighted equations, (E, P)."""
        return gradients.sum(0)

    def state(self) -> dict[str, Any]:
        """All that the next steps depend on."""
        return {"weights": self.weights, "shifts": self.shifts, "memory": self.memory}

    def load(self, state: Mapping[str, Mapping[str, Tensor]], device: torch.device | str) -> None:
        """Go on from a state."""
        self.weights, self.shifts, self.memory = (
            {name: tensor.to(device) for name, tensor in state[part].items()}
            for part in ("weights", "shifts", "memory")
        )

    def _set(self, weights: Tensor) -> None:
        """Weights by equation from one vector, (E,)."""
        self.weights = dict(zip(self.equations, weights.unbind(), strict=True))

    def _vector(self, of: Mapping[str, Tensor]) -> Tensor:
        """One number an equation as a vector (E,)."""
        return torch.stack([of[name] for name in self.equations])


def inverse_shares(sizes: Tensor) -> Tensor:
    """`sum(sizes) / sizes`, (E,): what makes them all equal to their sum. Those of size zero get 1."""
    return torch.where(sizes > 0, sizes.sum() / sizes, 1.0)


def moving_average(old: Mapping[str, Tensor], new: Tensor, names: Sequence[str], memory: float) -> Tensor:
    """`memory * old + (1 - memory) * new`, (E,); old weights that are not there are 1."""
    before = torch.stack([old[name] for name in names]) if old else torch.ones_like(new)
    return memory * before + (1 - memory) * new
