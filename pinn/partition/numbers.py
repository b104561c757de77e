"""What learned numbers do to the fields, and how well the data know them.

Shape letters: R rows, those of integrals included; Z numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from pinn.partition.sparse import BlockLeastSquares

UNSEEN = 1e-11  # of the norm of a number's column: what the fields cannot follow of it, where that is rounding
DAMPED = 4.0  # times as much damping, until a step is short enough
PROBES = 2  # random right-hand sides that tell how much of the data the fields take
UNTOLD = 1.0  # of how far a number may go at once: a direction that is no better known than that is not told
HINTED = 3.0  # of its standard deviation: so far the data must ask for such a direction to be taken all the same
TAKEN = 0.5  # of a data set's points: if the fit takes more of them, what is left says nothing of the noise


@dataclass
class Response:
    """What follows from a change of the numbers by d.

    Attributes:
        change: The d that makes what is judged least: the residuals of the data; where there are none, all, (Z,).
        gain: By how much that lowers their sum of squares.
        coefficients: By cell, of the output layers that follow a change of each number by one, (P, Z).
        deviations: One standard deviation of each number, of the noise of the data, (Z,); None where it cannot be told.
        taken: Part of the data that the fields can follow whatever the numbers are.
        spread: A root of the covariance of the numbers, (Z, S).
        untold: Directions in which the numbers stay, as the data tell nothing of them, in columns, (Z, L).
    """

    change: Tensor
    gain: float
    coefficients: list[Tensor]
    deviations: Tensor | None
    taken: float
    spread: Tensor
    untold: Tensor

    def drawn(self) -> list[list[Tensor]]:
        """Changes of the coefficients by cell, the sum of whose squared effects is the variance of the fields."""
        found = [part @ self.spread for part in self.coefficients]
        return [list(of) for of in zip(*(part.unbind(1) for part in found), strict=True)]


def response(
    solver: BlockLeastSquares, columns: Tensor, residual: Tensor, data: Mapping[str, slice], stride: Tensor,
    seed: int = 0,
) -> Response:  # fmt: skip
    r"""The response of ``c = argmin |A c - b|`` to numbers p on which b depends, and the best step of p.

    ``dc/dp = -A^+ B`` with the columns ``B = d(A c - b)/dp``, and the residual r changes by ``R dp``,
    ``R = B - A A^+ B``: that is variable projection (Golub, Pereyra 1973, SIAM J. Numer. Anal. 10). The
    step is ``-R^+ r`` over the rows of the data, as p is to meet them alone: beside a corner the equations keep a
    residual on any cells, and it would decide on p (Ramsay, Hooker, Campbell, Cao 2007, J. R. Stat. Soc. B 69, equation
    13). Directions of p that change nothing stay where they are, and so do those that are lost in the noise of the
    data: one standard deviation along them is further than the numbers may go at once, and the step itself is shorter
    than a few of them. Else the numbers would wander along them for as long as there are levels.

    Args:
        solver: A, decomposed.
        columns: B, (R, Z).
        residual: r, (R,).
        data: The rows of each observed quantity.
        stride: How far each number may go at once, (Z,): beyond, the step is damped (Levenberg 1944, Marquardt 1963).
        seed: Of random signs.
    """
    norms = columns.norm(dim=0)
    follow, turned = turn(solver, columns, norms)
    judged = torch.zeros_like(residual, dtype=torch.bool) if data else torch.ones_like(residual, dtype=torch.bool)
    for rows in data.values():
        judged[rows] = True
    left, sizes, right = torch.linalg.svd(turned * judged[:, None], full_matrices=False)
    kept = sizes > UNSEEN
    own = left[:, kept]
    scale = norms.where(norms > 0, torch.inf)[:, None]
    moves = (right[kept].mT / sizes[kept]) @ own.mT / scale
    free = (norms == 0) | (right[~kept].abs() > math.sqrt(UNSEEN)).any(dim=0)
    taken = taken_by_fields(solver, residual, data, seed)
    spread = _spread(moves, own.square(), residual, data, taken)
    deviations = None if spread is None else spread.norm(dim=1).where(~free, torch.inf)
    along, told = own.mT @ residual, kept.clone()
    if data:
        told[kept] = ~_lost(right[kept] / scale[:, 0], sizes[kept], along, residual[judged], stride)
    untold = (right[~told & bool(data)] / norms.where(norms > 0, 1)).mT
    along = along[told[kept]]
    sizes, right, damping = sizes[told], right[told], 0.0
    change = -(right.mT @ (along / sizes)) / scale[:, 0]
    while bool((change.abs() > stride).any()):
        damping = DAMPED * damping or float(sizes[-1]) ** 2
        change = -(right.mT @ (along * sizes / (sizes**2 + damping))) / scale[:, 0]
    part = sum(taken.values()) / max(int(judged.sum()), 1)
    spread = residual.new_zeros(len(stride), 0) if spread is None else spread
    return Response(change, float(along.square().sum()), follow, deviations, part, spread, untold)


def _lost(directions: Tensor, sizes: Tensor, along: Tensor, residual: Tensor, stride: Tensor) -> Tensor:
    """Whether each direction, a row of (Z, Z), is lost in the noise, by what the data's rows are missed by, (Z,)."""
    noise = residual.square().mean().sqrt()
    unknown = ((directions / stride).abs().amax(dim=1) * noise / sizes) > UNTOLD
    return unknown & (along.abs() <= HINTED * noise)


def turn(solver: BlockLeastSquares, columns: Tensor, norms: Tensor) -> tuple[list[Tensor], Tensor]:
    """By cell what follows a change of each number, ``-A^+ B``, (P, Z), and ``(B - A A^+ B)/|B|``, (R, Z)."""
    follow, turned = solver.solve_all(columns / norms.where(norms > 0, 1))
    return [-norms * c for c in follow], turned


def taken_by_fields(
    solver: BlockLeastSquares, residual: Tensor, data: Mapping[str, slice], seed: int = 0
) -> dict[str, float]:
    """How much of each observed quantity A can follow: the trace, over its rows, of the projection on the range of A.

    Estimated with random signs (Hutchinson 1990, Commun. Stat. Simul. 19).
    """
    generator, taken = torch.Generator().manual_seed(seed), dict.fromkeys(data, 0.0)
    for _ in range(PROBES if data else 0):
        signs = torch.zeros_like(residual)
        for rows in data.values():
            drawn = torch.randint(2, (rows.stop - rows.start,), generator=generator)
            signs[rows] = (2.0 * drawn - 1).to(residual)
        solver.solve(signs)
        for name, rows in data.items():
            taken[name] += float(signs[rows] @ (signs - solver.residual)[rows]) / PROBES
    return taken


def _spread(
    moves: Tensor, own: Tensor, residual: Tensor, data: Mapping[str, slice], taken: Mapping[str, float]
) -> Tensor | None:
    r"""A root of the covariance of the numbers, (Z, S), by the delta method: they move by `moves`, (Z, R), times noise.

    The noise of each observation is told by its own residual, ``r_i/(1 - h_i)``, so that it need not be alike in all,
    as where it is a part of each value (White 1980, Econometrica 48; MacKinnon, White 1985, J. Econometrics 29, HC3).
    Of an observation the fit takes h, `taken` by the fields on the average and what the numbers add to that; where that
    is most of it, its noise is that of all. None where there are none, or where it is too much of them.
    """
    root = residual.new_zeros(0, len(moves))
    for name, rows in data.items():
        count, most = rows.stop - rows.start, taken[name] + float(own[rows].sum())
        if most > TAKEN * count:
            return None
        left = 1 - taken[name] / count - own[rows].sum(dim=1)
        alike = residual[rows].norm() / math.sqrt(count - most)
        noise = torch.where(left >= 1 - TAKEN, residual[rows] / left, alike)
        root = torch.linalg.qr(torch.cat([root, noise[:, None] * moves[:, rows].mT]), mode="r").R
    return root.mT if data else None
