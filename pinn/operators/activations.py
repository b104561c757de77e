"""Derivative tables of the elementary functions that a network applies: `s, s', s'', ...` at once.

Each table takes a tensor `z` and an order K and gives the K + 1 tensors `s(z), ..., s^(K)(z)`. The polynomials are
generated once, in forms that are stable in float32: `tanh^(k) = (1 - t**2) Q_k(t)`.
"""

import math
from collections.abc import Callable

import torch
from numpy.polynomial import Polynomial as P
from torch import Tensor

Table = Callable[[Tensor, int], list[Tensor]]


def _tanh_factors(order: int) -> tuple[tuple[float, ...], ...]:
    """Q_k with `tanh^(k) = (1 - t**2) Q_k(t)`: `Q_1 = 1`, `Q_(k+1) = (1 - t**2) Q_k' - 2 t Q_k`."""
    q, factors = P([1.0]), []
    for _ in range(order):
        factors.append(tuple(q.coef))
        q = P([1, 0, -1]) * q.deriv() - P([0, 2]) * q
    return tuple(factors)


def _hermite(order: int) -> tuple[tuple[float, ...], ...]:
    """The probabilists' Hermite polynomials `He_(k+1) = z He_k - He_k'`."""
    h, result = P([1.0]), []
    for _ in range(order + 1):
        result.append(tuple(h.coef))
        h = P([0, 1]) * h - h.deriv()
    return tuple(result)


HIGHEST = 16  # order of a derivative
TANH_FACTORS = _tanh_factors(HIGHEST)
HERMITE = _hermite(HIGHEST)


def _parity_horner(coefficients: tuple[float, ...], z: Tensor, square: Tensor) -> Tensor | float:
    """A polynomial of one parity, as Horner's rule in z**2."""
    odd = len(coefficients) % 2 == 0
    terms = coefficients[1::2] if odd else coefficients[0::2]
    value: Tensor | float = terms[-1]
    for c in reversed(terms[:-1]):
        value = value * square + c
    return value * z if odd else value


def tanh(z: Tensor, order: int) -> list[Tensor]:
    """`s = 1 - t**2; -2ts; s(6t**2 - 2); ts(16 - 24t**2); ...`."""
    if order > HIGHEST:
        raise NotImplementedError(f"derivative tables go to order {HIGHEST}, here {order} is needed")
    t = torch.tanh(z)
    square = t * t
    slope = 1 - square
    return [t, *(slope * _parity_horner(q, t, square) for q in TANH_FACTORS[:order])]


def sigmoid(z: Tensor, order: int) -> list[Tensor]:
    """`(1 + tanh(z/2))/2`."""
    table = tanh(z / 2, order)
    return [torch.sigmoid(z), *(table[k] * 0.5 ** (k + 1) for k in range(1, order + 1))]


def sin(z: Tensor, order: int) -> list[Tensor]:
    """Cyclic: sin, cos, -sin, -cos."""
    s, c = torch.sin(z), torch.cos(z)
    cycle = (s, c, -s, -c) if order > 1 else (s, c)
    return [cycle[k % 4] for k in range(order + 1)]


def cos(z: Tensor, order: int) -> list[Tensor]:
    """Cyclic: cos, -sin, -cos, sin."""
    return [-s for s in sin(z, order + 3)[3:]]


def exp(z: Tensor, order: int) -> list[Tensor]:
    """Its own derivative."""
    return [torch.exp(z)] * (order + 1)


def softplus(z: Tensor, order: int) -> list[Tensor]:
    """`log(1 + exp(z))`, whose derivative is the sigmoid."""
    return [torch.nn.functional.softplus(z, threshold=40.0), *(sigmoid(z, order - 1) if order else [])]


def silu(z: Tensor, order: int) -> list[Tensor]:
    """`z s(z)` with the sigmoid: `z s^(k) + k s^(k-1)`."""
    return _times_z(sigmoid(z, order), z)


def gelu(z: Tensor, order: int) -> list[Tensor]:
    """`z Phi(z)` with the normal distribution function; `Phi^(k) = (-1)**(k-1) He_(k-1) phi`."""
    table = [0.5 * torch.erfc(z * -math.sqrt(0.5))]
    if order:
        phi, square = torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi), z * z
        table += [(-1) ** k * phi * _parity_horner(h, z, square) for k, h in enumerate(HERMITE[:order])]
    return _times_z(table, z)


def erf(z: Tensor, order: int) -> list[Tensor]:
    """`2 Phi(sqrt(2) z) - 1`: `erf^(k) = (-sqrt(2))**(k-1) He_(k-1)(sqrt(2) z) 2/sqrt(pi) exp(-z**2)`."""
    table = [torch.erf(z)]
    if order:
        y, slope = math.sqrt(2) * z, 2 / math.sqrt(math.pi) * torch.exp(-z * z)
        square = y * y
        table += [(-math.sqrt(2)) ** k * slope * _parity_horner(h, y, square) for k, h in enumerate(HERMITE[:order])]
    return table


def atan(z: Tensor, order: int) -> list[Tensor]:
    """`atan z`, then those of `s = 1/(1 + z**2)`: `s^(n) = -s (2 n z s^(n-1) + n (n-1) s^(n-2))`."""
    table = [torch.atan(z)]
    slope = 1 / (1 + z * z)
    for n in range(order):
        if n == 0:
            table.append(slope)
        else:
            lower = n * (n - 1) * table[n - 1] if n > 1 else 0.0
            table.append(-slope * (2 * n * z * table[n] + lower))
    return table


def asinh(z: Tensor, order: int) -> list[Tensor]:
    """`y = asinh z` with `(1 + z**2) y^(n+2) = -(2 n + 1) z y^(n+1) - n**2 y^(n)`."""
    square = 1 + z * z
    table = [torch.asinh(z), torch.rsqrt(square)]
    for n in range(order - 1):
        lower = n**2 * table[n] if n else 0.0
        table.append(-((2 * n + 1) * z * table[n + 1] + lower) / square)
    return table[: order + 1]


def tan(z: Tensor, order: int) -> list[Tensor]:
    """`t = tan z`, then polynomials of t: `P_(k+1) = (1 + t**2) P_k'`."""
    t, p = torch.tan(z), P([0.0, 1.0])
    square, table = t * t, [torch.tan(z)]
    for _ in range(order):
        p = P([1, 0, 1]) * p.deriv()
        value = _parity_horner(tuple(p.coef), t, square)
        table.append(value if isinstance(value, Tensor) else torch.full_like(z, value))
    return table


def log(z: Tensor, order: int) -> list[Tensor]:
    """`log z`, then the powers of `1/z`."""
    return [torch.log(z), *(power(z, order - 1, -1.0) if order else [])]


def power(z: Tensor, order: int, exponent: float) -> list[Tensor]:
    """`z**p`, then `p (p-1) ... (p-k+1) z**(p-k)`; zero once a whole power is used up."""
    result, factor = [], 1.0
    for k in range(order + 1):
        result.append(factor * z ** (exponent - k) if factor else torch.zeros_like(z))
        factor *= exponent - k
    return result


def sqrt(z: Tensor, order: int) -> list[Tensor]:
    """`z**(1/2)`."""
    return power(z, order, 0.5)


def reciprocal(z: Tensor, order: int) -> list[Tensor]:
    """`1/z`."""
    return power(z, order, -1.0)


def sinh(z: Tensor, order: int) -> list[Tensor]:
    """Alternates with cosh."""
    pair = (torch.sinh(z), torch.cosh(z))
    return [pair[k % 2] for k in range(order + 1)]


def cosh(z: Tensor, order: int) -> list[Tensor]:
    """Alternates with sinh."""
    return sinh(z, order + 1)[1:]


def _times_z(table: list[Tensor], z: Tensor) -> list[Tensor]:
    """`(z f)^(k) = z f^(k) + k f^(k-1)`."""
    return [z * table[0], *(z * table[k] + k * table[k - 1] for k in range(1, len(table)))]
