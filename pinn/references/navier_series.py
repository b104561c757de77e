"""Simply supported rectangular plate under a uniform load, by a series."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pinn.references.requirements import require

if TYPE_CHECKING:
    from pinn.problem import Problem


def navier_series(problem: Problem) -> Callable[[Tensor], Tensor]:
    """Return the deflection of D lap(lap(u)) = q with u = lap(u) = 0 on the edges of the rectangle.

    Args:
        problem: A problem in x and y with one field and the parameters D and q.

    Raises:
        ValueError: If the problem is another one.
    """
    require(problem, "navier_series", coordinates=("x", "y"), parameters=("D", "q"))
    lower, upper = np.array(problem.domain.lower), np.array(problem.domain.upper)
    load = problem.parameters["q"] / problem.parameters["D"]

    def truth(points: Tensor) -> Tensor:
        values = points.detach().cpu().double().numpy() - lower
        return torch.from_numpy(load * deflection(values[:, 0], values[:, 1], *(upper - lower)))[:, None].to(points)

    return truth


def deflection(x: np.ndarray, y: np.ndarray, a: float, b: float, *, terms: int = 400) -> np.ndarray:
    r"""Evaluate w of lap(lap(w)) = 1 on the rectangle [0, a] x [0, b] at N points.

    Navier's double series, summed over y in closed form (Levy; Timoshenko & Woinowsky-Krieger, Theory of Plates and
    Shells, 2nd ed., section 30), with the part that depends on x alone summed too: with c = b/2 and Y = |y - c|,

    w = (x^4 - 2 a x^3 + a^3 x) / 24 - 4 / a \sum_{k = pi/a, 3 pi/a, ...} sin(k x) / k^5 *
        [(2 + k c tanh(k c)) cosh(k Y) - k Y sinh(k Y)] / (2 cosh(k c)).

    The terms fall like exp(-k (c - Y)), and on the edges y = 0, b still like k^-5; x runs along the shorter side, where
    they fall fastest. No exponent below is positive.

    Args:
        x: First coordinates, (N,).
        y: Second coordinates, (N,).
        a: Length of the rectangle in x.
        b: Length of the rectangle in y.
        terms: Number of terms; the default gives 12 digits of the largest deflection.

    Returns:
        w, (N,).
    """
    if a > b:
        x, y, a, b = y, x, b, a
    c, distance = b / 2, np.abs(y - b / 2)
    w = (x**4 - 2 * a * x**3 + a**3 * x) / 24
    for k in np.pi / a * np.arange(1, 2 * terms, 2):
        scale = 1 / (1 + np.exp(-2 * k * c))
        near, far = np.exp(-k * (c - distance)) * scale, np.exp(-k * (c + distance)) * scale
        cosh, sinh = near + far, near - far  # cosh(k Y) / cosh(k c), sinh(k Y) / cosh(k c)
        bracket = (1 + k * c / 2 * np.tanh(k * c)) * cosh - k * distance / 2 * sinh
        w -= 4 / a * np.sin(k * x) / k**5 * bracket
    return w
