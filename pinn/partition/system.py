"""The least-squares system of a problem on a partition, block by block: nothing of it is dense.

A residual is a function of linear operators on the fields, and each operator is linear in the output layers. So the
values of the operators at the points are the state of an iteration, and rows of the Jacobian are sums of the operators'
features, cell by cell.

Shape letters: K cells, N points of a place, n points of one cell, W features (1 included), F fields, M rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

import torch
from sympy.core.function import AppliedUndef
from torch import Tensor

from pinn.geometry import Place, Points
from pinn.language import coordinate, partner_name
from pinn.networks.partition import Partition, features_of
from pinn.networks.waves import Waves
from pinn.partition.kinds import Kinds, kinds
from pinn.partition.memory import size
from pinn.partition.prior import Process
from pinn.partition.processes import ALONE, Processes, Share, divided
from pinn.partition.reads import Reads, combine
from pinn.partition.sparse import Block
from pinn.residuals import Residuals, mean_where_integral

Values = dict[Place, dict[str, Tensor]]  # of the operators, (N,) each


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
        self.handed_on = False  # whether its decomposed system is kept: it takes as much memory as all else
        self.left_before = 0.0  # by the last level, as a part of the fields
        self.balance: dict[tuple[Place, str], Tensor] = {}
        """Factors of the parts of an equation `min(a, b) = 0` in each cell, (2, K): see `weigh`."""
        self.nonlinear = 1.0
        """What the equations have of all that is not linear in them: see `starts.followed`."""
        self._tangents: dict[Place, tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]] = {}
        self.shares: Mapping[str, float] = {}  # of each observed quantity in the weight of data, 1 where none is given
        self.fields = partition.outputs
        self.units = partition.lower.new_ones(self.fields)  # by which the fields are measured: see `terms.units`
        network = residuals.network
        beside = network.beside if isinstance(network, Partition) else []
        self.beside = [one for one in beside if isinstance(one, Waves)]
        """The coefficient fields, as they are now."""
        self.priors: tuple[Process, ...] | None = None  # the most likely, that were found last
        self.alone = _alone(residuals, len(self.beside))
        """The equations in which no other field stands."""
        self.reads = {place: Reads.of(residuals.plans[place]) for place in points}
        self._reached: dict[tuple[Place, bool], list[Tensor]] = {}
        self._kept: dict[tuple[Place, bool], list[tuple[int, Tensor, Tensor]]] | None = {} if keep else None
        self._waves: dict[tuple[Place, bool, int], Tensor] = {}

    def take(self, other: Sampled) -> None:
        """The features of another one, of cells and points that differ from these by a shift of time alone."""
        self._kept, self._reached = other._kept, other._reached

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
        kept = sum(size(rows, found) for kept in (self._kept or {}).values() for _, rows, found in kept)
        return kept + size(*self._waves.values())

    @property
    def rows(self) -> int:
        """M: how many residuals there are, without those of integrals."""
        return sum(len(self.points[place].x) for place, _ in self.names if not place.integral)

    @property
    def names(self) -> list[tuple[Place, str]]:
        """Place and name of each equation in which fields of cells stand, in the order of the rows."""
        every = [(place, name) for place in self.points for name in self.residuals.plans[place].names]
        return [pair for pair in every if pair not in self.alone]

    def kinds(self, place: Place, name: str) -> Kinds:
        """Those of an equation, see `Kinds`."""
        residual = next(e.residual for e in self.residuals.groups[place] if e.name == name)
        return kinds(residual, tuple(map(coordinate, self.residuals.coordinate_names)))

    def alike(self, place: Place, name: str) -> Tensor:
        """Of each point of an equation the number of the rows that are scaled alike: by cell and by kind, (N,)."""
        found = self.kinds(place, name)
        return len(found) * self.cells[place] + found.of(self.points[place].x)

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
        """What is trained of the learned numbers, see `Learned`, and the coefficients of the waves, (Z,)."""
        found = [z.detach()[None] for z in self.residuals.unbounded.values()]
        found += [one.coefficients.to(self.partition.lower) for one in self.beside]
        return torch.cat(found) if found else self.partition.lower.new_zeros(0)

    @numbers.setter
    def numbers(self, values: Tensor) -> None:
        count = len(self.residuals.unbounded)
        with torch.no_grad():
            for parameter, value in zip(self.residuals.unbounded.values(), values[:count], strict=True):
                parameter.copy_(value)
        for one, part in zip(self.beside, values[count:].split([len(w.frequencies) for w in self.beside]), strict=True):
            one.coefficients = part

    def waves(self, place: Place, partner: bool, k: int) -> Tensor:
        """The functionals of the waves of coefficient field k at the points of a place, (Q, N, W)."""
        key = place, partner, k
        if key in self._waves:
            return self._waves[key]
        plan, x = self.residuals.plans[place], self._at(place, partner)
        slopes = torch.eye(x.shape[1], dtype=x.dtype, device=x.device).unsqueeze(1)
        with torch.enable_grad():  # jets ask for it
            every = features_of(self.beside[k], x, slopes, plan.kernels).detach()
        channels = every[plan.kernels.channels_of(plan.wanted)]
        found = torch.stack([combine(channels, functional) for functional in self.reads[place].functionals])
        if self._kept is not None:
            self._waves[key] = found
        return found

    def of_waves(self, place: Place) -> dict[str, Tensor]:
        """What the coefficient fields, as they are now, give to each operator at the points of a place, (N,)."""
        found: dict[str, Tensor] = {}
        for name, f, q, partner in self._uses(place):
            if f >= self.fields:
                waves = self.waves(place, partner, f - self.fields)
                part = waves[q] @ self.beside[f - self.fields].coefficients.to(waves)
                found[name] = found[name] + part if name in found else part
        return found

    def _uses(self, place: Place) -> Iterator[tuple[str, int, int, bool]]:
        """Operator, field, number of the functional, and whether it is at the partner's points."""
        every = self.fields + len(self.beside)
        for name, uses in self.reads[place].uses.items():
            for f, q in uses:
                yield name, f % every, q, f >= every

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
        return place.partners(x) if partner else x

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
                found = torch.stack([combine(channels, functional) for functional in reads.functionals])
                yield j, rows if near is None else near[rows], found

    def _sides(self, place: Place) -> tuple[bool, ...]:
        return (False, True) if place.pairs else (False,)

    def values(self, coefficients: list[Tensor]) -> Values:
        """The operators of the fields whose output layers have these coefficients, (F, W) by cell."""
        result: Values = {}
        for place, at in self.points.items():
            found = {name: at.x.new_zeros(len(at.x)) for name in self.residuals.plans[place].operators}
            uses = [use for use in self._uses(place) if use[1] < self.fields]
            for partner in self._sides(place):
                for j, rows, features in self.features(place, partner):
                    of_fields = torch.einsum("qnw,fw->qfn", features, coefficients[j])
                    for name, f, q, there in uses:
                        if there == partner:
                            found[name].index_add_(0, rows, of_fields[q, f])
            result[place] = found
        sums = iter(self.processes.sums(value for found in result.values() for value in found.values()))
        result = {place: dict(zip(found, sums, strict=False)) for place, found in result.items()}
        for place, found in result.items() if self.beside else ():
            for name, part in self.of_waves(place).items():
                found[name] = found[name] + part
        return result

    def residual(self, values: Values) -> dict[Place, dict[str, Tensor]]:
        """Each equation's residual at the points, (N,); of an integral (1,)."""
        found = {place: self._results(place, values[place], self.residuals.learned) for place in self.points}
        return {
            place: {name: mean_where_integral(r.detach(), place, self.points[place]) for name, r in of_place.items()}
            for place, of_place in found.items()
        }

    def _results(
        self, place: Place, values: Mapping[str, Tensor], learned: Mapping[str, Tensor], alone: bool = False
    ) -> dict[str, Tensor]:
        at, plan = self.points[place], self.residuals.plans[place]
        inputs = {**learned, **self.residuals.given(plan, at)}
        found = plan.results(values, at.x, inputs)
        for name, parts in plan.parts.items():
            if (place, name) in self.balance:
                factors = self.balance[place, name][:, self.cells[place]]
                found[name] = parts.chosen(factors * plan.parts_of(name, values, at.x, inputs))
        shifted = {
            name: r - self.shifts[place, name] if (place, name) in self.shifts else r
            for name, r in found.items()
            if ((place, name) in self.alone) == alone
        }
        return shifted if self.nonlinear == 1 or alone else self._less_nonlinear(place, values, shifted)

    def _less_nonlinear(
        self, place: Place, values: Mapping[str, Tensor], results: dict[str, Tensor]
    ) -> dict[str, Tensor]:  # fmt: skip
        """Part of the residuals, and for the rest those of the equations that are linearised at zero."""
        part, (at_zero, slopes) = self.nonlinear, self._tangents[place]
        return {
            name: part * r + (1 - part) * (at_zero[name] + sum(s * values[op] for op, s in slopes[name].items()))
            for name, r in results.items()
        }

    def weigh(self, values: Values) -> None:
        """Make both parts of each equation that is the least or the most of two equally large in every cell.

        Which of `-u_xx` and `u - psi` is the less does not depend on such factors where one of them is zero, as in the
        solution; elsewhere it says which of the two a step of Newton's is to fulfil (the primal-dual active set
        method: Hintermueller, Ito, Kunisch 2002, SIAM J. Optim. 13), and rows of one size are all fulfilled alike.

        Args:
            values: Of the operators, where the parts are linearised.
        """
        for place in self.points:
            for name in self.residuals.plans[place].parts:
                self.balance[place, name] = self._balance(place, name, values[place])

    def _balance(self, place: Place, name: str, values: Mapping[str, Tensor]) -> Tensor:
        """1 over the size of the rows of each part in each cell, over that of the first, (2, K)."""
        at, plan = self.points[place], self.residuals.plans[place]
        inputs = {**self.residuals.learned, **self.residuals.given(plan, at)}
        leaves = {op: value.detach().requires_grad_() for op, value in values.items()}
        with torch.enable_grad():
            parts = plan.parts_of(name, leaves, at.x, inputs)
            slopes = [_slopes(part, leaves) for part in parts]
        squares = at.x.new_zeros(len(parts), len(self.partition))
        for partner in self._sides(place):
            for j, rows, features in self.features(place, partner):
                own = self.cells[place][rows] == j
                sizes = features[:, own].square().mean(dim=2)
                for op, f, q, there in self._uses(place):
                    if there == partner and f < self.fields:
                        for k, slope in enumerate(slopes):
                            squares[k, j] += (slope[op][rows[own]].square() * sizes[q]).sum()
        (squares,) = self.processes.sums([squares])
        return torch.where(squares > 0, (squares[:1] / squares).sqrt(), 1.0).nan_to_num(1.0, 1.0, 1.0)

    def linearise(self, values: Values) -> Linearised:
        """The Jacobian and the residuals at the fields with these values.

        Of several processes each has the blocks of its own cells, and all have the rest.

        Where a slope is infinite, as that of a root at zero, it counts as none, and where a value is, the row is zero;
        the residuals are NaN there.
        """
        slopes: dict[Place, dict[str, dict[str, Tensor]]] = {}
        residual: dict[Place, dict[str, Tensor]] = {}
        targets: list[Tensor] = []
        for place, at in self.points.items():
            results, slopes[place] = self.slopes(place, values[place])
            residual[place], of_waves = {}, self.of_waves(place) if self.beside else {}
            for name, r in results.items():
                finite = r.isfinite()
                known = torch.stack([finite, *(s.isfinite() for s in slopes[place][name].values())]).all(dim=0)
                slopes[place][name] = {op: s.where(finite & s.isfinite(), 0) for op, s in slopes[place][name].items()}
                linear = sum(s * (values[place][op] - of_waves.get(op, 0)) for op, s in slopes[place][name].items())
                targets.append(mean_where_integral(torch.where(finite, linear - r, 0), place, at))
                residual[place][name] = mean_where_integral(r.where(known, torch.nan), place, at)
        blocks, long = self._blocks(slopes)
        return Linearised(blocks, residual, torch.cat(targets), long)

    def linearise_on_average(self, samples: Iterable[Values]) -> Linearised:
        """Statistical linearisation: the mean of the Jacobians and of the residuals at values whose mean is zero.

        Where some are not finite, it is the mean of the others.
        """
        means: dict[tuple[Place, str, str | None], Tensor] = {}  # by operator; None: of the residual
        counts: dict[tuple[Place, str, str | None], Tensor] = {}
        for values in samples:
            for place in self.points:
                results, slopes = self.slopes(place, values[place])
                for name, r in results.items():
                    for op, one in {None: r, **slopes[name]}.items():
                        key, finite = (place, name, op), one.isfinite()
                        counts[key] = counts.get(key, 0) + finite
                        change = (one - means.get(key, 0)).where(finite, 0)
                        means[key] = means.get(key, 0) + change / counts[key].clamp(min=1)
        slopes = {place: {} for place in self.points}
        residual = {place: {} for place in self.points}
        for (place, name, op), mean in means.items():
            if op is None:
                residual[place][name] = mean_where_integral(mean, place, self.points[place])
            else:
                slopes[place].setdefault(name, {})[op] = mean
        blocks, long = self._blocks(slopes)
        return Linearised(blocks, residual, -torch.cat([r for of in residual.values() for r in of.values()]), long)

    def slopes(
        self, place: Place, values: Mapping[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]:
        """Of each equation of a place the residual, (N,), and its derivative by each operator, (N,)."""
        learned = {name: value.detach() for name, value in self.residuals.learned.items()}
        leaves = {name: value.detach().requires_grad_() for name, value in values.items()}
        with torch.enable_grad():
            results = self._results(place, leaves, learned)
        return {name: r.detach() for name, r in results.items()}, {
            name: _slopes(r, leaves) for name, r in results.items()
        }

    def has_tangents(self) -> bool:
        """Whether the equations have a finite value and finite slopes where all fields are zero, which it notes."""
        self.nonlinear = 1.0
        for place in self.points:
            none = self.points[place].x.new_zeros(len(self.points[place].x))
            self._tangents[place] = self.slopes(place, dict.fromkeys(self.residuals.plans[place].operators, none))
        every = [r for results, slopes in self._tangents.values() for r in (*results.values(), *(
            slope for of_equation in slopes.values() for slope in of_equation.values()
        ))]  # fmt: skip
        return all(bool(r.isfinite().all()) for r in every)

    def columns(self, values: Values) -> Tensor:
        """The derivatives of the residuals by `numbers`, (M + L, Z)."""
        found = [self._columns(place, values[place], False) for place in self.points]
        return torch.cat([column for of_place in found for column in of_place.values()])

    def conditions(self, measured: bool = False) -> tuple[list[Tensor], list[Tensor]]:
        """What the equations of the coefficient fields alone leave now, (A,) each, and its derivatives, (A, Z).

        Args:
            measured: Those of data, else the others.
        """
        left: list[Tensor] = []
        slopes: list[Tensor] = []
        for place in {there: None for there, _ in self.alone if there in self.points}:
            if (place.data is not None) == measured:
                at = self.points[place]
                values = {op: at.x.new_zeros(len(at.x)) for op in self.residuals.plans[place].operators}
                values |= self.of_waves(place)
                found = self._results(place, values, self.residuals.learned, True)
                left += [mean_where_integral(r.detach(), place, at) for r in found.values()]
                slopes += self._columns(place, values, True).values()
        return left, slopes

    def _columns(self, place: Place, values: Mapping[str, Tensor], alone: bool) -> dict[str, Tensor]:
        """By equation the derivatives by `numbers`, (N, Z), or (1, Z)."""
        at = self.points[place]
        with torch.enable_grad():
            trained = {
                name: z.detach().expand(len(at.x)).clone().requires_grad_()
                for name, z in self.residuals.unbounded.items()
            }
            leaves = {name: value.detach().requires_grad_() for name, value in values.items()}
            results = self._results(place, leaves, self.residuals.bounded(trained), alone)
        found: dict[str, Tensor] = {}
        for name, r in results.items():
            of_row = _slopes(r, {**trained, **leaves}) if r.requires_grad else {}
            parts = [of_row.get(number, torch.zeros_like(at.x[:, 0]))[:, None] for number in trained]
            for k in range(len(self.beside)):
                part = at.x.new_zeros(len(at.x), len(self.beside[k].frequencies))
                for op, f, q, partner in self._uses(place):
                    if f == self.fields + k and op in of_row:
                        part += of_row[op][:, None] * self.waves(place, partner, k)[q]
                parts.append(part)
            found[name] = mean_where_integral(torch.cat(parts, dim=1).nan_to_num(), place, at)
        return found

    def _blocks(self, slopes: dict[Place, dict[str, dict[str, Tensor]]]) -> tuple[list[Block], list[Tensor]]:
        parts: dict[int, list[tuple[Tensor, Tensor]]] = {j: [] for j in self.share.mine}
        start, count = 0, sum(place.integral for place, _ in self.names)
        long = [self.partition.lower.new_zeros(count, self.fields * (layer.in_features + 1))
                for layer in self.partition.layers]  # fmt: skip
        for place, at in self.points.items():
            names = list(slopes[place])
            uses = [use for use in self._uses(place) if use[1] < self.fields]
            for partner in self._sides(place):
                for j, rows, features in self.features(place, partner):
                    for e, name in enumerate(names):
                        here = [(op, f, q) for op, f, q, there in uses if there == partner]
                        matrix = self._matrix(here, slopes[place][name], rows, features)
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
        self, uses: list[tuple[str, int, int]], slopes: Mapping[str, Tensor], rows: Tensor, features: Tensor
    ) -> Tensor | None:
        columns: list[Tensor | None] = [None] * self.fields
        for name, f, q in uses:
            slope = slopes[name][rows]
            if bool(slope.any()):
                part, before = slope[:, None] * features[q], columns[f]
                columns[f] = part if before is None else before.add_(part)
        if all(column is None for column in columns):
            return None
        zero = torch.zeros_like(features[0])
        return torch.cat([zero if column is None else column for column in columns], dim=1)


def _alone(residuals: Residuals, count: int) -> dict[tuple[Place, str], None]:
    """The equations in which only coefficient fields stand, which are the last `count`, in order."""
    found: dict[tuple[Place, str], None] = {}
    for place, plan in residuals.plans.items() if count else ():
        names = {*plan.fields[: len(plan.fields) // (1 + place.pairs) - count]}
        names |= {partner_name(name) for name in names}
        for e in residuals.groups[place]:
            if not names & {atom.func.__name__ for atom in e.residual.atoms(AppliedUndef)}:
                found[place, e.name] = None
    return found


def _slopes(result: Tensor, leaves: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of each entry by that of each leaf, (N,)."""
    found = torch.autograd.grad(
        result.sum(), list(leaves.values()), retain_graph=True, allow_unused=True, materialize_grads=True
    )
    return dict(zip(leaves, found, strict=True))
