"""How fast the fields oscillate in each cell, which says how fast the random features of the next level have to be.

Features as fast as their number can resolve are best for waves that nearly escape a cell. For a field that is smooth
there they are far from it: 250 of them in space come to 1e-6 on a field that slower ones hold to 1e-10.

Shape letters: K cells, N points, D coordinates, F fields.
"""

from __future__ import annotations

import sympy
import torch
from torch import Tensor

from pinn.networks.partition import Partition
from pinn.operators import Plan, derivatives, plan
from pinn.partition.cells import Cells
from pinn.problem import Problem

ORDERS = 2, 4  # of the derivatives whose ratio tells a wave number: of exp(i k x) it is k^2
POINTS = 20  # of a cell, for each coordinate
STRAIGHT = 1e-10  # of a field's size: what it bends by less in a cell is rounding


def wave_numbers(
    problem: Problem, partition: Partition, tiling: Cells, latest: tuple[int, float] | None = None
) -> Tensor:
    """The wave number of the fields along each coordinate within what each cell of a tiling reaches, (K, D).

    ``k_d = (|d^4 u/dx_d^4| / |d^2 u/dx_d^2|)^(1/2)`` by root mean squares over the cell, the largest of all fields;
    infinite where nothing is known of them.

    What the solution has not resolved looks smooth in a cell that is far smaller than those it was found on, as near a
    corner, where it would be as steep on any scale. So in a cell that is smaller than half of the one before, the wave
    number is what makes as many waves in it as in that half.

    Args:
        problem: Whose fields they are.
        partition: The solution, as a rule on other cells.
        tiling: The cells.
        latest: A coordinate, and the largest value of it at which the solution is known: beyond, what it is there.
    """
    low, high = tiling.reached()
    count, dimensions = low.shape
    points = POINTS * dimensions
    unit = torch.quasirandom.SobolEngine(dimensions, scramble=True, seed=0).draw(points, dtype=low.dtype)
    x = (low[:, None] + (high - low)[:, None] * unit).reshape(-1, dimensions)
    if latest:
        x[:, latest[0]].clamp_(max=latest[1])
    x, cells = x.to(partition.lower), torch.arange(count, device=partition.lower.device).repeat_interleave(points)
    known = partition.covers(x) & problem.domain.inside(x.cpu()).to(x.device)
    found = derivatives(partition, x[known], _bends(problem))
    fields = problem.fields[: partition.outputs]
    with torch.no_grad():
        sizes = dict(zip(fields, partition(x[known]).square().mean(dim=0), strict=False))

    def mean(values: Tensor) -> Tensor:
        total = x.new_zeros(count).index_add_(0, cells[known], values.detach().square())
        return total / torch.bincount(cells[known], minlength=count)

    waves = x.new_zeros(count, dimensions)
    for field in fields:
        for d in range(dimensions):
            slow, fast = (mean(found[_name(field, d, order)]) for order in ORDERS)
            bends = slow * (high - low)[:, d].to(x) ** 4 > STRAIGHT**2 * sizes[field]
            of_field = torch.where(bends | slow.isnan(), (fast / slow) ** 0.25, 0.0)
            waves[:, d] = torch.maximum(waves[:, d], of_field.nan_to_num(torch.inf, torch.inf))
    finer = tiling.finer_than(Cells.of(partition), latest)
    return waves * (finer / 2).clamp(min=1).to(waves)


def _name(field: str, d: int, order: int) -> str:
    return f"{field}_{d}_{order}"


def _bends(problem: Problem) -> Plan:
    texts = {
        _name(field, d, order): sympy.Derivative(problem.scope.unknown(field), (variable, order))
        for field in problem.fields
        for d, variable in enumerate(problem.scope.variables)
        for order in ORDERS
    }
    return plan(texts, problem.coordinate_names, problem.fields)
