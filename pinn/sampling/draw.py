"""The points of a step: in every place by a sampler, moved to the place, and crowded where that is asked for.

Shape letters: n points, d unit-cube coordinates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import torch

from pinn.geometry import Box, Domain, Place, Points
from pinn.sampling.cells import points_in_cells
from pinn.sampling.sampler import Sampler
from pinn.sampling.sobol import Sobol
from pinn.sampling.tensor import Gauss

MOST = 2**12  # of a sequence's points, for one that is kept
MOST_GAUSS = 4  # dimensions
NODES = 100  # a dimension: enough for what a network can represent


def points(
    domain: Domain,
    places: Mapping[Place, int],
    sampler: Sampler,
    *,
    seed: int,
    step: int,
    dtype: torch.dtype,
    device: torch.device | str,
) -> dict[Place, Points]:
    """Draw the points of one step: a pure function of seed, step and each place's name.

    They are drawn on the CPU in float64, so that every process, device and dtype trains on the same points.

    Args:
        domain: What the places belong to.
        places: How many points each place gets; a corner gets one in any case, and observations have their own.
        sampler: How the unit cube is filled.
        seed: Seed of the run.
        step: Number of the step.
        dtype: Floating dtype of the points returned.
        device: Where they are to lie.
    """
    drawn = {}
    for place, n in places.items():
        rule, n = _suited(sampler, domain, place, n)
        found = _draw(domain, place, n, rule, _mix(seed, step, place.name))
        drawn[place] = found.to(device, dtype)
    return drawn


def _suited(sampler: Sampler, domain: Domain, place: Place, n: int) -> tuple[Sampler, int]:
    """Integrals over boxes of few dimensions take Gauss points, and not many; a whole boundary has no tensor grid."""
    d = domain.dimension(place)
    if place.boundary or place.interface is not None:
        return (Sobol() if sampler.tensor else sampler), n
    if place.integral and isinstance(domain, Box) and d <= MOST_GAUSS:
        return Gauss(), min(n, NODES**d)
    return sampler, n


def _draw(domain: Domain, place: Place, n: int, sampler: Sampler, seed: int) -> Points:
    """The first n points that the sampler's sequence has in a place, however long it must be for that."""
    if place.data is not None:
        return place.data.points
    if place.interface is not None:
        low, high = (torch.tensor([ends], dtype=torch.float64) for ends in (domain.lower, domain.upper))
        return points_in_cells(domain, place, low, high, n, seed=seed)[0]
    d = domain.dimension(place)
    if not d:
        return domain.sample(place, torch.empty(1, 0, dtype=torch.float64))
    if sampler.tensor:
        return _on_grid(domain, place, n, sampler)
    drawn = n
    while drawn <= MOST * n:
        unit = sampler.unit(drawn, d, seed)
        found = domain.sample(place, unit)
        if len(found.x) >= n:
            return found[:n]
        drawn *= 2
    raise ValueError(f"{place.name} is too small for its bounds: not {n} of {MOST * n} points hit it")


def _on_grid(domain: Domain, place: Place, n: int, sampler: Sampler) -> Points:
    """What of a tensor grid lies in the place."""
    d = domain.dimension(place)
    unit, weights = sampler.unit(n, d, 0), sampler.weights(n, d)
    found = domain.sample(place, unit)
    if weights is not None and len(found.x) < len(unit):
        raise ValueError("sampling=gauss: its weights are for boxes, and the domain is none; take sobol")
    if not len(found.x):
        raise ValueError(f"{place.name}: no point of a grid of {len(unit)} lies there; take more points")
    return replace(found, weights=weights)


def _mix(seed: int, step: int, name: str) -> int:
    # Python's own hash of a text differs from process to process, and ranks and resumed runs must agree.
    digest = hashlib.blake2b(f"{seed}/{step}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
