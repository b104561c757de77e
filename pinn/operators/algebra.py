"""The smallest space of differential operators that a set of symbols closes.

The symbol of `u_xx + u_yy` is the polynomial `xi**2 + eta**2`. Let V be the span of the needed symbols and of all
their partial derivatives, 1 included, with basis `b_0 = 1, b_1, ...`. The channels of a jet, `b_i(d) h`, are
closed under products,

    b_i(d)(f g) = sum_jk c_ijk (b_j(d) f) (b_k(d) g),

because the Leibniz rule writes `b_i(xi + eta)` in V (x) V. V is the annihilator of an ideal in the sense of Macaulay's
inverse systems, and the channels are the dual of a Weil algebra (Ishii 2021, arXiv 2106.14153); the forward Laplacian
(Li et al. 2023, arXiv 2307.08214) is the case of one symbol, the sum of squares.

Shape letters: C channels, D coordinates.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import comb, prod

Exponents = tuple[int, ...]
Polynomial = dict[Exponents, Fraction]
Term = tuple[float, int, int]  # coefficient, channel of the first factor, channel of the second


@dataclass(frozen=True)
class Algebra:
    """Basis of V in reduced echelon form, and what the channels need of it.

    Attributes:
        basis: C polynomials, sorted by degree; the pivot monomial of each has coefficient 1 and occurs in no other.
        pivots: The pivot monomials.
        dimensions: D.
    """

    basis: tuple[Polynomial, ...]
    pivots: tuple[Exponents, ...]
    dimensions: int

    @property
    def channels(self) -> int:
        """C, the value itself included."""
        return len(self.basis)

    @property
    def order(self) -> int:
        """The highest degree in V."""
        return max(sum(exponents) for polynomial in self.basis for exponents in polynomial)

    @cached_property
    def products(self) -> tuple[tuple[Term, ...], ...]:
        """For each channel i the terms (c_ijk, j, k) of a product.

        In reduced echelon form c_ijk is the coefficient of `xi**m_j eta**m_k` in `b_i(xi + eta)`, where m_j is the
        pivot of b_j: a multinomial times the coefficient of the monomial `m_j + m_k` in b_i.
        """
        place = {pivot: i for i, pivot in enumerate(self.pivots)}
        return tuple(
            tuple(
                sorted(
                    (
                        (float(coefficient * _choose(total, a)), place[a], place[b])
                        for total, coefficient in polynomial.items()
                        for a, b in _halves(total)
                        if a in place and b in place
                    ),
                    key=lambda term: term[1:],
                )
            )
            for polynomial in self.basis
        )

    def seeds(self) -> list[list[float]]:
        """(C, D): channel i of the coordinate x_k is the coefficient of xi_k in b_i."""
        units = [_unit(k, self.dimensions) for k in range(self.dimensions)]
        return [[float(polynomial.get(unit, 0)) for unit in units] for polynomial in self.basis]

    def read_out(self, symbol: Mapping[Exponents, Fraction]) -> list[tuple[int, float]]:
        """The pairs (channel, coefficient) that make up `symbol`, which must lie in V."""
        pairs = [(i, symbol[pivot]) for i, pivot in enumerate(self.pivots) if symbol.get(pivot)]
        rebuilt: Polynomial = {}
        for i, coefficient in pairs:
            rebuilt = _combine(rebuilt, self.basis[i], coefficient)
        assert rebuilt == {e: c for e, c in symbol.items() if c}, "the symbol is not in the span"
        return [(i, float(coefficient)) for i, coefficient in pairs]


def minimal_algebra(symbols: Iterable[Mapping[Exponents, Fraction]], dimensions: int) -> Algebra:
    """The span of the symbols and of all their derivatives, by exact row reduction.

    Args:
        symbols: Polynomials {exponents: coefficient} in D variables.
        dimensions: D.
    """
    rows: dict[Exponents, Polynomial] = {}
    queue: list[Polynomial] = [{(0,) * dimensions: Fraction(1)}, *(dict(symbol) for symbol in symbols)]
    while queue:
        polynomial = _reduce(queue.pop(), rows)
        if not polynomial:
            continue
        pivot = max(polynomial, key=_rank)
        polynomial = {e: c / polynomial[pivot] for e, c in polynomial.items()}
        for other, row in rows.items():
            if pivot in row:
                rows[other] = _combine(row, polynomial, -row[pivot])
        rows[pivot] = polynomial
        queue += [_derivative(polynomial, k) for k in range(dimensions)]
    pivots = sorted(rows, key=lambda e: (sum(e), tuple(-i for i in e)))
    return Algebra(tuple(rows[pivot] for pivot in pivots), tuple(pivots), dimensions)


def _rank(exponents: Exponents) -> tuple[int, Exponents]:
    return sum(exponents), exponents


def _halves(total: Exponents) -> Iterator[tuple[Exponents, Exponents]]:
    """All pairs of exponents with this sum."""
    for a in product(*(range(n + 1) for n in total)):
        yield a, tuple(n - i for n, i in zip(total, a, strict=True))


def _unit(k: int, dimensions: int) -> Exponents:
    return tuple(int(i == k) for i in range(dimensions))


def _choose(total: Exponents, part: Exponents) -> int:
    return prod(comb(n, k) for n, k in zip(total, part, strict=True))


def _combine(a: Polynomial, b: Mapping[Exponents, Fraction], factor: Fraction) -> Polynomial:
    """`a + factor * b` without zero terms."""
    result = dict(a)
    for exponents, coefficient in b.items():
        value = result.pop(exponents, Fraction(0)) + factor * coefficient
        if value:
            result[exponents] = value
    return result


def _reduce(polynomial: Polynomial, rows: Mapping[Exponents, Polynomial]) -> Polynomial:
    for pivot in [e for e in polynomial if e in rows]:
        polynomial = _combine(polynomial, rows[pivot], -polynomial[pivot])
    return {e: c for e, c in polynomial.items() if c}


def _derivative(polynomial: Polynomial, k: int) -> Polynomial:
    unit = _unit(k, len(next(iter(polynomial))))
    return {tuple(i - j for i, j in zip(e, unit, strict=True)): c * e[k] for e, c in polynomial.items() if e[k]}
