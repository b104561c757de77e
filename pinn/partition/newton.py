"""Newton's steps for the output layers of a partition: each is one sparse least-squares solve.

The state is the operators' values at the points, in which a step can be taken in part, and which need not come from
this partition: those of a coarser one are as good a start.

Shape letters: K cells, N points of a place, F fields, W features (1 included), M rows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from pinn.geometry import Place
from pinn.language.scope import TIME
from pinn.partition.coefficients import fields_response
from pinn.partition.corners import lightness
from pinn.partition.numbers import Response, response
from pinn.partition.precedence import precedence
from pinn.partition.processes import agreed
from pinn.partition.sparse import Block, BlockLeastSquares, factorise
from pinn.partition.system import Linearised, Sampled, Values

LARGE = 4.0  # times as large as is usual in its cell: a row that counts no more than such
HALVINGS = 16  # parts of a step that are tried, 1 to 2**-15: exponential functions may be far too large at its end
SAME = 1e-3  # relative: a residual that is so near to what its linearisation promised is as small as it will be
FOREIGN = 4.0  # times the loss of what other cells have left: so much a first step may leave
ROUGHLY = 1e-4  # of an error: what it may be wrong by itself
ROUNDING = 1e-30  # of the sum of squares that is to be met: what is left of it is as small as it will be
FALLING = 0.99  # a step that leaves more of the loss is the last


class Decomposed(NamedTuple):
    """The decomposed system of a linear problem, which that of another interval of time is as well."""

    solver: BlockLeastSquares
    rows: Tensor
    scales: dict[tuple[Place, str], Tensor]


@dataclass
class Found:
    """What Newton's steps have reached.

    Attributes:
        coefficients: Of the output layers, (F, W) by cell.
        values: Of the operators at the points.
        scales: 1 over the size of a row by place and equation, of each cell and kind: see `Sampled.alike`.
        loss: The sum of squares of the scaled residuals, over their number.
        steps: How many were taken.
        converged: Whether the last one was whole, and gained what it promised, or next to nothing.
        better: Whether any lowered the loss: else the coefficients are worse than what the steps began with.
        suppressed: Of the last solve: see `BlockLeastSquares`.
        memory: Bytes that features and decomposition took.
        rank: Orthonormal columns of all cells.
        last: The last step as a whole, as coefficients; empty where what it began with has none here.
        response: To the learned numbers; None where there are none.
        unmet: The root mean square of the scaled residuals without those of data.
        misfit: That of data alone.
        noise: What the data are missed by, over their size and the root of their number: the least of all quantities.
        noises: What each observed quantity is missed by, in the units of the fields' features.
        inherited: What the errors of the shifts make of the solution, as coefficients; empty where nobody asks for it.
        changed: The solution that the steps began with less the one that they found, likewise.
        decomposed: The system of the last step, where another interval of time may need it.
    """

    coefficients: list[Tensor]
    values: Values
    scales: dict[tuple[Place, str], Tensor]
    loss: float
    steps: int
    converged: bool
    better: bool
    suppressed: float
    memory: int
    rank: int
    last: list[Tensor] = field(default_factory=list)
    response: Response | None = None
    unmet: float = 0.0
    misfit: float = 0.0
    noise: float = 0.0
    noises: dict[str, float] = field(default_factory=dict)
    inherited: list[Tensor] = field(default_factory=list)
    changed: list[Tensor] = field(default_factory=list)
    decomposed: Decomposed | None = None

    def after(self, change: Tensor) -> list[Tensor]:
        """The coefficients that follow a change of the numbers (Z,)."""
        assert self.response is not None
        return [
            c + (part @ change).reshape(c.shape)
            for c, part in zip(self.coefficients, self.response.coefficients, strict=True)
        ]


def newton(
    sampled: Sampled, start: Values, most: int, foreign: bool = False, tolerance: float | None = None,
    until: float = math.inf, weight: float = 1.0,
) -> Found:  # fmt: skip
    """Newton's steps from operators' values until nothing is left to gain, or `most` were taken.

    Args:
        sampled: The cells and the points.
        start: Values to begin with.
        most: Steps.
        foreign: Whether those are of a solution on other cells, which these need not hold: then the first step may
            raise the loss a little.
        tolerance: Of the singular values of a cell: see `factorise`.
        until: When, by `time.perf_counter` of the first process, no further step begins.
        weight: Of the rows of data, beside those of equations and conditions.
    """
    allowed = FOREIGN if foreign else 1.0
    values, coefficients = start, _of_nothing(sampled, start)
    found = rows = solver = linearised = None
    for step in range(1, most + 1):
        linearised = sampled.linearise(values)
        scales, rows = _weights(sampled, linearised, weight)
        whole = _joined(linearised.residual)
        # where nothing depends on the fields as they are, as in u_xx*u_yy at zero, or a slope is infinite there, as
        # that of a root, the first step sees the other rows alone, and is taken whatever it does
        blind = step == 1 and bool((~whole.isfinite() | ((rows == 0) & (whole != 0))).any())
        loss = float((rows * whole)[whole.isfinite()].square().sum()) / len(rows)
        solver = _decomposed(sampled, linearised, rows, tolerance)
        memory = int(sampled.processes.largest([solver.memory + sampled.memory], rows.device)[0])
        target = rows * linearised.target
        solution, rounding = solver.solve(target), ROUNDING * float(target.square().mean())
        promised = float(solver.residual_norm**2) / len(rows)
        new = [c.reshape(sampled.fields, -1) for c in solution]
        there = sampled.values(new)
        if blind:
            part, reached = 1.0, _loss(sampled.residual(there), rows)
        else:
            part, reached = _in_part(sampled, values, there, rows, loss * (allowed if step == 1 else 1.0))
        part, reached, promised, loss = agreed(sampled.processes, [part, reached, promised, loss], rows.device)
        last = [] if coefficients is None or step == 1 else [b - a for a, b in zip(coefficients, new, strict=True)]
        if part == 1.0:
            values, coefficients = there, new
        else:
            values = _blend(values, there, part)
            coefficients = None if coefficients is None else [
                a + part * (b - a) for a, b in zip(coefficients, new, strict=True)
            ]  # fmt: skip
        little = step > 1 and reached >= FALLING * loss
        converged = part == 1.0 and (little or reached <= (1 + SAME) * promised + rounding) and not blind
        better = part > 0 or step > 1
        found = Found(
            new if coefficients is None else coefficients, values, scales, reached, step, converged, better,
            solver.suppressed, memory, solver.rank, last,
        )  # fmt: skip
        if agreed(sampled.processes, [time.perf_counter() > until], rows.device)[0]:
            break
        if not blind and (converged or part == 0.0 or little):
            break
    assert found is not None and rows is not None and solver is not None and linearised is not None
    if coefficients is None:  # steps in part from what has no coefficients here: the last whole one is what there is
        found.values = sampled.values(found.coefficients)
        found.loss = _loss(sampled.residual(found.values), rows)
        found.better = found.loss < allowed * _loss(sampled.residual(start), rows)
    _tell(sampled, found, solver, rows, rows * linearised.target)
    if sampled.doubts is not None:
        found.inherited, found.changed = _doubted(sampled, sampled.doubts, start, found, solver, rows)
    if sampled.handed_on:
        found.decomposed = Decomposed(solver, rows, found.scales)
    return found


def _of_nothing(sampled: Sampled, start: Values) -> list[Tensor] | None:
    """The coefficients of a start that is zero; None where they are not known."""
    if any(bool(v.any()) for of_place in start.values() for v in of_place.values()):
        return None
    layers = sampled.partition.layers
    return [layer.weight.new_zeros(sampled.fields, layer.in_features + 1) for layer in layers]


def solved_on_average(sampled: Sampled, samples: Iterable[Values]) -> list[Tensor]:
    """The coefficients that solve the problem linearised on average: see `Sampled.linearise_on_average`."""
    linearised = sampled.linearise_on_average(samples)
    _, rows = _weights(sampled, linearised, 1.0)
    solver = _decomposed(sampled, linearised, rows, None)
    return [c.reshape(sampled.fields, -1) for c in solver.solve(rows * linearised.target)]


def _weights(
    sampled: Sampled, linearised: Linearised, weight: float
) -> tuple[dict[tuple[Place, str], Tensor], Tensor]:  # fmt: skip
    """The scales of the rows, as in `Found`, and all that each row is multiplied by, (M + L,)."""
    scales, parts = _scales(sampled, linearised, weight)
    rows = _by_row(sampled, scales)
    rows[: sampled.rows] *= parts
    return scales, rows * lightness(sampled) * precedence(sampled)


def _decomposed(
    sampled: Sampled, linearised: Linearised, rows: Tensor, tolerance: float | None
) -> BlockLeastSquares:  # fmt: skip
    """The system of the scaled rows; the blocks are of no more use then."""
    for block in linearised.blocks:
        block.matrix.mul_(rows[block.rows, None])
    long = [rows[sampled.rows :, None] * part for part in linearised.long] if len(rows) > sampled.rows else None
    return factorise(
        _handed_over(linearised.blocks), sampled.rows, long=long, tolerance=tolerance, share=sampled.share
    )  # fmt: skip


def solved_again(sampled: Sampled, system: Decomposed) -> Found:
    """The solution of a linear problem by the system of another interval of time: other sources, another beginning."""
    solver, rows, scales = system
    none = {place: {name: torch.zeros_like(sampled.points[place].x[:, 0]) for name in plan.operators}
            for place, plan in sampled.residuals.plans.items() if place in sampled.points}  # fmt: skip
    target = -rows * _joined(sampled.residual(none))
    new = [c.reshape(sampled.fields, -1) for c in solver.solve(target)]
    values = sampled.values(new)
    memory = int(sampled.processes.largest([solver.memory + sampled.memory], rows.device)[0])
    loss = _loss(sampled.residual(values), rows)
    found = Found(new, values, scales, loss, 1, True, True, solver.suppressed, memory, solver.rank, decomposed=system)
    _tell(sampled, found, solver, rows, target)
    if sampled.doubts is not None:
        found.inherited, found.changed = _doubted(sampled, sampled.doubts, none, found, solver, rows)
    return found


def _doubted(
    sampled: Sampled, doubts: Mapping[tuple[Place, str], Tensor], start: Values, found: Found,
    solver: BlockLeastSquares, rows: Tensor,
) -> tuple[list[Tensor], list[Tensor]]:  # fmt: skip
    """What the errors of the shifts make of the solution, and what the steps have changed, as the cells see it.

    Both are least-squares solutions of the equations that are linear in a small change of the fields.
    """
    after, before = sampled.residual(found.values), sampled.residual(start)
    shifted = {
        place: {name: doubts.get((place, name), torch.zeros_like(r)) for name, r in of_place.items()}
        for place, of_place in after.items()
    }

    targets = torch.stack([_joined(shifted), _joined(before) - _joined(after)], dim=1)
    both, _ = solver.solve_all((rows[:, None] * targets).nan_to_num(0.0, 0.0, 0.0), ROUGHLY)
    inherited, changed = ([c[:, k].reshape(sampled.fields, -1) for c in both] for k in (0, 1))
    return inherited, changed


def _tell(sampled: Sampled, found: Found, solver: BlockLeastSquares, rows: Tensor, target: Tensor) -> None:
    """What is left of equations and of data, and what the learned numbers would change of it."""
    scaled, equations, data = rows * _joined(sampled.residual(found.values)), torch.ones_like(rows), sampled.data
    for here in data.values():
        equations[here] = 0
    squares = scaled.square()
    found.unmet = float((squares * equations).sum() / equations.sum()) ** 0.5
    found.misfit = float((squares * (1 - equations)).sum() / (1 - equations).sum().clamp(min=1)) ** 0.5
    sizes = [float(scaled[here].norm() / target[here].norm()) / len(target[here]) ** 0.5 for here in data.values()]
    found.noise = min(filter(math.isfinite, sizes), default=0.0)
    found.noises = {
        name: float(squares[here].mean().sqrt()) / sampled.shares.get(name, 1.0) for name, here in data.items()
    }
    if sampled.beside:
        columns = rows[:, None] * sampled.columns(found.values)
        found.response = fields_response(solver, sampled, columns, scaled)
    elif len(sampled.numbers):
        columns = rows[:, None] * sampled.columns(found.values)
        found.response = response(solver, columns, scaled, data, sampled.residuals.stride)


def _handed_over(blocks: list[Block]) -> Iterator[Block]:
    """One by one, and none kept: their orthonormal columns take as much memory again."""
    blocks.reverse()
    while blocks:
        yield blocks.pop()


def _in_part(sampled: Sampled, here: Values, there: Values, rows: Tensor, loss: float) -> tuple[float, float]:
    """The largest of 1, 1/2, 1/4, ... of the way that lowers the loss, and the loss there; else 0."""
    for k in range(HALVINGS):
        part = 0.5**k
        reached = _loss(sampled.residual(_blend(here, there, part)), rows)
        if reached < loss:
            return part, reached
    return 0.0, loss


def _blend(here: Values, there: Values, part: float) -> Values:
    if part == 1.0:
        return there
    return {
        place: {name: value + part * (there[place][name] - value) for name, value in of_place.items()}
        for place, of_place in here.items()
    }


def _joined(residual: dict[Place, dict[str, Tensor]]) -> Tensor:
    """Of all rows, (M,)."""
    return torch.cat([r.detach() for of_place in residual.values() for r in of_place.values()])


def _loss(residual: dict[Place, dict[str, Tensor]], rows: Tensor) -> float:
    return float((rows * _joined(residual)).square().mean())


def _scales(
    sampled: Sampled, linearised: Linearised, weight: float
) -> tuple[dict[tuple[Place, str], Tensor], Tensor]:  # fmt: skip
    """1 over the root mean square of the entries of the rows of each equation in each cell, and of each kind.

    Data of one quantity count alike in all cells, by weight and share; an integral like all the points that it is over.

    Rows much larger than is usual, as where a viscosity is infinite at rest, count no more than others: all the rest
    of their cell would be little beside them. What they are multiplied by, too, is returned, (M,).
    """
    blocks = linearised.blocks
    sizes, squares = sampled.partition.lower.new_zeros(sampled.rows), sampled.units.square()
    owner = torch.cat([sampled.cells[place] for place, _ in sampled.names if not place.integral])
    across = torch.cat([
        torch.full_like(sampled.cells[place], place.interface is not None)
        for place, _ in sampled.names if not place.integral
    ]).bool()  # fmt: skip
    for j, block in zip(sampled.share.mine, blocks, strict=True):
        own = (owner[block.rows] == j) | across[block.rows]  # a flux is as large as on the side where it is larger
        sizes[block.rows[own]] += _mean(block.matrix[own], squares)
    (sizes,) = sampled.processes.sums([sizes])
    scales, start, parts = {}, 0, torch.ones_like(sizes)
    count = len(sampled.partition)
    for place, name in sampled.names:
        n, many = len(sampled.points[place].x), count * len(sampled.kinds(place, name))
        here = sizes[start : start + n]
        if place.integral:
            size = sum(_mean(part[start - len(sizes)][None], squares).sqrt() for part in linearised.long)
            mean, far = size**2 / n * sizes.new_ones(1), 1.0
        elif place.data is not None:
            mean, far = here.mean().expand(many), weight * sampled.shares.get(name, 1.0)
        else:
            alike = sampled.alike(place, name)
            number = torch.bincount(alike, minlength=many).clamp(min=1)
            usual = (sizes.new_zeros(many).index_add_(0, alike, here.clamp(min=1e-300).log()) / number).exp()
            bounded = torch.minimum(here, LARGE**2 * usual[alike])
            parts[start : start + n] = (bounded / here).sqrt().nan_to_num(nan=1.0)
            mean = sizes.new_zeros(many).index_add_(0, alike, bounded) / number
            far = _far(sampled, place, name)
        scales[place, name] = torch.where(mean > 0, far / mean.sqrt(), torch.zeros_like(mean))
        start += 1 if place.integral else n
    return scales, parts


def _mean(matrix: Tensor, squares: Tensor) -> Tensor:
    """The mean square of rows (n, F W), of each field in its unit, whose squares are (F,)."""
    of_fields = matrix.square().reshape(len(matrix), len(squares), matrix.shape[1] // len(squares))
    return of_fields.mean(dim=2) @ squares / len(squares)


def _far(sampled: Sampled, place: Place, name: str) -> Tensor:
    """What a residual in a cell does to the solution far away, over what it does in the cell, by cell and kind.

    In D dimensions a residual of an equation of order k is a source, whose integral acts on the whole length L:
    h^D L^(k - D), not h^k; and a condition of order k acts by h^(D - 1) L^(k - D + 1). Without this a small cell could
    leave a condition on a slope at the end of a line, or a load on a plate, for next to nothing. What acts less far
    away than in the cell counts as it does there, and so does all that evolves in time: far from it, it has decayed.
    """
    partition = sampled.partition
    sides = partition.upper.amax(0) - partition.lower.amin(0)
    relative = ((partition.upper - partition.lower) / sides).log().mean(dim=1).exp()  # h / L
    dimensions, orders = len(sides), sampled.kinds(place, name).orders
    if dimensions > 1 and TIME in sampled.residuals.coordinate_names:
        return relative.new_ones(len(relative) * len(orders))
    powers = [max(k - dimensions if place.name == "interior" else k - dimensions + 1, 0) for k in orders]
    return torch.stack([relative**-power for power in powers], dim=1).flatten()


def _by_row(sampled: Sampled, scales: dict[tuple[Place, str], Tensor]) -> Tensor:
    return torch.cat(
        [
            scales[place, name] if place.integral else scales[place, name][sampled.alike(place, name)]
            for place, name in sampled.names
        ]
    )
