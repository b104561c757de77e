"""Processes that solve one partition together: what they tell each other, and whose each cell is.

Vectors of all rows and of all unknowns are the same everywhere, as they are short. What is long belongs to cells, and
each process has that of its own cells alone: their features, their orthonormal columns, and the fronts that eliminate
them.

Shape letters: K cells, D coordinates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Processes(Protocol):
    """Those of a run. Every method but `send` and `receive` is collective, and all get the same.

    Attributes:
        rank: Which of them this one is.
        size: How many there are.
    """

    rank: int
    size: int

    def sums(self, tensors: Iterable[Tensor]) -> list[Tensor]:
        """Each tensor summed over the processes."""
        ...

    def rows(self, part: Tensor) -> Tensor:
        """The rows of all processes, below each other; each may have another number of them."""
        ...

    def agree(self, parameters: Iterable[Tensor]) -> None:
        """Give the tensors the first process's values."""
        ...

    def largest(self, values: Sequence[float], device: torch.device | str = "cpu") -> list[float]:
        """The largest of each value over the processes."""
        ...

    def send(self, x: Tensor, to: int) -> None:
        """Give another process a tensor, which it receives."""
        ...

    def receive(self, x: Tensor, source: int) -> None:
        """Fill a tensor with what another process sends."""
        ...


class Alone:
    """One process, which tells nobody."""

    rank, size = 0, 1

    def sums(self, tensors: Iterable[Tensor]) -> list[Tensor]:  # noqa: D102
        return list(tensors)

    def rows(self, part: Tensor) -> Tensor:  # noqa: D102
        return part

    def agree(self, parameters: Iterable[Tensor]) -> None:  # noqa: D102
        pass

    def largest(self, values: Sequence[float], device: torch.device | str = "cpu") -> list[float]:  # noqa: D102
        return list(values)

    def send(self, x: Tensor, to: int) -> None:  # noqa: D102
        raise AssertionError("there is no other process")

    def receive(self, x: Tensor, source: int) -> None:  # noqa: D102
        self.send(x, source)


ALONE = Alone()


def agreed(processes: Processes, values: Sequence[float], device: torch.device) -> list[float]:
    """The first process's values: what is decided by numbers that may differ by rounding is decided by these."""
    if processes.size == 1:
        return list(values)
    found = torch.tensor(values, dtype=torch.float64, device=device)
    processes.agree([found])
    return found.tolist()


@dataclass(frozen=True)
class Share:
    """Which process each cell belongs to.

    Attributes:
        processes: All of them.
        owners: Of each cell the process, (K,).
        like: A tensor of the dtype and the device of what they tell each other.
    """

    processes: Processes
    owners: list[int]
    like: Tensor

    @property
    def mine(self) -> list[int]:
        """The cells of this process, ascending."""
        return [k for k, owner in enumerate(self.owners) if owner == self.processes.rank]

    def whole(self, parts: Sequence[Tensor], dtype: torch.dtype | None = None) -> list[Tensor]:
        """The vectors of all cells, of which this process has those of its own, of any lengths."""
        if self.processes.size == 1:
            return list(parts)
        lengths = self.like.new_zeros(len(self.owners), dtype=torch.int64)
        lengths[self.mine] = lengths.new_tensor([len(part) for part in parts])
        counts = self.processes.sums([lengths])[0].tolist()
        order = sorted(range(len(self.owners)), key=self.owners.__getitem__)
        rows = self.processes.rows(torch.cat([self.like.new_empty(0, dtype=dtype or self.like.dtype), *parts]))
        found = dict(zip(order, rows.split([counts[k] for k in order]), strict=True))
        return [found[k] for k in range(len(order))]

    def hosts(self, neighbours: list[set[int]]) -> tuple[list[int], list[int]]:
        """Where each cell's columns are eliminated, and in which stage: nested dissection along `divided`.

        What is coupled with no other process's cells is eliminated at home, in stage 0. Of the cells of two halves of
        the processes that are coupled, those of the first half are eliminated by its first process, in a later stage.

        Args:
            neighbours: Of each cell those with which it is coupled, (K,).
        """
        hosts, stages = list(self.owners), [0] * len(self.owners)
        todo = [(0, self.processes.size)]
        while todo:
            first, count = todo.pop()
            if count == 1:
                continue
            middle, end = first + count // 2, first + count
            for k, owner in enumerate(self.owners):
                here = first <= owner < middle and not stages[k]
                if here and any(middle <= self.owners[i] < end and not stages[i] for i in neighbours[k]):
                    hosts[k], stages[k] = first, (count - 1).bit_length()
            todo += [(first, count // 2), (middle, count - count // 2)]
        return hosts, stages


def divided(lower: Tensor, upper: Tensor, loads: Tensor, size: int) -> list[int]:
    """The owner of each cell: about the same load for each process, and few cells that reach those of another.

    Recursive coordinate bisection (Berger, Bokhari 1987, IEEE Trans. Comput. C-36), along the coordinate across which
    the fewest cells reach.

    Args:
        lower: Lower ends of what the cells reach, (K, D), on the CPU.
        upper: Upper ends.
        loads: Of the cells, (K,).
        size: How many processes there are.
    """
    owners, centres = torch.zeros(len(lower), dtype=torch.int64), lower + upper
    todo = [(torch.arange(len(lower)), 0, size)]
    while todo:
        cells, first, count = todo.pop()
        if count == 1 or not len(cells):
            owners[cells] = first
            continue
        half, cuts = count // 2, []
        for d in range(lower.shape[1]):
            order = cells
            for e in (*(e for e in range(lower.shape[1]) if e != d), d):
                order = order[centres[order, e].argsort(stable=True)]
            ends = loads[order].cumsum(0)
            middle = ends - loads[order] / 2
            n = int(torch.searchsorted(middle, ends[-1] * half / count, right=True))
            left, right = order[:n], order[n:]
            meet = (lower[left, None] < upper[right]) & (lower[right] < upper[left, None])
            cuts.append((int(meet.all(dim=2).any(dim=1).sum()), d, left, right))
        _, _, left, right = min(cuts, key=lambda cut: cut[:2])
        todo += [(left, first, half), (right, first + half, count - half)]
    return owners.tolist()
