"""Self-scaled Broyden: a dense quasi-Newton method. Letters: P parameters."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pinn.optimizers.line_search import Trial, strong_wolfe
from pinn.optimizers.ranges import Count, check
from pinn.optimizers.system import OneGroup, read, read_gradient, write


class SSBroyden(OneGroup):
    r"""Quasi-Newton steps ``-H g``, whose H (P, P) is of Broyden's family and rescaled before each update.

    With the step s, the change y of the gradient, ``v = s/(yᵀs) - H y/(yᵀH y)`` and two scalars tau and phi,

        ``H <- (H - H y yᵀ H/(yᵀH y) + phi (yᵀH y) v vᵀ)/tau + s sᵀ/(yᵀs)``.

    phi = tau = 1 is BFGS. Here they are Al-Baali's, who bounds the condition of H (Al-Baali, Khalfan 2005), as Urbán,
    Stefanou, Pons 2025, J. Comput. Phys. 523, use them for PINNs. tau <= 1 forgets curvature that is no longer true,
    which is what BFGS is slow at in the curved valleys of these losses. The line search is strong Wolfe.

    For some 1,000 to 10,000 parameters, in float64; memory: P² numbers. A step is max_iter iterations on the same
    points.

    Args:
        max_iter: iterations a step.
    """

    def __init__(self, params, max_iter: Count = 20):
        check(SSBroyden, max_iter=max_iter)
        super().__init__(params, {"max_iter": max_iter})

    @property
    def converged(self) -> bool:
        """Whether no step along the gradient lowers the loss."""
        return self.memory.get("converged", False)

    def step(self, closure: Callable[[], Tensor]) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take max_iter iterations; the loss before them."""
        parameters, memory = self.parameters, self.memory
        loss = closure()
        now = Trial(0.0, float(loss), 0.0, read_gradient(parameters))
        if not math.isfinite(now.value):
            raise FloatingPointError("the loss is not finite at the present parameters")
        for _ in range(self.param_groups[0]["max_iter"]):
            found = self._iterate(closure, now)
            if found is None and "inverse" in memory:  # perhaps H is no longer worth anything
                del memory["inverse"]
                found = self._iterate(closure, now)
            memory["converged"] = found is None
            if found is None:
                break
            now = found
        return loss

    def _iterate(self, closure: Callable[[], Tensor], now: Trial) -> Trial | None:
        """One line search and the update of H; the point reached, or None, and back, if nothing lowers the loss."""
        parameters, inverse = self.parameters, self.memory.get("inverse")
        start, gradient = read(parameters), now.gradient
        direction = -gradient if inverse is None else -(inverse @ gradient)
        slope = float(gradient @ direction)

        def along(t: float) -> Trial:
            write(parameters, start + t * direction)
            value, there = float(closure()), read_gradient(parameters)
            return Trial(t, value, float(there @ direction), there)

        first = min(1.0, 1 / float(gradient.abs().sum())) if inverse is None and slope else 1.0
        found = strong_wolfe(along, now._replace(t=0.0, slope=slope), first) if slope < 0 else None
        write(parameters, start + found.t * direction if found else start)
        if found is not None:
            y = found.gradient - gradient
            self.memory["inverse"] = updated(inverse, found.t * direction, y, -(found.t**2) * slope)
        return found


def updated(inverse: Tensor | None, s: Tensor, y: Tensor, bent: float) -> Tensor:
    """H (P, P) after the step s (P,), in place; None stands for the identity, which takes the scale of y first.

    Urbán, Stefanou, Pons 2025. b and h are the ratios of ``sᵀB s`` and ``yᵀH y`` to ``yᵀs``, with B the inverse of H.

    Args:
        inverse: H before it.
        s: the step.
        y: the change of the gradient.
        bent: ``sᵀB s``, which for ``s = -t H g`` is ``-t gᵀs``.
    """
    fresh, n = inverse is None, len(s)
    inverse = torch.eye(n, dtype=s.dtype, device=s.device) if inverse is None else inverse
    hy, along = inverse @ y, float(y @ s)
    yhy = float(y @ hy)
    if not (along > 0 and yhy > 0):  # rounding: H would not stay positive
        return inverse
    b, h = bent / along, yhy / along
    a = max(b * h - 1, torch.finfo(s.dtype).eps)  # not negative, by Cauchy and Schwarz
    rho = min(1.0, h * (1 - math.sqrt(a / (1 + a))))
    theta = max((rho - 1) / a, min(1 / rho, (1 - b) / b))
    sigma = 1 + theta * a
    phi = (1 - theta) / sigma
    shrink = sigma ** (-1 / (n - 1)) if n > 1 else 1.0
    if fresh:
        tau = h / sigma
    elif theta > 0:
        tau = min(1.0, 1 / b) * min(shrink, 1 / theta)
    else:
        tau = min(min(1.0, 1 / b) * shrink, sigma)
    cross = -phi / (along * tau)
    core = [[(phi - 1) / (yhy * tau), cross], [cross, phi * yhy / (along**2 * tau) + 1 / along]]
    both = torch.stack([hy, s], dim=1)
    return inverse.addmm_(both @ both.new_tensor(core), both.T, beta=1 / tau)
