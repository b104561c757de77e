"""Trust-region Gauss–Newton with a target gain ratio. Letters: M residuals, P parameters, K = min(M, P)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from pinn.optimizers.ranges import Inside, Positive, Range, check
from pinn.optimizers.sketch import Sketch
from pinn.optimizers.system import OneGroup, System, finite_linearisation, loss_at, read, singular_values, write

WINDOW = (9.0, 5.0, 3.0, 1.7, 1.0, 0.6, 0.3, 0.1, 0.03)
"""Radii tried in a step, relative to the present one, the boldest first."""

RETREAT = 0.01
"""What is left of the radius after a window without success: the next window begins below the end of this one."""

PROBE = 0.1
"""How far along a step its curvature is measured, as a part of the step."""

BEND = 0.75
"""The largest |curvature correction| / |step| at which the second-order term is trusted."""

Columns = Annotated[int | None, Range("be a positive integer", lambda n: n is None or n > 0)]
BISECTIONS = 60
"""A range of 60 decades of damping, halved this often, is known to rounding."""


class GaussNewton(OneGroup):
    r"""Gauss–Newton steps, each the longest whose gain is a fair share of the predicted one.

    For the loss ``r·r`` the step ``d(lam) = -(JᵀJ + lam I)⁻¹ Jᵀ r`` predicts a reduction of
    ``sum_k (s_k c_k)² (s_k² + 2 lam)/(s_k² + lam)²``, where ``J = U diag(s) Vᵀ`` and ``c = Uᵀ r``. One decomposition
    serves every radius: lam follows from the secular equation ``|d(lam)| = radius`` (Moré, Sorensen 1983). Radii
    around the last one are tried from the largest; the first with ``gain >= target · predicted`` is taken. The small
    target is the point: usual rules accept the same step but then shorten the next, and creep along the curved
    valleys where a PINN spends its time. After DSGNAR: Webb, Jerad, Cartis 2026, arXiv 2607.02194.

    Each trial step is bent along the curve on which the residual stays linear: ``d + a/2``, with ``a`` the step of the
    same damping against the second directional derivative ``r''`` of r along d, got from one more residual. This
    geodesic acceleration (Transtrum, Sethna 2012, arXiv 1201.5885) is dropped where ``2 |a| > 0.75 |d|``. It gains a
    digit or more along the curved valleys of Burgers' shock, Kovasznay's flow and the Helmholtz problem.

    The decomposition is ``eigh`` of ``JᵀJ`` (of ``JJᵀ`` if M < P), which squares the condition number. Where the
    damping falls to the rounding of that product, QR of J and SVD of the triangle replace it, at twice the price.
    Lengths are those of the parameters themselves. Scaling them by the columns of J (Marquardt, Moré) was tried: it was
    level on a Poisson problem and far behind on a plate and a heat problem.

    Memory: J (M, P) and min(M, P)² numbers; with QR, J twice.

    Args:
        params: all trained parameters, learned scalars included, a single group. Accuracy wants float64.
        radius: the first radius. The parameters of a fresh network have a norm of some units.
        target: the least ratio of the true to the predicted reduction.
        sketch: how many columns of a random projection of J take its place, others in each step, where P is too large
            to decompose J itself: see `Sketch`. J is formed all the same.
    """

    def __init__(self, params, radius: Positive = 1.0, target: Inside = 0.075, sketch: Columns = None):
        check(GaussNewton, radius=radius, target=target, sketch=sketch)
        super().__init__(params, {"target": target, "sketch": sketch})
        self.memory.update(radius=float(radius), precise=False, converged=False, count=0)

    @property
    def converged(self) -> bool:
        """Whether the last step found that whatever is left to gain, or to move, is below rounding."""
        return self.memory["converged"]

    @property
    def radius(self) -> float:
        """The length of the last step, or a small part of it after a window without success."""
        return self.memory["radius"]

    def step(self, closure: Callable[[], System]) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step; returns the loss r·r (0-d) at the parameters before it, as `torch.optim.LBFGS` does."""
        parameters, memory = self.parameters, self.memory
        system = closure()
        r, jacobian = finite_linearisation(system)
        start, eps, loss, sketch = read(parameters), torch.finfo(r.dtype).eps, r @ r, None
        columns = self.param_groups[0]["sketch"]
        if columns is not None and columns < len(start):
            sketch = Sketch.draw(jacobian, columns, seed=memory["count"])
            r, jacobian = sketch.rows(r), sketch.rows(sketch.columns(jacobian))
        memory["count"] += 1
        model = decompose(jacobian, r, precise=memory["precise"])
        lam = self._search(system, start, float(loss), (r, jacobian), model, sketch)
        if lam is None:
            write(parameters, start)
            memory["radius"] *= RETREAT
        else:
            memory["radius"] = model.length(lam)
        memory["precise"] = (model.floor if lam is None else lam) < 1e3 * eps * model.largest
        hopeless = sketch is None and model.reduction(model.floor) <= eps * float(loss)
        memory["converged"] = hopeless or memory["radius"] <= eps * float(start.norm())
        return loss

    def _search(
        self,
        system: System,
        start: Tensor,
        loss: float,
        linearisation: tuple[Tensor, Tensor],
        model: Model,
        sketch: Sketch | None,
    ) -> float | None:
        """Write the longest acceptable step into the parameters and return its damping; None if there is none."""
        parameters, target = self.parameters, self.param_groups[0]["target"]
        previous = None
        for lam in model.dampings([self.radius * factor for factor in WINDOW]):
            if lam == previous:  # both radii reach beyond the full step
                continue
            previous = lam
            step = bent(system, parameters, start, linearisation, model, lam, sketch)
            gain = loss - loss_at(system, parameters, start + step)
            if gain > 0 and gain >= target * model.reduction(lam):  # False for NaN
                return lam
        return None


def bent(
    system: System,
    parameters: list[Tensor],
    start: Tensor,
    linearisation: tuple[Tensor, Tensor],
    model: Model,
    lam: float,
    sketch: Sketch | None = None,
) -> Tensor:
    """``d + a/2`` (P,), where ``a = -(JᵀJ + lam)⁻¹ Jᵀ r''`` and ``r'' = (2/h) ((r(theta + h d) - r)/h - J d)``; or d.

    Transtrum, Sethna 2012, with their h = 0.1. With a sketch, r, J and d are those of the small system.
    """
    r, jacobian = linearisation
    step = model.step(lam)
    write(parameters, start + PROBE * (sketch.lift(step) if sketch else step))
    beyond = system.residual().detach()
    curvature = 2 / PROBE * (((sketch.rows(beyond) if sketch else beyond) - r) / PROBE - jacobian @ step)
    bend = model.solve(jacobian.T @ curvature, lam)
    if 2 * bend.norm() <= BEND * step.norm():  # False for NaN
        step = step + bend / 2
    return sketch.lift(step) if sketch else step


@dataclass(frozen=True)
class Model:
    """The linearised residual in the basis in which it is diagonal.

    Attributes:
        squares: s² (K,), float64 on the CPU, as the scalar equation for lam is solved there.
        gradient: s c = Vᵀ Jᵀ r (K,), likewise.
        basis: V (P, K), where the parameters are.
        floor: the least damping that the decomposition resolves.
    """

    squares: Tensor
    gradient: Tensor
    basis: Tensor
    floor: float

    @property
    def largest(self) -> float:
        """The largest s²."""
        return float(self.squares.max())

    def step(self, lam: float) -> Tensor:
        """d(lam) = -V (s c / (s² + lam)), shape (P,)."""
        return -self.basis @ (self.gradient / (self.squares + lam)).to(self.basis)

    def solve(self, vector: Tensor, lam: float) -> Tensor:
        """-V (s² + lam)⁻¹ Vᵀ vector, shape (P,)."""
        return -self.basis @ ((self.basis.T @ vector) / (self.squares.to(vector) + lam))

    def length(self, lam: float) -> float:
        """|d(lam)|."""
        return float((self.gradient / (self.squares + lam)).norm())

    def reduction(self, lam: float) -> float:
        """r·r - |r + J d|² for d = d(lam)."""
        return float(((self.gradient / (self.squares + lam)) ** 2 * (self.squares + 2 * lam)).sum())

    def dampings(self, radii: Sequence[float]) -> list[float]:
        """The lam with |d(lam)| = radius, for each radius, or the floor where the full step is shorter.

        The length falls as lam grows and is at most |s c|/lam, so that value bounds lam from above; bisection on
        log(lam), all radii at once, cannot fail and costs nothing beside the decomposition.
        """
        radius = torch.tensor(radii, dtype=torch.float64)
        floor = torch.full_like(radius, max(self.floor, torch.finfo(torch.float64).tiny))
        low, high = floor.log(), (self.gradient.norm() / radius).maximum(floor).log()
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            length = (self.gradient / (self.squares + middle.exp()[:, None])).norm(dim=1)
            low, high = torch.where(length > radius, middle, low), torch.where(length > radius, high, middle)
        return high.exp().tolist()


def decompose(jacobian: Tensor, r: Tensor, precise: bool) -> Model:
    """The model of r + J d: from JᵀJ or JJᵀ, whichever is smaller, or precisely, from J itself."""
    eps = torch.finfo(r.dtype).eps
    if precise:
        s, c, basis = singular_values(jacobian, r)
        c = torch.where(s > eps * len(s) * s.max(), c, 0)  # a null direction: c is arbitrary there, and not small
        squares, gradient = s.cpu().double() ** 2, s.cpu().double() * c.cpu().double()
        return Model(squares, gradient, basis, floor=eps**2 * float(squares.max()))
    if jacobian.shape[0] < jacobian.shape[1]:
        squares, u = torch.linalg.eigh(jacobian @ jacobian.T)
        s = squares.clamp_min(eps * squares.max()).sqrt()
        gradient, basis = s * (u.T @ r), jacobian.T @ (u / s)
    else:
        squares, basis = torch.linalg.eigh(jacobian.T @ jacobian)
        gradient = basis.T @ (jacobian.T @ r)
    squares = squares.clamp_min(0).cpu().double()
    return Model(squares, gradient.cpu().double(), basis, floor=eps * float(squares.max()))
