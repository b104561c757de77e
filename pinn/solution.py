"""A trained network as a function: what a notebook holds in its hands.

Shape letters: N points, D coordinates, F fields.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, float64

from pinn import metrics, operators
from pinn.files import REPORT
from pinn.geometry import Points
from pinn.language import LanguageError
from pinn.networks import Partition, Waves
from pinn.operators.slices import points_in_cache
from pinn.quadrature import integrate
from pinn.references import truth
from pinn.sampling import Sobol, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pinn.problem import Problem, Quantity
    from pinn.residuals import Residuals

HELD_OUT = 2**14  # points of the final measurement
PARTS = 5  # of the range of a parameter, in which the error is told
AT_A_TIME = 2**15  # points times channels in memory together
UNSEEN = 2**62  # their seed: far from any that a run is given, so that no training point is among them
NORMALS = "normal_"  # what the names of its components begin with


class Integral(NamedTuple):
    """What `Solution.integral` gives: the value and an estimate of its error."""

    value: float
    error: float


class Solution:
    """The fields that a network represents, their derivatives and errors.

    Args:
        problem: What was solved.
        residuals: The trained network and the learned parameters.
        directory: Of the run that found it; None where that kept no files.
        estimated_error: Points (N, D) to the error that is expected there, (N, F); None where nobody knows.
    """

    def __init__(
        self, problem: Problem, residuals: Residuals, directory: Path | None = None,
        estimated_error: Callable[[Tensor], Tensor] | None = None,
    ):  # fmt: skip
        self.directory, self.estimated_error = directory, estimated_error
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
        size = points_in_cache(self.residuals.network, 1) or max(1, len(x))
        with torch.no_grad():
            return torch.cat([self.residuals.solution(part).to(float64) for part in x.to(self._dtype).split(size)])

    def derivative(self, text: str, points: Any) -> np.ndarray:
        """An expression in the fields and their derivatives, such as `"u_xx"` or `"lap(u) + u**2"`.

        Args:
            text: The expression, in the language of the equations; the problem's parameters and functions included.
            points: Points (N, D); one column a coordinate.

        Returns:
            Its values, (N,); of a vector such as `"grad(u)"` a column a component.

        Raises:
            LanguageError: The text is no such expression.
        """
        asked = self.problem.quantity(text)
        columns = list(self.values([asked], Points(torch.as_tensor(points, dtype=float64))).values())
        return (columns[0] if len(columns) == 1 else torch.stack(columns, 1)).numpy()

    def values(self, quantities: Sequence[Quantity], at: Points) -> dict[str, Tensor]:
        """Quantities of the solution at points, all by one plan.

        Args:
            quantities: From `Problem.quantity`.
            at: N points, with normals where a quantity has them.

        Returns:
            ``{name: (N,)}`` in float64, one name for each component.

        Raises:
            ValueError: A quantity has the outward normal, but the points lie on no boundary.
        """
        problem, network = self.problem, self.residuals.solution
        components = {name: part for quantity in quantities for name, part in quantity.components.items()}
        plan = operators.plan(components, problem.coordinate_names, problem.fields)
        if at.normals is None and any(name.startswith(NORMALS) for name in plan.inputs):
            texts = ", ".join(quantity.text for quantity in quantities)
            raise ValueError(f"{texts}: the outward normal is on the boundary; say where, such as (boundary) or (x=0)")
        size = points_in_cache(network, plan.channels) or len(at.x)
        parts = [self._values(plan, part.to(dtype=self._dtype)) for part in at.split(size)]
        return {name: torch.cat([part[name] for part in parts]).to(float64) for name in components}

    def _values(self, plan: operators.Plan, at: Points) -> dict[str, Tensor]:
        residuals = self.residuals
        inputs = {**residuals.learned, **residuals.given(plan, at)}
        with torch.no_grad():
            if not plan.operators:  # nothing is asked of the network
                return plan.results({}, at.x, inputs)
            found = operators.derivatives(residuals.solution, at.x, plan, engine=residuals.engine, inputs=inputs)
        return {name: value.detach() for name, value in found.items()}

    def integral(self, text: str) -> Integral:
        """The integral of an expression, such as `"u**2"`, over the domain, time and parameters included.

        Args:
            text: The expression; over a part of the domain where it says so: `"dn(u)(boundary)"`, `"u(t=1)"`.

        Returns:
            The value and an estimate of its error; see `pinn.quadrature`. In polar, cylindrical and spherical
            coordinates the element of volume, or of the face's area, is in it.

        Raises:
            LanguageError: The text is no such expression, or a vector, or there is no such place.

        Examples:
            >>> force, error = solution.integral("dn(u)(boundary)")  # doctest: +SKIP
        """
        asked = self.problem.quantity(text)
        if len(asked.components) > 1:
            raise LanguageError("a vector stands where a number is needed: take a component, dot or div", text)

        def integrand(at: Points) -> Tensor:
            (values,) = self.values([asked], at).values()
            return values

        value, error = integrate(self.problem.domain, asked.place, integrand, self.problem.scope.calculus)
        return Integral(float(value), float(error))

    @property
    def cells(self) -> tuple[Tensor, Tensor] | None:
        """Lower and upper corners of the cells, (K, D) each; None of one network."""
        network = self.residuals.network
        return (network.lower, network.upper) if isinstance(network, Partition) else None

    def deviation(self, points: Any) -> dict[str, Tensor]:
        """One standard deviation of each coefficient field at points (N, D), (N,): what the data leave open of it.

        On cells, where the data have told: else there is none.

        Args:
            points: A tensor, an array or lists; one column a coordinate.
        """
        network, names = self.residuals.network, self.problem.coefficients
        if not isinstance(network, Partition):
            return {}
        waves = [(name, one) for name, one in zip(names, network.beside, strict=True) if isinstance(one, Waves)]
        x = torch.as_tensor(points, dtype=self._dtype)
        found = {name: one.deviation(x).to(float64) for name, one in waves}
        return {name: value for name, value in found.items() if not value.isnan().any()}

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
        return {name: float(r.detach().square().mean().sqrt()) for name, r in self.residuals.at_points(drawn).items()}

    @torch.no_grad()
    def interior_residuals(self, x: Tensor) -> dict[str, Tensor]:
        """The residuals of the equations that hold in the interior, at points (N, D)."""
        place = self.problem.domain.interior
        if place not in self.residuals.places:
            return {}
        at_a_time = max(1, AT_A_TIME // self.residuals.channels)
        parts = [self.residuals.at_points({place: Points(part)}) for part in x.to(self._dtype).split(at_a_time)]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def report(self) -> Path:
        """Where the report of the run is: a page for a browser.

        Raises:
            ValueError: The run kept no files, or its report is not written.
        """
        if self.directory is None:
            raise ValueError("this run kept no files, so it has no report: pinn.solve(problem, run_dir=...)")
        page = self.directory / REPORT
        if not page.exists():
            raise ValueError(f"{page} is not there: write it by `pinn report {self.directory}`")
        return page

    def _repr_html_(self) -> str:
        """What a notebook shows: the errors, or the residuals where no truth is known."""
        if self.error is None:
            rows = [(name, f"{value:.2e}") for name, value in self.residual.items()]
            title = ("equation", "held-out residual (rms)")
        else:
            rows = [(name, f"{e['relative_l2']:.2e}", f"{e['max']:.2e}") for name, e in self.error.items()]
            title = ("field", "relative L2 error", "largest error")
        lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in (title, *rows)]
        return f"<b>{escape(self.problem.name)}</b><table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"

    def plot(self) -> Figure:
        """Each field and, where there is a truth, the truth and the error beside it."""
        from pinn import plots

        return plots.figure(self.problem.domain, self.problem.fields, self.predict, truth(self.problem))

    def pictures(self, path: Path) -> list[Path]:
        """Draw field, truth, error, estimated error and residuals, as far as they are there, into a folder."""
        from pinn import plots

        return plots.pictures(
            self.problem.domain, self.problem.fields, self.predict, truth(self.problem), self.interior_residuals, path,
            self.estimated_error, self.cells,
        )  # fmt: skip


def held_out(problem: Problem, count: int) -> Tensor:
    """Points of the interior that training never sees, (count, D), float64."""
    place = problem.domain.interior
    return points(problem.domain, {place: count}, Sobol(), seed=UNSEEN, step=0, dtype=float64, device="cpu")[place].x
