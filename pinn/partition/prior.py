r"""What is known of coefficient fields before the data: Gaussian processes, and conditions on them.

A coefficient field is a sum of plane waves, whose coefficients are normal and independent, with variances that fall
with the frequency as those of a stationary process do (Rasmussen, Williams 2006, chapter 4).

Shape letters: n rows of data, A rows of conditions, Z numbers and coefficients of waves, W waves of one field.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

LEVEL = 1e4  # the variance of a field's mean, of that of the field: next to nothing is known of it
FREE = 1e6  # of a number, of its size: nothing is known of it
HELD = 1e-5  # what may be left of conditions on coefficient fields alone, of their variation


@dataclass(frozen=True)
class Process:
    """A stationary Gaussian process.

    Attributes:
        length: Of correlation.
        smooth: nu of Matérn's spectrum.
        share: Of its variance in that of the first one.
    """

    length: float = 1.0
    smooth: float = 2.5
    share: float = 1.0

    def variances(self, frequencies: Tensor, dimensions: int) -> Tensor:
        """Of the coefficients of waves, the constant last, (W,): their sum without it is `share`."""
        squares = (self.length * frequencies[:-1]).square()
        if self.smooth == math.inf:
            falling = (-squares / 2).exp()
        else:
            falling = (1 + squares / (2 * self.smooth)) ** -(self.smooth + dimensions / 2)
        return self.share * torch.cat([falling / falling.sum(), falling.new_tensor([LEVEL])])


@dataclass(frozen=True)
class Linear:
    """The data, linear in numbers and coefficients q: ``y = R q + noise``, and ``e = C q``.

    Attributes:
        columns: R, (n, Z).
        target: y, (n,).
        groups: The rows of each quantity, and how many of them the other fields leave.
        conditions: C, (A, Z).
        values: e, (A,).
        sizes: Of the numbers, which come first, (Z - the waves,).
        frequencies: Of each field, (W,).
        dimensions: Of each field.
    """

    columns: Tensor
    target: Tensor
    groups: Sequence[tuple[slice, float]]
    conditions: Tensor
    values: Tensor
    sizes: Tensor
    frequencies: Sequence[Tensor]
    dimensions: Sequence[int]

    @cached_property
    def reduced(self) -> tuple[Tensor, Tensor, float]:
        """``C = Q T``: T, ``Qᵀ e``, and the sum of squares of the rest of e."""
        basis, triangle = torch.linalg.qr(self.conditions)
        along = basis.mT @ self.values
        return triangle, along, float((self.values - basis @ along).square().sum())

    def spread(self, processes: Sequence[Process]) -> Tensor:
        """The root of the prior variances, of which the first field's is one, (Z,)."""
        parts = [p.variances(w, d) for p, w, d in zip(processes, self.frequencies, self.dimensions, strict=True)]
        return torch.cat([FREE * self.sizes.square(), *parts]).sqrt()

    def given(self, processes: Sequence[Process]) -> tuple[Tensor, Tensor]:
        """The mean of q given the conditions, (Z,), and a root of its covariance, (Z, Z); the first field's size is 1.

        What no waves can hold of the conditions is a noise of theirs.
        """
        root = self.spread(processes)
        if not len(self.conditions):
            return torch.zeros_like(root), root.diag()
        triangle, values, beside = self.reduced
        left, sizes, right = torch.linalg.svd(triangle * root, full_matrices=True)
        wide = torch.cat([sizes, sizes.new_zeros(len(root) - len(sizes))])
        along, held = (left.mT @ values)[: len(sizes)], HELD**2
        for _ in range(2):
            moved = sizes / (sizes**2 + held) * along
            missed = float((along - sizes * moved).square().sum()) + beside
            size = float(moved.square().sum()) / max(1, int((sizes**2 > held).sum()))
            held = max(held, missed / (len(self.conditions) * size)) if size else held
        mean = root * (right[: len(sizes)].mT @ (sizes / (sizes**2 + held) * along))
        return mean, root[:, None] * right.mT * (held / (wide**2 + held)).sqrt()
