"""What the noise of the data leaves unknown of fields, and whether a level has changed more.

Shape letters: N points, Z numbers, F fields, those beside the cells included.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pinn.networks.partition import Partition
from pinn.networks.waves import Waves
from pinn.partition.local import write
from pinn.partition.newton import Found


def unknown(partition: Partition, found: Found, at: Tensor, fields: Tensor) -> Tensor:
    """What the numbers, as far as the data leave them open, make of each field, relative to it, (F,).

    Empty, (0,), where it is not known how far that is. With coefficient fields it is drawn from what the data leave of
    these.

    Args:
        partition: The cells and their solution.
        found: The same, with its response to the numbers.
        at: Points, (N, D).
        fields: There, (N, F).
    """
    response = found.response
    if response is None or response.deviations is None:
        return fields.new_zeros(0)
    squares = torch.zeros_like(fields)
    for changes in response.drawn():
        write(partition, [part.reshape(c.shape) for part, c in zip(changes, found.coefficients, strict=True)])
        squares += partition(at).detach().square()
    write(partition, found.coefficients)
    for k, one in enumerate(partition.beside, partition.outputs):
        assert isinstance(one, Waves)
        squares[:, k] = one.deviation(at).square()
    return (squares.sum(dim=0).sqrt() / fields.norm(dim=0)).nan_to_num(nan=0.0)


def moved(before: Tensor | None, after: Tensor, told: Tensor) -> float:
    """What a level has changed of a field, over what is unknown of it: the most of all fields.

    Args:
        before: The fields, (N, F); None before the first level.
        after: The same after the level.
        told: By `unknown`.
    """
    if before is None or not len(told):
        return math.inf
    change = (after - before).norm(dim=0) / after.norm(dim=0)
    return float((change / told).nan_to_num(nan=0.0).max())
