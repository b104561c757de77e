"""The points of an integral over a domain, cell by cell, and what they count.

Shape letters: K cells, N points, D coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pinn.geometry import Box, Domain, Place, Points, Sides
from pinn.partition.cells import Cells
from pinn.quadrature import faces, gauss, sobol, tensor
from pinn.sampling.cells import cells_of
from pinn.sampling.tensor import legendre

MORE = 6  # nodes along a coordinate, beside those that a cell's features need
SHAPE = 2**14  # points over a shape that cuts cells
HALVINGS = {1: 40, 2: 8, 3: 4}  # of cells that an interface cuts, by dimension
SEEN = 5  # points along a coordinate, by which it is seen


def integral_points(
    domain: Domain, place: Place, tiling: Cells, features: int, sides: Sides
) -> tuple[Points, Tensor]:  # fmt: skip
    """Points whose weights, with mean 1, make the mean over a place.

    In a box Gauss points in each part of a cell in which windows are smooth; over another shape those of
    `pinn.quadrature`, whose sum is then as good as these are many.

    Args:
        domain: What the place belongs to.
        place: That of the integral.
        tiling: The cells.
        features: Of a cell's network.
        sides: Of interfaces. In a cell that one cuts the sum is as good as the points are many.

    Returns:
        The points, and the cell of each, (N,).
    """
    single = replace(place, integral=False)
    parts = [_in_box(domain, face, tiling, features, sides) if isinstance(domain, Box) else _in_shape(domain, face)
             for face in faces(domain, single)]  # fmt: skip
    normals = [points.normals for points, _ in parts if points.normals is not None]
    x, weights = torch.cat([points.x for points, _ in parts]), torch.cat([w for _, w in parts])
    weights = weights * len(weights) / weights.sum()
    owners = torch.zeros(len(x), dtype=torch.int64)
    for number in tiling.sides.unique().tolist():
        here, cells = (sides.of(x) == number).nonzero()[:, 0], (tiling.sides == number).nonzero()[:, 0]
        owners[here] = cells[cells_of(x[here], tiling.lower[cells], tiling.upper[cells])]
    return Points(x, torch.cat(normals) if normals else None, weights=weights), owners


def _in_shape(domain: Domain, place: Place) -> tuple[Points, Tensor]:
    return gauss(domain, place, SHAPE) if tensor(domain, place) else sobol(domain, place, SHAPE, 0)


def _in_box(domain: Box, place: Place, tiling: Cells, features: int, sides: Sides) -> tuple[Points, Tensor]:
    panels, parents = _beside_interfaces(*tiling.panels(*tiling.reaches(), narrow=1.0), sides)
    free = [i for i in range(len(domain.names)) if i not in dict(place.fixed)]
    low, high, top = panels.lower, panels.upper, tiling.upper.amax(0)
    met = torch.ones(len(panels), dtype=torch.bool)
    for i, value in place.fixed:
        met &= (low[:, i] <= value) & ((value < high[:, i]) | (value == high[:, i]) & (high[:, i] == top[i]))
    if not free:
        points = domain.sample(place, torch.empty(1, 0, dtype=torch.float64))
        return points, torch.ones(1, dtype=torch.float64)
    along = features ** (1 / len(domain.names))
    units, weights, cells = [], [], []
    start, end = (low.new_tensor(ends)[free] for ends in (domain.lower, domain.upper))
    for k in met.nonzero()[:, 0].tolist():
        part = (panels.widths[k] / tiling.widths[parents[k]])[free].tolist()
        rules = [legendre(math.ceil(along * share) + MORE) for share in part]
        unit, weight = _product([(n + 1) / 2 for n, _ in rules]), _product([w / 2 for _, w in rules]).prod(dim=1)
        units.append((low[k, free] + panels.widths[k, free] * unit - start) / (end - start))
        weights.append(weight * panels.widths[k, free].prod())
        cells.append(parents[k].expand(len(unit)))
    points, of = domain.sample(place, torch.cat(units)), torch.cat(cells)
    on_its_side = sides.of(points.x) == tiling.sides[of]
    return points[on_its_side], torch.cat(weights)[on_its_side]


def _beside_interfaces(panels: Cells, parents: Tensor, sides: Sides) -> tuple[Cells, Tensor]:
    """Those that interfaces cut, halved until they are small."""
    dimensions = panels.lower.shape[1]
    corners = torch.cartesian_prod(*[torch.linspace(0, 1, SEEN, dtype=torch.float64)] * dimensions)
    for _ in range(HALVINGS.get(dimensions, 1) if len(sides) else 0):
        x = panels.lower[:, None] + panels.widths[:, None] * corners.reshape(-1, dimensions)
        of_points = sides.of(x.reshape(-1, dimensions)).reshape(len(panels), -1)
        cut = (of_points != of_points[:, :1]).any(dim=1)
        panels, before = panels.halved(cut[:, None].expand(-1, dimensions))
        parents = parents[before]
    return panels, parents


def _product(nodes: Sequence[Tensor]) -> Tensor:
    return torch.cartesian_prod(*nodes).reshape(-1, len(nodes))
