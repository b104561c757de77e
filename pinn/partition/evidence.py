r"""What the data say of coefficient fields: the posterior of the processes that make them most likely.

How fast variances fall with the frequency, and how large they are beside the noise, is what makes the data most likely:
the evidence (MacKay 1992, Neural Comput. 4), in which what the other fields take of the data counts for nothing
(restricted likelihood: Patterson, Thompson 1971, Biometrika 58). The mean of the posterior is the smoothest field that
the data allow, and its deviation has what they leave open (Wahba 1983, J. R. Stat. Soc. B 45): of the field with
these processes, and, averaged by their evidence, of the processes.

Shape letters: n rows of data, Z numbers and coefficients of waves, G ratios.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pinn.partition.prior import Linear, Process

LENGTHS = tuple(0.1 * 1.3**k for k in range(16))  # of correlation, in half sides of the box
SMOOTH = (1.5, 2.5, 4.5, math.inf)  # nu of Matérn's spectra; infinite is the squared exponential
SHARES = tuple(10.0**n for n in range(-6, 7))  # of the variances of fields in that of the first
RATIOS = tuple(10 ** (k / 4) for k in range(-12, 68))  # of what the data tell of the largest direction to the noise
ROUNDS = 2  # more, in which the noises of several quantities are told apart
LEAST = 1e-2  # part of a quantity's rows that is to be left to tell its noise
AROUND = 2  # steps from the most likely process: those over which the mean is taken
UNLIKELY = 1e-3  # of the largest likelihood: what is less does not count


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
    """With the most likely processes and noises; the search begins with those of before, or looks at all."""
    processes = tuple(begin or [Process() for _ in data.frequencies])
    found = _most_likely(_Case(data, [1.0] * len(data.groups)), processes, begin is not None)
    for _ in range(ROUNDS if len(data.groups) > 1 else 0):
        found = _most_likely(_Case(data, _noises(data, found)), found.processes, True)
    return found


def averaged(data: Linear, found: Posterior) -> Posterior:
    """The same with the mean square of how far q is from its mean over all likely processes and noises, by evidence.

    That is over processes near the most likely ones, and over ratios of signal and noise.
    """
    case = _Case(data, found.noises)
    tried = [found.processes]
    for k, here in enumerate(found.processes):
        lengths, shares = _beside(LENGTHS, here.length, AROUND), _beside(SHARES, here.share, 1) if k else [here.share]
        every = [Process(*of) for of in itertools.product(lengths, SMOOTH, shares)]
        tried += [(*found.processes[:k], one, *found.processes[k + 1 :]) for one in every if one != here]
    scored = [case.score(processes) for processes in tried]
    best = max(one.best for one in scored)
    weights, means, roots = [], [], []
    for one in scored:
        if one.best <= best + math.log(UNLIKELY):
            continue
        parts = case.directions(one.processes)
        for g in (one.evidence > best + math.log(UNLIKELY)).nonzero()[:, 0].tolist():
            mean, factor = case.told(one, g, parts)
            weights.append(math.exp(float(one.evidence[g]) - best))
            means.append(mean)
            roots.append(weights[-1] ** 0.5 * factor)
    total = sum(weights)
    apart = torch.stack([w**0.5 * (m - found.mean) for w, m in zip(weights, means, strict=True)], dim=1)
    root = apart.mT / total**0.5
    for one in roots:
        root = torch.linalg.qr(torch.cat([root, one.mT / total**0.5]), mode="r").R
    return replace(found, factor=root.mT)


@dataclass(frozen=True)
class _Scored:
    """Processes, and by ratio the evidence and the variance of the noise, (G,)."""

    processes: tuple[Process, ...]
    evidence: Tensor
    variances: Tensor
    ratios: Tensor

    @property
    def best(self) -> float:
        return float(self.evidence.max())


class _Case:
    """The data with the noises of groups in a ratio: ``R = Q S``."""

    def __init__(self, data: Linear, noises: Sequence[float]):
        self.data, self.noises = data, noises
        weights = torch.ones_like(data.target)
        for (rows, _), noise in zip(data.groups, noises, strict=True):
            weights[rows] = 1 / noise
        basis, self.triangle = torch.linalg.qr(weights[:, None] * data.columns)
        target = weights * data.target
        self.inside = basis.mT @ target
        self.beside = float((target - basis @ self.inside).square().sum())
        self.free = max(1.0, sum(left for _, left in data.groups))

    def score(self, processes: tuple[Process, ...]) -> _Scored:
        mean, root = self.data.given(processes)
        left, sizes, _ = torch.linalg.svd(self.triangle @ root, full_matrices=False)
        along = self.inside - self.triangle @ mean
        parts = (left.mT @ along).square()
        beside = self.beside + float(along.square().sum() - parts.sum())
        ratios = sizes.new_tensor(RATIOS) / (float(sizes[0]) ** 2 or 1.0)
        grown = 1 + ratios[:, None] * sizes.square()
        variances = ((parts / grown).sum(1) + max(beside, 0.0)).clamp(min=1e-300) / self.free
        return _Scored(processes, -0.5 * (grown.log().sum(1) + self.free * variances.log()), variances, ratios)

    def directions(self, processes: tuple[Process, ...]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The mean before the data, directions of q, (Z, Z), and what the data tell of each: sizes and values, (Z,)."""
        mean, root = self.data.given(processes)
        left, sizes, right = torch.linalg.svd(self.triangle @ root, full_matrices=True)
        more = sizes.new_zeros(len(right) - len(sizes))
        along = (left.mT @ (self.inside - self.triangle @ mean))[: len(sizes)]
        return mean, root @ right.mT, torch.cat([sizes, more]), torch.cat([along, more])

    def told(self, scored: _Scored, g: int, parts: tuple[Tensor, Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Mean and root of the covariance, with ratio g."""
        mean, along, sizes, values = parts
        inverse = 1 / (sizes**2 + 1 / scored.ratios[g])
        return mean + along @ (inverse * sizes * values), along * (scored.variances[g] * inverse).sqrt()


def _most_likely(case: _Case, processes: tuple[Process, ...], begun: bool) -> Posterior:
    """By the processes, one after the other."""
    asked: dict[tuple[Process, ...], _Scored] = {}

    def score(tried: tuple[Process, ...]) -> float:
        if tried not in asked:
            asked[tried] = case.score(tried)
        return asked[tried].best

    for k in range(len(processes)):
        processes = _climbed(processes, k, score) if begun else _searched(processes, k, score)
    best = asked[processes]
    g = int(best.evidence.argmax())
    mean, factor = case.told(best, g, case.directions(processes))
    noise = math.sqrt(float(best.variances[g]))
    size = noise * math.sqrt(float(best.ratios[g]))
    return Posterior(mean, factor, [noise * one for one in case.noises], processes, size, best.best)


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


def _beside(values: Sequence[float], value: float, steps: int = 1) -> Sequence[float]:
    k = values.index(value)
    return values[max(0, k - steps) : k + steps + 1]


def _noises(data: Linear, found: Posterior) -> list[float]:
    """Of each group, what is left over what neither fields nor numbers take; as before where next to nothing is."""
    left, told = data.target - data.columns @ found.mean, []
    for (rows, free), noise in zip(data.groups, found.noises, strict=True):
        taken = float((data.columns[rows] @ found.factor).square().sum()) / noise**2
        enough = free - taken > LEAST * free
        told.append(float(left[rows].norm()) / math.sqrt(free - taken) if enough else noise)
    return told
