"""What a sampler is, and how the points of a step come from it.

Shape letters: n points, d unit-cube coordinates.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from pinn.geometry import Box, Place, Points


class Sampler(ABC):
    """A rule that fills the unit cube with points."""

    @abstractmethod
    def unit(self, n: int, d: int, seed: int) -> Tensor:
        """Draw n points strictly inside the unit cube.

        Args:
            n: Number of points.
            d: Dimension of the cube, at least 1.
            seed: The only source of chance, 0 <= seed < 2**63.

        Returns:
            Points on the CPU, float64, (n, d).
        """


def points(
    domain: Box,
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
        domain: The box that the places belong to.
        places: How many points each place gets; a corner gets one in any case.
        sampler: How the unit cube is filled.
        seed: Seed of the run.
        step: Number of the step.
        dtype: Floating dtype of the points returned.
        device: Where they are to lie.
    """
    drawn = {}
    for place, n in places.items():
        d = domain.dimension(place)
        unit = sampler.unit(n, d, _mix(seed, step, place.name)) if d else torch.empty(1, 0, dtype=torch.float64)
        drawn[place] = domain.sample(place, unit).to(device, dtype)
    return drawn


def _mix(seed: int, step: int, name: str) -> int:
    # Python's own hash of a text differs from process to process, and ranks and resumed runs must agree.
    digest = hashlib.blake2b(f"{seed}/{step}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
