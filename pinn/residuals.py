"""Residuals of a problem at points: one vector an equation.

Equations that hold at the same place share its points, so that one jet serves them all.

Shape letters: N points, M residuals of all equations, P parameters, C channels, D coordinates.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from pinn.geometry import Place, Points
from pinn.language import normal
from pinn.networks import HardConditions
from pinn.operators import ENGINES, Engine, LinearUse, Plan, derivatives, jet_values, plan
from pinn.problem import Equation, Problem


class Residuals(nn.Module):
    """The residuals of every equation, differentiable in the network and in the learned parameters of the PDE.

    Args:
        problem: The problem.
        network: Maps (N, D) to (N, F); conditions enforced by construction are built around it.
        engine: `jet` or `autograd`.

    Attributes:
        solution: The network with its conditions: maps (N, D) to (N, F).
        learned: Learned parameters by name.
        plans: One plan a place.
    """

    def __init__(self, problem: Problem, network: nn.Module, engine: Engine = "jet"):
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
        self.learned = nn.ParameterDict({name: nn.Parameter(like.new_tensor(v)) for name, v in problem.learned.items()})
        self.engine: Engine = engine
        self._compiled: Callable[..., dict[str, Tensor]] | None = None
        self.coordinate_names = problem.coordinate_names
        self.groups = _by_place(problem.equations.values())
        self.plans: dict[Place, Plan] = {
            place: plan({e.name: e.residual for e in group}, problem.coordinate_names, problem.fields)
            for place, group in self.groups.items()
        }

    @property
    def places(self) -> tuple[Place, ...]:
        """Where points are needed."""
        return tuple(self.plans)

    @property
    def channels(self) -> int:
        """The largest number of channels that a jet carries, the value included."""
        return max(planned.channels for planned in self.plans.values())

    @property
    def compiled(self) -> bool:
        """Whether steps go through compiled code."""
        return self._compiled is not None

    def compile_derivatives(self, wanted: bool = True) -> None:
        """Take compiled code from the next step on, or go back; what takes no gradients stays as it is."""
        self._compiled = torch.compile(derivatives, fullgraph=True, dynamic=False) if wanted else None

    def forward(self, points: Mapping[Place, Points]) -> dict[str, Tensor]:
        """{equation: (N,)} at the points of its place."""
        result: dict[str, Tensor] = {}
        for place, planned in self.plans.items():
            inputs = {**self.learned, **self._normals(points[place])}
            evaluate = self._compiled if self._compiled and torch.is_grad_enabled() else derivatives
            result |= evaluate(self.solution, points[place].x, planned, engine=self.engine, inputs=inputs)
        return result

    def vector(self, points: Mapping[Place, Points], weights: Mapping[str, float | Tensor]) -> Tensor:
        """`r = [sqrt(w_e / N_e) * residual_e]` over all equations, (M,); the loss is `r @ r`."""
        return torch.cat([_scale(weights, name, r) * r for name, r in self(points).items()])

    def linearise(
        self,
        points: Mapping[Place, Points],
        weights: Mapping[str, float | Tensor],
        parameters: Sequence[Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """The vector r (M,) and its Jacobian (M, P), columns in the order of `parameters`, all of them by default.

        A row depends on one point alone. So one backward pass an equation gives the whole Jacobian: each linear layer's
        weight gradient is the product of its input channels A and of the gradients G at its output channels,
        `J = sum_c G[c, n, o] A[c, n, i]`. Networks without jet rules are differentiated point by point.
        """
        chosen: list[Tensor] = list(self.parameters() if parameters is None else parameters)
        rows = []
        for place, planned in self.plans.items():
            rows += list(self._linearise_place(points[place], planned, weights, chosen))
        return torch.cat([r for r, _ in rows]), torch.cat([jacobian for _, jacobian in rows])

    def _linearise_place(
        self, points: Points, plan: Plan, weights: Mapping[str, float | Tensor], parameters: list[Tensor]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        n = points.x.shape[0]
        tape: list[LinearUse] = []
        with torch.enable_grad():
            learned = {name: p.expand(n) for name, p in self.learned.items()}
            values = jet_values(self.solution, points.x, plan, tape) if self.engine == "jet" else None
            chosen = {id(p) for p in parameters}
            used = {id(p): e for p, e in zip(self.learned.values(), learned.values(), strict=True) if id(p) in chosen}
            tape = [use for use in tape if id(use.weight) in chosen or id(use.bias) in chosen]
            if values is None or not chosen <= {id(p) for use in tape for p in (use.weight, use.bias)} | set(used):
                yield from self._pointwise(points, plan, weights, parameters)
                return
            residuals = plan.results(values, points.x, {**learned, **self._normals(points)})
            outputs = [z for use in tape for z in use.outputs] + list(used.values())
            for name, residual in residuals.items():
                scale = _scale(weights, name, residual)
                gradients = iter(_gradients(residual.sum(), outputs))
                columns: dict[int, Tensor] = {}
                for use in tape:
                    _add_layer(columns, use, [next(gradients) for _ in use.outputs])
                columns |= {key: next(gradients).unsqueeze(1) for key in used}
                yield scale * residual.detach(), scale * torch.cat([columns[id(p)] for p in parameters], dim=1)

    def _pointwise(
        self, points: Points, plan: Plan, weights: Mapping[str, float | Tensor], parameters: list[Tensor]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Row by row by reverse mode: the fallback, whose cost is N backward passes."""
        inputs = {**self.learned, **self._normals(points)}
        for name, residual in derivatives(self.solution, points.x, plan, engine=self.engine, inputs=inputs).items():
            scale = _scale(weights, name, residual)
            rows = [torch.cat([g.flatten() for g in _gradients(r, parameters)]) for r in residual]
            yield scale * residual.detach(), scale * torch.stack(rows)

    def disagreement(self, points: Mapping[Place, Points]) -> float:
        """How far the two engines are apart at the points, relative: the larger of residuals and their gradients."""
        found = []
        for engine in ENGINES:
            self.engine, kept = engine, self.engine
            r = self.vector(points, {})
            gradients = torch.autograd.grad(r.sum(), list(self.parameters()), allow_unused=True, materialize_grads=True)
            found.append((r.detach(), torch.cat([g.flatten() for g in gradients])))
            self.engine = kept
        return max(float((a - b).norm() / b.norm().clamp_min(1e-30)) for a, b in zip(*found, strict=True))

    def _normals(self, points: Points) -> dict[str, Tensor]:
        if points.normals is None:
            return {}
        return {normal(name).name: points.normals[:, k] for k, name in enumerate(self.coordinate_names)}


def _gradients(value: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Zero where the value does not depend on an input; the graph stays for the next equation."""
    return torch.autograd.grad(value, inputs, retain_graph=True, allow_unused=True, materialize_grads=True)


def _add_layer(columns: dict[int, Tensor], use: LinearUse, at_outputs: list[Tensor]) -> None:
    """Add a linear layer's per-point gradients (N, P_layer); a layer used twice has two parts."""
    value, *slopes = at_outputs
    channels = torch.cat([value.unsqueeze(0), *slopes]) if slopes else value
    parts = [(use.weight, torch.einsum("cno,cni->noi", channels, use.inputs).flatten(1))]
    if use.bias is not None:
        parts.append((use.bias, channels[0]))
    for parameter, gradient in parts:
        columns[id(parameter)] = columns[id(parameter)] + gradient if id(parameter) in columns else gradient


def _by_place(equations: Iterable[Equation]) -> dict[Place, list[Equation]]:
    groups: dict[Place, list[Equation]] = {}
    for equation in equations:
        groups.setdefault(equation.place, []).append(equation)
    return groups


def _scale(weights: Mapping[str, float | Tensor], name: str, residual: Tensor) -> Tensor | float:
    """`sqrt(w / N)`."""
    weight = weights.get(name, 1.0)
    return (weight / residual.shape[0]) ** 0.5 if isinstance(weight, Tensor) else math.sqrt(weight / residual.shape[0])
