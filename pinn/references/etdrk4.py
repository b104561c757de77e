"""Exponential time differencing: w' = L w + N(t, w) with the linear part exact.

Shape letters: S states, K Fourier coefficients (an array over space).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

CONTOUR = 32  # nodes on the unit circle around h times each eigenvalue: the trapezoidal rule is exact to rounding
SKEWED = 1e4  # condition of the eigenvectors above which a block counts as having none


@dataclass(frozen=True)
class SemiLinear:
    """`w' = L w + N(t, w)`, the S x S blocks L of the wave numbers written by their eigenvectors.

    A block without a basis of eigenvectors (the mean of a wave, which grows like t) is left to N.

    Attributes:
        eigenvalues: (S, K).
        vectors: Eigenvectors as columns, (S, S, K); None where L is diagonal.
        inverse: Their inverse, (S, S, K).
        remainder: The blocks that are left to N, (S, S, K); None where there are none.
        nonlinear: N as a function of the time and of w (S, K).
    """

    eigenvalues: np.ndarray
    vectors: np.ndarray | None
    inverse: np.ndarray | None
    remainder: np.ndarray | None
    nonlinear: Callable[[float, np.ndarray], np.ndarray]

    @classmethod
    def of(cls, linear: np.ndarray, nonlinear: Callable[[float, np.ndarray], np.ndarray]) -> SemiLinear:
        """Diagonalise the blocks of L, (S, S, K)."""
        diagonal = np.einsum("ss...->s...", linear)
        if not np.any(linear * (1 - np.eye(len(linear))).reshape(linear.shape[:2] + (1,) * (linear.ndim - 2))):
            return cls(diagonal.copy(), None, None, None, nonlinear)
        blocks = np.moveaxis(linear, (0, 1), (-2, -1))
        values, vectors = np.linalg.eig(blocks)
        skewed = np.linalg.cond(vectors) > SKEWED
        values[skewed], vectors[skewed] = 0, np.eye(len(linear))
        remainder = np.where(skewed[..., None, None], blocks, 0)
        forward, inverse, rest = (
            np.moveaxis(a, (-2, -1), (0, 1)) for a in (vectors, np.linalg.inv(vectors), remainder)
        )
        return cls(np.moveaxis(values, -1, 0), forward, inverse, rest if skewed.any() else None, nonlinear)

    def to_eigenvectors(self, w: np.ndarray) -> np.ndarray:
        """Components along the eigenvectors, (S, K)."""
        return w if self.inverse is None else np.einsum("ij...,j...->i...", self.inverse, w)

    def from_eigenvectors(self, w: np.ndarray) -> np.ndarray:
        """The inverse."""
        return w if self.vectors is None else np.einsum("ij...,j...->i...", self.vectors, w)

    def rest(self, t: float, components: np.ndarray) -> np.ndarray:
        """N, and what is left of L, along the eigenvectors."""
        w = self.from_eigenvectors(components)
        rest = self.nonlinear(t, w)
        if self.remainder is not None:
            rest = rest + np.einsum("ij...,j...->i...", self.remainder, w)
        return self.to_eigenvectors(rest)


def etdrk4(system: SemiLinear, w: np.ndarray, start: float, end: float, steps: int, frames: int) -> np.ndarray:
    r"""March from `start` to `end` by the fourth-order Runge-Kutta scheme of Cox & Matthews.

    Cox & Matthews 2002, J. Comput. Phys. 176, eqs. (26)-(29); the coefficients by contour integrals, Kassam &
    Trefethen 2005, SIAM J. Sci. Comput. 26, section 3.

    Args:
        system: Semi-linear system.
        w: Initial values, (S, K).
        start: First time.
        end: Last time.
        steps: Number of steps, a multiple of `frames`.
        frames: Number of equispaced times at which w is kept, without the first.

    Returns:
        (frames + 1, S, K); not finite from where the scheme has become unstable.
    """
    h = (end - start) / steps
    whole, half, q, f1, f2, f3 = _coefficients(system.eigenvalues, h)
    result = np.full((frames + 1, *w.shape), np.nan, dtype=complex)
    result[0], components = w, system.to_eigenvectors(w)
    with np.errstate(all="ignore"):  # an unstable run overflows; it is seen by its result
        for step in range(steps):
            t = start + step * h
            at_start = system.rest(t, components)
            a = half * components + q * at_start
            at_a = system.rest(t + h / 2, a)
            b = half * components + q * at_a
            at_b = system.rest(t + h / 2, b)
            at_c = system.rest(t + h, half * a + q * (2 * at_b - at_start))
            components = whole * components + f1 * at_start + 2 * f2 * (at_a + at_b) + f3 * at_c
            if (step + 1) % (steps // frames) == 0:
                if not np.isfinite(components).all():
                    break
                result[(step + 1) * frames // steps] = system.from_eigenvectors(components)
    return result


def _coefficients(eigenvalues: np.ndarray, h: float) -> tuple[np.ndarray, ...]:
    """exp(h L), exp(h L / 2), and h times the four functions of h L of the scheme, each (S, K)."""
    z = h * eigenvalues.astype(complex)
    circle = np.exp(2j * np.pi * (np.arange(CONTOUR) + 0.5) / CONTOUR)
    sums = np.zeros((4, *z.shape), dtype=complex)
    with np.errstate(all="ignore"):
        for r in circle:
            s = z + r
            e = np.exp(s)
            sums[0] += np.expm1(s / 2) / s
            sums[1] += (-4 - s + e * (4 - 3 * s + s**2)) / s**3
            sums[2] += (2 + s + e * (s - 2)) / s**3
            sums[3] += (-4 - 3 * s - s**2 + e * (4 - s)) / s**3
        q, f1, f2, f3 = h * sums / CONTOUR
        return np.exp(z), np.exp(z / 2), q, f1, f2, f3
