"""What a rule may look at, and what it says."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pinn.balancing import SCHEMES, Scheme
from pinn.doctor.measure import Measured
from pinn.problem import Problem
from pinn.schema import AdaptiveSampling, Config, Partition

Rows = Sequence[Mapping[str, float]]
Try = tuple[str, ...]  # overrides, typed together
SETTLED = 0.1  # powers of ten by which the loss falls in the last third of a run that has come to its end
SMALL = 1e-10  # a misfit that is nobody's concern
LEFT = 1e-6  # left of the sum of an equation's terms: a concern, whatever its misfit
UNSEEN = 3.0  # so many times larger between the points: there are too few
UNEVEN = 10.0  # ratio of two misfits


@dataclass(frozen=True)
class Case:
    """All that the rules may look at.

    Attributes:
        problem: What was solved.
        config: How.
        result: What result.json says.
        rows: The history.
        measured: What was measured at the end.
        parameters: How many numbers were trained.
    """

    problem: Problem
    config: Config
    result: Mapping[str, Any]
    rows: Rows
    measured: Measured
    parameters: int

    @property
    def weights(self) -> dict[str, float]:
        """Of the losses, at the end."""
        last = {key: value for row in self.rows for key, value in row.items()}
        return {name: last.get(f"weight/{name}", 1.0) for name in self.problem.equations}

    def loss(self, row: Mapping[str, float]) -> float:
        """The weighted loss of a measurement."""
        return sum(row.get(f"weight/{name}", 1.0) * row.get(f"loss/{name}", 0.0) for name in self.problem.equations)

    @property
    def first_order(self) -> bool:
        """Whether only gradients were used."""
        return all(phase.method.closure == "gradient" for phase in self.config.phases)

    @property
    def refined(self) -> bool:
        """Whether cells were halved where it is worth it: what rules would advise is done."""
        return isinstance(self.config.network, Partition) and self.config.network.refined

    @property
    def settled(self) -> bool:
        """Whether the loss had stopped falling."""
        losses = [self.loss(row) for row in self.rows]
        tail = [value for value in losses[-max(2, len(losses) // 3) :] if value > 0]
        return len(tail) < 2 or math.log10(tail[0] / tail[-1]) < SETTLED

    def training(self, name: str) -> float:
        """Root mean square of an equation's residual at the points of training."""
        return math.sqrt(max(self.result["loss"].get(name) or 0.0, 0.0))

    @property
    def scheme(self) -> type[Scheme]:
        """Of the balancing."""
        return SCHEMES[self.config.balancing.name]

    def met(self, name: str) -> bool:
        """Whether an equation is nobody's concern.

        The misfit alone cannot tell where large numbers in the output layer cancel: random signs of them are larger by
        far than the solution, and what they leave than any residual.
        """
        return self.measured.misfit[name] < SMALL and self.measured.left.get(name, 0.0) < LEFT

    @property
    def worst(self) -> str:
        """The equation with the largest misfit."""
        return max(self.measured.misfit, key=lambda name: self.measured.misfit[name])

    def of_interior(self, name: str) -> bool:
        """Whether an equation holds in the interior, everywhere alike."""
        return self.problem.equations[name].place == self.problem.domain.interior

    def points(self, wanted: float) -> Try:
        """The override for so many points inside; an adaptive rule needs as many candidates."""
        count, sampling = rounded(wanted), self.config.sampling
        few = isinstance(sampling, AdaptiveSampling) and sampling.candidates < float(count)
        return (f"sampling.points={count}", *((f"sampling.candidates={count}",) if few else ()))


@dataclass(frozen=True)
class Advice:
    """What was found, and what to try.

    Attributes:
        finding: In plain words.
        tries: Overrides to type; of several the first is the best.
        gain: Expected, in powers of ten of the error.
    """

    finding: str
    tries: tuple[Try, ...]
    gain: float


def rounded(value: float) -> str:
    """To two digits."""
    return f"{float(f'{value:.2g}'):.10g}"
