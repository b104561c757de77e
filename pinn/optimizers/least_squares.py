"""Linear least squares for the output layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from torch import Tensor

from pinn.optimizers.ranges import Range, check
from pinn.optimizers.system import (
    OneGroup,
    Refined,
    System,
    finite_linearisation,
    loss_at,
    read,
    singular_values,
    write,
)

HALVINGS = 10
Rcond = Annotated[float | None, Range("lie in [0, 1)", lambda x: x is None or 0 <= x < 1)]
WORTHWHILE = 0.01  # part of the loss: a step that gains less is the last
RESOLVED = 0.01  # part of the sum of squares that directions near rounding must leave at most, to be used


class LeastSquares(OneGroup):
    r"""Solve ``r(0) + J theta = 0``, linearised where the parameters stand, for the ``theta`` of least norm.

    That is ``theta' = argmin |J theta' - (J theta - r)|``, and ``theta <- theta + a (theta' - theta)``.

    Give it the output layer (weight and bias) only. With the hidden layers fixed a linear PDE is linear in that
    layer, and the first step solves it: random features (Chen, Chi, E, Yang 2022), locELM (Dong, Li
    2021). For a nonlinear PDE the steps are Newton's, shortened to a = 1, 1/2, 1/4, … until the loss
    falls. The least norm is that of theta and not of the change: whatever an early linearisation put into nearly
    null directions would otherwise stay there for good (for Kovasznay's flow with 1,200 features it cost six digits).

    The features are nearly dependent, so the solve must reveal the rank and may not square the condition number:
    QR, then ``gelsy``, QR with column pivoting, of its triangle on a CPU (`solve_pivoted`); QR, then SVD, elsewhere,
    where torch offers no rank-revealing driver. The first has more digits, as the columns are scaled to norm 1 (van der
    Sluis 1969) and none is lost in the rounding of a larger one (for Kovasznay's flow more than two); the least
    norm is that of the scaled theta. Where the residual is shorter than theta, so that the least norm decides, it is
    that of theta itself, by ``gelsd``.

    Args:
        params: parameters in which the residual is (nearly) linear, a single group.
        rcond: singular values below ``rcond`` times the largest count as zero; None is machine precision times
            ``max(M, P)``. Given, a CPU takes ``gelsd``, where it stands for singular values.
    """

    def __init__(self, params, rcond: Rcond = None):
        check(LeastSquares, rcond=rcond)
        super().__init__(params, {"rcond": rcond})

    @property
    def converged(self) -> bool:
        """Whether the last step gained next to nothing, or as much as its linearisation promised."""
        return self.memory.get("converged", False)

    def step(self, closure: Callable[[], System | Refined]) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step; the loss r·r (0-d) at the parameters before it, as `torch.optim.LBFGS` returns."""
        parameters, rcond, system = self.parameters, self.param_groups[0]["rcond"], closure()
        if isinstance(system, Refined):
            loss = system.advance()
            self.state.clear()
            parameters[:] = system.parameters
            self.memory["converged"] = system.ended is not None
            return loss
        r, jacobian = finite_linearisation(system)
        loss = float(r @ r)
        start = read(parameters)
        target = jacobian @ start - r
        pivoted = rcond is None and r.device.type == "cpu" and len(r) >= len(start)
        direction = (solve_pivoted(jacobian, target) if pivoted else solve(jacobian, target, rcond)) - start
        promised = float((r + jacobian @ direction).square().sum())
        reached = descend(system, parameters, start, direction, loss)
        done = reached <= (1 + WORTHWHILE) * promised or reached >= (1 - WORTHWHILE) * loss
        self.memory["converged"] = done
        return r @ r


def descend(system: System, parameters: list[Tensor], start: Tensor, direction: Tensor, loss: float) -> float:
    """Write the first of ``start + direction / 2^k`` that lowers the loss, if none does the start; the loss there."""
    for k in range(HALVINGS):
        if (reached := loss_at(system, parameters, start + direction / 2**k)) < loss:
            return reached
    write(parameters, start)
    return loss


def solve(matrix: Tensor, target: Tensor, rcond: float | None = None) -> Tensor:
    """The least-norm minimiser d (P,) of ``|matrix d - target|``, at the numerical rank that rcond sets."""
    if matrix.device.type == "cpu":
        return torch.linalg.lstsq(matrix, target[:, None], rcond=cutoff(matrix, rcond), driver="gelsd").solution[:, 0]
    s, c, v = singular_values(matrix, target)
    keep = s > cutoff(matrix, rcond) * s.max()
    return v[:, keep] @ (c[keep] / s[keep])


def solve_pivoted(matrix: Tensor, target: Tensor) -> Tensor:
    """The minimiser d (P,) of ``|matrix d - target|``, by QR with column pivoting of the columns scaled to norm 1.

    The matrix (M, P), M >= P, has the rank of the largest leading triangle whose condition is below ``1 / rcond``. Of
    all minimisers at that rank it is the one of least ``|diag(norms) d|``. The relative rcond is first that of `solve`;
    then machine precision, if the sum of squares falls to a hundredth by it: where it does not, the target is not in
    the range of the matrix, and the directions added would fit with large numbers what they cannot.
    """
    columns, norms = matrix.shape[1], matrix.norm(dim=0)
    norms[norms == 0] = 1
    triangle = torch.linalg.qr(torch.cat([matrix / norms, target[:, None]], dim=1), mode="r").R
    left, right = triangle[:, :columns], triangle[:, columns]
    found, rank = _gelsy(left, right, cutoff(matrix, None))
    if rank < columns:
        more, _ = _gelsy(left, right, torch.finfo(matrix.dtype).eps)
        if (left @ more - right).square().sum() < RESOLVED * (left @ found - right).square().sum():
            found = more
    return found / norms


def _gelsy(matrix: Tensor, target: Tensor, rcond: float) -> tuple[Tensor, int]:
    # not torch's gelsy, whose jpvt is what lay in memory: columns stand fixed, the rank is wrong (pytorch issue 187411)
    from scipy.linalg import lstsq

    found = lstsq(matrix.numpy(), target.numpy(), cond=rcond, lapack_driver="gelsy", check_finite=False)
    assert found is not None
    return torch.from_numpy(found[0]), int(found[2])


def cutoff(matrix: Tensor, rcond: float | None) -> float:
    """The relative size below which a singular value of the matrix is rounding."""
    return torch.finfo(matrix.dtype).eps * max(matrix.shape) if rcond is None else rcond
