"""Residuals of a problem at points: one vector an equation.

Equations that hold at the same place share its points, so that one jet serves them all.

Shape letters: N points, M residuals of all equations, P parameters, C channels, D coordinates.
"""

import copy
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from pinn.geometry import Place, Points
from pinn.language import extended, normal, partner_name
from pinn.networks import HardConditions, Paired
from pinn.operators import ENGINES, Engine, Estimator, Plan, Tape, derivatives, jet_values, plan
from pinn.operators.jacobian import expanded, gradients, jacobians
from pinn.operators.slices import bytes_a_point, even, points_in_cache
from pinn.problem import Equation, Problem

Weights = Mapping[str, float | Tensor]  # of an equation's squares: a number, or one a point (N,); 1 where none is given
NONE: Mapping[str, Tensor] = {}


class Residuals(nn.Module):
    """The residuals of every equation, differentiable in the network and in the learned parameters of the PDE.

    Args:
        problem: The problem.
        network: Maps (N, D) to (N, F), the coefficients' fields last; conditions enforced by construction are built
            around it.
        engine: `jet` or `autograd`.
        memory_budget: Bytes that the tensors of a step may take; None for what there is.
        estimator: When to estimate sums of second derivatives over many coordinates; None: never.

    Attributes:
        solution: The network with its conditions: maps (N, D) to (N, F).
        unbounded: What is trained of the parameters that are learned, by name: see `Learned`.
        plans: One plan a place.
    """

    def __init__(
        self,
        problem: Problem,
        network: nn.Module,
        engine: Engine = "jet",
        memory_budget: float | None = None,
        estimator: Estimator | None = None,
    ):
        super().__init__()
        self.network = network
        self.solution = network if not problem.hard else HardConditions(
            network,
            problem.scope.variables,
            problem.fields,
            {field: ansatz.lift for field, ansatz in problem.hard.items()},
            {field: ansatz.factor for field, ansatz in problem.hard.items()},
        )  # fmt: skip
        like = next(network.parameters())
        self._learned = problem.learned
        self.unbounded = nn.ParameterDict(
            {name: nn.Parameter(value.unbounded(like)) for name, value in problem.learned.items()}
        )
        self._values = problem.values
        self.engine: Engine = engine
        self.memory_budget = memory_budget
        self._at_a_time: dict[tuple[Place, int], int] = {}
        self._compiled: Callable[..., dict[str, Tensor]] | None = None
        self.coordinate_names = problem.coordinate_names
        self.groups = _by_place(problem.equations.values())
        self.plans: dict[Place, Plan] = {
            place: plan(
                {e.name: extended(e.residual) for e in group}, problem.coordinate_names, _fields(problem, place),
                estimator=estimator,
            )
            for place, group in self.groups.items()
        }  # fmt: skip
        self._paired = {place: Paired(self.solution, place.partners) for place in self.plans if place.pairs}
        self._directions: dict[Place, Tensor] = {}

    @property
    def learned(self) -> dict[str, Tensor]:
        """The learned parameters by name, ()."""
        return self.bounded(dict(self.unbounded.items()))

    def guess(self) -> None:
        """Begin anew with the learned parameters."""
        with torch.no_grad():
            for name, z in self.unbounded.items():
                z.copy_(self._learned[name].unbounded(z))

    @property
    def stride(self) -> Tensor:
        """How far what is trained of each learned parameter may go at once, (L,)."""
        found = [self._learned[name].stride(z.detach()) for name, z in self.unbounded.items()]
        return torch.stack(found) if found else torch.zeros(0)

    def bounded(self, unbounded: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The learned parameters that belong to what is trained of them, of any shape."""
        return {name: self._learned[name].value(z) for name, z in unbounded.items()}

    @property
    def places(self) -> tuple[Place, ...]:
        """Where points are needed."""
        return tuple(self.plans)

    @property
    def channels(self) -> int:
        """The largest number of channels that a jet carries, the value included."""
        return max(planned.channels for planned in self.plans.values())

    @property
    def bytes_a_number(self) -> int:
        """Of the parameters."""
        return next(self.parameters()).element_size()

    @property
    def compiled(self) -> bool:
        """Whether steps go through compiled code."""
        return self._compiled is not None

    def compile_derivatives(self, wanted: bool = True) -> None:
        """Take compiled code from the next step on, or go back; what takes no gradients stays as it is."""
        self._compiled = torch.compile(derivatives, fullgraph=True, dynamic=False) if wanted else None

    def of(self, network: nn.Module) -> "Residuals":
        """The residuals of another network: a copy, whose learned parameters are those of now."""
        other = copy.deepcopy(self, {id(self.network): network})
        other.compile_derivatives(False)
        other._at_a_time.clear()
        return other

    def become(self, other: "Residuals") -> None:
        """Take another problem, of the same equations by name, with the same network."""
        assert other.network is self.network
        self.solution, self._values, self.groups, self.plans = other.solution, other._values, other.groups, other.plans
        self._paired = other._paired
        self._at_a_time.clear()
        self._directions.clear()

    def network_at(self, place: Place) -> nn.Module:
        """The solution; at a place whose points have partners, with its values there beside it."""
        return self._paired.get(place, self.solution)

    @torch.no_grad()
    def sizes(self, place: Place, x: Tensor) -> Tensor:
        """How large the residuals of its E equations are at points (N, D) of a place, (N, E)."""
        parts = [self({place: part}) for part in Points(x).split(self._most(place, Points(x)))]
        return torch.stack([torch.cat([part[name] for part in parts]).abs() for name in self.plans[place].names], dim=1)

    def draw_directions(self, seed: int) -> None:
        """New random directions for the places whose operators are estimated: a pure function of the seed."""
        for place, planned in self.plans.items():
            if planned.directions:
                like = next(self.network.parameters())
                self._directions[place] = planned.directions.draw(seed, len(self.coordinate_names), like)

    def forward(self, points: Mapping[Place, Points]) -> dict[str, Tensor]:
        """{equation: (N,)} at the points of its place, for the places that are given.

        Where points have weights, residuals are multiplied by their square roots, and means by themselves.
        """
        evaluate = self._compiled if self._compiled and torch.is_grad_enabled() else derivatives
        result: dict[str, Tensor] = {}
        for place, at in points.items():
            result |= self._at(place, at, evaluate)
        return result

    def vector(self, points: Mapping[Place, Points], weights: Weights, shifts: Mapping[str, Tensor] = NONE) -> Tensor:
        """`r = [sqrt(w_e / N_e) * (residual_e + s_e)]` over all equations, (M,); the loss is `r @ r`.

        Args:
            points: By place.
            weights: w by equation.
            shifts: s by equation, one a point (N,): multipliers divided by weights; 0 where none is given.
        """
        parts: dict[str, list[Tensor]] = {}
        for place, n, part, here in self._slices(points):
            for name, r in self({place: part}).items():
                parts.setdefault(name, []).append(_scale(weights, name, n, here) * _shifted(r, shifts, name, here))
        return torch.cat([torch.cat(r) for r in parts.values()])

    @torch.no_grad()
    def losses(self, points: Mapping[Place, Points]) -> dict[str, Tensor]:
        """The mean square of each equation's residual."""
        result: dict[str, Tensor] = {}
        for place, n, part, _ in self._slices(points):
            for name, r in self({place: part}).items():
                _add(result, name, r.detach().square().sum() / n)
        return result

    @torch.no_grad()
    def at_points(self, points: Mapping[Place, Points]) -> dict[str, Tensor]:
        """Each equation's residual, (N,), by slices of points and without gradients."""
        parts: dict[str, list[Tensor]] = {}
        for place, _, part, _ in self._slices(points):
            for name, r in self({place: part}).items():
                parts.setdefault(name, []).append(r)
        return {name: torch.cat(r) for name, r in parts.items()}

    def gradient(
        self, points: Mapping[Place, Points], weights: Weights, shifts: Mapping[str, Tensor] = NONE
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Each equation's part of the loss `r @ r`, see `vector`, and the gradient of their sum in every parameter.

        A loss is a sum over points, so the gradient is that of slices of points, added: exact, in less memory.
        """
        parameters = list(self.parameters())
        losses: dict[str, Tensor] = {}
        total = [torch.zeros_like(p) for p in parameters]
        for place, n, part, here in self._slices(points):
            of_part = _squares(self({place: part}), weights, shifts, n, here)
            loss = torch.stack(list(of_part.values())).sum()
            for gradient, more in zip(total, torch.autograd.grad(loss, parameters, allow_unused=True), strict=True):
                if more is not None:
                    gradient.add_(more)
            for name, value in of_part.items():
                _add(losses, name, value.detach())
        return losses, total

    def gradients(
        self, points: Mapping[Place, Points], weights: Weights, shifts: Mapping[str, Tensor] = NONE
    ) -> dict[str, Tensor]:
        """The gradient of each equation's part of the loss, (P,): a backward pass each; their sum is `gradient`'s."""
        parameters = list(self.parameters())
        result: dict[str, Tensor] = {}
        for place, n, part, here in self._slices(points):
            for name, value in _squares(self._at(place, part, derivatives), weights, shifts, n, here).items():
                _add(result, name, torch.cat([g.flatten() for g in gradients(value, parameters)]))
        return result

    def sensitivities(
        self, points: Mapping[Place, Points], parameters: Sequence[Tensor] | None = None
    ) -> dict[str, Tensor]:
        """The mean over its points of each residual's squared gradient in the parameters, all of them by default, ().

        It is the trace of the equation's neural tangent kernel over N.
        """
        chosen: list[Tensor] = list(self.parameters() if parameters is None else parameters)
        result: dict[str, Tensor] = {}
        for place, n, part, _ in self._slices(points):
            for name, _, jacobian in self._linearise_place(place, part, chosen):
                _add(result, name, jacobian.square().sum() / n)
        return result

    def linearise(
        self,
        points: Mapping[Place, Points],
        weights: Weights,
        parameters: Sequence[Tensor] | None = None,
        shifts: Mapping[str, Tensor] = NONE,
    ) -> tuple[Tensor, Tensor]:
        """The vector r (M,) and its Jacobian (M, P), columns in the order of `parameters`, all of them by default.

        One backward pass an equation gives the whole Jacobian; networks without jet rules are differentiated point by
        point.
        """
        chosen: list[Tensor] = list(self.parameters() if parameters is None else parameters)
        rows: dict[str, list[tuple[Tensor, Tensor]]] = {}
        for place, n, part, here in self._slices(points):
            for name, r, jacobian in self._linearise_place(place, part, chosen):
                scale = _scale(weights, name, n, here)
                columns = scale[:, None] if isinstance(scale, Tensor) and scale.dim() else scale
                rows.setdefault(name, []).append((scale * _shifted(r, shifts, name, here), columns * jacobian))
        vectors, matrices = zip(*(pair for pairs in rows.values() for pair in pairs), strict=True)
        return torch.cat(vectors), torch.cat(matrices)

    def _slices(self, points: Mapping[Place, Points]) -> Iterator[tuple[Place, int, Points, slice]]:
        """A place, the number N of points that its means are over, some of them and which they are, until all came."""
        for place, at in points.items():
            if place.integral:  # one mean of them all
                yield place, 1, at, slice(0, 1)
                continue
            start = 0
            for part in at.split(even(len(at.x), self._most(place, at))):
                yield place, at.count, part, slice(start, start + len(part.x))
                start += len(part.x)

    def _most(self, place: Place, at: Points) -> int:
        """How many points of a place are taken at a time."""
        key = place, getattr(self.network, "spread", 1)  # a partition grows
        if key not in self._at_a_time:
            bounds = [sys.maxsize]
            if self.engine == "jet":
                bounds.append(points_in_cache(self.network, self.plans[place].channels) or sys.maxsize)
            if self.memory_budget:
                bounds.append(max(1, int(self.memory_budget / self._bytes_a_point(place, at))))
            self._at_a_time[key] = min(bounds)
        return self._at_a_time[key]

    def _bytes_a_point(self, place: Place, at: Points) -> float:
        def loss(n: int) -> Tensor:
            return torch.cat(list(self._at(place, at.repeated(n), derivatives).values())).sum()

        return bytes_a_point(loss)

    def _at(self, place: Place, at: Points, evaluate: Callable[..., dict[str, Tensor]]) -> dict[str, Tensor]:
        options = {"engine": self.engine, "inputs": self.inputs(place, at), "directions": self._directions.get(place)}
        values = evaluate(self.network_at(place), at.x, self.plans[place], **options)
        return {name: _weighted(value, place, at) for name, value in values.items()}

    def _linearise_place(
        self, place: Place, at: Points, parameters: list[Tensor]
    ) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Each equation's name, residual (N,) and Jacobian (N, P)."""
        tape: Tape = []
        plan, directions = self.plans[place], self._directions.get(place)
        with torch.enable_grad():
            inputs = self.bounded({name: expanded(z, len(at.x), tape) for name, z in self.unbounded.items()})
            values = jet_values(self.network_at(place), at.x, plan, tape, directions) if self.engine == "jet" else None
            if values is None:
                for name, residual in self._at(place, at, derivatives).items():  # N backward passes
                    rows = [torch.cat([g.flatten() for g in gradients(r, parameters)]) for r in residual]
                    yield name, residual.detach(), torch.stack(rows)
                return
            results = plan.results(values, at.x, {**inputs, **self.given(plan, at)})
            for name, jacobian in jacobians(results, tape, parameters):
                yield name, _weighted(results[name].detach(), place, at), _weighted(jacobian, place, at)

    def disagreement(self, points: Mapping[Place, Points]) -> float:
        """How far the two engines are apart at the points, relative: the larger of residuals and their gradients.

        Where a residual is infinite or no number, as log(u) below zero, that of the operators that it is made of.
        """
        apart = self._apart(points, lambda place, at: list(self({place: at}).values()))
        return apart if math.isfinite(apart) else self._apart(points, self._operators)

    def _apart(self, points: Mapping[Place, Points], values: Callable[[Place, Points], list[Tensor]]) -> float:
        """How far the engines are apart in some values and their gradients, relative."""
        found = []
        for engine in ENGINES:
            self.engine, kept = engine, self.engine
            r = torch.cat([value.flatten() for place, at in points.items() for value in values(place, at)])
            gradients = torch.autograd.grad(r.sum(), list(self.parameters()), allow_unused=True, materialize_grads=True)
            found.append((r.detach(), torch.cat([g.flatten() for g in gradients])))
            self.engine = kept
        return max(float((a - b).norm() / b.norm().clamp_min(1e-30)) for a, b in zip(*found, strict=True))

    def _operators(self, place: Place, at: Points) -> list[Tensor]:
        """The values of the operators on the fields at points of a place, (N,) each."""
        plan, directions = self.plans[place], self._directions.get(place)
        bare = replace(
            plan, names=tuple(plan.operators), inputs=(), combine=lambda *given: list(given[: len(plan.operators)])
        )
        options = {"engine": self.engine, "directions": directions}
        return list(derivatives(self.network_at(place), at.x, bare, **options).values())

    def inputs(self, place: Place, at: Points) -> dict[str, Tensor]:
        """What a place's plan needs besides operators and coordinates: learned parameters, and what is `given`."""
        return {**self.learned, **self.given(self.plans[place], at)}

    def given(self, plan: Plan, at: Points) -> dict[str, Tensor]:
        """What a plan may need to be given at points: data, functions known by values, components of normals; (N,)."""
        given = dict(at.values)
        given |= {name: values(at.x) for name, values in self._values.items() if name in plan.inputs}
        if at.normals is not None:
            given |= {normal(name).name: at.normals[:, k] for k, name in enumerate(self.coordinate_names)}
        return given


def _fields(problem: Problem, place: Place) -> list[str]:
    return [*problem.fields, *(map(partner_name, problem.fields) if place.pairs else ())]


def _by_place(equations: Iterable[Equation]) -> dict[Place, list[Equation]]:
    groups: dict[Place, list[Equation]] = {}
    for equation in equations:
        groups.setdefault(equation.place, []).append(equation)
    return groups


def _weighted(rows: Tensor, place: Place, at: Points) -> Tensor:
    """Of N rows their mean where the place is an integral's, else the rows; both by the weights of the points."""
    if at.weights is not None and not place.integral:
        rows = rows * at.weights.sqrt().reshape(-1, *(1,) * (rows.dim() - 1))
    return mean_where_integral(rows, place, at)


def mean_where_integral(rows: Tensor, place: Place, at: Points) -> Tensor:
    """Of N rows their mean by the weights of the points, (1, ...), where the place is an integral's, else the rows."""
    if not place.integral:
        return rows
    weights = 1.0 if at.weights is None else at.weights.reshape(-1, *(1,) * (rows.dim() - 1))
    return (rows * weights).mean(0, keepdim=True)


def _scale(weights: Weights, name: str, n: int, here: slice) -> Tensor | float:
    """`sqrt(w / N)`: a number, or one a point of a slice."""
    weight = weights.get(name, 1.0)
    if not isinstance(weight, Tensor):
        return math.sqrt(weight / n)
    return ((weight[here] if weight.dim() else weight) / n).sqrt()


def _shifted(r: Tensor, shifts: Mapping[str, Tensor], name: str, here: slice) -> Tensor:
    """`r + s` at a slice of points."""
    return r + shifts[name][here] if name in shifts else r


def _squares(
    residuals: Mapping[str, Tensor], weights: Weights, shifts: Mapping[str, Tensor], n: int, here: slice
) -> dict[str, Tensor]:
    """`sum w (r + s)**2 / N` of each equation over a slice of points."""
    scaled = {name: _scale(weights, name, n, here) * _shifted(r, shifts, name, here) for name, r in residuals.items()}
    return {name: r.square().sum() for name, r in scaled.items()}


def _add(sums: dict[str, Tensor], name: str, value: Tensor) -> None:
    sums[name] = sums[name] + value if name in sums else value
