"""How large the terms are that each field makes of the equations.

Shape letters: K cells, F fields, those beside the cells last, W features (1 included), M rows, E equations.
"""

import torch
from torch import Tensor

from pinn.partition.newton import Found
from pinn.partition.system import Sampled

SLIGHT = 1e-3  # of the terms of an equation that it shares: a field is measured by no smaller size than makes that
APART = 100.0  # times: units that differ by less are alike, as velocity and pressure of most flows are


def parts_of_terms(sampled: Sampled, found: Found, sizes: Tensor) -> Tensor:
    """How small each field is beside the others of an equation, (F,): the least over the equations that it shares.

    A coefficient field, which is beside the cells, is as large as it is.

    What counts is what features of the field's size, (F,), make of the terms, and not what is left when these cancel:
    of a flow that is driven by its walls alone the pressure is rounding beside the viscous terms, which sum to zero.
    """
    terms = _of_features(sampled, found) * sizes[: sampled.fields]
    shared = _shared(terms)
    parts = torch.where(shared, terms / terms.amax(dim=1, keepdim=True).clamp(min=1e-300), 1.0)
    return torch.cat([parts.amin(dim=0), torch.ones_like(sizes[sampled.fields :])])


def units(sampled: Sampled, found: Found, sizes: Tensor) -> Tensor:
    """The size by which each field of the cells is measured, (F,), over the largest.

    Its own, as displacements of 1e-4 m are beside temperatures of 400 K; but no less than what makes a slight part of
    the terms of every equation that it shares, as a velocity that is zero but for rounding has a size as well. An
    equation in which it hardly counts asks for no more than the size of the largest field.
    """
    of_features, own = _of_features(sampled, found), sizes[: sampled.fields]
    largest = (of_features * own).amax(dim=1, keepdim=True)
    as_large = torch.where(_shared(of_features), largest / of_features.clamp(min=1e-300), 0.0).amax(dim=0)
    found_units = torch.maximum(own, SLIGHT * as_large.clamp(max=own.max()))
    return torch.where(found_units > 0, found_units / found_units.max(), 1.0)


def apart(one: Tensor, other: Tensor) -> bool:
    """Whether two choices of units differ."""
    ratios = one / other
    return bool((ratios.max() > APART * ratios.min()).item())


def _of_features(sampled: Sampled, found: Found) -> Tensor:
    """The root mean square of what features make of each equation in single points, (E, F)."""
    linearised, fields = sampled.linearise(found.values), sampled.fields
    squares = sampled.partition.lower.new_zeros(sampled.rows, fields)
    for block in linearised.blocks:
        features = block.matrix.reshape(len(block.rows), fields, block.matrix.shape[1] // fields)
        squares.index_add_(0, block.rows, features.square().mean(dim=2))
    (squares,) = sampled.processes.sums([squares])
    counts = [len(sampled.points[place].x) for place, _ in sampled.names if not place.integral]
    return torch.stack([part.mean(dim=0).sqrt() for part in squares.split(counts)])


def _shared(terms: Tensor) -> Tensor:
    """Where a field stands in an equation with others, (E, F)."""
    return (terms > 0) & ((terms > 0).sum(dim=1, keepdim=True) > 1)
