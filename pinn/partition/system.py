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
from typing import NamedTuple

import torch
from torch import Tensor

from pinn.geometry import Place, Points
from pinn.networks.partition import Partition
from pinn.operators import Plan
from pinn.partition.memory import size
from pinn.partition.processes import ALONE, Processes, Share, divided
from pinn.partition.sparse import Block
from pinn.residuals import Residuals, mean_where_integral

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


class Linearised(NamedTuple):
    """The Jacobian where the fields stand; rows of integrals, one each, come last.

    Attributes:
        blocks: Of the output layers of each cell, in the M rows of single points.
        residual: By place and equation, (N,) or (1,).
        target: `J c - r`, (M + L,).
        long: Of each cell, in the L rows of integrals, (L, P).
    """

    blocks: list[Block]
    residual: dict[Place, dict[str, Tensor]]
    target: Tensor
    long: list[Tensor]


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
        self.residuals, self.partition, self.cells = residuals, partition, cells
        self.points = {place: points[place] for place in sorted(points, key=lambda place: place.integral)}
        self.shifts, self.processes = shifts or {}, processes
        self.doubts: Mapping[tuple[Place, str], Tensor] | None = None  # errors of the shifts; None: not asked for
        self.shares: Mapping[str, float] = {}  # of each observed quantity in the weight of data, 1 where none is given
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
        """M: how many residuals there are, without those of integrals."""
        return sum(len(self.points[place].x) for place, _ in self.names if not place.integral)

    @property
    def names(self) -> list[tuple[Place, str]]:
        """Place and name of each equation, in the order of the rows."""
        return [(place, name) for place in self.points for name in self.residuals.plans[place].names]

    @property
    def data(self) -> dict[str, slice]:
        """The rows of each observed quantity."""
        found, start = {}, 0
        for place, name in self.names:
            stop = start + (1 if place.integral else len(self.points[place].x))
            if place.data is not None:
                found[name] = slice(start, stop)
            start = stop
        return found

    @property
    def numbers(self) -> Tensor:
        """What is trained of the learned numbers, (Z,): see `Learned`."""
        found = [z.detach() for z in self.residuals.unbounded.values()]
        return torch.stack(found) if found else self.partition.lower.new_zeros(0)

    @numbers.setter
    def numbers(self, values: Tensor) -> None:
        with torch.no_grad():
            for parameter, value in zip(self.residuals.unbounded.values(), values, strict=True):
                parameter.copy_(value)

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
        """Each equation's residual at the points, (N,); of an integral (1,)."""
        found = {place: self._results(place, values[place], self.residuals.learned) for place in self.points}
        return {
            place: {name: mean_where_integral(r.detach(), place, self.points[place]) for name, r in of_place.items()}
            for place, of_place in found.items()
        }

    def _results(self, place: Place, values: Mapping[str, Tensor], learned: Mapping[str, Tensor]) -> dict[str, Tensor]:
        at, plan = self.points[place], self.residuals.plans[place]
        found = plan.results(values, at.x, {**learned, **self.residuals.given(plan, at)})
        return {name: r - self.shifts[place, name] if (place, name) in self.shifts else r for name, r in found.items()}

    def linearise(self, values: Values) -> Linearised:
        """The Jacobian and the residuals at the fields with these values.

        Of several processes each has the blocks of its own cells, and all have the rest.

        Rows of which a value or a slope is infinite there are zero, and their residuals NaN.
        """
        slopes: dict[Place, dict[str, dict[str, Tensor]]] = {}
        residual: dict[Place, dict[str, Tensor]] = {}
        targets: list[Tensor] = []
        learned = {name: value.detach() for name, value in self.residuals.learned.items()}
        for place, at in self.points.items():
            leaves = {name: value.detach().requires_grad_() for name, value in values[place].items()}
            with torch.enable_grad():
                results = self._results(place, leaves, learned)
            slopes[place] = {name: _slopes(r, leaves) for name, r in results.items()}
            residual[place] = {}
            for name, r in results.items():
                of_row = slopes[place][name]
                known = torch.stack([r.detach(), *of_row.values()]).isfinite().all(dim=0)
                slopes[place][name] = {op: s.where(known, 0) for op, s in of_row.items()}
                linear = sum(s * values[place][op] for op, s in slopes[place][name].items())
                targets.append(mean_where_integral(torch.where(known, linear - r.detach(), 0), place, at))
                residual[place][name] = mean_where_integral(r.detach().where(known, torch.nan), place, at)
        blocks, long = self._blocks(slopes)
        return Linearised(blocks, residual, torch.cat(targets), long)

    def columns(self, values: Values) -> Tensor:
        """The derivatives of the residuals by what is trained of the learned numbers, (M + L, Z)."""
        found: list[Tensor] = []
        for place, at in self.points.items():
            with torch.enable_grad():
                trained = {
                    name: z.detach().expand(len(at.x)).clone().requires_grad_()
                    for name, z in self.residuals.unbounded.items()
                }
                for r in self._results(place, values[place], self.residuals.bounded(trained)).values():
                    of_row = _slopes(r, trained).values() if r.requires_grad else [torch.zeros_like(r)] * len(trained)
                    found.append(mean_where_integral(torch.stack(list(of_row), dim=1).nan_to_num(), place, at))
        return torch.cat(found)

    def _blocks(self, slopes: dict[Place, dict[str, dict[str, Tensor]]]) -> tuple[list[Block], list[Tensor]]:
        parts: dict[int, list[tuple[Tensor, Tensor]]] = {j: [] for j in self.share.mine}
        start, count = 0, sum(place.integral for place, _ in self.names)
        long = [self.partition.lower.new_zeros(count, self.fields * (layer.in_features + 1))
                for layer in self.partition.layers]  # fmt: skip
        for place, at in self.points.items():
            reads, names = self.reads[place], list(slopes[place])
            for partner in self._sides(place):
                for j, rows, features in self.features(place, partner):
                    for e, name in enumerate(names):
                        matrix = self._matrix(reads, slopes[place][name], rows, features, partner)
                        if matrix is None:
                            continue
                        if place.integral:
                            mean = mean_where_integral(matrix, place, at[rows]) * (len(rows) / len(at.x))
                            long[j][start - self.rows + e] += mean[0]
                        else:
                            parts[j].append((start + e * len(at.x) + rows, matrix))
            start += (1 if place.integral else len(at.x)) * len(names)
        return [self._joined(j, of_cell) for j, of_cell in parts.items()], long

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


def _slopes(result: Tensor, leaves: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of each entry by that of each leaf, (N,)."""
    found = torch.autograd.grad(
        result.sum(), list(leaves.values()), retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return dict(zip(leaves, found, strict=True))


def _combine(channels: Tensor, functional: Functional) -> Tensor:
    (row, coefficient), *rest = functional
    total = channels[row] if coefficient == 1 else coefficient * channels[row]
    for row, coefficient in rest:
        total = total + coefficient * channels[row]
    return total
