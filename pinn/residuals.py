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
from pinn.operators import ENGINES, ConstantUse, Engine, LinearUse, Plan, Tape, derivatives, jet_values, plan
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
        `J = sum_c G[c, n, o] A[c, n, i]`; a parameter that scales or shifts features is expanded to one a point, and
        what is computed from parameters passes its gradients on. Networks without jet rules are differentiated point by
        point.
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
        tape: Tape = []
        with torch.enable_grad():
            learned = {name: p.expand(n) for name, p in self.learned.items()}
            values = jet_values(self.solution, points.x, plan, tape) if self.engine == "jet" else None
            if values is None:
                yield from self._pointwise(points, plan, weights, parameters)
                return
            tape += [ConstantUse(p, learned[name]) for name, p in self.learned.items()]
            tape = [use for use in tape if any(_reaches(t, parameters) for t in _tensors(use))]
            residuals = plan.results(values, points.x, {**learned, **self._normals(points)})
            outputs = [z for use in tape for z in _outputs(use)]
            for name, residual in residuals.items():
                scale = _scale(weights, name, residual)
                gradients = iter(_gradients(residual.sum(), outputs))
                columns = {id(p): residual.new_zeros(n, p.numel()) for p in parameters}
                for use in tape:
                    for tensor, gradient in _per_point(use, [next(gradients) for _ in _outputs(use)]):
                        _add_columns(columns, tensor, gradient, parameters)
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


def _outputs(use: LinearUse | ConstantUse) -> tuple[Tensor, ...]:
    return use.outputs if isinstance(use, LinearUse) else (use.output,)


def _tensors(use: LinearUse | ConstantUse) -> list[Tensor]:
    tensors = [use.weight, use.bias] if isinstance(use, LinearUse) else [use.constant]
    return [tensor for tensor in tensors if tensor is not None]


def _reaches(tensor: Tensor, parameters: list[Tensor]) -> bool:
    """Whether it is one of the parameters, or depends on one."""
    if tensor.grad_fn is None:
        return any(tensor is p for p in parameters)
    found = torch.autograd.grad(tensor.sum(), parameters, retain_graph=True, allow_unused=True)
    return any(gradient is not None for gradient in found)


def _per_point(use: LinearUse | ConstantUse, at_outputs: list[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """The tensors of one use and their gradients point by point, (N, ...)."""
    if isinstance(use, ConstantUse):
        yield use.constant, at_outputs[0].reshape(-1, *use.constant.shape)
        return
    value, *slopes = at_outputs
    channels = torch.cat([value.unsqueeze(0), *slopes]) if slopes else value
    yield use.weight, torch.einsum("cno,cni->noi", channels, use.inputs)
    if use.bias is not None and use.has_value:
        yield use.bias, channels[0]


def _add_columns(columns: dict[int, Tensor], tensor: Tensor, gradient: Tensor, parameters: list[Tensor]) -> None:
    """Add per-point gradients (N, ...) of a tensor to the columns of the parameter that it is, or depends on."""
    if id(tensor) in columns:
        columns[id(tensor)] += gradient.reshape(len(gradient), -1)
    elif tensor.grad_fn is not None:
        options = {"is_grads_batched": True, "retain_graph": True, "allow_unused": True}
        for p, found in zip(parameters, torch.autograd.grad(tensor, parameters, gradient, **options), strict=True):
            if found is not None:
                columns[id(p)] += found.reshape(len(found), -1)


def _by_place(equations: Iterable[Equation]) -> dict[Place, list[Equation]]:
    groups: dict[Place, list[Equation]] = {}
    for equation in equations:
        groups.setdefault(equation.place, []).append(equation)
    return groups


def _scale(weights: Mapping[str, float | Tensor], name: str, residual: Tensor) -> Tensor | float:
    """`sqrt(w / N)`."""
    weight = weights.get(name, 1.0)
    return (weight / residual.shape[0]) ** 0.5 if isinstance(weight, Tensor) else math.sqrt(weight / residual.shape[0])
