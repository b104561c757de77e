"""Points that follow the residual: rules that turn the present points and fresh ones into the next.

Shape letters: N present points, M candidates, D coordinates.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from pinn.optimizers.ranges import Count, NotNegative

Sizes = Callable[[Tensor], Tensor]  # points (N, D) to the size of the residual there, (N,)


class Adaptive(ABC):
    """A rule for the points of the interior."""

    @abstractmethod
    def update(self, present: Tensor, candidates: Tensor, sizes: Sizes, seed: int) -> Tensor:
        """The next points.

        Args:
            present: The points so far, (N, D).
            candidates: Fresh uniform points, (M, D).
            sizes: The size of the residual at points.
            seed: The only source of chance.
        """


class RAD(Adaptive):
    r"""Draws all points anew by the density $p \propto |r|^k / \overline{|r|^k} + c$.

    Wu, Zhu, Tan, Kartha, Lu 2023, Comput. Methods Appl. Mech. Eng. 403, algorithm 2.

    Args:
        power: k.
        offset: c.
    """

    def __init__(self, power: NotNegative = 1.0, offset: NotNegative = 1.0):
        self.power, self.offset = power, offset

    def update(self, present: Tensor, candidates: Tensor, sizes: Sizes, seed: int) -> Tensor:  # noqa: D102
        return candidates[self.draw(len(present), sizes(candidates), seed)]

    def draw(self, n: int, sizes: Tensor, seed: int) -> Tensor:
        """The indices of n different candidates by the density."""
        weights = sizes.double().cpu() ** self.power
        mean = weights.mean()
        density = (weights / mean if mean > 0 else torch.zeros_like(weights)) + self.offset
        # the n largest of the keys u**(1/p): a draw without replacement (Efraimidis & Spirakis 2006)
        u = torch.rand(len(density), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return (u.log() / density.clamp_min(1e-300)).topk(n).indices.to(sizes.device)


class RARD(RAD):
    """Keeps its points, and adds some by the density of RAD: Wu et al. 2023, algorithm 3 (RAR-D).

    Args:
        added: How many each time.
        power: As for RAD.
        offset: As for RAD.
    """

    def __init__(self, added: Count = 100, power: NotNegative = 2.0, offset: NotNegative = 0.0):
        super().__init__(power, offset)
        self.added = added

    def update(self, present: Tensor, candidates: Tensor, sizes: Sizes, seed: int) -> Tensor:  # noqa: D102
        return torch.cat([present, candidates[self.draw(self.added, sizes(candidates), seed)]])


class R3(Adaptive):
    """Keeps the points whose residual is above the mean, and draws the others anew.

    Retain, resample, release: Daw, Bu, Wang, Perdikaris, Karpatne 2023, ICML, algorithm 1.
    """

    def update(self, present: Tensor, candidates: Tensor, sizes: Sizes, seed: int) -> Tensor:  # noqa: D102
        size = sizes(present)
        kept = present[size > size.mean()]
        return torch.cat([kept, candidates[: len(present) - len(kept)]])
