"""Where Newton's steps begin on the first cells.

Shape letters: D coordinates, N points, F fields.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import sympy
import torch
from torch import Tensor, nn

from pinn.evolution import initial, start
from pinn.geometry import Place
from pinn.language import torch_function
from pinn.networks.paired import Paired
from pinn.operators.autograd import operator_values
from pinn.partition.local import write
from pinn.partition.newton import Found, newton, solved_on_average
from pinn.partition.processes import agreed
from pinn.partition.system import Sampled, Values
from pinn.problem import Problem

if TYPE_CHECKING:
    from pinn.partition.strip import Strip

HEIGHTS = [16.0**k for k in range(-18, 19)]  # of slopes and bowls: whatever the units of the fields are
FINER = [4.0, 2.0, 2**0.5, 2**0.25]  # times the best of them, or one over that, in turn
NODES = 1 / 16  # of the interval before: the distance of the moments from which a polynomial goes on
HIGHEST = 3  # its degree
TILT = 0.7  # of the logarithm of a source, from one side to the other
AS_LITTLE = 2.0  # times what a solution leaves: its opposite is one as well
SAMPLES = 256  # pairs of random values over which slopes are averaged
FIRST_PART, LEAST_PART = 1 / 16, 2.0**-14  # of what is not linear: the first step of `followed`, and the shortest
EASY, HARD = 4, 8  # steps of Newton's in one of them after which the next is longer, and with which it is too long
LOWER = 0.9  # of the residual of zero: what leaves more of it is no better than zero


def zero(sampled: Sampled, features: int) -> Values:
    """Of so many features a cell."""
    none = sampled.partition.lower.new_zeros(sampled.fields, features + 1)
    return sampled.values([none] * len(sampled.partition))


def going_on(sampled: Sampled, before: Strip, begin: float, axis: int) -> Values:
    """The end of the interval before, gone on with as a polynomial of time, of the degree that leaves the least.

    Of degree zero time stands still, and derivatives by it are zero.
    """
    step = NODES * before.length
    ends = _held(sampled, before, [begin - k * step for k in range(HIGHEST + 1)], axis)
    later = {place: (at.x[:, axis] - begin) / step for place, at in sampled.points.items()}
    tries, values, differences = [_still(sampled, ends[0], axis)], ends[0], ends
    for degree in range(1, HIGHEST + 1):
        differences = [_sum(a, b, -1.0) for a, b in itertools.pairwise(differences)]
        weights = {place: _binomial(steps, degree) for place, steps in later.items()}
        values = _sum(values, differences[0], weights)
        tries.append(values)
    left = agreed(sampled.processes, _left(sampled, tries), sampled.partition.lower.device)
    return tries[left.index(min(left))]


def moved_to(x: Tensor, axis: int, moment: float) -> Tensor:
    """The points (N, D), all at one moment."""
    return x.index_fill(1, torch.tensor([axis], device=x.device), moment)


def _held(sampled: Sampled, before: Strip, moments: list[float], axis: int) -> list[Values]:
    """The operators of what is before, held at each of some moments: points that differ in time alone are one."""
    held, same = {}, {}
    for place, at in sampled.points.items():
        apart, same[place] = moved_to(at.x, axis, moments[0]).unique(dim=0, return_inverse=True)
        first = same[place].new_zeros(len(apart)).scatter_(0, same[place], torch.arange(len(at.x), device=at.x.device))
        x = torch.cat([moved_to(apart, axis, moment) for moment in moments])
        held[place] = replace(at[first.repeat(len(moments))], x=x)
    values = before.values(held)
    return [
        {
            place: {name: v.reshape(len(moments), -1)[k, same[place]] for name, v in of_place.items()}
            for place, of_place in values.items()
        }
        for k in range(len(moments))
    ]


def _still(sampled: Sampled, values: Values, axis: int) -> Values:
    """The same without the derivatives by time."""

    def in_time(place: Place, name: str) -> bool:
        operator = sampled.residuals.plans[place].operators[name]
        return any(exponents[axis] for symbol in operator.symbols().values() for exponents in symbol)

    return {
        place: {name: torch.zeros_like(v) if in_time(place, name) else v for name, v in of_place.items()}
        for place, of_place in values.items()
    }


def _sum(a: Values, b: Values, factors: dict[Place, Tensor] | float) -> Values:
    """``a + factors b``."""
    return {
        place: {
            name: v + (factors[place] if isinstance(factors, dict) else factors) * b[place][name]
            for name, v in of_place.items()
        }
        for place, of_place in a.items()
    }


def _binomial(s: Tensor, k: int) -> Tensor:
    """What the k-th backward difference counts s steps further: ``s (s + 1) ... (s + k - 1) / k!``."""
    return math.prod((s + i for i in range(k)), start=torch.ones_like(s)) / math.factorial(k)


def _left(sampled: Sampled, tries: list[Values]) -> list[float]:
    """What each leaves of the equations in the interior, as parts of what the first leaves."""
    inside, squares = _inside(sampled), []
    for values in tries:
        residual = sampled.residual(values)
        squares.append(torch.stack([r.square().mean() for place in inside for r in residual[place].values()]))
    return [float((one / squares[0].clamp(min=1e-300)).mean().nan_to_num(nan=torch.inf)) for one in squares]


def begun(sampled: Sampled, problem: Problem) -> Values:
    """What time begins with, as if it stood still; zero where that is not known, or has no derivatives."""
    values = _values(sampled, _Begun(problem))
    if all(bool(value.isfinite().all()) for of_place in values.values() for value in of_place.values()):
        return values
    return _times(0.0, _values(sampled, _Bowl(*_box(sampled), sampled.fields)))


def elsewhere(sampled: Sampled) -> Iterator[Values]:
    """Where there is no slope at zero what solves the problem on average over random fields; then slopes and bowls.

    A slope in each field along each coordinate, and a paraboloid, up and down, that leave less than zero does.

    Zero is where many equations do not depend on the fields at all to first order (`u_xx*u_yy = f`, `u_x**2 = f`), and
    from there steps may lead to where the linearised equation is of another type, or up here and down there. A convex
    or concave function has the type that such equations ask for. The height is the one that leaves the least of the
    equations in the interior.
    """
    yield from _of_random_fields(sampled)
    lower, upper = _box(sampled)
    shapes = [*(_Slope(lower, upper, sampled.fields, axis) for axis in range(len(lower)))]
    for shape in (*shapes, _Bowl(lower, upper, sampled.fields)):
        yield from _scaled(sampled, shape)


def followed(
    sampled: Sampled, found: Values, solve: Callable[[Values, int], Found], solved: Callable[[Found], bool], most: int,
    until: float,
) -> Values:  # fmt: skip
    """A solution that is followed from that of the equations linearised at zero to as near to theirs as it can be.

    All that is not linear comes in by a factor that rises from 0 to 1, as a Reynolds number does in steps: natural
    continuation (Allgower, Georg 1990, Numerical Continuation Methods, chapter 2). Each step begins with the solution
    of the one before, is twice as long after one that Newton's method has solved easily, and is taken again at a
    quarter of its length where it has not.

    Args:
        sampled: The cells and the points.
        found: Values to begin with.
        solve: Takes Newton's steps, so many at most.
        solved: Whether they have come to a solution.
        most: How many of them there may be, roughly.
        until: When, by `time.perf_counter` of the first process, no further step begins.
    """
    reached, step, taken = 0.0, FIRST_PART, 0 if sampled.has_tangents() else most
    while taken < most:
        sampled.nonlinear = min(1.0, reached + step)
        there = solve(found, HARD)
        taken += there.steps
        if solved(there):
            found, reached = there.values, sampled.nonlinear
            step *= 2 if there.steps <= EASY else 1
        else:
            step /= 4
        (late,) = agreed(sampled.processes, [time.perf_counter() > until], sampled.partition.lower.device)
        if reached == 1 or step < LEAST_PART or late:
            break
    sampled.nonlinear = 1.0
    return found


def _of_random_fields(sampled: Sampled) -> Iterator[Values]:
    """What solves the problem linearised on average over random fields, in the size that leaves the least.

    `div(abs(grad(u))**p*grad(u)) = f` has no linearisation at zero: slopes are zero there, or infinite. On average over
    random fields they are those of the Laplacian (statistical linearisation: Caughey 1963, J. Acoust. Soc. Am. 35).
    """
    if not _says_nothing(sampled):
        return
    coefficients = solved_on_average(sampled, _random(sampled))
    sign = -1.0 if _mean(sampled, coefficients) < 0 else 1.0  # of two that are alike a person expects the positive one
    yield from _as_large(sampled, _times(sign, sampled.values(coefficients)), _inside(sampled))


def _random(sampled: Sampled) -> Iterator[Values]:
    """Each operator the same normal number at all points, times its size, and then its opposite."""
    generator, sizes = torch.Generator().manual_seed(0), _sizes(sampled)
    for _ in range(SAMPLES):
        drawn: Values = {
            place: {
                name: sizes[place, name] * torch.randn((), generator=generator).to(at.x).expand(len(at.x))
                for name in sampled.residuals.plans[place].operators
            }
            for place, at in sampled.points.items()
        }
        yield drawn
        yield _times(-1.0, drawn)


def _sizes(sampled: Sampled) -> dict[tuple[Place, str], float]:
    """How large each operator is of a field that changes by one along the sides of the domain."""
    lower, upper = _box(sampled)
    sides = (upper - lower).tolist()
    return {
        (place, name): max(
            abs(float(coefficient)) * math.prod(side**-e for side, e in zip(sides, exponents, strict=True))
            for symbol in operator.symbols().values()
            for exponents, coefficient in symbol.items()
        )
        for place in sampled.points
        for name, operator in sampled.residuals.plans[place].operators.items()
    }


def _says_nothing(sampled: Sampled) -> bool:
    """Whether an equation inside has neither a value nor a slope at zero, at most points."""
    for place in _inside(sampled):
        none = {name: torch.zeros_like(sampled.points[place].x[:, 0])
                for name in sampled.residuals.plans[place].operators}  # fmt: skip
        for slopes in sampled.slopes(place, none)[1].values():
            every = torch.stack(list(slopes.values()))
            if float(((every == 0) | ~every.isfinite()).all(dim=0).double().mean()) > 0.5:
                return True
    return False


def _inside(sampled: Sampled) -> list[Place]:
    return [place for place in sampled.points if place.name == "interior"]


def excited(sampled: Sampled, start: Values) -> Values:
    """What a source in all equations makes of the fields, as large as leaves the least of integrals; else the start.

    An eigenvalue problem is content with zero but for `integral(u**2) = 1`, which does not depend on the fields there
    to first order. Of a source the fields take most in those eigenfunctions whose eigenvalues are near to the guessed
    one: a step of inverse iteration (Wielandt 1944). The source has a part in all of them.
    """
    lower, upper = _box(sampled)
    before = sampled.shifts
    sources = {
        (place, name): (TILT * (sampled.points[place].x - lower) / (upper - lower)).sum(dim=1).exp()
        for place in _inside(sampled)
        for name in sampled.residuals.plans[place].names
    }
    sampled.shifts = {**before, **sources}
    found = newton(sampled, start, 1)
    sampled.shifts = before
    integrals = [place for place in sampled.points if place.integral]
    return next(_as_large(sampled, found.values, integrals), start)


def opposite(sampled: Sampled, found: Found) -> Values | None:
    """An eigenfunction with the other sign, where its first field is negative on average; else None.

    Where the opposite of a solution is one as well, a person expects the lowest mode to be positive.
    """
    other = _times(-1.0, found.values)
    scales = {key: one.mean() for key, one in found.scales.items()}
    here, there = (
        sum(
            float((scales[place, name] * r).square().mean()) for place, of in residual.items() for name, r in of.items()
        )
        for residual in (sampled.residual(found.values), sampled.residual(other))
    )
    negative = _mean(sampled, found.coefficients) < 0
    device = sampled.partition.lower.device
    (turned,) = agreed(sampled.processes, [negative and there <= AS_LITTLE * here], device)
    return other if turned else None


def _mean(sampled: Sampled, coefficients: list[Tensor]) -> float:
    """Of the first field, in the interior."""
    write(sampled.partition, coefficients)
    with torch.no_grad():
        mean = float(torch.cat([sampled.partition(sampled.points[place].x)[:, 0] for place in _inside(sampled)]).mean())
    return agreed(sampled.processes, [mean], sampled.partition.lower.device)[0]


def _scaled(sampled: Sampled, shape: nn.Module) -> Iterator[Values]:
    """A function and its opposite, as large as leaves the least of what is asked inside."""
    yield from _as_large(sampled, _values(sampled, shape), _inside(sampled))


def _as_large(sampled: Sampled, unit: Values, judged: list[Place]) -> Iterator[Values]:
    """Values and their opposite, times what leaves the least at some places, where that is less than zero leaves."""
    before = sampled.residual(_times(0.0, unit))
    sizes = {(place, name): r.square().mean() for place in judged for name, r in before[place].items() if bool(r.any())}
    known = all(bool(size.isfinite()) for size in sizes.values())  # else any that is finite is better than zero

    def leaves(height: float) -> float:
        after = sampled.residual(_times(height, unit))
        ratios = [after[place][name].square().mean() / (size if known else 1) for (place, name), size in sizes.items()]
        return float(torch.stack(ratios).nan_to_num(nan=torch.inf).mean()) if ratios else 1.0

    for sign in (1.0, -1.0):
        height = min((sign * h for h in HEIGHTS), key=leaves)
        for factor in FINER:
            height = min(height, height / factor, height * factor, key=leaves)
        if leaves(height) < (LOWER if known else math.inf):
            yield _times(height, unit)


def _box(sampled: Sampled) -> tuple[Tensor, Tensor]:
    return sampled.partition.lower.amin(0), sampled.partition.upper.amax(0)


class _Begun(nn.Module):
    """x to what the fields are where time begins."""

    def __init__(self, problem: Problem):
        super().__init__()
        known, x = initial(problem), problem.scope.variables
        place = start(problem)
        now = {x[k]: sympy.Float(value) for k, value in place.fixed}
        values = [known.get(field, sympy.Integer(0)).xreplace(now) for field in problem.fields]
        self.function = torch_function(x, values)

    def forward(self, x: Tensor) -> Tensor:
        nothing = 0 * x.sum(dim=1)  # of which there are derivatives
        return torch.stack([nothing + value for value in self.function(*x.unbind(1))], dim=1)


class _Bowl(nn.Module):
    """x to half of the square of the distance from the middle, in units of the sides."""

    def __init__(self, lower: Tensor, upper: Tensor, fields: int):
        super().__init__()
        self.middle, self.sides, self.fields = (lower + upper) / 2, upper - lower, fields

    def forward(self, x: Tensor) -> Tensor:
        return (((x - self.middle) / self.sides) ** 2 / 2).sum(1, keepdim=True).expand(-1, self.fields)


class _Slope(nn.Module):
    """x to how far it is from the lower end of a coordinate, in units of the side."""

    def __init__(self, lower: Tensor, upper: Tensor, fields: int, axis: int):
        super().__init__()
        self.begin, self.side, self.fields, self.axis = lower[axis], (upper - lower)[axis], fields, axis

    def forward(self, x: Tensor) -> Tensor:
        rise = (x[:, self.axis : self.axis + 1] - self.begin) / self.side + 0 * x.sum(dim=1, keepdim=True)
        return rise.expand(-1, self.fields)


def _values(sampled: Sampled, function: nn.Module) -> Values:
    found: Values = {}
    for place, at in sampled.points.items():
        plan = sampled.residuals.plans[place]
        there = Paired(function, place.partners) if place.pairs else function
        of_place = operator_values(there, at.x, plan.evaluated, plan.fields)
        found[place] = {name: value.detach().expand(len(at.x)) for name, value in of_place.items()}
    return found


def _times(factor: float, values: Values) -> Values:
    return {place: {name: factor * v for name, v in of_place.items()} for place, of_place in values.items()}
