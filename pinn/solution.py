"""A trained network as a function: what a notebook holds in its hands.

Shape letters: N points, D coordinates, F fields.
"""

from __future__ import annotations

import itertools
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, float64

from pinn import metrics, operators
from pinn.geometry import Points
from pinn.references import truth
from pinn.sampling import Sobol, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pinn.problem import Problem
    from pinn.residuals import Residuals

HELD_OUT = 2**14  # points of the final measurement
PARTS = 5  # of the range of a parameter, in which the error is told
UNSEEN = 2**62  # their seed: far from any that a run is given, so that no training point is among them


class Solution:
    """The fields that a network represents, their derivatives and errors.

    Args:
        problem: What was solved.
        residuals: The trained network and the learned parameters.
    """

    def __init__(self, problem: Problem, residuals: Residuals):
        self.problem = problem
        self.residuals = residuals.cpu()
        self._dtype = next(residuals.parameters()).dtype

    def __call__(self, *coordinates: Any) -> np.ndarray | dict[str, np.ndarray]:
        """The field at the points with these coordinates: numbers, arrays or tensors that broadcast together.

        Returns:
            An array of their common shape; a dictionary of such arrays if there are several fields.
        """
        names = self.problem.coordinate_names
        if len(coordinates) != len(names):
            raise ValueError(f"the solution takes {len(names)} coordinates, {', '.join(names)}; got {len(coordinates)}")
        columns = torch.broadcast_tensors(*(torch.as_tensor(c, dtype=float64) for c in coordinates))
        values = self.predict(torch.stack([column.flatten() for column in columns], dim=1)).numpy()
        fields = {name: values[:, f].reshape(columns[0].shape) for f, name in enumerate(self.problem.fields)}
        return fields if len(fields) > 1 else next(iter(fields.values()))

    def predict(self, x: Tensor) -> Tensor:
        """The fields at points (N, D), as (N, F), in float64."""
        with torch.no_grad():
            return self.residuals.solution(x.to(self._dtype)).to(float64)

    def derivative(self, text: str, points: Any) -> np.ndarray:
        """An expression in the fields and their derivatives, such as `"u_xx"` or `"lap(u) + u**2"`.

        Args:
            text: The expression, in the language of the equations.
            points: Points (N, D); one column a coordinate.

        Returns:
            Its values, (N,).
        """
        problem = self.problem
        plan = operators.plan(
            {"value": text}, problem.coordinate_names, problem.fields, parameters={**problem.parameters, **self.learned}
        )
        x = torch.as_tensor(points, dtype=self._dtype)
        return operators.derivatives(self.residuals.solution, x, plan)["value"].detach().numpy()

    @property
    def learned(self) -> dict[str, float]:
        """The learned parameters."""
        return {name: value.item() for name, value in self.residuals.learned.items()}

    @cached_property
    def error(self) -> dict[str, dict[str, float]] | None:
        """Of each field `relative_l2` and `max` at 16,384 points that training never saw; None without a truth."""
        return None if self._compared is None else metrics.errors(*self._compared[1:], self.problem.fields)

    @cached_property
    def error_over(self) -> dict[str, list[dict[str, Any]]] | None:
        """How the error depends on each parameter with a range: in five parts of it, `relative_l2` of each field."""
        if self._compared is None:
            return None
        x, prediction, true = self._compared
        domain, result = self.problem.domain, {}
        for name in domain.parameters:
            k = domain.names.index(name)
            ends = torch.linspace(domain.lower[k], domain.upper[k], PARTS + 1, dtype=float64)
            part = torch.bucketize(x[:, k].contiguous(), ends[1:-1])
            result[name] = [
                {"from": float(low), "to": float(high)}
                | {
                    field: error["relative_l2"]
                    for field, error in metrics.errors(
                        prediction[part == i], true[part == i], self.problem.fields
                    ).items()
                }
                for i, (low, high) in enumerate(itertools.pairwise(ends))
            ]
        return result

    @cached_property
    def _compared(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """Points that training never saw, (N, D); the prediction and the truth there, (N, F)."""
        true = truth(self.problem)
        if true is None:
            return None
        x = held_out(self.problem, HELD_OUT)
        return x, self.predict(x), true(x)

    @cached_property
    def residual(self) -> dict[str, float]:
        """Root mean square of each equation's residual at points that training never saw."""
        places = dict.fromkeys(self.residuals.places, HELD_OUT)
        drawn = points(self.problem.domain, places, Sobol(), seed=UNSEEN, step=0, dtype=self._dtype, device="cpu")
        return {name: float(r.detach().square().mean().sqrt()) for name, r in self.residuals(drawn).items()}

    def interior_residuals(self, x: Tensor) -> dict[str, Tensor]:
        """The residuals of the equations that hold in the interior, at points (N, D)."""
        place = self.problem.domain.interior
        return {name: r.detach() for name, r in self.residuals({place: Points(x.to(self._dtype))}).items()}

    def plot(self) -> Figure:
        """Each field and, where there is a truth, the truth and the error beside it."""
        from pinn import plots

        return plots.figure(self.problem.domain, self.problem.fields, self.predict, truth(self.problem))


def held_out(problem: Problem, count: int) -> Tensor:
    """Points of the interior that training never sees, (count, D), float64."""
    place = problem.domain.interior
    return points(problem.domain, {place: count}, Sobol(), seed=UNSEEN, step=0, dtype=float64, device="cpu")[place].x
