"""Viscous Burgers equation from a sine wave, by the Cole-Hopf transformation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pinn.geometry import Box

if TYPE_CHECKING:
    from pinn.problem import Problem

CHUNK = 4096  # points at a time: bounds the memory of the points-by-nodes arrays


def cole_hopf(problem: Problem) -> Callable[[Tensor], Tensor]:
    """Return the solution of u_t + u u_x = nu u_xx on x in [-1, 1], u(0, x) = -sin(pi x), u(t, -1) = u(t, 1) = 0.

    Args:
        problem: A problem in t, from 0, and x, in [-1, 1], with one field and the parameter nu.

    Raises:
        ValueError: If the problem is another one.
    """
    nu, domain = problem.parameters.get("nu", 0.0), problem.domain
    if not isinstance(domain, Box) or set(domain.names) != {"t", "x"} or len(problem.fields) != 1 or not nu > 0:
        raise ValueError(
            "reference cole_hopf has one field of t and x, and a number nu > 0; this problem has "
            f"{', '.join(problem.fields)} of {', '.join(domain.names)}, and nu = {nu:g}"
        )
    t, x = domain.names.index("t"), domain.names.index("x")
    if (domain.lower[t], domain.lower[x], domain.upper[x]) != (0, -1, 1):
        raise ValueError(f"reference cole_hopf solves t from 0 and x in [-1, 1], but the domain is {domain}")

    def truth(points: Tensor) -> Tensor:
        values = points.detach().cpu().double().numpy()
        parts = [burgers(p[:, t], p[:, x], nu) for p in np.split(values, range(CHUNK, len(values), CHUNK))]
        return torch.from_numpy(np.concatenate(parts))[:, None].to(points)

    return truth


def burgers(t: np.ndarray, x: np.ndarray, nu: float, *, refine: int = 1) -> np.ndarray:
    r"""Evaluate the Cole-Hopf solution at N points.

    u = -\int sin(pi y) w dz / \int w dz with y = x - s z, s = sqrt(4 nu t), w = exp(-z^2 - cos(pi y) / (2 pi nu)):
    Cole 1951, Q. Appl. Math. 9; for this initial value Basdevant et al. 1986, Comput. Fluids 14.

    The trapezoidal rule converges geometrically, for the integrands are entire and decay like a Gaussian (Trefethen &
    Weideman 2014, SIAM Rev. 56); unlike Gauss-Hermite weights, log(w) never underflows, however small nu is. All
    peaks of w have |z| <= sqrt(t / (4 nu)), because |x - y| = t |sin(pi y)| there, and beyond that w decays at least
    like exp(-z^2); none is narrower than exp(-(1 + pi t) z^2). That width and the waves exp(i pi k s z) that cross it
    set the spacing.

    Args:
        t: Times >= 0, (N,).
        x: Positions, (N,).
        nu: Viscosity > 0.
        refine: How many times finer than needed the nodes lie; doubling it shows the quadrature's error.

    Returns:
        u, (N,); at t = 0 it is -sin(pi x) to rounding.
    """
    latest = float(np.max(t, initial=0.0))
    reach = math.sqrt(latest / (4 * nu)) + 6.5  # exp(-6.5**2) = 5e-19
    spacing = 1 / (2.5 * math.sqrt(1 + math.pi * latest) + 4 * math.sqrt(nu * latest)) / refine
    z = spacing * np.arange(-math.ceil(reach / spacing), math.ceil(reach / spacing) + 1)
    angle = np.pi * (x[:, None] - np.sqrt(4 * nu * t)[:, None] * z)
    log_w = -(z**2) - np.cos(angle) / (2 * np.pi * nu)
    w = np.exp(log_w - log_w.max(axis=1, keepdims=True))
    return -(np.sin(angle) * w).sum(axis=1) / w.sum(axis=1)
