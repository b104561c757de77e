"""Polynomials of a block of channels at the slopes of an affine function, a degree at a time.

Of `s(w.x + b)` channel i is `sum_k s^(k) q_ik(w)`, with q_ik the part of degree k of the polynomial b_i.

Shape letters: D coordinates.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pinn.operators.algebra import Exponents, Polynomial

Evaluate = Callable[[Tensor], Tensor]


def homogeneous_parts(polynomials: Sequence[Polynomial]) -> list[tuple[int, Evaluate]]:
    """For each degree in a block of polynomials, how to evaluate its parts of that degree at slopes (D, ...)."""
    result = []
    for k in sorted({sum(exponents) for polynomial in polynomials for exponents in polynomial}):
        parts = [{e: float(c) for e, c in polynomial.items() if sum(e) == k} for polynomial in polynomials]
        result.append((k, _neighbours(parts) or _each(parts)))
    return result


def _each(polynomials: list[dict[Exponents, float]]) -> Evaluate:
    evaluates = [_power_sum(polynomial) or _sum(polynomial) for polynomial in polynomials]
    return lambda slopes: torch.stack([evaluate(slopes) for evaluate in evaluates])


def _neighbours(polynomials: list[dict[Exponents, float]]) -> Evaluate | None:
    """Neighbouring coordinates, as in a gradient: a slice."""
    if any(len(p) != 1 or sum(next(iter(p))) != 1 or next(iter(p.values())) != 1 for p in polynomials):
        return None
    along = [next(iter(p)).index(1) for p in polynomials]
    first, count = along[0], len(along)
    return (lambda slopes: slopes[first : first + count]) if along == list(range(first, first + count)) else None


def _power_sum(polynomial: dict[Exponents, float]) -> Evaluate | None:
    """`c sum_m xi_m**n` over neighbouring coordinates, as in a Laplacian."""
    coefficient, degree = next(iter(polynomial.values())), sum(next(iter(polynomial)))
    along = sorted(exponents.index(degree) for exponents in polynomial if degree in exponents)
    first, count = along[0] if along else 0, len(polynomial)
    if set(polynomial.values()) != {coefficient} or count == 1 or along != list(range(first, first + count)):
        return None
    return lambda slopes: coefficient * (slopes[first : first + count] ** degree).sum(0)


def _sum(polynomial: dict[Exponents, float]) -> Evaluate:
    terms = [(c, [k for k, e in enumerate(exponents) for _ in range(e)]) for exponents, c in polynomial.items()]

    def evaluate(slopes: Tensor) -> Tensor:
        total = torch.zeros_like(slopes[0])
        for coefficient, factors in terms:
            term = torch.full_like(total, coefficient)
            for k in factors:
                term = term * slopes[k]
            total = total + term
        return total

    return evaluate
