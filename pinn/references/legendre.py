"""Polynomials that vanish with their slopes at both ends of an interval: for clamped plates and stream functions.

Shape letters: N points, K polynomials.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre


@dataclass(frozen=True)
class ClampedPolynomials:
    """K polynomials p with p = p' = 0 at both ends and int p_i'' p_j'' = 0 for i != j.

    Shen 1994, SIAM J. Sci. Comput. 15, section 3: L_k - 2 (2k+5) / (2k+7) L_{k+2} + (2k+3) / (2k+7) L_{k+4}, scaled.

    Attributes:
        count: K.
        lower: One end.
        upper: The other end.
    """

    count: int
    lower: float
    upper: float

    @cached_property
    def coefficients(self) -> np.ndarray:
        """In Legendre polynomials of the variable in [-1, 1], (K, K + 4)."""
        k = np.arange(self.count)
        result = np.zeros((self.count, self.count + 4))
        scale = 1 / np.sqrt(2 * (2 * k + 3) ** 2 * (2 * k + 5))
        for offset, factor in ((0, 1.0), (2, -2 * (2 * k + 5) / (2 * k + 7)), (4, (2 * k + 3) / (2 * k + 7))):
            result[k, k + offset] = scale * factor
        return result

    def at(self, x: np.ndarray, order: int = 0) -> np.ndarray:
        """The derivatives of this order at N points, (K, N)."""
        half = (self.upper - self.lower) / 2
        derivative = legendre.legder(self.coefficients, order, axis=1) / half**order
        z = (x - self.lower) / half - 1
        return derivative @ legendre.legvander(z, derivative.shape[1] - 1).T

    def quadrature(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and weights of Gauss: exact for polynomials up to degree 2 `count` - 1, each (count,)."""
        z, weights = legendre.leggauss(count)
        half = (self.upper - self.lower) / 2
        return self.lower + half * (z + 1), half * weights

    def products(self, *, order: int) -> np.ndarray:
        """Integrals of the products of two derivatives of this order, (K, K)."""
        x, weights = self.quadrature(self.count + 4)
        values = self.at(x, order)
        return (values * weights) @ values.T
