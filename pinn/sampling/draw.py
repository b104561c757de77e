"""The points of a step: in every place by a sampler, moved to the place, and crowded where that is asked for.

Shape letters: n points, d unit-cube coordinates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from pinn.geometry import Box, Domain, Place, Points
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
    crowd: Mapping[str, float] | None = None,
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
        crowd: Values of coordinates around which the interior's points are to lie densely: an internal or a boundary
            layer. The distance from there is the cube of a uniform number.

    Raises:
        ValueError: A coordinate to crowd is unknown, or the value lies outside its interval.
    """
    crowded = centres(domain, crowd or {})
    drawn = {}
    for place, n in places.items():
        rule, n = _suited(sampler, domain, place, n)
        found = _draw(domain, place, n, rule, _mix(seed, step, place.name), crowded)
        drawn[place] = found.to(device, dtype)
    return drawn


def _suited(sampler: Sampler, domain: Domain, place: Place, n: int) -> tuple[Sampler, int]:
    """Integrals over boxes of few dimensions take Gauss points, and not many; a whole boundary has no tensor grid."""
    d = domain.dimension(place)
    if place.boundary:
        return (Sobol() if sampler.tensor else sampler), n
    if place.integral and isinstance(domain, Box) and d <= MOST_GAUSS:
        return Gauss(), min(n, NODES**d)
    return sampler, n


def _draw(domain: Domain, place: Place, n: int, sampler: Sampler, seed: int, crowded: Mapping[int, float]) -> Points:
    """The first n points that the sampler's sequence has in a place, however long it must be for that."""
    if place.data is not None:
        return place.data.points
    d = domain.dimension(place)
    if not d:
        return domain.sample(place, torch.empty(1, 0, dtype=torch.float64))
    if sampler.tensor:
        return _on_grid(domain, place, n, sampler, crowded)
    drawn = n
    while drawn <= MOST * n:
        unit = sampler.unit(drawn, d, seed)
        found = (
            _crowded_interior(domain, unit, crowded)
            if crowded and place == domain.interior
            else domain.sample(place, unit)
        )
        if len(found.x) >= n:
            return found[:n]
        drawn *= 2
    raise ValueError(f"{place.name} is too small for its bounds: not {n} of {MOST * n} points hit it")


def _on_grid(domain: Domain, place: Place, n: int, sampler: Sampler, crowded: Mapping[int, float]) -> Points:
    """What of a tensor grid lies in the place."""
    d = domain.dimension(place)
    unit, weights = sampler.unit(n, d, 0), sampler.weights(n, d)
    crowd = bool(crowded) and place == domain.interior
    found = _crowded_interior(domain, unit, crowded) if crowd else domain.sample(place, unit)
    if weights is not None and len(found.x) < len(unit):
        raise ValueError("sampling=gauss: its weights are for boxes, and the domain is none; take sobol")
    if not len(found.x):
        raise ValueError(f"{place.name}: no point of a grid of {len(unit)} lies there; take more points")
    return replace(found, weights=weights)


def _crowded_interior(domain: Domain, unit: Tensor, crowded: Mapping[int, float]) -> Points:
    box = domain if isinstance(domain, Box) else domain.box
    found = box.sample(box.interior, _crowded(unit, crowded))
    return found[domain.inside(found.x)]


def centres(domain: Domain, crowd: Mapping[str, float]) -> dict[int, float]:
    """Where the coordinates to crowd have their values, as parts of their intervals, by index.

    Raises:
        ValueError: A coordinate is unknown, or the value lies outside its interval.
    """
    result = {}
    for name, value in crowd.items():
        if name not in domain.names:
            raise ValueError(f"sampling.crowd: {name!r} is no coordinate; they are {', '.join(domain.names)}")
        k = domain.names.index(name)
        low, high = domain.lower[k], domain.upper[k]
        if not low <= value <= high:
            raise ValueError(f"sampling.crowd: {name}={value:g} lies outside [{low:g}, {high:g}]")
        result[k] = (value - low) / (high - low)
    return result


def _crowded(unit: Tensor, fractions: Mapping[int, float]) -> Tensor:
    """Points of the unit cube drawn towards `u_k = c`: `u - c` is cubed on the scale of either side."""
    columns = list(unit.unbind(1))
    for k, c in fractions.items():
        distance = columns[k] - c
        side = torch.where(distance < 0, c, 1 - c)
        columns[k] = c + distance * (distance / side) ** 2
    return torch.stack(columns, dim=1)


def _mix(seed: int, step: int, name: str) -> int:
    # Python's own hash of a text differs from process to process, and ranks and resumed runs must agree.
    digest = hashlib.blake2b(f"{seed}/{step}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
