"""What optimizers that see all parameters as one vector share. Letters: M residuals, P parameters, K = min(M, P)."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor


class System(Protocol):
    """A residual vector as a function of the parameters that the optimizer was given."""

    def residual(self) -> Tensor:
        """Return r (M,) at the parameters' present values."""
        ...

    def linearise(self) -> tuple[Tensor, Tensor]:
        """Return r (M,) and J (M, P) at the parameters' present values."""
        ...


@runtime_checkable
class Refined(Protocol):
    """A system that is larger at each step, and is solved by itself: a partition whose cells are found.

    Attributes:
        ended: Why there is no further step, or None.
        parameters: Those that the last step solved for.
    """

    ended: str | None
    parameters: list[Tensor]

    def advance(self) -> Tensor:
        """Take one step; the loss, 0-d."""
        ...


class OneGroup(torch.optim.Optimizer):
    """An optimizer that sees all of its parameters as one vector, so that they are a single group."""

    def __init__(self, params: Any, defaults: dict[str, Any]):
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError(f"{type(self).__name__} takes all its parameters at once: give it one group")

    @property
    def parameters(self) -> list[Tensor]:
        """All of them."""
        return self.param_groups[0]["params"]

    @property
    def memory(self) -> dict[str, Any]:
        """What passes from step to step. torch files state by parameter, so it lies with the first."""
        return self.state[self.parameters[0]]


def read(parameters: list[Tensor]) -> Tensor:
    """One vector (P,) of all parameters, scalars included: a copy."""
    return torch.cat([p.detach().reshape(-1) for p in parameters])


def read_gradient(parameters: list[Tensor]) -> Tensor:
    """One vector (P,) of all gradients, zero where there is none: a copy."""
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in parameters])


def write(parameters: list[Tensor], vector: Tensor) -> None:
    """Copy the vector (P,) into the parameters, in place: whoever holds them keeps seeing them."""
    with torch.no_grad():
        for parameter, values in zip(parameters, vector.split([p.numel() for p in parameters]), strict=True):
            parameter.copy_(values.view_as(parameter))


def loss_at(system: System, parameters: list[Tensor], vector: Tensor) -> float:
    """Write the vector (P,) into the parameters; the loss r·r there."""
    write(parameters, vector)
    r = system.residual().detach()
    return float(r @ r)


def finite_linearisation(system: System) -> tuple[Tensor, Tensor]:
    """Return r and J, or a `FloatingPointError`: no decomposition survives a NaN, and none says where it came from."""
    r, jacobian = system.linearise()
    r, jacobian = r.detach(), jacobian.detach()
    if not (bool(r.isfinite().all()) and bool(jacobian.isfinite().all())):
        raise FloatingPointError("the residual or its Jacobian is not finite at the present parameters")
    return r, jacobian


def singular_values(jacobian: Tensor, r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """J = U diag(s) Vᵀ to full precision: s (K,), c = Uᵀ r (K,), V (P, K).

    A QR decomposition comes first, so the SVD sees K × K only and U (M, K) is never formed.
    """
    if jacobian.shape[0] < jacobian.shape[1]:
        q, triangle = torch.linalg.qr(jacobian.T)
        v, s, uh = torch.linalg.svd(triangle, full_matrices=False)
        return s, uh @ r, q @ v
    q, triangle = torch.linalg.qr(jacobian)
    u, s, vh = torch.linalg.svd(triangle, full_matrices=False)
    return s, u.T @ (q.T @ r), vh.T
