"""Lid-driven cavity: the steady Navier-Stokes equations by Galerkin's method for the stream function.

u = psi_y, v = -psi_x. Where the lid meets a wall at a finite speed the vorticity is infinite, and where its speed rises
from the wall the vorticity has no limit. The leading terms there, Taylor's flow at a scraper (G. I. Taylor 1962, in:
Miszellaneen der angewandten Mechanik) and that of a rising speed, are taken out exactly, and polynomials represent the
rest (after Botella & Peyret 1998, Comput. Fluids 27, who take out two terms of a lid of one speed).

Shape letters: N points, K polynomials a coordinate, Q quadrature nodes a coordinate.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import sympy
import torch
from numpy.polynomial import legendre
from scipy.linalg import eigh
from torch import Tensor

from pinn.language import constant
from pinn.references.cache import cached
from pinn.references.cavity_problem import Cavity, cavity_problem
from pinn.references.evolution import numpy_function
from pinn.references.legendre import ClampedPolynomials

if TYPE_CHECKING:
    from pinn.problem import Problem

VERSION = 1
POLYNOMIALS = 16, 24, 32, 40, 48, 56, 64
SMALL_STEP, MOST_STEPS = 1e-10, 20  # of Newton's method: relative to the coefficients; number
SLOW = 100.0  # a Reynolds number at which Newton's method converges from the lift
ORDERS = [(i, j) for i in range(4) for j in range(4 - i)]  # of derivatives along x and y
OFF_THE_LID = 1e-12  # of the height: nearer points are moved so far, for at its corners the velocity has no value


def cavity(problem: Problem, *, tolerance: float | str = 1e-5) -> Callable[[Tensor], Tensor]:
    """Return u, v, p, or the stream function, of a rectangular cavity whose upper side moves along itself.

    It moves at one speed, or at a profile's.

    Polynomials are added until the velocity changes by less than the tolerance. At the corners of a lid that does not
    come to rest there with no slope the pressure is infinite, and near them less accurate than the velocity.

    Args:
        problem: The three equations with u, v, p in this order, the velocity on the four sides, and the pressure at a
            corner, where it is not given its mean is zero; or the equation of the stream function, with
            psi = 0 on all sides and dn(psi) = 0 but on the upper one.
        tolerance: The change that is small enough, relative to the lid's largest speed.

    Raises:
        ValueError: The problem is another one, or the tolerance cannot be reached.
    """
    streams = len(problem.fields) == 1
    small = float(constant(tolerance))
    flow = _Flow(problem, cavity_problem(problem))
    stored = cached(problem, "cavity", VERSION, {"tolerance": small}, lambda: _converged(flow, small))

    def truth(points: Tensor) -> Tensor:
        x, y = points.detach().cpu().double().numpy().T
        if streams:
            return torch.from_numpy(flow.stream(stored["stream"], x, y)[:, None].copy()).to(points)
        return torch.from_numpy(flow.fields(stored["stream"], stored["pressure"], x, y).T.copy()).to(points)

    return truth


class _Flow:
    """psi = corners + lift + sum c_ij p_i(x) p_j(y), and a pressure of Legendre polynomials beside the corners' one."""

    def __init__(self, problem: Problem, cavity: Cavity):
        self.cavity, self.variables = cavity, problem.scope.variables
        self.ends = list(zip(problem.domain.lower, problem.domain.upper, strict=True))
        x = np.linspace(*self.ends[0], 201)
        self.speed = float(abs(numpy_function(self.variables, [cavity.lid])(x, 0 * x)).max())
        self.reynolds = self.speed * (self.ends[0][1] - self.ends[0][0]) / cavity.viscosity

    @cached_property
    def _known(self) -> Callable[..., np.ndarray]:
        """psi_x, psi_y and p as far as they are known in advance."""
        psi, (x, y) = self.cavity.corners + self.cavity.lift, self.variables
        return numpy_function(self.variables, [psi.diff(x), psi.diff(y), self.cavity.corner_pressure])

    def stream(self, c: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Psi at N points, (N,)."""
        low, high = self.ends[1]
        y = np.minimum(y, high - OFF_THE_LID * (high - low))
        in_x, in_y = self.bases(len(c))
        (known,) = numpy_function(self.variables, [self.cavity.corners + self.cavity.lift])(x, y)
        return known + np.einsum("in,in->n", in_x.at(x), c @ in_y.at(y))

    @cached_property
    def derivatives(self) -> dict[str, Callable[..., np.ndarray]]:
        """Of the two known parts, in the order of `ORDERS`."""
        parts = {"corners": self.cavity.corners, "lift": self.cavity.lift}
        return {name: _derivatives(psi, *self.variables) for name, psi in parts.items()}

    def bases(self, count: int) -> list[ClampedPolynomials]:
        """The polynomials along each coordinate."""
        return [ClampedPolynomials(count, *ends) for ends in self.ends]

    def legendre(self, k: int, x: np.ndarray, count: int, order: int = 0) -> np.ndarray:
        """The pressure's polynomials along coordinate k, (count, N)."""
        low, high = self.ends[k]
        z = (2 * x - low - high) / (high - low)
        derivative = legendre.legder(np.eye(count), order) * (2 / (high - low)) ** order
        return (legendre.legvander(z, len(derivative) - 1) @ derivative).T

    def fields(self, c: np.ndarray, pressure: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """u, v, p at N points, (3, N)."""
        low, high = self.ends[1]
        y = np.minimum(y, high - OFF_THE_LID * (high - low))
        psi_x, psi_y, p = self._known(x, y)
        (in_x, in_y), count = self.bases(len(c)), len(pressure)
        psi_x += np.einsum("in,in->n", in_x.at(x, 1), c @ in_y.at(y))
        psi_y += np.einsum("in,in->n", in_x.at(x), c @ in_y.at(y, 1))
        p += np.einsum("in,in->n", self.legendre(0, x, count), pressure @ self.legendre(1, y, count))
        return np.stack([psi_y, -psi_x, p])


@lru_cache(maxsize=8)
def _derivatives(psi: sympy.Expr, x: sympy.Symbol, y: sympy.Symbol) -> Callable[..., np.ndarray]:
    """Those of `ORDERS`, which are the same at any Reynolds number."""
    found = {(0, 0): psi}
    for i, j in ORDERS[1:]:  # one by one: sympy would simplify what is differentiated more than once
        found[i, j] = found[i - 1, j].diff(x) if i else found[i, j - 1].diff(y)
    return numpy_function((x, y), [found[order] for order in ORDERS])


class _Grid:
    """The equations on Q x Q quadrature nodes, tested with the K x K polynomials.

    For all test functions f with f = dn(f) = 0 on the sides

        nu int lap(psi) lap(f) + int lap(psi) (psi_y f_x - psi_x f_y) = 0,

    which asks nothing of the infinite vorticity but that it can be integrated.
    """

    def __init__(self, flow: _Flow, count: int):
        self.flow, (in_x, in_y) = flow, flow.bases(count)
        (self.x, wx), (self.y, wy) = (basis.quadrature(3 * count + 16) for basis in (in_x, in_y))
        self.weights = np.outer(wx, wy)
        self.in_x, self.in_y = ([basis.at(x, n) for n in range(4)] for basis, x in ((in_x, self.x), (in_y, self.y)))
        known = {part: function(self.x[:, None], self.y[None]) for part, function in flow.derivatives.items()}
        self.known = {part: dict(zip(ORDERS, values, strict=True)) for part, values in known.items()}
        (a2, a1, a0), (b2, b1, b0) = ([basis.products(order=n) for n in (2, 1, 0)] for basis in (in_x, in_y))
        self.viscous = np.kron(a2, b0) + 2 * np.kron(a1, b1) + np.kron(a0, b2)

    def newton(self, c: np.ndarray, viscosity: float) -> np.ndarray:
        """The coefficients (K, K) of the flow, from those of a flow nearby.

        Raises:
            ValueError: It does not converge.
        """
        for _ in range(MOST_STEPS):
            step = np.linalg.solve(self.jacobian(c, viscosity), self.residual(c, viscosity).ravel())
            c = c - step.reshape(c.shape)
            if abs(step).max() <= SMALL_STEP * abs(c).max():
                return c
        raise ValueError(f"reference cavity: Newton's method does not converge at the viscosity {viscosity:g}")

    def residual(self, c: np.ndarray, viscosity: float) -> np.ndarray:
        """(K, K); the corners' flow satisfies Stokes' equations, so it has no viscous part."""
        lap, psi_x, psi_y = (self._psi(c, *orders) for orders in (((2, 0), (0, 2)), ((1, 0),), ((0, 1),)))
        lift = self.known["lift"][2, 0] + self.known["lift"][0, 2]
        viscous = (self.viscous @ c.ravel()).reshape(c.shape) + self._test(lift, 2, 0) + self._test(lift, 0, 2)
        return viscosity * viscous + self._test(lap * psi_y, 1, 0) - self._test(lap * psi_x, 0, 1)

    def jacobian(self, c: np.ndarray, viscosity: float) -> np.ndarray:
        """The derivatives of the residual, (K K, K K): sums over the nodes of x first, then over those of y."""
        lap, psi_x, psi_y = (self._psi(c, *orders) for orders in (((2, 0), (0, 2)), ((1, 0),), ((0, 1),)))
        terms = [  # factor, then the orders of the derivatives of the test function and of the variation
            (psi_y, (1, 0), (2, 0)), (psi_y, (1, 0), (0, 2)), (-psi_x, (0, 1), (2, 0)), (-psi_x, (0, 1), (0, 2)),
            (lap, (1, 0), (0, 1)), (-lap, (0, 1), (1, 0)),
        ]  # fmt: skip
        count = len(c)
        sums = np.zeros((count**2, count**2))
        for factor, (tx, ty), (vx, vy) in terms:
            over_x = (self.in_x[tx][:, None] * self.in_x[vx][None]).reshape(count**2, -1) @ (factor * self.weights)
            sums += over_x @ (self.in_y[ty][:, None] * self.in_y[vy][None]).reshape(count**2, -1).T
        advection = sums.reshape((count,) * 4).transpose(0, 2, 1, 3).reshape(count**2, count**2)
        return viscosity * self.viscous + advection

    def pressure(self, c: np.ndarray) -> np.ndarray:
        """The coefficients of the pressure beside the corners': grad p = nu lap(u) - (u.grad) u, tested with grad q.

        The corners' velocity and pressure satisfy Stokes' equations, so that they leave nu lap(u) and grad p.
        """
        flow, nu, count = self.flow, self.flow.cavity.viscosity, len(c)
        psi = {o: self._psi(c, o) for o in ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2))}
        smooth = {o: self._psi(c, o, parts=("lift",)) for o in ((3, 0), (2, 1), (1, 2), (0, 3))}
        in_x = nu * (smooth[2, 1] + smooth[0, 3]) - psi[0, 1] * psi[1, 1] + psi[1, 0] * psi[0, 2]
        in_y = -nu * (smooth[3, 0] + smooth[1, 2]) + psi[0, 1] * psi[2, 0] - psi[1, 0] * psi[1, 1]
        px, py = ([flow.legendre(k, z, count, n) for n in (0, 1)] for k, z in ((0, self.x), (1, self.y)))
        right = px[1] @ (in_x * self.weights) @ py[0].T + px[0] @ (in_y * self.weights) @ py[1].T
        (s, forward), (t, backward) = (eigh(*self._neumann(k, count)) for k in (0, 1))
        sums = s[:, None] + t
        sums[0, 0] = np.inf  # a constant pressure moves nothing
        p = forward @ ((forward.T @ right @ backward) / sums) @ backward.T
        if flow.cavity.zero is not None:
            (x, y), value = flow.cavity.zero
            p[0, 0] += value - flow.fields(c, p, np.array([x]), np.array([y]))[2, 0]
        return p

    def _neumann(self, k: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Integrals of the products of the slopes of the pressure's polynomials, and of themselves."""
        x, weights = self.flow.bases(count)[k].quadrature(count + 1)
        values, slopes = (self.flow.legendre(k, x, count, order) for order in (0, 1))
        return (slopes * weights) @ slopes.T, (values * weights) @ values.T

    def _psi(self, c: np.ndarray, *orders: tuple[int, int], parts: tuple[str, ...] = ("corners", "lift")) -> np.ndarray:
        """The sum of these derivatives of psi at the nodes, (Q, Q)."""
        known = [self.known[part][order] for part in parts for order in orders]
        return sum(known, sum(self.in_x[i].T @ c @ self.in_y[j] for i, j in orders))

    def _test(self, values: np.ndarray, i: int, j: int) -> np.ndarray:
        """Integrals of the values times the derivatives of the test functions, (K, K)."""
        return self.in_x[i] @ (values * self.weights) @ self.in_y[j].T


def _converged(flow: _Flow, tolerance: float) -> dict[str, np.ndarray]:
    """March to the Reynolds number with few polynomials, then add more until the velocity no longer changes."""
    x, y = (v.ravel() for v in np.meshgrid(*(np.linspace(*ends, 43)[1:-1] for ends in flow.ends)))
    c, known, change, nu = np.zeros((POLYNOMIALS[0],) * 2), None, np.inf, flow.cavity.viscosity
    slower = [nu * 2.0**k for k in range(1, 20) if flow.reynolds / 2.0**k > SLOW][::-1]
    for count in POLYNOMIALS:
        grid = _Grid(flow, count)
        c = np.pad(c, (0, count - len(c)))
        for viscosity in [*(slower if known is None else []), nu]:
            c = grid.newton(c, viscosity)
        pressure = grid.pressure(c)
        velocity = flow.fields(c, pressure, x, y)[:2]
        change = np.inf if known is None else abs(velocity - known).max() / flow.speed
        known = velocity
        if change <= tolerance:
            return {"stream": c, "pressure": pressure}
    raise ValueError(
        f"reference cavity: with {POLYNOMIALS[-1]} polynomials a coordinate the velocity still changes by "
        f"{change:.1g} of the lid's, the tolerance is {tolerance:g}; take a larger one or a smaller Reynolds number"
    )
