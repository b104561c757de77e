"""From cells to a partition: the protocol of what makes a cell's network, and the partition of a tiling.

Shape letters: K cells, D coordinates, F fields, W features (1 included).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import sympy
import torch
from torch import Tensor, nn

from pinn.geometry import Sides
from pinn.networks import Partition
from pinn.partition.cells import Cells
from pinn.problem import Problem

SMOOTHER = 2  # classes by which windows are smoother than the equations need


class MakesLocal(Protocol):
    """Makes the network of a cell.

    Attributes:
        features: How many go into its output layer, without the 1 of the bias.
        widest: How many there may be.
    """

    features: int
    widest: int

    def of(self, features: int) -> MakesLocal:
        """The same with another number of features."""
        ...

    def __call__(
        self, lower: Sequence[float], upper: Sequence[float], waves: Sequence[float] | None = None
    ) -> nn.Module:
        """The network over a box: (n, D) to (n, F), with a linear layer `output`.

        Args:
            lower: Corner of the box.
            upper: The other one.
            waves: The wave number of the fields along each coordinate, where it is known.
        """
        ...


def partition_of(
    tiling: Cells, local: MakesLocal, order: int, beside: Sequence[nn.Module] = (), sides: Sides | None = None,
    waves: Tensor | None = None,
) -> Partition:  # fmt: skip
    """The partition with a network over what each cell of a tiling reaches.

    Args:
        tiling: The cells.
        local: Makes a cell's network.
        order: Of the highest derivative in the equations: windows are smoother than that.
        beside: Networks of the coefficient fields.
        sides: Of interfaces, which divide cells.
        waves: Wave numbers of the fields in each cell, (K, D), where they are known.
    """
    below, above = tiling.reaches()
    low, high = tiling.lower - below.clamp(min=0), tiling.upper + above.clamp(min=0)
    of_cells = [None] * len(tiling) if waves is None else waves.tolist()
    networks = [local(a, b, k) for a, b, k in zip(low.tolist(), high.tolist(), of_cells, strict=True)]
    corners = tiling.lower, tiling.upper, below, above, tiling.sides
    return Partition(networks, *corners, order + SMOOTHER, local, beside, sides)


def write(partition: Partition, coefficients: Sequence[Tensor]) -> None:
    """Give the output layers of the cells their weights, the bias last, (F, W) by cell."""
    with torch.no_grad():
        for layer, c in zip(partition.layers, coefficients, strict=True):
            layer.weight.copy_(c[:, :-1])
            layer.bias.copy_(c[:, -1])


def highest_derivative(problem: Problem) -> int:
    """The order of the highest derivative in a problem."""
    found = {atom for equation in problem.equations.values() for atom in equation.residual.atoms(sympy.Derivative)}
    return max((int(atom.derivative_count) for atom in found), default=0)
