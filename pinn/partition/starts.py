"""Where Newton's steps begin on the first cells.

Shape letters: D coordinates, N points, F fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import sympy
import torch
from torch import Tensor, nn

from pinn.evolution import initial, start
from pinn.language import torch_function
from pinn.networks.paired import Paired
from pinn.operators.autograd import operator_values
from pinn.partition.system import Sampled, Values
from pinn.problem import Problem

if TYPE_CHECKING:
    from pinn.partition.strip import Strip

HEIGHTS = [4.0**k for k in range(-12, 13)]  # of bowls, in the units of the fields
LOWER = 0.9  # of the residual of zero: a bowl that leaves more of it is no better than zero


def zero(sampled: Sampled, features: int) -> Values:
    """Of so many features a cell."""
    none = sampled.partition.lower.new_zeros(sampled.fields, features + 1)
    return sampled.values([none] * len(sampled.partition))


def standing(sampled: Sampled, before: Strip, begin: float, axis: int) -> Values:
    """The end of the interval before, as if time stood still: without the derivatives by it."""
    held = {}
    for place, at in sampled.points.items():
        x = at.x.clone()
        x[:, axis] = begin
        held[place] = replace(at, x=x)
    values = before.values(held)
    for place, of_place in values.items():
        operators = sampled.residuals.plans[place].operators
        for name in of_place:
            if any(exponents[axis] for symbol in operators[name].symbols().values() for exponents in symbol):
                of_place[name] = torch.zeros_like(of_place[name])
    return values


def begun(sampled: Sampled, problem: Problem) -> Values:
    """What time begins with, as if it stood still; zero where that is not known, or has no derivatives."""
    values = _values(sampled, _Begun(problem))
    if all(bool(value.isfinite().all()) for of_place in values.values() for value in of_place.values()):
        return values
    return _times(0.0, _values(sampled, _Bowl(*_box(sampled), sampled.fields)))


def bowls(sampled: Sampled) -> Iterator[Values]:
    """A paraboloid in each field that opens upward, and one that opens downward, where they leave less than zero does.

    Zero is where many equations do not depend on the fields at all to first order (`u_xx*u_yy = f`, `u_x**2 = f`), and
    from there steps may lead to where the linearised equation is of another type. A convex or concave function has the
    type that such equations ask for. The height is the one that leaves the least of the equations in the interior.
    """
    unit = _values(sampled, _Bowl(*_box(sampled), sampled.fields))
    before = sampled.residual(_times(0.0, unit))
    inside = [place for place in sampled.points if place.name == "interior"]
    sizes = {(place, name): r.square().mean() for place in inside for name, r in before[place].items() if bool(r.any())}

    def leaves(height: float) -> float:
        after = sampled.residual(_times(height, unit))
        ratios = [after[place][name].square().mean() / size for (place, name), size in sizes.items()]
        return float(torch.stack(ratios).nan_to_num(nan=torch.inf).mean()) if ratios else 1.0

    for sign in (1.0, -1.0):
        height = min((sign * h for h in HEIGHTS), key=leaves)
        if leaves(height) < LOWER:
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
