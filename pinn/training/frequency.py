"""How fast residuals change along each coordinate: what the next network has to follow."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from pinn.geometry import Domain, Points
from pinn.residuals import Residuals

APART = 1e-2  # of half the box: two points whose difference is a derivative, of up to some hundred radians


def frequencies(residuals: Residuals, domain: Domain, at: Points) -> list[float]:
    """Radians in half the box, of each coordinate: the largest `rms(dr/dz) / rms(r)` of the interior's residuals.

    With z the coordinate scaled to [-1, 1]. Of `r = sin(k z)` it is k, of a sum the root mean square of the
    frequencies, each counted by its power. One evaluation a coordinate, at any points, in any dimension.

    Args:
        residuals: Whose network stands still.
        domain: Says what the box is.
        at: Points of the interior.
    """
    place, found = domain.interior, []
    if place not in residuals.places:
        return [0.0] * len(domain.names)
    here = residuals.at_points({place: at})
    for k, (low, high) in enumerate(zip(domain.lower, domain.upper, strict=True)):
        step = torch.zeros_like(at.x)
        step[:, k] = APART * (high - low) / 2
        there = residuals.at_points({place: replace(at, x=at.x + step)})
        changes = [float((there[e] - r).norm() / r.norm().clamp_min(1e-300)) / APART for e, r in here.items()]
        found.append(max((change for change in changes if math.isfinite(change)), default=0.0))
    return found
