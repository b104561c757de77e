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
    """

    change: Tensor
    gain: float
    coefficients: list[Tensor]
    deviations: Tensor | None
    taken: float

    def drawn(self, deviations: Tensor) -> list[list[Tensor]]:
        """Changes of the coefficients by cell, the sum of whose squared effects is the variance of the fields."""
        known = [(k, d) for k, d in enumerate(deviations) if d.isfinite()]
        return [[d * part[:, k] for part in self.coefficients] for k, d in known]


def response(
    solver: BlockLeastSquares, columns: Tensor, residual: Tensor, data: Mapping[str, slice], stride: Tensor,
    seed: int = 0,
) -> Response:  # fmt: skip
    r"""The response of ``c = argmin |A c - b|`` to numbers p on which b depends, and the best step of p.

    ``dc/dp = -A^+ B`` with the columns ``B = d(A c - b)/dp``, and the residual r changes by ``R dp``,
    ``R = B - A A^+ B``: that is variable projection (Golub, Pereyra 1973, SIAM J. Numer. Anal. 10). The
    step is ``-R^+ r`` over the rows of the data, as p is to meet them alone: beside a corner the equations keep a
    residual on any cells, and it would decide on p (Ramsay, Hooker, Campbell, Cao 2007, J. R. Stat. Soc. B 69, equation
    13). Directions of p that change nothing stay where they are.

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
    variances = _variances(moves, own.square(), residual, data, taken)
    deviations = None if variances is None else variances.sqrt().where(~free, torch.inf)
    along, damping = own.mT @ residual, 0.0
    change = -moves @ residual
    while bool((change.abs() > stride).any()):
        damping = DAMPED * damping or float(sizes[kept][-1]) ** 2
        change = -(right[kept].mT @ (along * sizes[kept] / (sizes[kept] ** 2 + damping))) / scale[:, 0]
    part = sum(taken.values()) / max(int(judged.sum()), 1)
    return Response(change, float(along.square().sum()), follow, deviations, part)


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


def _variances(
    moves: Tensor, own: Tensor, residual: Tensor, data: Mapping[str, slice], taken: Mapping[str, float]
) -> Tensor | None:
    r"""Of the numbers by the delta method, (Z,): they move by `moves` (Z, R) times the noise.

    Its variance in N observations is ``s² = r·r/(N - T)``: T is how many of them the fit takes, `taken` and what the
    numbers add to that. None where there are none, or that is too much of the N.
    """
    total = residual.new_zeros(len(moves))
    for name, rows in data.items():
        count, most = rows.stop - rows.start, taken[name] + float(own[rows].sum())
        if most > TAKEN * count:
            return None
        total += residual[rows].square().sum() / (count - most) * moves[:, rows].square().sum(dim=1)
    return total if data else None
