"""Points and vectors of curvilinear coordinates in Cartesian ones, as programs that draw in space expect them.

Shape letters: N points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pinn.language.calculus import CARTESIAN


@dataclass(frozen=True)
class Frame:
    """What a file of a solution has to know besides its values.

    Attributes:
        parameters: Names of the coordinates that are parameters: neither space nor time.
        system: Of the coordinates of space: `cartesian`, `polar`, `cylindrical` or `spherical`.
        vectors: Quantities that have a component `<quantity>_<coordinate>` along each unit vector.
    """

    parameters: tuple[str, ...] = ()
    system: str = CARTESIAN
    vectors: tuple[str, ...] = ()

    def unit_vectors(self, at: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Of each coordinate of space, (N, 3), at points (N,) each; what is left out is zero, theta a right angle."""
        zero = np.zeros_like(next(iter(at.values())))
        if self.system == CARTESIAN:
            return {name: np.stack([zero + (k == i) for i in range(3)], axis=-1) for k, name in enumerate(at)}
        theta, phi = at.get("theta", zero + np.pi / 2), at.get("phi", zero)
        cos, sin = np.cos(phi), np.sin(phi)
        along = {"phi": (-sin, cos, zero), "z": (zero, zero, zero + 1)}
        along["r"] = (np.sin(theta) * cos, np.sin(theta) * sin, np.cos(theta) if "theta" in at else zero)
        along["theta"] = (np.cos(theta) * cos, np.cos(theta) * sin, -np.sin(theta))
        return {name: np.stack(along[name], axis=-1) for name in at}

    def points(self, at: Mapping[str, np.ndarray]) -> np.ndarray:
        """(N, 3)."""
        vectors = self.unit_vectors(at)
        lengths = at if self.system == CARTESIAN else {name: at[name] for name in ("r", "z") if name in at}
        return sum((at[name][:, None] * vectors[name] for name in lengths), np.zeros((1, 3)))
