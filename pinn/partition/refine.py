"""Refinement: where and along which coordinates the cells of a partition are halved.

Shape letters: K cells, N points, D coordinates, F fields, W features (1 included).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy
import torch
from torch import Tensor

from pinn.geometry import Place, Points
from pinn.operators import plan
from pinn.operators.planner import Plan
from pinn.partition.cells import Cells
from pinn.partition.corners import AGAIN, MARKED, corners, smallest_at
from pinn.partition.points import of_its_own
from pinn.partition.processes import ALONE, Processes
from pinn.partition.system import Sampled
from pinn.problem import Problem

ORDER = 4  # of the derivative that says along which coordinate a field changes most
ALONG = 0.1  # of the largest such derivative: coordinates along which a cell is halved
ALONG_TIME = 0.5  # the same where time is one of them, which is not like the others
PEAK = 4.0  # times the mean square of the parts beside it, and as much as in the worst cell: one that is halved again
DEPTH = 5  # times at most
SMALLEST = 2.0**-27  # of the domain: cells that are halved no more


def repeated(problem: Problem, *orders: int) -> Plan:
    """The derivatives of some orders of each field along each coordinate, named as `name_of` says."""
    texts = {
        name_of(field, k, order): sympy.Derivative(problem.scope.unknown(field), (variable, order))
        for field in problem.fields
        for k, variable in enumerate(problem.scope.variables)
        for order in orders
    }
    return plan(texts, problem.coordinate_names, problem.fields)


def name_of(field: str, k: int, order: int) -> str:
    """Of a derivative of `repeated`, along coordinate k."""
    return f"{field}_{k}_{order}"


def left(
    sampled: Sampled,
    coefficients: list[Tensor],
    scales: dict[tuple[Place, str], Tensor],
    parts: Mapping[Place, Tensor] | None = None,
    count: int | None = None,
) -> Tensor:
    """What is left of the residuals in each cell: the root of their mean squares, scaled, summed over equations, (K,).

    Args:
        sampled: Points, as a rule such as nothing was fitted to.
        coefficients: Of the output layers.
        scales: Of the rows, by cell and kind.
        parts: Of each point the number of a part of its cell: then there is as much for each part.
        count: How many parts there are.
    """
    parts, count = parts or sampled.cells, count or len(sampled.partition)
    residual = sampled.residual(sampled.values(coefficients))
    found = sampled.partition.lower.new_zeros(count)
    for place, of_place in residual.items():
        if of_its_own(place) or not of_place:
            continue
        squares = sum(
            _squares(scales[place, name][sampled.alike(place, name)], r.detach()) for name, r in of_place.items()
        )
        points = torch.bincount(parts[place], minlength=count).clamp(min=1)
        found.index_add_(0, parts[place], squares / points[parts[place]])
    return found.sqrt()


def blind(residual: Mapping[Place, Mapping[str, Tensor]], scales: Mapping[tuple[Place, str], Tensor]) -> bool:
    """Whether an integral is not what it is to be, and no small change of the fields would make a difference.

    So `integral(u**2) = 1` is at zero, which the other equations of an eigenvalue problem are content with.
    """
    return any(
        place.integral and bool(((scales[place, name] == 0) & (r != 0)).any())
        for place, of_place in residual.items()
        for name, r in of_place.items()
    )


def _squares(scale: Tensor, residual: Tensor) -> Tensor:
    """Of scaled residuals; infinite where nothing could be asked of the fields, and something is left."""
    return torch.where((scale == 0) & (residual != 0), torch.inf, (scale * residual).square())


def marked(found: Tensor) -> Tensor:
    """Which cells have the most left, (K,)."""
    return found >= MARKED * found.max()


def refined(
    tiling: Cells,
    found: Tensor,
    chosen: Tensor,
    along: Tensor,
    look: Callable[[Cells, Tensor], Tensor],
    depth: int = DEPTH,
) -> tuple[Cells, Tensor]:
    """Halve the cells that are chosen, and again the parts in which far more is left than in those beside.

    A residual that is smooth where it was fitted has a peak at a corner, and the peak says where that is: up to a part
    of the cell that grows with the order of what was fitted. Where far more is left again of the cell that this
    has led to than of those around, it is a corner, and parts of it are halved ahead of what the residual sees.

    Args:
        tiling: The cells.
        found: What is left of each, (K,).
        chosen: Which are halved to begin with, (K,).
        along: The directions along which each may be halved, (K, D).
        look: From parts and the cell of each to what is left there, (P,).
        depth: How often parts are halved again, at most.

    Returns:
        The tiling, and for each cell the one that it was, or was a part of.
    """
    smallest = SMALLEST * (tiling.upper.amax(0) - tiling.lower.amin(0))
    start, parents = tiling, torch.arange(len(tiling))
    for again in range(depth, -1, -1):
        cut = along[parents] & chosen[:, None] & (tiling.widths > smallest)
        if not bool(cut.any()):
            break
        tiling, before = tiling.halved(cut)
        parents, parts = parents[before], cut.any(dim=1)[before].nonzero()[:, 0]
        if not again:
            break
        chosen = torch.zeros(len(tiling), dtype=torch.bool)
        here = look(tiling[parts], parents[parts])
        chosen[parts] = (here >= found.max().cpu()) & _peaks(here.square(), before[parts])
    for corner in corners(start, found.cpu()) if depth else ():
        for _ in range(min(depth, AGAIN)):
            parts = smallest_at(tiling, start, corner)
            worst, chosen = look(tiling[parts], parents[parts]).argmax(), torch.zeros(len(tiling), dtype=torch.bool)
            chosen[parts[worst]] = True
            tiling, before = tiling.halved(along[parents] & chosen[:, None] & (tiling.widths > smallest))
            parents = parents[before]
    tiling, before = tiling.balanced()
    return tiling, parents[before]


def _peaks(squares: Tensor, of: Tensor) -> Tensor:
    """The parts in whose like far less is left, on the average, (P,); `of` says what each is a part of."""
    count = int(of.max()) + 1
    total, number = squares.new_zeros(count).index_add_(0, of, squares)[of], torch.bincount(of)[of]
    return squares * (number - 1) >= PEAK * (total - squares)


def roughness(
    problem: Problem,
    derivatives: Callable[[Plan, Tensor], dict[str, Tensor]],
    at: Points,
    cells: Tensor,
    tiling: Cells,
    processes: Processes = ALONE,
) -> Tensor:
    """How much the fields of each cell change along each coordinate on the cell's scale, squared, (K, D).

    Of several processes each has the points of its own cells.
    """
    found = derivatives(repeated(problem, ORDER), at.x)
    count, dimensions = tiling.lower.shape
    rough = at.x.new_zeros(count, dimensions)
    for field in problem.fields:
        of_field = torch.stack([found[name_of(field, k, ORDER)] for k in range(dimensions)], dim=1).detach()
        squares = (of_field * tiling.widths[cells] ** ORDER).square()
        (mean,) = processes.sums([torch.zeros_like(rough).index_add_(0, cells, squares)])
        rough += mean / mean.sum().clamp(min=1e-300)
    processes.agree([rough])
    return rough


def directions(rough: Tensor, in_time: bool, fixed: int | None = None) -> Tensor:
    """For each cell the coordinates along which its fields change most on its scale, (K, D); not the fixed one."""
    open_to_all = torch.ones(rough.shape[1], dtype=torch.bool, device=rough.device)
    if fixed is not None:
        open_to_all[fixed] = False
    rough = rough * open_to_all
    largest, part = rough.max(dim=1, keepdim=True).values, ALONG_TIME if in_time else ALONG
    return torch.where(largest > 0, (rough >= part**2 * largest) & (rough > 0), open_to_all)


def idle(rough: Tensor, axis: int) -> Tensor:
    """Which cells could be twice as long along a coordinate, and need not be halved along it then, (K,).

    The change along it would be 2^ORDER times as large, and still less than along another, or than what matters beside
    other cells.
    """
    enough = torch.maximum(ALONG_TIME**2 * rough.max(dim=1).values, MARKED**2 * rough.max())
    return rough[:, axis] * 4**ORDER < enough
