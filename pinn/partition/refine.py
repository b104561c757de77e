"""Refinement: where and along which coordinates the cells of a partition are halved.

Shape letters: K cells, N points, D coordinates, F fields, W features (1 included).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy
import torch
from torch import Tensor

from pinn.geometry import Place, Points
from pinn.operators import plan
from pinn.operators.planner import Plan
from pinn.partition.cells import Cells
from pinn.partition.system import Sampled
from pinn.problem import Problem
from pinn.sampling.cells import cells_of

ORDER = 4  # of the derivative that says along which coordinate a field changes most
ALONG = 0.1  # of the largest such derivative: coordinates along which a cell is halved
MARKED = 0.1  # of the largest that is left of a cell: cells that are halved
CONCENTRATED = 0.9  # of what is left of a cell: a part that has so much is halved again
DEPTH = 3  # times at most
SMALLEST = 2.0**-24  # of the domain: cells that are halved no more, eight times as large as the smallest
FEW = 4  # points in a part, to tell


def roughness(problem: Problem) -> Plan:
    """The derivatives of order `ORDER` of each field along each coordinate."""
    texts = {
        f"{field}_{k}": sympy.Derivative(problem.scope.unknown(field), (variable, ORDER))
        for field in problem.fields
        for k, variable in enumerate(problem.scope.variables)
    }
    return plan(texts, problem.coordinate_names, problem.fields)


@dataclass(frozen=True)
class Left:
    """What is left of the residuals where nothing was fitted.

    Attributes:
        of_cells: The root of the mean squares of the scaled residuals in each cell, summed over equations, (K,).
        x: The points, (N, D).
        cells: The cell of each, (N,).
        squares: What each adds to the square of its cell's, (N,).
    """

    of_cells: Tensor
    x: Tensor
    cells: Tensor
    squares: Tensor


def left(held_out: Sampled, coefficients: list[Tensor], scales: dict[tuple[Place, str], Tensor]) -> Left:
    """Measure what is left."""
    residual = held_out.residual(held_out.values(coefficients))
    count, squares = len(held_out.partition), []
    for place, of_place in residual.items():
        cells = held_out.cells[place]
        counts = torch.bincount(cells, minlength=count).clamp(min=1)
        total = sum((scales[place, name][cells] * r.detach()).square() for name, r in of_place.items())
        squares.append(total / counts[cells])
    x = torch.cat([held_out.points[place].x for place in residual])
    cells, whole = torch.cat([held_out.cells[place] for place in residual]), torch.cat(squares)
    of_cells = whole.new_zeros(count).index_add_(0, cells, whole).sqrt()
    return Left(of_cells, x, cells, whole)


def marked(found: Left) -> Tensor:
    """Which cells have the most left, (K,)."""
    return found.of_cells >= MARKED * found.of_cells.max()


def refined(tiling: Cells, found: Left, along: Tensor) -> tuple[Cells, Tensor]:
    """Halve marked cells along their directions, (K, D), and parts that have nearly all that is left of them again.

    Returns:
        The tiling, and for each cell the one that it was, or was a part of.
    """
    chosen = marked(found)
    along = along & (tiling.widths > SMALLEST * (tiling.upper.amax(0) - tiling.lower.amin(0)))
    wanted = along & chosen[:, None]
    tiling, parents = tiling.halved(wanted)
    for _ in range(DEPTH):
        cells, squares = cells_of(found.x, tiling.lower, tiling.upper), found.squares
        cells, squares = cells[cells >= 0], squares[cells >= 0]  # what lies at the border of a gap by rounding
        here = squares.new_zeros(len(tiling)).index_add_(0, cells, squares)
        whole = found.of_cells.square()[parents]
        again = chosen[parents] & (here >= CONCENTRATED * whole) & (torch.bincount(cells, minlength=len(tiling)) >= FEW)
        if not bool(again.any()):
            break
        tiling, before = tiling.halved(along[parents] & again[:, None])
        parents = parents[before]
    return tiling, parents


def directions(
    problem: Problem,
    derivatives: Callable[[Plan, Tensor], dict[str, Tensor]],
    at: Points,
    cells: Tensor,
    tiling: Cells,
    fixed: int | None = None,
) -> Tensor:
    """For each cell the coordinates along which its fields change most on its scale, (K, D); not the fixed one."""
    found = derivatives(roughness(problem), at.x)
    count, dimensions = tiling.lower.shape
    rough = at.x.new_zeros(count, dimensions)
    for field in problem.fields:
        of_field = torch.stack([found[f"{field}_{k}"] for k in range(dimensions)], dim=1).detach()
        squares = (of_field * tiling.widths[cells] ** ORDER).square()
        mean = torch.zeros_like(rough).index_add_(0, cells, squares)
        if fixed is not None:
            mean[:, fixed] = 0
        rough += mean / mean.sum().clamp(min=1e-300)
    largest = rough.max(dim=1, keepdim=True).values
    return (rough >= ALONG**2 * largest) & (rough > 0)
