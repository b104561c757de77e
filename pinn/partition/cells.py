"""Cells: a tiling of a box by boxes, which are halved where the solution needs it.

Shape letters: K cells, D coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from pinn.networks import Partition

OVERLAP = 0.3  # of a cell: how far it reaches into its neighbours
SMALL = 0.45  # of the smaller of two neighbours: how far at most, so that its two windows do not meet
NARROW = 0.2  # of a cell: windows that fall within less are narrow for it
UNEQUAL = 2.01  # times as long as a neighbour, along the normal of their face: a cell that is halved
UNLIKE = 1.5  # times as long as a neighbour: a cell that has a smaller one beside it
NEAR = 1e-9  # of a cell: faces that are so close are one


@dataclass(frozen=True)
class Cells:
    """Boxes that tile a box; float64. Where interfaces divide the box, those of each side tile it.

    Attributes:
        lower: Lower corners, (K, D).
        upper: Upper corners, (K, D).
        sides: Of which side each is, (K,): what lies on another one is not in the cell.
    """

    lower: Tensor
    upper: Tensor
    sides: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))

    def __post_init__(self):
        if len(self.sides) != len(self.lower):
            object.__setattr__(self, "sides", torch.zeros(len(self.lower), dtype=torch.int64))

    @staticmethod
    def of(partition: Partition) -> Cells:
        """Those of a partition."""
        return Cells(partition.lower.cpu(), partition.upper.cpu(), partition.sides.cpu())

    @staticmethod
    def grid(lower: Sequence[float], upper: Sequence[float], counts: Sequence[int], sides: int = 0) -> Cells:
        """As many cells of one size along each coordinate, on each side."""
        edges = [
            torch.linspace(low, high, n + 1, dtype=torch.float64)
            for low, high, n in zip(lower, upper, counts, strict=True)
        ]
        corners = [torch.cartesian_prod(*[e[part] for e in edges]) for part in (slice(0, -1), slice(1, None))]
        low, high = (corner.reshape(-1, len(counts)) for corner in corners)
        every = max(1, sides)
        return Cells(low.repeat(every, 1), high.repeat(every, 1), torch.arange(every).repeat_interleave(len(low)))

    def __len__(self) -> int:
        return len(self.lower)

    @property
    def widths(self) -> Tensor:
        """(K, D)."""
        return self.upper - self.lower

    @property
    def centres(self) -> Tensor:
        """(K, D)."""
        return (self.lower + self.upper) / 2

    def halved(self, directions: Tensor) -> tuple[Cells, Tensor]:
        """Each cell halved along the directions that are true for it, (K, D).

        Returns:
            The cells, and for each the one that it was, or was a part of.
        """
        lower, upper = self.lower, self.upper
        parents = torch.arange(len(self))
        for d in range(directions.shape[1]):
            cut = directions[parents, d]
            middle = (lower[:, d] + upper[:, d]) / 2
            left, right = upper.clone(), lower[cut].clone()
            left[cut, d] = middle[cut]
            right[:, d] = middle[cut]
            lower, upper = torch.cat([lower, right]), torch.cat([left, upper[cut]])
            parents = torch.cat([parents, parents[cut]])
        order = torch.argsort(parents, stable=True)
        return Cells(lower[order], upper[order], self.sides[parents[order]]), parents[order]

    def over(self, axis: int, begin: float, end: float) -> Cells:
        """The cells at the upper end of a coordinate, each as so many over another interval of it as would fit here."""
        top, bottom = self.upper[:, axis].max(), self.lower[:, axis].min()
        last = self[self.upper[:, axis] >= top - NEAR * self.widths[:, axis]]
        counts = ((top - bottom) / last.widths[:, axis]).round().long()
        column = torch.repeat_interleave(torch.arange(len(last)), counts)
        number = (torch.arange(len(column)) - (counts.cumsum(0) - counts)[column]).to(last.lower)
        lower, upper = last.lower[column], last.upper[column]
        lower[:, axis] = begin + (end - begin) * (number / counts[column])
        upper[:, axis] = begin + (end - begin) * ((number + 1) / counts[column])
        return Cells(lower, upper, last.sides[column]).balanced()[0]

    def balanced(self) -> tuple[Cells, Tensor]:
        """Halved so that no cell is more than twice as long as one beyond its face, along the normal of that face.

        The window of a long cell would fall within the reach of the short one: see `reaches`. It is halved along each
        direction in which it is more than twice as long: so a small cell lies among small ones, and a flat one among
        flat ones.

        Returns:
            The cells, and for each the one that it was, or was a part of.
        """
        cells, parents = self, torch.arange(len(self))
        while True:
            first, second, d = cells.neighbours().unbind(dim=1)
            widths, cut = cells.widths, torch.zeros_like(cells.widths, dtype=torch.bool)
            for i, j in ((first, second), (second, first)):
                longer = widths[i] > UNEQUAL * widths[j]
                longer &= longer.gather(1, d[:, None])
                pair, e = longer.nonzero().unbind(dim=1)
                cut[i[pair], e] = True
            if not bool(cut.any()):
                return cells, parents
            cells, before = cells.halved(cut)
            parents = parents[before]

    def __getitem__(self, some: Tensor) -> Cells:
        """Some of them."""
        return Cells(self.lower[some], self.upper[some], self.sides[some])

    def with_others(self, cells: Cells) -> Cells:
        """With those of the sides on which there are none, as of what begins later."""
        more = cells[~torch.isin(cells.sides, self.sides)]
        return Cells(*(torch.cat(pair) for pair in zip(self._tensors, more._tensors, strict=True)))

    def finer_than(self, before: Cells, latest: tuple[int, float] | None = None) -> Tensor:
        """By what factor each is narrower than the one before in which its centre lies, 1 where there is none, (K, D).

        Args:
            before: The others.
            latest: A coordinate, and its largest value: centres beyond are looked for there.
        """
        at = self.centres.clone()
        if latest:
            at[:, latest[0]].clamp_(max=latest[1])
        inside = ((before.lower <= at[:, None]) & (at[:, None] <= before.upper)).all(dim=2)
        widths = before.widths[inside.int().argmax(dim=1)]
        return torch.where(inside.any(dim=1)[:, None], widths / self.widths, 1.0)

    @property
    def _tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.lower, self.upper, self.sides

    def neighbours(self) -> Tensor:
        """Pairs of cells of a side that share a part of a face, and its direction: rows (i, j, d), with i below j."""
        near = NEAR * self.widths
        found = []
        lapping = [
            (self.lower[:, None, d] + near[:, None, d] < self.upper[None, :, d])
            & (self.lower[None, :, d] + near[None, :, d] < self.upper[:, None, d])
            for d in range(self.lower.shape[1])
        ]
        for d in range(self.lower.shape[1]):
            touching = (self.upper[:, None, d] - self.lower[None, :, d]).abs() <= torch.minimum(
                near[:, None, d], near[None, :, d]
            )
            touching = touching & self._alike
            for e, lap in enumerate(lapping):
                if e != d:
                    touching = touching & lap
            pairs = touching.nonzero()
            found.append(torch.cat([pairs, torch.full((len(pairs), 1), d)], dim=1))
        return torch.cat(found)

    @cached_property
    def beside_smaller(self) -> Tensor:
        """Which cells have a neighbour that is smaller in any direction, (K,)."""
        found = torch.zeros(len(self), dtype=torch.bool)
        i, j, _ = self.neighbours().unbind(dim=1)
        for one, other in ((i, j), (j, i)):
            found[one[(self.widths[one] > UNLIKE * self.widths[other]).any(dim=1)]] = True
        return found

    def reaches(self) -> tuple[Tensor, Tensor]:
        """How far each cell reaches beyond its faces, below and above, (K, D).

        At each face that is a part of the cell, but less where smaller cells are beyond it, so that a small cell is met
        by the windows of its own neighbours alone. Two cells of one size reach into each other alike. Where no cell is
        beyond it is negative: there the window does not fall.
        """
        widths = self.widths
        below, above = torch.full_like(widths, torch.inf), torch.full_like(widths, torch.inf)
        for d, pairs in enumerate(_by_direction(self.neighbours(), widths.shape[1])):
            i, j = pairs[:, 0], pairs[:, 1]
            reach = _reach(widths[i, d], widths[j, d])
            above[:, d].scatter_reduce_(0, i, reach, "amin")
            below[:, d].scatter_reduce_(0, j, reach, "amin")
        beyond_below, beyond_above = self._beyond_gaps()
        below = torch.where(below < torch.inf, below, beyond_below)
        above = torch.where(above < torch.inf, above, beyond_above)
        nothing = -OVERLAP * widths
        return torch.where(below < torch.inf, below, nothing), torch.where(above < torch.inf, above, nothing)

    def overlapping(self) -> list[set[int]]:
        """Of each cell those whose windows overlap with its own."""
        below, above = (reach.clamp(min=0) for reach in self.reaches())
        low, high = self.lower - below, self.upper + above
        meet = self._alike.clone().fill_diagonal_(False)
        for d in range(low.shape[1]):
            meet &= (low[:, None, d] < high[None, :, d]) & (low[None, :, d] < high[:, None, d])
        found: list[set[int]] = [set() for _ in range(len(self))]
        for i, j in meet.nonzero().tolist():
            found[i].add(j)
        return found

    @property
    def _alike(self) -> Tensor:
        """Which cells are of one side, (K, K)."""
        return self.sides[:, None] == self.sides

    def _beyond_gaps(self) -> tuple[Tensor, Tensor]:
        """How far cells may reach through faces that no other touches, as others are near at a corner or past a gap.

        There a window that did not fall would end within those. Infinite where none are near.
        """
        widths, near = self.widths, NEAR * self.widths
        reach, dimensions = SMALL * widths, widths.shape[1]
        low, high = self.lower - reach, self.upper + reach
        found = []
        for side in (0, 1):
            nearest = torch.full_like(widths, torch.inf)
            for d in range(dimensions):
                meet = self._alike.clone()
                for e in range(dimensions):
                    a, b = (low[:, e], high[:, e]) if e != d else (
                        (low[:, e], self.lower[:, e]) if side == 0 else (self.upper[:, e], high[:, e])
                    )  # fmt: skip
                    meet &= (a[:, None] + near[:, None, e] < self.upper[None, :, e]) & (
                        self.lower[None, :, e] + near[:, None, e] < b[:, None]
                    )
                apart = _reach(widths[:, None, d], widths[None, :, d])
                nearest[:, d] = torch.where(meet, apart, torch.full_like(apart, torch.inf)).amin(1)
            found.append(nearest)
        return found[0], found[1]

    def panels(self, below: Tensor, above: Tensor, narrow: float = NARROW) -> tuple[Cells, Tensor]:
        """The cells cut where a window has fallen that is narrow for them, and the cell that each panel is a part of.

        Points that are even in such a cell would not see what happens in so narrow a window.
        """
        lower, upper, parents = self.lower.clone(), self.upper.clone(), torch.arange(len(self))
        for d in range(lower.shape[1]):
            for reach, from_below in ((below[:, d], True), (above[:, d], False)):
                thin = ((reach > 0) & (reach < narrow * self.widths[:, d]))[parents]
                face = (self.lower[:, d] + reach if from_below else self.upper[:, d] - reach)[parents[thin]]
                ends = lower[thin, d] if from_below else upper[thin, d]
                cut = thin.nonzero()[:, 0][(ends < face) if from_below else (ends > face)]
                face = face[(ends < face) if from_below else (ends > face)]
                panel_lower, panel_upper = lower[cut].clone(), upper[cut].clone()
                (panel_upper if from_below else panel_lower)[:, d] = face
                (lower if from_below else upper)[cut, d] = face
                lower, upper = torch.cat([lower, panel_lower]), torch.cat([upper, panel_upper])
                parents = torch.cat([parents, parents[cut]])
        return Cells(lower, upper, self.sides[parents]), parents


def _reach(one: Tensor, other: Tensor) -> Tensor:
    """How far two cells of these widths reach into each other."""
    return torch.minimum(OVERLAP * torch.maximum(one, other), SMALL * torch.minimum(one, other))


def _by_direction(rows: Tensor, dimensions: int) -> list[Tensor]:
    return [rows[rows[:, 2] == d, :2] for d in range(dimensions)]
