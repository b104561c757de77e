"""The least-squares system of a problem on a partition, block by block: nothing of it is dense.

A residual is a function of linear operators on the fields, and each operator is linear in the output layers. So the
values of the operators at the points are the state of an iteration, and rows of the Jacobian are sums of the operators'
features, cell by cell.

Shape letters: K cells, N points of a place, n points of one cell, W features (1 included), F fields, M rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from pinn.geometry import Place, Points
from pinn.networks.partition import Partition
from pinn.operators import Plan
from pinn.partition.memory import size
from pinn.partition.processes import ALONE, Processes, Share, divided
from pinn.partition.sparse import Block
from pinn.residuals import Residuals

Values = dict[Place, dict[str, Tensor]]  # of the operators, (N,) each
Functional = tuple[tuple[int, float], ...]  # rows of the wanted channels and coefficients


@dataclass
class _Reads:
    """How a plan's operators read from the channels of one field's features.

    Attributes:
        functionals: The different combinations of channels.
        uses: By operator, pairs of a field and the number of a functional.
    """

    functionals: list[Functional] = field(default_factory=list)
    uses: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    @staticmethod
    def of(plan: Plan) -> _Reads:
        reads, numbers = _Reads(), {}
        for name, triples in plan.read_outs.items():
            by_field: dict[int, list[tuple[int, float]]] = {}
            for row, f, coefficient in triples:
                by_field.setdefault(f, []).append((row, coefficient))
            for f, pairs in by_field.items():
                number = numbers.setdefault(tuple(pairs), len(numbers))
                reads.uses.setdefault(name, []).append((f, number))
        reads.functionals = list(numbers)
        return reads


class Sampled:
    """The features of a partition at points of all places, and what the residuals make of them.

    Args:
        residuals: Of the problem.
        partition: Its cells; the output layers do not count.
        points: By place.
        cells: The cell of each point, (N,), by place.
        keep: Whether features are kept for the next use; else they are computed anew.
        shifts: By place and equation, what is to be the residual in place of zero, (N,).
        processes: Each has the features of its own cells, and all the same values.
    """

    def __init__(
        self,
        residuals: Residuals,
        partition: Partition,
        points: Mapping[Place, Points],
        cells: Mapping[Place, Tensor],
        keep: bool = True,
        shifts: Mapping[tuple[Place, str], Tensor] | None = None,
        processes: Processes = ALONE,
    ):
        self.residuals, self.partition, self.points, self.cells = residuals, partition, points, cells
        self.shifts, self.processes = shifts or {}, processes
        self.fields = partition.outputs
        self.reads = {place: _Reads.of(residuals.plans[place]) for place in points}
        self._reached: dict[tuple[Place, bool], list[Tensor]] = {}
        self._kept: dict[tuple[Place, bool], list[tuple[int, Tensor, Tensor]]] | None = {} if keep else None

    @cached_property
    def share(self) -> Share:
        """The process of each cell: about as many rows for each."""
        net = self.partition
        if self.processes.size == 1:
            return Share(self.processes, [0] * len(net), net.lower)
        loads = torch.zeros(len(net))
        for place in self.points:
            counts = torch.tensor([len(rows) for rows in self._members(place, False)])
            loads += counts * len(self.residuals.plans[place].names)
        lower, upper = (net.lower - net.below.abs()).cpu(), (net.upper + net.above.abs()).cpu()
        return Share(self.processes, divided(lower, upper, loads, self.processes.size), net.lower)

    @property
    def memory(self) -> int:
        """Bytes of the features that are kept."""
        return sum(size(rows, found) for kept in (self._kept or {}).values() for _, rows, found in kept)

    @property
    def rows(self) -> int:
        """M: how many residuals there are."""
        return sum(len(at.x) * len(self.residuals.plans[place].names) for place, at in self.points.items())

    def features(self, place: Place, partner: bool) -> Iterator[tuple[int, Tensor, Tensor]]:
        """A cell of this process, the points that it reaches, and the functionals of its features, (Q, n, W)."""
        if self._kept is None:
            yield from self._features(place, partner)
            return
        if (place, partner) not in self._kept:
            self._kept[place, partner] = list(self._features(place, partner))
        yield from self._kept[place, partner]

    def _at(self, place: Place, partner: bool) -> Tensor:
        x = self.points[place].x
        return x + x.new_tensor(self.residuals.shift(place)) if partner else x

    def _members(self, place: Place, partner: bool) -> list[Tensor]:
        """The points that each cell reaches."""
        if (place, partner) not in self._reached:
            self._reached[place, partner] = self.partition.members(self._at(place, partner))
        return self._reached[place, partner]

    def _features(self, place: Place, partner: bool) -> Iterator[tuple[int, Tensor, Tensor]]:
        plan, net, x = self.residuals.plans[place], self.partition, self._at(place, partner)
        kernels, reads = plan.kernels, self.reads[place]
        slopes = torch.eye(x.shape[1], dtype=x.dtype, device=x.device).unsqueeze(1)
        members, near = self._members(place, partner), None
        if self.processes.size > 1:
            near = torch.cat([members[0][:0], *(members[j] for j in self.share.mine)]).unique()
            place_of = near.new_full((len(x),), -1)
            place_of[near] = torch.arange(len(near), device=near.device)
            x, members = x[near], [found[found >= 0] for found in (place_of[rows] for rows in members)]
        with torch.enable_grad():  # jets ask for it; no parameter of a cell's hidden layers is trained here
            for j, weight in net.weights(x, slopes, kernels, members, self.share.mine).items():
                rows = members[j]
                hidden = net.features(j, x[rows], slopes, kernels)
                channels = kernels.multiply(weight, hidden, plan.wanted).detach()
                found = torch.stack([_combine(channels, functional) for functional in reads.functionals])
                yield j, rows if near is None else near[rows], found

    def _sides(self, place: Place) -> tuple[bool, ...]:
        return (False, True) if place.partner else (False,)

    def values(self, coefficients: list[Tensor]) -> Values:
        """The operators of the fields whose output layers have these coefficients, (F, W) by cell."""
        result: Values = {}
        for place, at in self.points.items():
            reads = self.reads[place]
            found = {name: at.x.new_zeros(len(at.x)) for name in self.residuals.plans[place].operators}
            for partner in self._sides(place):
                for j, rows, features in self.features(place, partner):
                    of_fields = torch.einsum("qnw,fw->qfn", features, coefficients[j])
                    for name, uses in reads.uses.items():
                        for f, q in uses:
                            if (f >= self.fields) == partner:
                                found[name].index_add_(0, rows, of_fields[q, f % self.fields])
            result[place] = found
        sums = iter(self.processes.sums(value for found in result.values() for value in found.values()))
        return {place: dict(zip(found, sums, strict=False)) for place, found in result.items()}

    def residual(self, values: Values) -> dict[Place, dict[str, Tensor]]:
        """Each equation's residual at the points, (N,)."""
        return {place: self._results(place, values[place]) for place in self.points}

    def _results(self, place: Place, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        at = self.points[place]
        found = self.residuals.plans[place].results(values, at.x, self.residuals.inputs(place, at))
        return {name: r - self.shifts[place, name] if (place, name) in self.shifts else r for name, r in found.items()}

    def linearise(self, values: Values) -> tuple[list[Block], dict[Place, dict[str, Tensor]], Tensor]:
        """The blocks of the Jacobian, the residuals, and `J c - r` at the fields with these values, (M,).

        Of several processes each has the blocks of its own cells, and all have the rest.

        Rows of which a value or a slope is infinite there are zero, and their residuals NaN.
        """
        slopes: dict[Place, dict[str, dict[str, Tensor]]] = {}
        residual: dict[Place, dict[str, Tensor]] = {}
        targets: list[Tensor] = []
        for place in self.points:
            leaves = {name: value.detach().requires_grad_() for name, value in values[place].items()}
            with torch.enable_grad():
                results = self._results(place, leaves)
                slopes[place] = {}
                for name, r in results.items():
                    found = torch.autograd.grad(
                        r.sum(), list(leaves.values()), retain_graph=True, allow_unused=True, materialize_grads=True
                    )
                    slopes[place][name] = dict(zip(leaves, found, strict=True))
            residual[place] = {}
            for name, r in results.items():
                of_row = slopes[place][name]
                known = torch.stack([r.detach(), *of_row.values()]).isfinite().all(dim=0)
                slopes[place][name] = {op: s.where(known, 0) for op, s in of_row.items()}
                linear = sum(s * values[place][op] for op, s in slopes[place][name].items())
                targets.append(torch.where(known, linear - r.detach(), 0))
                residual[place][name] = r.detach().where(known, torch.nan)
        return self._blocks(slopes), residual, torch.cat(targets)

    def _blocks(self, slopes: dict[Place, dict[str, dict[str, Tensor]]]) -> list[Block]:
        parts: dict[int, list[tuple[Tensor, Tensor]]] = {j: [] for j in self.share.mine}
        start = 0
        for place, at in self.points.items():
            reads, names = self.reads[place], list(slopes[place])
            for partner in self._sides(place):
                for j, rows, features in self.features(place, partner):
                    for e, name in enumerate(names):
                        matrix = self._matrix(reads, slopes[place][name], rows, features, partner)
                        if matrix is not None:
                            parts[j].append((start + e * len(at.x) + rows, matrix))
            start += len(at.x) * len(names)
        return [self._joined(j, of_cell) for j, of_cell in parts.items()]

    def _joined(self, j: int, parts: list[tuple[Tensor, Tensor]]) -> Block:
        if not parts:
            width = self.partition.layers[j].in_features + 1
            like = self.partition.lower
            return Block(torch.zeros(0, dtype=torch.int64), like.new_zeros(0, self.fields * width))
        rows, matrix = torch.cat([r for r, _ in parts]), torch.cat([m for _, m in parts])
        unique, inverse = rows.unique(return_inverse=True)
        if len(unique) < len(rows):  # a cell that reaches a face and its partner
            return Block(unique, matrix.new_zeros(len(unique), matrix.shape[1]).index_add(0, inverse, matrix))
        order = rows.argsort()
        return Block(rows[order], matrix[order])

    def _matrix(
        self, reads: _Reads, slopes: Mapping[str, Tensor], rows: Tensor, features: Tensor, partner: bool
    ) -> Tensor | None:
        columns: list[Tensor | None] = [None] * self.fields
        for name, uses in reads.uses.items():
            slope = slopes[name][rows]
            if not bool(slope.any()):
                continue
            for f, q in uses:
                if (f >= self.fields) == partner:
                    part, k = slope[:, None] * features[q], f % self.fields
                    before = columns[k]
                    columns[k] = part if before is None else before.add_(part)
        if all(column is None for column in columns):
            return None
        zero = torch.zeros_like(features[0])
        return torch.cat([zero if column is None else column for column in columns], dim=1)


def _combine(channels: Tensor, functional: Functional) -> Tensor:
    (row, coefficient), *rest = functional
    total = channels[row] if coefficient == 1 else coefficient * channels[row]
    for row, coefficient in rest:
        total = total + coefficient * channels[row]
    return total
