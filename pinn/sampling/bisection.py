"""Which parts of the unit cube a shape's boundary maps to a cell, by bisection.

Primitives map the unit cube to their boundaries, piece by piece, smoothly and evenly. A box of the unit cube whose
image may meet a cell is cut in two, until the image lies in the cell or is small beside it. What is left for the cell
are its leaves: a point of them, drawn evenly, is one of the boundary in the cell or near to it.

Shape letters: K cells, B boxes of the unit cube, N points, d coordinates of space, and as many of the unit cube.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pinn.geometry import Primitive
from pinn.sampling.tensor import product

INSET = 2.0**-8  # of a box's sides: how far within its ends it is looked at, since beyond them is another piece
BENT = 0.45  # of a path's length: the second difference from which on three points do not tell where it goes
TURNS = 8  # cuts by which every piece is straight enough: a circle takes two, a sphere four
NEGLIGIBLE = 1e-9  # of the primitive's size: what bends less is straight
FINE, COARSE = 2.0**-12, 2.0**-2  # of a cell's sides: an image that is so small is not cut, be there few leaves or many
MANY = 32  # leaves of a cell
DEPTH = 60  # cuts: the unit interval has no smaller parts
UNITS = 2**40  # of a cell's leaves: sums of whole numbers do not depend on what other cells add to them
PAIRS = 2**22  # of a cell and a box, compared at once


class Leaves:
    """Boxes of the unit cube whose images cover the boundary in each cell.

    Attributes:
        met: Which cells have any, (K,).

    Args:
        primitives: Those whose boundaries count. The last unit coordinate chooses between them by their measure, as in
            `Combination.sample_boundary`.
        lower: Lower ends of the cells in space, (K, d), float64 on the CPU.
        upper: Upper ends.
    """

    def __init__(self, primitives: Sequence[Primitive], lower: Tensor, upper: Tensor):
        sizes = torch.tensor([p.boundary_measure for p in primitives], dtype=torch.float64)
        shares = sizes / sizes.sum()
        found = [
            (*leaves, torch.full_like(leaves[0], k))
            for k, primitive in enumerate(primitives)
            for smooth in _straight(primitive, lower.shape[1])
            for leaves in [_leaves(primitive, *smooth, lower, upper)]
        ]
        cells, low, high, axis, owner = (torch.cat(column) for column in zip(*found, strict=True))
        order = cells.argsort(stable=True)
        cells, self._low, self._high, self._axis, owner = (v[order] for v in (cells, low, high, axis, owner))
        self._share, self._start = shares[owner], (shares.cumsum(0) - shares)[owner]
        volume = self._share * (self._high - self._low).prod(1)
        whole = volume.new_zeros(len(lower)).index_add(0, cells, volume)
        self._part = (volume / whole[cells] * UNITS).long()
        self._total = self._part.new_zeros(len(lower)).index_add(0, cells, self._part)
        self._end, self._before = self._part.cumsum(0), self._total.cumsum(0) - self._total
        self.met = self._total > 0

    def unit(self, cells: Tensor, u: Tensor) -> Tensor:
        """Points of the cells' leaves, even in their volume.

        Args:
            cells: Of each point, (N,): cells that are met.
            u: Uniform numbers, (N, d). The first chooses the leaf, and what is left of it the place along that
                coordinate in which the image is longest: points along a curve are as even as these numbers.

        Returns:
            Points of the unit cube, as `Combination.sample_boundary` takes them, (N, d).
        """
        goal = self._before[cells] + (u[:, 0] * self._total[cells]).long()
        leaf = torch.searchsorted(self._end, goal, right=True)
        along = 1 - ((self._end[leaf] - goal).double() - 0.5) / self._part[leaf]
        within, axis = u.clone(), self._axis[leaf, None]
        within[:, :1] = within.gather(1, axis)  # the coordinate that the first one takes the place of takes its own
        within.scatter_(1, axis, along[:, None])
        unit = self._low[leaf] + (self._high[leaf] - self._low[leaf]) * within
        unit[:, -1] = self._start[leaf] + self._share[leaf] * unit[:, -1]
        return unit


def _leaves(
    primitive: Primitive, low: Tensor, high: Tensor, used: list[int], lower: Tensor, upper: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The leaves in some boxes: their cells (B,), lower and upper ends (B, d), and longest coordinates (B,)."""
    bottom, top, _, _ = _image(primitive, low, high, used)
    pairs = [
        torch.stack([cells[near[:, 0]], near[:, 1]])
        for cells in torch.arange(len(lower)).split(max(1, PAIRS // len(low)))
        for near in [((bottom <= upper[cells, None]) & (top >= lower[cells, None])).all(2).nonzero()]
    ]
    cells, boxes = torch.cat(pairs, dim=1)
    low, high = low[boxes], high[boxes]
    done, axis = torch.zeros_like(cells, dtype=torch.bool), torch.zeros_like(cells)
    for _ in range(DEPTH):
        fresh = (~done).nonzero()[:, 0]
        if not len(fresh):
            break
        bottom, top, path, _ = _image(primitive, low[fresh], high[fresh], used)
        own = cells[fresh]
        within = ((bottom >= lower[own]) & (top <= upper[own])).all(1)
        size, axis[fresh] = (path / (upper - lower)[own, None]).amax(2).max(1)
        many = torch.bincount(cells, minlength=len(lower))[own] >= MANY
        done[fresh] = within | (size <= torch.where(many, COARSE, FINE))
        near = torch.ones_like(done)
        near[fresh] = ((bottom <= upper[own]) & (top >= lower[own])).all(1)
        index, low, high = _halved(low[near], high[near], axis[near], ~done[near])
        cells, done, axis = cells[near][index], done[near][index], axis[near][index]
    return cells, low, high, axis


def _straight(primitive: Primitive, d: int) -> list[tuple[Tensor, Tensor, list[int]]]:
    """The primitive's pieces, cut until three points along each side tell where their images go.

    Returns:
        Boxes, (B, d) each, that use the same unit coordinates, and these, for each such kind of piece.
    """
    sizes = torch.as_tensor(primitive.pieces, dtype=torch.float64)
    ends = sizes.cumsum(0) / sizes.sum()
    low, high = ends.new_zeros(len(ends), d), ends.new_ones(len(ends), d)
    low[1:, -1], high[:-1, -1] = ends[:-1], ends[:-1]
    negligible = NEGLIGIBLE * max(b - a for a, b in zip(primitive.lower, primitive.upper, strict=True))
    for _ in range(TURNS):
        _, _, path, bend = _image(primitive, low, high, range(d))
        worst, axis = (bend.norm(dim=2) - BENT * path.norm(dim=2)).max(1)
        _, low, high = _halved(low, high, axis, worst > negligible)
    _, _, path, _ = _image(primitive, low, high, range(d))
    kinds, kind = (path > 0).any(2).unique(dim=0, return_inverse=True)
    return [(low[kind == k], high[kind == k], kinds[k].nonzero()[:, 0].tolist()) for k in range(len(kinds))]


def _halved(low: Tensor, high: Tensor, axis: Tensor, cut: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Boxes, some of them cut in two across an axis, in order: of which each is a part (M,), and their ends."""
    index = torch.arange(len(low)).repeat_interleave(1 + cut.long())
    upper_half = torch.zeros_like(index, dtype=torch.bool)
    upper_half[1:] = index[1:] == index[:-1]
    low, high, axis = low[index], high[index], axis[index, None]
    middle = (low + high).gather(1, axis) / 2
    of_two = cut[index]
    for ends, chosen in ((high, of_two & ~upper_half), (low, of_two & upper_half)):
        ends[chosen] = ends[chosen].scatter(1, axis[chosen], middle[chosen])
    return index, low, high


def _image(
    primitive: Primitive, low: Tensor, high: Tensor, used: Sequence[int]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where a box of the unit cube is mapped to, by three points along each side that makes a difference.

    Returns:
        Lower and upper ends of a box that holds the image, (B, d) each; and for each unit coordinate how far it leads
        along each one of space, and how much it bends, (B, d, d) each.
    """
    number, d = low.shape
    nodes = low.new_full((3 ** len(used), d), 0.5)
    if used:
        nodes[:, used] = product(low.new_tensor([INSET, 0.5, 1 - INSET]), len(used))
    unit = low[:, None] + (high - low)[:, None] * nodes
    x = primitive.on_boundary(unit.reshape(-1, d)).x.reshape(number, -1, d)
    path, bend = low.new_zeros(number, d, d), low.new_zeros(number, d, d)
    for k, j in enumerate(used):
        a, b, c = x.reshape(number, 3**k, 3, -1, d).unbind(2)
        path[:, j] = ((b - a).abs() + (c - b).abs()).amax((1, 2))
        bend[:, j] = (a - 2 * b + c).abs().amax((1, 2))
    # beyond the outer points: as far as the slope leads; between the points: less than an eighth of the bend
    reserve = (2 * INSET * path + bend / 2).sum(1)
    return x.amin(1) - reserve, x.amax(1) + reserve, path, bend
