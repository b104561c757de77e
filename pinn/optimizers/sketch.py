"""A random projection of a least-squares system on both sides. Letters: M residuals, P parameters, K kept columns."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

ROWS = 4
"""Rows kept for each column kept."""


@dataclass(frozen=True)
class Sketch:
    """``C J Sᵀ``, a system of 4K rows and K columns that stands for J (M, P).

    S (K, P) has orthonormal rows: some frequencies, drawn at random, of the cosine transform of the columns, whose
    signs and order were drawn first (a subsampled randomised transform, Ailon, Chazelle 2009). A step z of the small
    system is the step ``Sᵀ z`` of the whole, of the same length, and J Sᵀ is exact on such steps. C adds rows of random
    signs up in bins (CountSketch: Clarkson, Woodruff 2013): norms are kept on average. The pair is that of Webb, Jerad,
    Cartis 2026, arXiv 2607.02194. With K = P and no bins the system is J, turned.

    Attributes:
        signs: of the columns, (P,).
        order: of the columns, (P,).
        kept: the frequencies, (K,).
        bins: of the rows, (M,), and their signs, (M,); None keeps the rows.
    """

    signs: Tensor
    order: Tensor
    kept: Tensor
    bins: tuple[Tensor, Tensor] | None

    @staticmethod
    def draw(jacobian: Tensor, columns: int, seed: int) -> Sketch:
        """For a Jacobian of this shape: a pure function of the seed."""
        (m, p), generator = jacobian.shape, torch.Generator().manual_seed(seed)
        signs, order = _signs(p, generator), torch.randperm(p, generator=generator)
        kept = torch.randperm(p, generator=generator)[:columns].sort().values
        bins = None
        if m > ROWS * columns:
            places = torch.randint(ROWS * columns, (m,), generator=generator)
            bins = places.to(jacobian.device), _signs(m, generator).to(jacobian)
        return Sketch(signs.to(jacobian), order.to(jacobian.device), kept.to(jacobian.device), bins)

    def rows(self, values: Tensor) -> Tensor:
        """``C values``, of a vector (M,) or a matrix (M, ...)."""
        if self.bins is None:
            return values
        places, signs = self.bins
        size = ROWS * len(self.kept)
        total = values.new_zeros(size, *values.shape[1:])
        return total.index_add_(0, places, values * signs.reshape(-1, *(1,) * (values.dim() - 1)))

    def columns(self, matrix: Tensor) -> Tensor:
        """``matrix Sᵀ``, of rows of P."""
        return cosines((matrix * self.signs)[:, self.order])[:, self.kept]

    def lift(self, z: Tensor) -> Tensor:
        """``Sᵀ z`` (P,)."""
        spread = z.new_zeros(len(self.signs))
        spread[self.kept] = z
        turned = cosines(spread[None], back=True)[0]
        result = torch.empty_like(turned)
        result[self.order] = turned
        return result * self.signs


def _signs(n: int, generator: torch.Generator) -> Tensor:
    return 2.0 * torch.randint(2, (n,), generator=generator) - 1


def cosines(x: Tensor, back: bool = False) -> Tensor:
    """The orthonormal cosine transform (DCT-II) of each row, or its inverse, by one transform of Fourier's.

    The values at even places, then those at odd ones backwards, have the same spectrum but for a quarter turn: Makhoul
    1980, IEEE Trans. ASSP 28.
    """
    n = x.shape[-1]
    k = torch.arange(n, dtype=x.dtype, device=x.device)
    scale = torch.full_like(k, (2 / n) ** 0.5)
    scale[0] = n**-0.5
    turn = torch.polar(torch.ones_like(k), -torch.pi * k / (2 * n))
    order = torch.cat([torch.arange(0, n, 2), torch.arange(1, n, 2).flip(0)]).to(x.device)
    if not back:
        return (torch.fft.fft(x[..., order]) * turn).real * scale
    y = x / scale
    mirrored = torch.cat([torch.zeros_like(y[..., :1]), y[..., 1:].flip(-1)], dim=-1)
    values = torch.fft.ifft(torch.complex(y, -mirrored) * turn.conj()).real
    result = torch.empty_like(values)
    result[..., order] = values
    return result
