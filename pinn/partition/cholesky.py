"""Sparse Cholesky decomposition of a symmetric positive matrix of dense blocks: the order, and dense fronts.

Shape letters: K blocks, N columns of the whole matrix, s columns that a front eliminates, b columns that it touches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate, islice

import torch
from torch import Tensor

from pinn.partition.memory import size
from pinn.partition.processes import ALONE, Share

SHIFT = 50  # of machine precision, added to a diagonal of ones: 1e-14 in double precision
GROWTH = 100  # of the shift of a front that rounding has left indefinite
ALIKE = 0.9  # of a front: a part that touches so much of it is eliminated with it, zeros being cheaper than a copy
STRIPE = 384  # columns that are updated at once: short enough to leave out the upper half, long enough for the product


@dataclass
class Node:
    """Blocks that are eliminated together.

    Attributes:
        own: The blocks, in the order of elimination.
        touched: Later blocks with which they are coupled by then, in that order.
        parts: Earlier nodes, as indices, that touch one of the own blocks first.
        host: The process that eliminates them.
        stage: When: those of stage 0 are coupled with no other process's.
    """

    own: list[int]
    touched: list[int]
    parts: list[int]
    host: int = 0
    stage: int = 0


def eliminate(neighbours: list[set[int]], some: Iterable[int] | None = None) -> tuple[list[int], list[set[int]]]:
    """The order of least fill: next is always a block whose elimination couples the fewest pairs that were not coupled.

    Minimum local fill (Tinney, Walker 1967; Rothberg, Eisenstat 1998). It asks for no coordinates, so that the graph
    of a periodic grid is one as any other.

    Args:
        neighbours: Of each block, not itself, (K,).
        some: The blocks that are eliminated; None: all.

    Returns:
        The blocks in their order, and for each block the later ones with which it is coupled when its turn comes.
    """
    later = [set(touched) for touched in neighbours]
    bits = [sum(1 << i for i in (k, *touched)) for k, touched in enumerate(later)]  # such sets are compared fast

    def cost(k: int) -> tuple[int, int]:
        return sum((bits[k] & ~bits[i]).bit_count() for i in later[k]), len(later[k])

    costs, order = {k: cost(k) for k in (range(len(later)) if some is None else some)}, []
    while costs:
        k = min(costs, key=costs.__getitem__)
        del costs[k]
        order.append(k)
        clique, others = later[k], ~(1 << k)
        for i in clique:
            later[i] = (later[i] | clique) - {i, k}
            bits[i] = (bits[i] | bits[k]) & others
        for i in costs.keys() & clique.union(*(later[i] for i in clique)):
            costs[i] = cost(i)
    return order, later


def _eliminated(
    neighbours: list[set[int]], hosts: list[int], stages: list[int], share: Share
) -> tuple[list[int], list[set[int]]]:
    """The same stage by stage, in each of which every process finds the order of its own blocks."""
    later, order = [set(touched) for touched in neighbours], []
    for stage in sorted(set(stages)):
        mine, found = eliminate(
            later, [k for k, s in enumerate(stages) if (s, hosts[k]) == (stage, share.processes.rank)]
        )
        lists = share.like.new_tensor([n for k in mine for n in (k, len(found[k]), *found[k])], dtype=torch.int64)
        numbers, count = iter(share.processes.rows(lists).tolist()), len(order)
        for k in numbers:
            order.append(k)
            later[k] = set(islice(numbers, next(numbers)))
        for k in order[count:]:
            for i in later[k]:
                if stages[i] > stage:
                    later[i] = (later[i] | later[k]) - {i, k}
    return order, later


def plan(neighbours: list[set[int]], share: Share | None = None) -> list[Node]:
    """The nodes, stage by stage, in an order in which each stands after its parts."""
    share = share or Share(ALONE, [0] * len(neighbours), torch.empty(0))
    hosts, stages = share.hosts(neighbours)
    order, later = _eliminated(neighbours, hosts, stages, share)
    when = {k: turn for turn, k in enumerate(order)}
    first = {k: min(touched, key=when.__getitem__) for k, touched in enumerate(later) if touched}
    own = {k: [k] for k in order}  # by the last of them
    for k in order:
        if (
            k in first
            and stages[k] == stages[first[k]]
            and len(later[k]) >= ALIKE * (len(own[first[k]]) + len(later[first[k]]))
        ):
            own[first[k]] = own.pop(k) + own[first[k]]
    home = {k: last for last, blocks in own.items() for k in blocks}
    parts: dict[int, list[int]] = {last: [] for last in own}
    for last in own:
        if last in first:
            parts[home[first[last]]].append(last)
    todo, down = [last for last in own if last not in first], []
    while todo:
        down.append(todo.pop())
        todo.extend(parts[down[-1]])
    down.reverse()
    down.sort(key=stages.__getitem__)
    index = {last: i for i, last in enumerate(down)}
    when = {k: turn for turn, k in enumerate(k for last in down for k in own[last])}
    return [
        Node(
            own[last], sorted(later[last], key=when.__getitem__), [index[part] for part in parts[last]], hosts[last],
            stages[last],
        )
        for last in down
    ]  # fmt: skip


@dataclass
class _Front:
    own: slice
    touched: Tensor  # (b,)
    triangle: Tensor  # L11, (s, s)
    below: Tensor  # L21, (b, s)


@dataclass
class _Stage:
    columns: slice  # of all processes
    fronts: list[_Front]  # of this one


class Cholesky:
    r"""``L Lᵀ = A + shift``, front by front: the multifrontal method (Duff, Reid 1983).

    The front of a node has the rows and columns of its own blocks (1) and of those that they touch (2): the entries of
    A in (1), and what its parts have left. ``L₁₁ L₁₁ᵀ = F₁₁``, ``L₂₁ = F₂₁ L₁₁⁻ᵀ``; ``F₂₂ - L₂₁ L₂₁ᵀ`` is left.

    A has a diagonal of about 1. The shift is `SHIFT`, times `GROWTH` as often as a front needs it to be positive.

    Of several processes each has the fronts of its nodes. At the end of a stage it sends what they have left to where
    the later ones are eliminated.

    Args:
        block: From two blocks i and j to the entries of A, (sizes[i], sizes[j]). It is asked for each once, by the
            process that eliminates the earlier one, so that A need not exist as a whole.
        neighbours: Of each block, the blocks with which it has entries, not itself, (K,).
        sizes: Columns of each block, (K,).
        like: A tensor of the dtype and the device.
        share: The owner of each block; None: there is one process.
    """

    def __init__(
        self, block: Callable[[int, int], Tensor], neighbours: list[set[int]], sizes: list[int], like: Tensor,
        share: Share | None = None,
    ):  # fmt: skip
        share = share or Share(ALONE, [0] * len(sizes), like)
        self.processes, rank = share.processes, share.processes.rank
        nodes = plan(neighbours, share)
        starts = _starts([k for node in nodes for k in node.own], sizes)
        places = [torch.arange(starts[k], starts[k] + size, device=like.device) for k, size in enumerate(sizes)]
        self.order = torch.cat(places)
        """Where each column stands in the order of elimination, (N,)."""
        self.stages: list[_Stage] = []
        widths = _widths(nodes, sizes)
        parents = {part: node for node in nodes for part in node.parts}
        # whether what a node leaves is used in its stage, last in first out; else it has a place of its own
        kept = [i in parents and parents[i].stage == node.stage for i, node in enumerate(nodes)]
        mine = [i for i, node in enumerate(nodes) if node.host == rank]
        # new memory for each front, which the system would clear, takes half as long as the products
        space, stack = (like.new_empty(numbers) for numbers in _room(nodes, mine, widths, kept))
        handed = sum(
            widths[i][1] ** 2 for i, node in parents.items() if not kept[i] and rank in (nodes[i].host, node.host)
        )
        numbers = handed + sum(s * (s + b) for s, b in (widths[i] for i in mine))
        self.memory = size(space, stack) + like.element_size() * numbers
        """Bytes that it takes at most."""
        left: dict[int, Tensor] = {}
        for stage in sorted({node.stage for node in nodes}):
            fronts, end = [], 0
            here = [i for i, node in enumerate(nodes) if node.stage == stage]
            for i in (i for i in here if nodes[i].host == rank):
                node, (s, b) = nodes[i], widths[i]
                front, at = space[: (s + b) ** 2].view(s + b, s + b), _starts(node.own + node.touched, sizes)
                for columns in _stripes(s + b):
                    front[columns.start :, columns] = 0
                for turn, k in enumerate(node.own):
                    for j in (k, *(j for j in node.own[turn + 1 :] + node.touched if j in neighbours[k])):
                        front[at[j] : at[j] + sizes[j], at[k] : at[k] + sizes[k]] = block(j, k)
                for part in node.parts:
                    _add(front, left.pop(part), _runs(nodes[part].touched, at, sizes))
                    end -= widths[part][1] ** 2 * kept[part]
                triangle = _triangle(front[:s, :s])
                below = torch.linalg.solve_triangular(triangle.mT, front[s:, :s], upper=True, left=False)
                left[i] = stack[end : end + b**2].view(b, b) if kept[i] else like.new_empty(b, b)
                end += b**2 * kept[i]
                _subtract_square(front[s:, s:], below, left[i])
                touched = torch.cat([places[0][:0], *(places[k] for k in node.touched)])
                start = starts[node.own[0]]
                fronts.append(_Front(slice(start, start + s), touched, triangle, below))
            first = starts[nodes[here[0]].own[0]]
            self.stages.append(_Stage(slice(first, first + sum(widths[i][0] for i in here)), fronts))
            for i in (i for i in here if i in parents):  # the same order everywhere: one waits for the other
                source, to = nodes[i].host, parents[i].host
                if source == rank != to:
                    self.processes.send(left.pop(i), to)
                elif source != rank == to:
                    left[i] = like.new_empty(widths[i][1], widths[i][1])
                    self.processes.receive(left[i], source)

    def solve(self, x: Tensor) -> Tensor:
        """``(L Lᵀ)⁻¹ x``, (N,), or of several columns (N, Z)."""
        y, several = torch.empty_like(x), self.processes.size > 1
        y[self.order] = x
        for stage in self.stages:
            before = y[stage.columns.stop :].clone() if several else y[:0]
            for front in stage.fronts:
                part = _substitute(front.triangle, y[front.own], upper=False)
                y[front.own] = part
                y.index_add_(0, front.touched, front.below @ part, alpha=-1)
            if len(before):
                y[stage.columns.stop :] = before + self.processes.sums([y[stage.columns.stop :] - before])[0]
        for stage in reversed(self.stages):
            found = torch.zeros_like(y) if several else y
            for front in reversed(stage.fronts):
                right = y[front.own] - front.below.mT @ y[front.touched]
                found[front.own] = y[front.own] = _substitute(front.triangle.mT, right, upper=True)
            if several:
                y[stage.columns] = self.processes.sums([found[stage.columns]])[0]
        return y[self.order]


def _substitute(triangle: Tensor, x: Tensor, *, upper: bool) -> Tensor:
    several = x if x.dim() > 1 else x[:, None]
    return torch.linalg.solve_triangular(triangle, several, upper=upper).reshape(x.shape)


def _starts(blocks: list[int], sizes: list[int]) -> dict[int, int]:
    """Where each of the blocks begins, if they stand side by side."""
    ends = accumulate(sizes[k] for k in blocks)
    return {k: end - sizes[k] for k, end in zip(blocks, ends, strict=True)}


def numbers_of(neighbours: list[set[int]], sizes: list[int]) -> int:
    """How many numbers a decomposition by one process takes at most: see `Cholesky`, and `Cholesky.memory`."""
    nodes = plan(neighbours)
    widths, every = _widths(nodes, sizes), list(range(len(nodes)))
    parts = {part for node in nodes for part in node.parts}
    room = _room(nodes, every, widths, [i in parts for i in every])
    return sum(room) + sum(s * (s + b) for s, b in widths)


def _widths(nodes: list[Node], sizes: list[int]) -> list[tuple[int, int]]:
    """The columns that each node eliminates, and those that it touches."""
    return [(sum(sizes[k] for k in node.own), sum(sizes[k] for k in node.touched)) for node in nodes]


def _room(
    nodes: list[Node], mine: list[int], widths: list[tuple[int, int]], kept: list[bool]
) -> tuple[int, int]:  # fmt: skip
    """Numbers of the largest front, and of all that is left at a time, last in first out."""
    height = highest = 0
    for i in mine:
        height += widths[i][1] ** 2 * kept[i] - sum(widths[part][1] ** 2 * kept[part] for part in nodes[i].parts)
        highest = max(highest, height)
    return max((sum(widths[i]) ** 2 for i in mine), default=0), highest


def _stripes(size: int) -> list[slice]:
    """Columns of a square whose upper half is never read: a stripe is used from its first row down."""
    return [slice(start, min(start + STRIPE, size)) for start in range(0, size, STRIPE)]


def _runs(touched: list[int], at: dict[int, int], sizes: list[int]) -> list[tuple[slice, slice]]:
    """Columns of what a part has left that stand side by side in the front as well, and where they do."""
    runs, begin, end = [], 0, 0
    for k, following in zip(touched, [*touched[1:], None], strict=True):
        end += sizes[k]
        to = at[k] + sizes[k]
        if following is None or at[following] != to:
            runs.append((slice(begin, end), slice(to - (end - begin), to)))
            begin = end
    return runs


def _add(front: Tensor, left: Tensor, runs: list[tuple[slice, slice]]) -> None:
    """Add the lower half of what a part has left to that of the front."""
    for i, (rows, to_rows) in enumerate(runs):
        for columns, to_columns in runs[: i + 1]:
            front[to_rows, to_columns] += left[rows, columns]


def _triangle(matrix: Tensor) -> Tensor:
    """L of a matrix, whose diagonal is shifted in place."""
    shift = added = SHIFT * torch.finfo(matrix.dtype).eps
    while shift < 1:
        matrix.diagonal().add_(added)
        triangle, fault = torch.linalg.cholesky_ex(matrix)
        if not fault:
            return triangle
        shift, added = GROWTH * shift, (GROWTH - 1) * shift
    raise ValueError("the matrix of the blocks is not positive definite, nor nearly so")


def _subtract_square(matrix: Tensor, below: Tensor, to: Tensor) -> None:
    """The lower half of ``matrix - below belowᵀ``."""
    for columns in _stripes(len(matrix)):
        rows = slice(columns.start, len(matrix))
        torch.addmm(matrix[rows, columns], below[rows], below[columns].mT, alpha=-1, out=to[rows, columns])
