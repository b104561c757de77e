"""Fields that are zero but for rounding: their size beside that which their equations could see.

Shape letters: K cells, F fields, those beside the cells last, W features (1 included), M rows.
"""

import torch
from torch import Tensor

from pinn.partition.newton import Found
from pinn.partition.system import Sampled


def parts_of_terms(sampled: Sampled, found: Found, sizes: Tensor) -> Tensor:
    """How small each field is beside the others of an equation, (F,): the least over the equations that it shares.

    A coefficient field, which is beside the cells, is as large as it is.

    What counts is what features of the field's size, (F,), make of the terms, and not what is left when these cancel:
    of a flow that is driven by its walls alone the pressure is rounding beside the viscous terms, which sum to zero.
    """
    linearised, fields = sampled.linearise(found.values), sampled.fields
    squares = sampled.partition.lower.new_zeros(sampled.rows, fields)
    for block in linearised.blocks:
        features = block.matrix.reshape(len(block.rows), fields, -1)
        squares.index_add_(0, block.rows, features.square().mean(dim=2) * sizes[:fields].square())
    (squares,) = sampled.processes.sums([squares])
    parts, start = torch.ones_like(squares[0]), 0
    for place, _ in sampled.names:
        if place.integral:
            continue
        stop = start + len(sampled.points[place].x)
        terms = squares[start:stop].mean(dim=0).sqrt()
        shared = (terms > 0) & ((terms > 0).sum() > 1)
        parts = torch.where(shared, torch.minimum(parts, terms / terms.max().clamp(min=1e-300)), parts)
        start = stop
    return torch.cat([parts, torch.ones_like(sizes[fields:])])
