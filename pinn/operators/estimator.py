"""Second-order operators of many coordinates from a few random directions, instead of every coordinate.

`sum_i c d_i**2 u = c E[(v.d)**2 u]` for independent signs v_i = +-1 (Hutchinson 1989, Commun. Stat. Simul. 18; for
networks Hu, Shi, Karniadakis, Kawaguchi 2023, arXiv 2312.14499; STDE, Shi et al. 2024, arXiv 2412.00088). The mean over
K directions is unbiased, for any network, and its error falls as 1/sqrt(K); the mean square of a residual that contains
it is larger than that of the exact one by its variance. All points of a step share the directions.

Shape letters: N points, D coordinates, K directions, S all random directions of a plan.
"""

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor, nn

from pinn.language import LinearOperator


@dataclass(frozen=True)
class Estimator:
    """When to estimate, and from how many directions.

    Attributes:
        above: Sums over more than so many coordinates are estimated.
        directions: K.
    """

    above: int
    directions: int = 16


@dataclass(frozen=True)
class Directions:
    """What a plan estimates.

    Attributes:
        along: For each sum that is estimated, the indices of its coordinates.
        count: K.
    """

    along: tuple[tuple[int, ...], ...]
    count: int

    def __str__(self) -> str:
        sums = " and ".join(f"{len(along)}" for along in self.along)
        return f"second derivatives in {sums} coordinates, estimated from {self.count} random directions a step"

    @property
    def total(self) -> int:
        """S."""
        return len(self.along) * self.count

    def draw(self, seed: int, dimensions: int, like: Tensor) -> Tensor:
        """Random signs in the coordinates of each sum, zero in the others, (S, D): a pure function of the seed."""
        generator = torch.Generator().manual_seed(seed)
        rows = []
        for along in self.along:
            block = torch.zeros(self.count, dimensions)
            block[:, list(along)] = torch.randint(2, (self.count, len(along)), generator=generator) * 2.0 - 1.0
            rows.append(block)
        return torch.cat(rows).to(like)


class Along(nn.Module):
    """The network `(x, s) -> u(x + s V)`, whose derivatives in s are those of u along the directions V (S, D)."""

    def __init__(self, network: Callable[..., Tensor], directions: Tensor):
        super().__init__()
        self.network, self.directions = network, directions

    def forward(self, y: Tensor) -> Tensor:
        """(N, D + S) to (N, F)."""
        d = self.directions.shape[1]
        return self.network(y[:, :d] + y[:, d:] @ self.directions)

    def extend(self, points: Tensor) -> Tensor:
        """Points (N, D) with s = 0, (N, D + S)."""
        return torch.cat([points, points.new_zeros(len(points), len(self.directions))], dim=1)


def has_long_sum(operator: LinearOperator, estimator: Estimator | None) -> bool:
    """Whether it has a sum of second derivatives that the estimator would take."""
    return bool(_long_sums(operator, estimator))


def estimate(
    operators: dict[str, LinearOperator], dimensions: int, estimator: Estimator | None, chosen: Collection[str]
) -> tuple[dict[str, LinearOperator], Directions | None]:
    """The operators in D coordinates and S directions, and the directions; as they are where no sum is long.

    Args:
        operators: By name, in D coordinates.
        dimensions: D.
        estimator: When to estimate; None never.
        chosen: The names of those that may be estimated.
    """
    sums = sorted({along for name in chosen for along in _long_sums(operators[name], estimator)})
    if not sums or estimator is None:
        return operators, None
    directions = Directions(tuple(sums), estimator.directions)
    none = Directions((), estimator.directions)
    return {
        name: _replaced(operator, directions if name in chosen else none, dimensions, directions.total)
        for name, operator in operators.items()
    }, directions


def _groups(operator: LinearOperator) -> dict[tuple[str, Fraction], list[int]]:
    """For each field and coefficient, the coordinates of the pure second derivatives."""
    found: dict[tuple[str, Fraction], list[int]] = defaultdict(list)
    for field, exponents, coefficient in operator.terms:
        if sum(exponents) == 2 and 2 in exponents:
            found[field, coefficient].append(exponents.index(2))
    return found


def _long_sums(operator: LinearOperator, estimator: Estimator | None) -> list[tuple[int, ...]]:
    above = estimator.above if estimator else float("inf")
    return [tuple(sorted(along)) for along in _groups(operator).values() if len(along) > above]


def _replaced(operator: LinearOperator, directions: Directions, dimensions: int, extra: int) -> LinearOperator:
    """Each sum of `directions` is the mean of the second derivatives along them, of S = `extra` in all."""
    long = {key: tuple(sorted(along)) for key, along in _groups(operator).items()}
    long = {key: along for key, along in long.items() if along in directions.along}
    count = directions.count
    terms = []
    for field, exponents, coefficient in operator.terms:
        along = long.get((field, coefficient), ())
        if not (sum(exponents) == 2 and 2 in exponents and exponents.index(2) in along):
            terms.append((field, (*exponents, *[0] * extra), coefficient))
    for (field, coefficient), along in long.items():
        first = dimensions + directions.along.index(along) * count
        terms += [(field, _twice(first + k, dimensions + extra), coefficient / count) for k in range(count)]
    return LinearOperator(tuple(sorted(terms)))


def _twice(axis: int, length: int) -> tuple[int, ...]:
    return tuple(2 if i == axis else 0 for i in range(length))
