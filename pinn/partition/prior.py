r"""What is known of coefficient fields before and after the data: Gaussian processes, chosen by the data.

A coefficient field is a sum of plane waves, whose coefficients are normal and independent, with variances that fall
with the frequency as those of a stationary process do. How fast, and how large they are beside the noise, is what makes
the data most likely: the evidence (MacKay 1992, Neural Comput. 4), in which what the other fields take of the data
counts for nothing (restricted likelihood: Patterson, Thompson 1971, Biometrika 58). The mean of the posterior is the
smoothest field that the data allow, and its deviation has what they leave open (Wahba 1983, J. R. Stat. Soc. B 45).

Shape letters: n rows of data, A rows of conditions, Z numbers and coefficients of waves, W waves of one field.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

LENGTHS = tuple(0.1 * 1.3**k for k in range(16))  # of correlation, in half sides of the box
SHARES = tuple(10.0**n for n in range(-6, 7))
SMOOTH = (1.5, 2.5, 4.5, math.inf)  # nu of Matérn's spectra; infinite is the squared exponential
RATIOS = tuple(10 ** (k / 4) for k in range(-12, 68))  # of what the data tell of the largest direction to the noise
LEVEL = 1e4  # the variance of a field's mean, of that of the field: next to nothing is known of it
FREE = 1e6  # of a number, of its size: nothing is known of it
HELD = 1e-5  # what may be left of conditions on coefficient fields alone, of their variation
ROUNDS = 2  # more, in which the noises of several quantities are told apart
LEAST = 1e-2  # part of a quantity's rows that is to be left to tell its noise


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


@dataclass(frozen=True)
class Posterior:
    """What the data say.

    Attributes:
        mean: (Z,).
        factor: A root of the covariance, (Z, Z).
        noises: One standard deviation of each group's noise.
        processes: The most likely ones.
        size: One standard deviation of the first of them.
        evidence: The logarithm of the likelihood of the data, but for a constant.
    """

    mean: Tensor
    factor: Tensor
    noises: list[float]
    processes: tuple[Process, ...]
    size: float
    evidence: float


def posterior(data: Linear, begin: Sequence[Process] | None = None) -> Posterior:
    """The most likely processes and noises, and what follows from them."""
    processes, begun = tuple(begin or [Process() for _ in data.frequencies]), begin is not None
    found = _most_likely(data, processes, [1.0] * len(data.groups), begun)
    for _ in range(ROUNDS if len(data.groups) > 1 else 0):
        found = _most_likely(data, found.processes, _noises(data, found), True)
    return found


def _most_likely(data: Linear, processes: tuple[Process, ...], noises: Sequence[float], begun: bool) -> Posterior:
    """By the processes, one after the other, with the noises in this ratio."""
    weights = torch.ones_like(data.target)
    for (rows, _), noise in zip(data.groups, noises, strict=True):
        weights[rows] = 1 / noise
    basis, triangle = torch.linalg.qr(weights[:, None] * data.columns)
    target = weights * data.target
    inside = basis.mT @ target
    beside = float((target - basis @ inside).square().sum())
    free = max(1.0, sum(left for _, left in data.groups))
    asked: dict[tuple[Process, ...], _Chosen] = {}

    def score(tried: tuple[Process, ...]) -> float:
        if tried not in asked:
            asked[tried] = _given(data, tried, triangle, inside, beside, free)
        return asked[tried].evidence

    for k in range(len(processes)):
        processes = _climbed(processes, k, score) if begun else _searched(processes, k, score)
    best = asked[processes]
    noises = [best.noises[0] * noise for noise in noises]
    return replace(_told(best, *_directions(data, best.processes), triangle, inside), noises=noises)


def _searched(
    processes: tuple[Process, ...], k: int, score: Callable[[tuple[Process, ...]], float]
) -> tuple[Process, ...]:
    """With the most likely process k of all; the first one's share is one."""
    shares = [1.0] if k == 0 else SHARES
    every = [Process(*of) for of in itertools.product(LENGTHS, SMOOTH, shares)]
    return max(((*processes[:k], one, *processes[k + 1 :]) for one in every), key=score)


def _climbed(
    processes: tuple[Process, ...], k: int, score: Callable[[tuple[Process, ...]], float]
) -> tuple[Process, ...]:
    """With a process k that is more likely than those beside it."""
    while True:
        here = processes[k]
        near = [replace(here, length=n) for n in _beside(LENGTHS, here.length)]
        near += [replace(here, smooth=n) for n in _beside(SMOOTH, here.smooth)]
        near += [replace(here, share=n) for n in _beside(SHARES, here.share)] if k else []
        best = max(((*processes[:k], one, *processes[k + 1 :]) for one in [here, *near]), key=score)
        if best == processes:
            return best
        processes = best


def _beside(values: Sequence[float], value: float) -> list[float]:
    k = values.index(value)
    return [*values[max(0, k - 1) : k], *values[k + 1 : k + 2]]


@dataclass(frozen=True)
class _Chosen:
    processes: tuple[Process, ...]
    evidence: float
    noises: list[float]
    ratio: float


def _directions(data: Linear, processes: Sequence[Process]) -> tuple[Tensor, Tensor]:
    """The mean of the process given the conditions, (Z,), and a root of its covariance, (Z, Z), of unit variance."""
    root = data.spread(processes)
    if not len(data.conditions):
        return torch.zeros_like(root), root.diag()
    triangle, values, beside = data.reduced
    left, sizes, right = torch.linalg.svd(triangle * root, full_matrices=True)
    wide = torch.cat([sizes, sizes.new_zeros(len(root) - len(sizes))])
    along = (left.mT @ values)[: len(sizes)]
    held = HELD**2
    for _ in range(2):  # what no waves can hold of the conditions is a noise of theirs
        part = sizes / (sizes**2 + held)
        missed = float((along - sizes * part * along).square().sum()) + beside
        held = max(held, missed / len(data.conditions))
    mean = root * (right[: len(sizes)].mT @ (sizes / (sizes**2 + held) * along))
    return mean, root[:, None] * right.mT * (held / (wide**2 + held)).sqrt()


def _given(
    data: Linear, processes: tuple[Process, ...], triangle: Tensor, inside: Tensor, beside: float, free: float
) -> _Chosen:
    mean, root = _directions(data, processes)
    left, sizes, _ = torch.linalg.svd(triangle @ root, full_matrices=False)
    along = inside - triangle @ mean
    parts = (left.mT @ along).square()
    beside = beside + float(along.square().sum() - parts.sum())
    largest = float(sizes[0]) ** 2 or 1.0
    ratios = sizes.new_tensor(RATIOS) / largest
    grown = 1 + ratios[:, None] * sizes.square()
    squares = (parts / grown).sum(1) + max(beside, 0.0)
    evidence = -0.5 * (grown.log().sum(1) + free * (squares.clamp(min=1e-300) / free).log())
    k = int(evidence.argmax())
    return _Chosen(processes, float(evidence[k]), [math.sqrt(float(squares[k]) / free)], float(ratios[k]))


def _told(chosen: _Chosen, mean: Tensor, root: Tensor, triangle: Tensor, inside: Tensor) -> Posterior:
    left, sizes, right = torch.linalg.svd(triangle @ root, full_matrices=True)
    wide = torch.cat([sizes, sizes.new_zeros(len(right) - len(sizes))])
    along = (left.mT @ (inside - triangle @ mean))[: len(sizes)]
    moved = right[: len(sizes)].mT @ (sizes / (sizes**2 + 1 / chosen.ratio) * along)
    factor = chosen.noises[0] * (root @ right.mT) / (wide**2 + 1 / chosen.ratio).sqrt()
    size = chosen.noises[0] * math.sqrt(chosen.ratio)
    return Posterior(mean + root @ moved, factor, [], chosen.processes, size, chosen.evidence)


def _noises(data: Linear, found: Posterior) -> list[float]:
    """Of each group, what is left over what neither fields nor numbers take; as before where next to nothing is."""
    left, told = data.target - data.columns @ found.mean, []
    for (rows, free), noise in zip(data.groups, found.noises, strict=True):
        taken = float((data.columns[rows] @ found.factor).square().sum()) / noise**2
        enough = free - taken > LEAST * free
        told.append(float(left[rows].norm()) / math.sqrt(free - taken) if enough else noise)
    return told
