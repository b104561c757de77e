"""Integrals over the places of a domain.

On boxes of up to four dimensions, on round shapes and on their rims: Gauss points, in the coordinates that map the unit
cube there. Elsewhere quasi-random points (randomised by eight scrambles, whose spread tells the error: Owen 1997).

Shape letters: N points, D coordinates.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from pinn.geometry import Annulus, Ball, Box, Cylinder, Domain, Ellipse, Place, Points
from pinn.language import CARTESIAN, Calculus, coordinate, normal, torch_function
from pinn.sampling.tensor import Gauss

POINTS = 2**16  # of a rule
FINEST = 512  # Gauss points along a coordinate
MOST_GAUSS = 4  # dimensions
SCRAMBLES = 8
STUDENT = 2.36  # standard errors within which 95 of 100 integrals lie, by 8 estimates
ROUNDING = 2**-44  # of a sum of 2**16 terms, relative to that of their sizes
Rule = tuple[Points, Tensor]  # points (N, D), and their weights (N,), whose sum is the measure


def integrate(
    domain: Domain, place: Place, function: Callable[[Points], Tensor], calculus: Calculus
) -> tuple[Tensor, Tensor]:
    """The integral of a function over a place, and its error.

    Args:
        domain: What the place belongs to.
        place: Where to integrate.
        function: Points to values (N,), float64.
        calculus: Knows the element of volume in the coordinates.

    Returns:
        The integral and an estimate of its error: the difference from half as many Gauss points along each coordinate,
        or 2.36 standard errors over the scrambles; rounding at least.
    """

    def estimate(points: Points, weights: Tensor) -> Tensor:
        terms = weights * function(points)
        return torch.stack([terms.sum(), terms.abs().sum()])

    total, error, size = torch.zeros((3,), dtype=torch.float64)
    for part in faces(domain, place):
        if tensor(domain, part):
            fine, coarse = (estimate(*_rule(domain, part, n, calculus)) for n in (POINTS, _halved(domain, part)))
            value, apart = fine, (fine[0] - coarse[0]).abs()
        else:
            scrambles = (_rule(domain, part, POINTS // SCRAMBLES, calculus, seed) for seed in range(SCRAMBLES))
            each = torch.stack([estimate(*rule) for rule in scrambles])
            value, apart = each.mean(0), STUDENT * each[:, 0].std() / SCRAMBLES**0.5
        total, error, size = total + value[0], error + apart, size + value[1]
    return total, error.clamp_min(ROUNDING * size)


def rule(domain: Domain, place: Place, count: int, calculus: Calculus) -> Rule:
    """About so many points of a place, and weights whose sum is its measure."""
    parts = faces(domain, place)
    points, weights = zip(*(_rule(domain, part, max(1, count // len(parts)), calculus) for part in parts), strict=True)
    normals = [p.normals for p in points if p.normals is not None]
    together = Points(torch.cat([p.x for p in points]), torch.cat(normals) if normals else None)
    return together, torch.cat(weights)


def _rule(domain: Domain, place: Place, count: int, calculus: Calculus, seed: int = 0) -> Rule:
    """Of one face or another whole place, with the element of volume or area in the weights."""
    points, weights = gauss(domain, place, count) if tensor(domain, place) else sobol(domain, place, count, seed)
    if calculus.system == CARTESIAN:
        return points, weights
    normals = [normal(x.name) for x in calculus.space] if place.boundary else []
    element = calculus.element({domain.names[i] for i, _ in place.fixed}, normals)
    columns = [*points.x.unbind(1)]
    if place.boundary:
        assert points.normals is not None
        columns += [points.normals[:, domain.names.index(x.name)] for x in calculus.space]
    function = torch_function([*(coordinate(name) for name in domain.names), *normals], [element])
    return points, weights * function(*columns)[0]


def faces(domain: Domain, place: Place) -> list[Place]:
    """The place, or of a box's whole boundary the faces."""
    if not (place.boundary and isinstance(domain, Box)):
        return [place]
    ends = zip(domain.names, domain.lower, domain.upper, strict=True)
    bounds = [(name, bound) for i, (name, *both) in enumerate(ends) if i in domain.spatial for bound in both]
    return [domain.face({name: bound}) for name, bound in bounds]


def tensor(domain: Domain, place: Place) -> bool:
    """Whether the unit cube is mapped to the place smoothly, and has few dimensions."""
    if domain.dimension(place) > MOST_GAUSS:
        return False
    if isinstance(domain, Box):
        return not place.boundary
    if place.boundary:
        named = [p for p in domain.shape.primitives if place == domain.boundary or p.name == place.name]
        return len(named) == 1 and isinstance(named[0], Ball | Ellipse) and _whole(domain, place)
    return not set(domain.spatial) & dict(place.fixed).keys() and isinstance(
        domain.shape, Ball | Annulus | Ellipse | Cylinder
    )


def gauss(domain: Domain, place: Place, count: int) -> Rule:
    """The rule of Gauss and Legendre with at most so many points."""
    d = domain.dimension(place)
    sampler, n = Gauss(), min(count, FINEST**d)
    unit, weights = (sampler.unit(n, d, 0), sampler.weights(n, d)) if d else (torch.empty(1, 0), torch.ones(1))
    unit, weights = unit.to(torch.float64), weights.to(torch.float64)
    if isinstance(domain, Box):
        return domain.sample(place, unit), weights * domain.measure(place) / len(weights)
    points, _, size = domain.cover(place, unit)
    return points, weights * size / len(weights)


def sobol(domain: Domain, place: Place, count: int, seed: int) -> Rule:
    """Quasi-random points, of which those that miss the place are left out."""
    unit = SobolEngine(domain.dimension(place), scramble=True, seed=seed).draw(count, dtype=torch.float64)
    unit = unit + 2**-31  # from the corner of its cell, of 2**-30, to the middle
    if isinstance(domain, Box):
        return domain.sample(place, unit), torch.full((count,), domain.measure(place) / count, dtype=torch.float64)
    points, kept, size = domain.cover(place, unit)
    return points[kept], torch.full((int(kept.sum()),), size / count, dtype=torch.float64)


def _halved(domain: Domain, place: Place) -> int:
    d = max(domain.dimension(place), 1)
    return max(1, int(min(POINTS, FINEST**d) ** (1 / d) / 2)) ** d


def _whole(domain: Domain, place: Place) -> bool:
    """Whether nothing of the boundary's parts is cut off by others."""
    assert not isinstance(domain, Box)
    unit = SobolEngine(domain.dimension(place), scramble=True, seed=0).draw(2**10, dtype=torch.float64)
    return bool(domain.cover(place, unit)[1].all())
