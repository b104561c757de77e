"""Periodic functions of one or more coordinates by their Fourier coefficients.

Shape letters: N points, S states, D coordinates in space, M nodes a coordinate, K coefficients (an array over space).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import scipy.fft


@dataclass(frozen=True)
class Grid:
    """M equispaced nodes a coordinate, and the real Fourier coefficients below M/3, which a square does not alias.

    Attributes:
        lower: Where the period begins, (D,).
        period: Its length, (D,).
        modes: M, even.
    """

    lower: tuple[float, ...]
    period: tuple[float, ...]
    modes: int

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of an array that run over space."""
        return tuple(range(-len(self.period), 0))

    @cached_property
    def nodes(self) -> list[np.ndarray]:
        """The nodes of each coordinate, shaped to broadcast."""
        steps = np.arange(self.modes) / self.modes
        return self._spread([low + length * steps for low, length in zip(self.lower, self.period, strict=True)])

    @cached_property
    def numbers(self) -> list[np.ndarray]:
        """The wave number of each coefficient along each coordinate, shaped to broadcast; the last one's are >= 0."""
        half = [scipy.fft.fftfreq(self.modes, 1 / self.modes)] * (len(self.period) - 1)
        counts = [*half, scipy.fft.rfftfreq(self.modes, 1 / self.modes)]
        return self._spread([2 * np.pi / length * j for length, j in zip(self.period, counts, strict=True)])

    @cached_property
    def kept(self) -> np.ndarray:
        """1 where the coefficient is kept, K."""
        inside = [
            abs(k) * length < 2 * np.pi * (self.modes / 3 - 1e-9)
            for k, length in zip(self.numbers, self.period, strict=True)
        ]
        return np.prod(np.broadcast_arrays(*inside), axis=0).astype(float)

    def coefficients(self, values: np.ndarray) -> np.ndarray:
        """Coefficients (..., K) of the values (..., M, M) at the nodes."""
        return self.kept * scipy.fft.rfftn(values, axes=self.axes, norm="forward")

    def values(self, coefficients: np.ndarray) -> np.ndarray:
        """Values at the nodes, the inverse of `coefficients`."""
        shape = (self.modes,) * len(self.period)
        return np.asarray(scipy.fft.irfftn(coefficients, shape, axes=self.axes, norm="forward"))

    def derivative(self, exponents: tuple[int, ...]) -> np.ndarray:
        """What multiplies the coefficients, K, when the function is differentiated so often along each coordinate."""
        factors = [(1j * k) ** e for k, e in zip(self.numbers, exponents, strict=True)]
        return np.prod(np.broadcast_arrays(*factors), axis=0)

    def _spread(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        return [array.reshape([-1 if i == j else 1 for j in range(len(arrays))]) for i, array in enumerate(arrays)]


def compress(coefficients: np.ndarray, grid: Grid) -> np.ndarray:
    """The kept coefficients alone, (..., K), wave numbers in increasing order along each coordinate."""
    last = int(np.count_nonzero(np.any(grid.kept, axis=tuple(range(len(grid.period) - 1)))))
    result = coefficients[..., :last]
    for axis in grid.axes[:-1]:
        middle = np.arange(grid.modes // 2 - last + 1, grid.modes // 2 + last)
        result = np.take(scipy.fft.fftshift(result, axes=axis), middle, axis=axis)
    return result


def evaluate(coefficients: np.ndarray, waves: np.ndarray) -> np.ndarray:
    r"""Sum real Fourier series: \sum_k c_k exp(i k.x) over both halves of the wave numbers.

    Args:
        coefficients: Compressed, (..., K): 2 L + 1 wave numbers along each coordinate but the last, L + 1 along it.
        waves: The angle 2 pi (x - lower) / period of each of N points along each coordinate, (N, D).

    Returns:
        (..., N).
    """
    top = coefficients.shape[-1] - 1
    angles = waves[:, -1]
    phases = np.exp(1j * np.outer(np.arange(top + 1), angles))
    phases[1:] *= 2  # the coefficients of -k are the conjugates
    sums = coefficients @ phases
    for axis in range(waves.shape[1] - 2, -1, -1):
        phases = np.exp(1j * np.outer(np.arange(-top, top + 1), waves[:, axis]))
        sums = np.einsum("...kn,kn->...n", sums, phases)
    return np.real(sums)


def neighbours(times: np.ndarray, count: int, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate between equispaced frames by the polynomial through the nearest ones.

    Args:
        times: In units of the frames' distance, from 0 to count - 1, (N,).
        count: Number of frames.
        degree: Of the polynomial; less where there are fewer frames.

    Returns:
        The first frame of each time's neighbours, (N,), and the weights of these, (N, degree + 1).
    """
    degree = min(degree, count - 1)
    first = np.clip(np.floor(times).astype(int) - degree // 2, 0, count - 1 - degree)
    offsets = (times - first)[:, None] - np.arange(degree + 1)
    weights = np.ones_like(offsets)
    for i, j in product(range(degree + 1), repeat=2):
        if i != j:
            weights[:, i] *= offsets[:, j] / (i - j)
    return first, weights
