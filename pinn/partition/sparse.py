r"""Least squares with a sparse matrix of dense blocks of columns, each of which touches few of the rows.

``min |A c - b|`` with ``A = sum_j E_j A_j``: A_j (n, P) are the columns of cell j in the rows that they touch, and E_j
puts those rows where they belong. Columns of a cell are nearly dependent, as random features are, so

1. within each cell they are scaled to norm 1 (van der Sluis 1969), made orthonormal and cut off at rounding, by QR and
   an SVD of its triangle: ``A_j T_j = Q_j``, r <= P columns (a local filter and preconditioner, as the QR with pivoting
   of van Beek, Dolean, Moseley 2025; an SVD comes to the same residual with coefficients several times smaller);
2. the normal matrix of all Q_j, the identity but for neighbours, gets a sparse Cholesky decomposition;
3. preconditioned by that, conjugate gradients solve the least-squares problem of the Q_j itself (CGLS): the condition
   that was squared is that of the coupling, not that of the features, and nothing is lost by it.

Shape letters: K blocks, M rows, L long rows; n rows, P columns and r orthonormal columns of a block, N of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, count

import torch
from torch import Tensor

from pinn.partition.cholesky import Cholesky
from pinn.partition.memory import size
from pinn.partition.processes import ALONE, Share

DEPENDENT = (
    100  # of machine precision, 2e-14 in double: a smaller singular value of a cell, of its largest, is rounding
)
ITERATIONS = 60
PATIENCE = 6  # iterations in which the gradient does not halve, after which it is at its rounding


@dataclass
class Block:
    """The columns of one cell.

    Attributes:
        rows: The rows that they touch, ascending, (n,); int64.
        matrix: Their entries in those rows, (n, P).
    """

    rows: Tensor
    matrix: Tensor


def factorise(
    blocks: Iterable[Block], rows: int, *, long: Sequence[Tensor] | None = None, tolerance: float | None = None,
    share: Share | None = None,
) -> BlockLeastSquares:  # fmt: skip
    """Decompose the matrix of ``min |A c - b|``: steps 1 and 2 above.

    Args:
        blocks: K, of the matrix. Each is read once and not kept: where they are made one by one, as by a generator, A
            never exists as a whole.
        rows: M.
        long: Further rows, which touch all blocks as integrals do: of each block the part (L, P).
        tolerance: Singular values of a cell below this times its largest are dropped; None is 100 times machine
            precision. A larger one makes fewer columns, a faster solve, smaller coefficients and a larger residual.
        share: Of several processes, each of which gives the blocks of its own cells; long rows are for one alone.

    Raises:
        ValueError: A block whose rows are not ascending or not of the matrix, or whose entries are not finite.
    """
    bases = []
    for j, block in enumerate(blocks):
        _check(j, block, rows)
        bases.append(_Basis.of(block, None if long is None else long[j], tolerance))
    if share is None and bases:
        share = Share(ALONE, [0] * len(bases), bases[0].columns)
    if not share or (long is not None and (len(long) != len(bases) or share.processes.size > 1)):
        raise ValueError(f"there are {len(bases)} blocks, and long rows for {len(long or ())}")
    turned = None if long is None else [part @ basis.transform for basis, part in zip(bases, long, strict=True)]
    pinned = {} if turned is None else _largest(turned)
    touched = share.whole([basis.rows for basis in bases], torch.int64)
    widths = [basis.rows.new_tensor([basis.columns.shape[1]]) for basis in bases]
    sizes = torch.cat(share.whole(widths, torch.int64)).tolist()
    shared = _shared(touched)
    neighbours: list[set[int]] = [set() for _ in touched]
    for i, j in shared:
        neighbours[i].add(j)
        neighbours[j].add(i)
    columns = _lent(share, neighbours, bases, touched, sizes)

    def normal(i: int, j: int) -> Tensor:
        left, right = columns[i], columns[j]
        if i != j:
            at, to = shared[i, j] if i < j else shared[j, i][::-1]
            return left[at].mT @ right[to]
        found = left.mT @ right
        return found if i not in pinned else found.addmm_(pinned[i].mT, pinned[i])

    cholesky = Cholesky(normal, neighbours, sizes, share.like, share)
    return BlockLeastSquares(rows, bases, None if turned is None else torch.cat(turned, dim=1), cholesky, sizes, share)


def _lent(
    share: Share, neighbours: list[set[int]], bases: list[_Basis], touched: list[Tensor], sizes: list[int]
) -> dict[int, Tensor]:
    """By block, the columns that this process needs to eliminate its own: others' are sent to it."""
    columns = {j: basis.columns for j, basis in zip(share.mine, bases, strict=True)}
    hosts, stages = share.hosts(neighbours)
    for j, source in enumerate(share.owners):
        needing = {hosts[j], *(hosts[k] for k in neighbours[j] if stages[k] < stages[j])} - {source}
        for to in sorted(needing):
            if share.processes.rank == source:
                share.processes.send(columns[j], to)
            elif share.processes.rank == to:
                columns[j] = share.like.new_empty(len(touched[j]), sizes[j])
                share.processes.receive(columns[j], source)
    return columns


def _check(j: int, block: Block, rows: int) -> None:
    at, matrix = block.rows, block.matrix
    if len(at) != len(matrix) or (len(at) and (at[0] < 0 or at[-1] >= rows or bool((at.diff() <= 0).any()))):
        raise ValueError(
            f"block {j} has {len(matrix)} rows and {len(at)} numbers, which should ascend from 0 to {rows - 1}"
        )
    if not matrix.isfinite().all():
        raise ValueError(f"block {j} has entries that are not finite")


def _largest(long: Sequence[Tensor]) -> dict[int, Tensor]:
    """By block, of the long rows that are largest in it, the part there.

    Only that part is known to the preconditioner, as all of a row would couple all blocks. It fixes what no other row
    sees, as the constant of a pressure, and leaves a few directions more for each long row to the iteration.
    """
    largest = torch.stack([part.norm(dim=1) for part in long]).argmax(dim=0)
    return {j: long[j][largest == j] for j in largest.unique().tolist()}


def _shared(rows: list[Tensor]) -> dict[tuple[int, int], tuple[Tensor, Tensor]]:
    """Where the rows that two blocks i < j share stand in each of them, for all pairs that share any."""
    row, order = torch.cat(rows).sort(stable=True)
    block = torch.cat([torch.full_like(r, j) for j, r in enumerate(rows)])[order]
    place = torch.cat([torch.arange(len(r), device=r.device) for r in rows])[order]
    found = []
    for step in count(1):  # the blocks of a row now stand side by side, in ascending order
        same = (row[step:] == row[: len(row) - step]).nonzero()[:, 0] if step < len(row) else row[:0]
        if not len(same):
            break
        found.append(torch.stack([same, same + step]))
    if not found:
        return {}
    first, second = torch.cat(found, dim=1)
    key, order = (block[first] * len(rows) + block[second]).sort(stable=True)
    keys, counts = key.unique_consecutive(return_counts=True)
    places = torch.stack([place[first[order]], place[second[order]]]).split(counts.tolist(), dim=1)
    return {divmod(k, len(rows)): (at, to) for k, (at, to) in zip(keys.tolist(), places, strict=True)}


@dataclass
class _Basis:
    """``Q = A T``: orthonormal columns that stand for those of a block."""

    rows: Tensor  # (n,)
    columns: Tensor  # Q, (n, r)
    transform: Tensor  # T, (P, r)
    dropped: Tensor  # orthonormal columns of the singular values that are below the tolerance, but above rounding

    @staticmethod
    def of(block: Block, long: Tensor | None, tolerance: float | None) -> _Basis:
        """The basis in the rows of the block; what only the long rows (L, P) see is kept as well."""
        matrix, n = block.matrix, len(block.rows)
        rounding = DEPENDENT * torch.finfo(matrix.dtype).eps
        if long is not None:
            # made as long as the others: beside a longer row all columns would look alike
            length, size = long.norm(dim=1, keepdim=True), float(matrix.norm(dim=1).max()) if n else 0.0
            matrix = torch.cat([matrix, long * ((size or 1.0) / length.where(length > 0, 1))])
        norms = matrix.norm(dim=0)
        scaled = matrix / norms.where(norms > 0, 1)
        # a small matrix, which a CPU decomposes faster than an accelerator
        triangle = torch.linalg.qr(scaled, mode="r").R.cpu()
        _, sizes, right = torch.linalg.svd(triangle, full_matrices=False)
        rank, usable = (int((sizes > part * sizes[:1]).sum()) for part in (max(tolerance or 0.0, rounding), rounding))
        transform = (right[:usable].mT / sizes[:usable]).to(matrix.device)
        columns, transform = scaled[:n] @ transform, transform[:, :rank]
        transform = transform / norms.where(norms > 0, torch.inf)[:, None]
        return _Basis(block.rows, columns[:, :rank], transform, columns[:, rank:])


class BlockLeastSquares:
    """``min |A c - b|`` with A decomposed, for any b.

    Attributes:
        rank: N, the orthonormal columns of all cells.
        residual: ``b - A c`` of the last solution, (M + L,).
        residual_norm: Its norm.
        suppressed: The part of the sum of its squares that lies in what the tolerance has dropped, block by block.
        iterations: That it took.
        converged: Whether nothing was left to gain, but what is below rounding.
        memory: Bytes that the decomposition takes at most.
    """

    def __init__(
        self, rows: int, bases: list[_Basis], long: Tensor | None, cholesky: Cholesky, sizes: list[int], share: Share
    ):  # fmt: skip
        self._rows, self._bases, self._long, self._cholesky = rows, bases, long, cholesky
        self._share = share
        ends = list(accumulate(sizes))
        self._columns = [slice(ends[j] - sizes[j], ends[j]) for j in share.mine]
        self.memory = cholesky.memory + sum(size(basis.columns, basis.transform, basis.dropped) for basis in bases)
        self.rank = ends[-1]
        self.residual_norm, self.suppressed, self.iterations, self.converged = float("nan"), 0.0, 0, False
        self.residual = torch.empty(0)

    def solve(self, target: Tensor) -> list[Tensor]:
        """The coefficients c of each block, (P,), for a target b (M,), or (M + L,) with long rows.

        CGLS (Hestenes, Stiefel 1952). ``gamma``, the square of the gradient in the norm of the preconditioner, is how
        far ``|r|²`` can still fall. It ends where its root is below the rounding of b, or comes to its own rounding.
        """
        expected = self._rows + (0 if self._long is None else len(self._long))
        if target.shape != (expected,) or not target.isfinite().all():
            raise ValueError(f"the target has shape {tuple(target.shape)}: it should be ({expected},), and finite")
        eps = torch.finfo(target.dtype).eps
        r, y = target.clone(), target.new_zeros(self.rank)
        s = self._adjoint(r)
        p = self._cholesky.solve(s)
        gamma = float(s @ p)
        best, found, since, enough = gamma, (y.clone(), r.clone()), 0, (eps * float(target.norm())) ** 2
        self.iterations = 0
        while best > enough and since < PATIENCE and self.iterations < ITERATIONS:
            self.iterations += 1
            q = self._product(p)
            alpha = gamma / float(q @ q)
            y.add_(p, alpha=alpha)
            r.sub_(q, alpha=alpha)
            s = self._adjoint(r)
            z = self._cholesky.solve(s)
            before, gamma = gamma, float(s @ z)
            p = z.add_(p, alpha=gamma / before)
            since = 0 if gamma < best / 4 else since + 1
            if gamma < best:
                best, found = gamma, (y.clone(), r.clone())
        y, self.residual = found
        self.residual_norm = float(self.residual.norm())
        self.converged = best <= max(enough, eps * self.residual_norm**2)
        self.suppressed = self._suppressed(self.residual[: self._rows])
        own = [basis.transform @ y[at] for basis, at in zip(self._bases, self._columns, strict=True)]
        return self._share.whole(own)

    def solve_all(self, targets: Tensor, accuracy: float = 0.0) -> tuple[list[Tensor], Tensor]:
        """The coefficients of each block, (P, Z), for many targets (M + L, Z), and ``b - A c``, (M + L, Z).

        The iteration of `solve` for all of them at once; it ends where the last has come to its end, or to a part of
        its target that is asked for.
        """
        eps = max(torch.finfo(targets.dtype).eps, accuracy)
        r, y = targets.clone(), targets.new_zeros(self.rank, targets.shape[1])
        s = self._adjoint(r)
        p = self._cholesky.solve(s)
        gamma = (s * p).sum(0)
        best, found, left = gamma.clone(), y.clone(), r.clone()
        enough, since = (eps * targets.norm(dim=0)) ** 2, 0
        for _ in range(ITERATIONS):
            if since >= PATIENCE or not bool((best > enough).any()):
                break
            q = self._product(p)
            alpha = gamma / (q * q).sum(0).where(gamma > 0, 1)
            y += alpha * p
            r -= alpha * q
            s = self._adjoint(r)
            z = self._cholesky.solve(s)
            before, gamma = gamma, (s * z).sum(0)
            p = z + gamma / before.where(before > 0, 1) * p
            since = 0 if bool(((gamma < best / 4) & (best > enough)).any()) else since + 1
            better = gamma < best
            best = torch.where(better, gamma, best)
            found[:, better], left[:, better] = y[:, better], r[:, better]
        own = [basis.transform @ found[at] for basis, at in zip(self._bases, self._columns, strict=True)]
        flat = self._share.whole([part.flatten() for part in own])
        return [part.reshape(-1, targets.shape[1]) for part in flat], left

    def _suppressed(self, r: Tensor) -> float:
        squares = r.new_zeros(2)
        for basis in self._bases:
            part = r[basis.rows]
            squares += torch.stack([(basis.dropped.mT @ part).square().sum(), part.square().sum()])
        dropped, whole = self._share.processes.sums([squares])[0].tolist()
        return dropped / (whole or 1.0)

    def _product(self, y: Tensor) -> Tensor:
        """``Q y``, (M + L,), or of several columns (M + L, Z)."""
        total = y.new_zeros(self._rows, *y.shape[1:])
        for basis, at in zip(self._bases, self._columns, strict=True):
            total.index_add_(0, basis.rows, basis.columns @ y[at])
        (total,) = self._share.processes.sums([total])
        return total if self._long is None else torch.cat([total, self._long @ y])

    def _adjoint(self, r: Tensor) -> Tensor:
        """``Qᵀ r``, (N,), or of several columns (N, Z)."""
        total = r.new_zeros(self.rank, *r.shape[1:])
        for basis, at in zip(self._bases, self._columns, strict=True):
            total[at] = basis.columns.mT @ r[basis.rows]
        (total,) = self._share.processes.sums([total])
        return total if self._long is None else total + self._long.mT @ r[self._rows :]
