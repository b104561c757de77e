"""The points of an integral over a domain, cell by cell, and what they count.

Shape letters: K cells, N points, D coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pinn.geometry import Box, Domain, Place, Points
from pinn.partition.cells import Cells
from pinn.quadrature import faces, gauss, sobol, tensor
from pinn.sampling.cells import cells_of
from pinn.sampling.tensor import legendre

MORE = 6  # nodes along a coordinate, beside those that a cell's features need
SHAPE = 2**14  # points over a shape that cuts cells


def integral_points(domain: Domain, place: Place, tiling: Cells, features: int) -> tuple[Points, Tensor]:
    """Points whose weights, with mean 1, make the mean over a place.

    In a box Gauss points in each part of a cell in which windows are smooth; over another shape those of
    `pinn.quadrature`, whose sum is then as good as these are many.

    Args:
        domain: What the place belongs to.
        place: That of the integral.
        tiling: The cells.
        features: Of a cell's network.

    Returns:
        The points, and the cell of each, (N,).
    """
    single = replace(place, integral=False)
    parts = [_in_box(domain, face, tiling, features) if isinstance(domain, Box) else _in_shape(domain, face)
             for face in faces(domain, single)]  # fmt: skip
    normals = [points.normals for points, _ in parts if points.normals is not None]
    x, weights = torch.cat([points.x for points, _ in parts]), torch.cat([w for _, w in parts])
    weights = weights * len(weights) / weights.sum()
    return Points(x, torch.cat(normals) if normals else None, weights=weights), cells_of(x, tiling.lower, tiling.upper)


def _in_shape(domain: Domain, place: Place) -> tuple[Points, Tensor]:
    return gauss(domain, place, SHAPE) if tensor(domain, place) else sobol(domain, place, SHAPE, 0)


def _in_box(domain: Box, place: Place, tiling: Cells, features: int) -> tuple[Points, Tensor]:
    panels, parents = tiling.panels(*tiling.reaches(), narrow=1.0)
    free = [i for i in range(len(domain.names)) if i not in dict(place.fixed)]
    low, high, top = panels.lower, panels.upper, tiling.upper.amax(0)
    met = torch.ones(len(panels), dtype=torch.bool)
    for i, value in place.fixed:
        met &= (low[:, i] <= value) & ((value < high[:, i]) | (value == high[:, i]) & (high[:, i] == top[i]))
    if not free:
        points = domain.sample(place, torch.empty(1, 0, dtype=torch.float64))
        return points, torch.ones(1, dtype=torch.float64)
    along = features ** (1 / len(domain.names))
    units, weights = [], []
    start, sides = (
        low.new_tensor(domain.lower)[free],
        low.new_tensor(domain.upper)[free] - low.new_tensor(domain.lower)[free],
    )
    for k in met.nonzero()[:, 0].tolist():
        part = (panels.widths[k] / tiling.widths[parents[k]])[free].tolist()
        rules = [legendre(math.ceil(along * share) + MORE) for share in part]
        unit, weight = _product([(n + 1) / 2 for n, _ in rules]), _product([w / 2 for _, w in rules]).prod(dim=1)
        units.append((low[k, free] + panels.widths[k, free] * unit - start) / sides)
        weights.append(weight * panels.widths[k, free].prod())
    return domain.sample(place, torch.cat(units)), torch.cat(weights)


def _product(nodes: Sequence[Tensor]) -> Tensor:
    return torch.cartesian_prod(*nodes).reshape(-1, len(nodes))
