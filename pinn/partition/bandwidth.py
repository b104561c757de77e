"""How fast the fields oscillate in each cell, which says how fast the random features of the next level have to be.

Features as fast as their number can resolve are best for waves that nearly escape a cell. For a field that is smooth
there slower ones are better by tens of times and more.

Shape letters: K cells, N points, D coordinates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pinn.networks.partition import Partition
from pinn.operators import derivatives
from pinn.partition.again import are_alike
from pinn.partition.cells import Cells
from pinn.partition.refine import name_of, repeated
from pinn.problem import Problem

if TYPE_CHECKING:
    from pinn.partition.strip import Strip

ORDERS = 2, 4  # of the derivatives whose ratio tells a wave number: of exp(i k x) it is k^2
LOOKED_AT = 0.1  # points, as a part of those that are fitted
STRAIGHT = 1e-10  # of a field's size: what it bends by less in a cell is rounding


def wave_numbers(strip: Strip) -> Tensor | None:
    """Those of the fields in the cells of a strip, as the level before has them, or the end of the strip before.

    Strips alike go on with the features that they have. On a line so few features resolve all that there is.

    Returns:
        See `wave_numbers_of`; None where nothing is known of the fields.
    """
    problem, before, known, latest = strip.problem, strip.before, strip.partition, None
    if len(problem.coordinate_names) == 1:
        return None
    if known is None and before is not None:
        begin, axis, known = strip.interval[0], strip.time_axis, before.partition
        if strip.alike and are_alike(before.cells, strip.tiling, axis, begin - before.interval[0]):
            return before.waves
        latest = axis, begin
    if known is None:
        return None
    interior = problem.domain.interior
    points, cells = strip.drawing.held_out(strip.tiling, [interior], LOOKED_AT)
    found = wave_numbers_of(problem, known, strip.tiling, points[interior].x, cells[interior], latest)
    strip.processes.agree([found])
    return found


def wave_numbers_of(
    problem: Problem, partition: Partition, tiling: Cells, x: Tensor, cells: Tensor,
    latest: tuple[int, float] | None = None,
) -> Tensor:  # fmt: skip
    """The wave number of the fields of a solution along each coordinate within each cell of a tiling, (K, D).

    ``k_d = (|d^4 u/dx_d^4| / |d^2 u/dx_d^2|)^(1/2)`` by root mean squares over the cell, the largest of all fields;
    infinite in a cell without points.

    What the solution has not resolved looks smooth in a cell that is far smaller than those it was found on, as near a
    corner, where it would be as steep on any scale. So in a cell that is smaller than half of the one before, the wave
    number is what makes as many waves in it as in that half.

    Args:
        problem: Whose fields they are.
        partition: The solution, as a rule on other cells.
        tiling: The cells.
        x: Points, (N, D).
        cells: The cell of each, (N,).
        latest: A coordinate, and the largest value of it at which the solution is known: beyond, what it is there.
    """
    if latest:
        x = x.clone()
        x[:, latest[0]].clamp_(max=latest[1])
    count, dimensions = tiling.lower.shape
    found, fields = derivatives(partition, x, repeated(problem, *ORDERS)), problem.fields[: partition.outputs]
    with torch.no_grad():
        sizes = dict(zip(fields, partition(x).square().mean(dim=0), strict=False))

    def mean(values: Tensor) -> Tensor:
        total = x.new_zeros(count).index_add_(0, cells, values.detach().square())
        return total / torch.bincount(cells, minlength=count)

    waves = x.new_zeros(count, dimensions)
    for field in fields:
        for d in range(dimensions):
            slow, fast = (mean(found[name_of(field, d, order)]) for order in ORDERS)
            bends = slow * tiling.widths[:, d].to(x) ** 4 > STRAIGHT**2 * sizes[field]
            of_field = torch.where(bends | slow.isnan(), (fast / slow) ** 0.25, 0.0)
            waves[:, d] = torch.maximum(waves[:, d], of_field.nan_to_num(torch.inf, torch.inf))
    finer = tiling.finer_than(Cells.of(partition), latest)
    return waves * (finer / 2).clamp(min=1).to(waves)
