"""Errors of a solution in the norms of function spaces, by parts of the domain.

Shape letters: N points, D coordinates.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import sympy
import torch
from torch import Tensor

from pinn.geometry import Points
from pinn.language import parameter, torch_function
from pinn.messages import did_you_mean
from pinn.problem import Problem, Quantity
from pinn.quadrature import rule
from pinn.references import truth
from pinn.solution import Solution

NORMS = ("l1", "l2", "linf", "h1")


@dataclass(frozen=True)
class Measured:
    """One number of the table.

    Attributes:
        quantity: What is measured; without a truth `residual of <equation>`.
        part: Where, such as `0 <= t < 0.25`; empty for all of it.
        norm: One of `NORMS`.
        error: The norm of the difference from the truth; without a truth that of the residual.
        relative: The same divided by the norm of the truth; None where that is zero or not known.
    """

    quantity: str
    part: str
    norm: str
    error: float
    relative: float | None


def evaluate(
    solution: Solution,
    *,
    quantities: Sequence[str] | None = None,
    norms: Sequence[str] = ("l2", "linf"),
    points: int = 2**16,
    by: str | None = None,
    parts: int = 4,
    where: str | None = None,
) -> list[Measured]:
    """Measure the error of a solution, or where there is no truth its residuals.

    `l1 = int |e|`, `l2 = sqrt(int e**2)`, `linf = max |e|` over the points, `h1 = sqrt(int e**2 + |grad e|**2)` with
    the derivatives in space. An energy norm is made of the `l2` of quantities: of a membrane the components
    of `grad(u)`.

    Args:
        solution: What to measure.
        quantities: Texts, by default the fields; they may say where: `dn(u)(boundary)`, `u(t=1)`.
        norms: Some of `NORMS`.
        points: About so many quadrature points, see `pinn.quadrature`.
        by: A coordinate, to measure equal parts of its interval one by one.
        parts: How many.
        where: A comparison such as `x < 0.5`, to measure there alone.

    Raises:
        ValueError: A norm, a coordinate or a text is wrong, or a derivative is asked for of a truth that has values
            alone.
    """
    problem = solution.problem
    for norm in norms:
        if norm not in NORMS:
            raise ValueError(f"norms={norm}: no such norm. {did_you_mean(norm, NORMS)}")
    if by is not None and by not in problem.coordinate_names:
        raise ValueError(f"by={by}: no coordinate has this name. {did_you_mean(by, problem.coordinate_names)}")
    if quantities and truth(problem) is None:
        raise ValueError(f"quantities={', '.join(quantities)}: there is no truth to compare with; leave quantities out")
    asked = [problem.quantity(text) for text in quantities or problem.fields]
    found = []
    for quantity in _residuals(problem) if truth(problem) is None else asked:
        at, weights = rule(problem.domain, quantity.place, points, problem.scope.calculus)
        kept = _mask(solution, where, at)
        for name, (apart, true) in _differences(solution, quantity, at, gradients="h1" in norms).items():
            for caption, part in _parts(problem, at.x, by, parts):
                for norm in norms:
                    error, size = (_norm(norm, v[part & kept], weights[part & kept]) for v in (apart, true))
                    found.append(Measured(name, caption, norm, error, error / size if size else None))
    return found


def _residuals(problem: Problem) -> list[Quantity]:
    """Of the equations inside: what can be measured without a truth."""
    return [Quantity(e.text, {f"residual of {name}": e.residual}, e.place) for name, e in problem.stated.items()]


def _differences(
    solution: Solution, quantity: Quantity, at: Points, *, gradients: bool
) -> dict[str, tuple[Tensor, Tensor]]:
    """Of each component the error and the truth, (N, 1), or with the components of their gradients beside them."""
    problem, columns, every = solution.problem, {}, {}
    for name, expression in quantity.components.items():
        slopes = list(problem.scope.calculus.grad(expression)) if gradients else []
        columns[name] = [f"{name}, {k}" for k in range(1 + len(slopes))]
        every |= dict(zip(columns[name], [expression, *slopes], strict=True))
    whole = replace(quantity, components=every)
    predicted, true = solution.values([whole], at), _true_values(problem, whole, at)
    apart = {name: value - true[name] for name, value in predicted.items()}
    return {
        name: (torch.stack([apart[k] for k in keys], 1), torch.stack([true[k] for k in keys], 1))
        for name, keys in columns.items()
    }


def _true_values(problem: Problem, quantity: Quantity, at: Points) -> dict[str, Tensor]:
    """The quantity of the truth, (N,) each; zero for a residual where there is none."""
    known = truth(problem)
    if known is None:
        return {name: torch.zeros_like(at.x[:, 0]) for name in quantity.components}
    fields = {problem.scope.unknown(name): name for name in problem.fields}
    given = {name: values(at.x) for name, values in problem.values.items()}
    given |= {name: at.x[:, k] for k, name in enumerate(problem.coordinate_names)}
    given |= {f"normal_{x}": n for x, n in zip(problem.coordinate_names, _columns(at.normals), strict=False)}
    given |= {name: torch.tensor(v.truth) for name, v in problem.learned.items() if v.truth is not None}
    if problem.exact is not None:
        put_in = {field: problem.exact[name] for field, name in fields.items()}
    else:
        given |= dict(zip(problem.fields, known(at.x).unbind(1), strict=True))
        put_in = {field: parameter(name) for field, name in fields.items()}
        if any(part.has(sympy.Derivative) for part in quantity.components.values()):
            raise ValueError(
                f"{quantity.text}: the reference has values alone, no derivatives; ask for fields, without h1"
            )
    expressions = [part.subs(put_in).doit() for part in quantity.components.values()]
    function = torch_function([parameter(name) for name in given], expressions)
    like = at.x[:, 0] * 0
    return {name: like + v for name, v in zip(quantity.components, function(*given.values()), strict=True)}


def _columns(normals: Tensor | None) -> tuple[Tensor, ...]:
    return () if normals is None else normals.unbind(1)


def _mask(solution: Solution, where: str | None, at: Points) -> Tensor:
    """Where the comparison holds, (N,)."""
    if where is None:
        return torch.ones_like(at.x[:, 0], dtype=torch.bool)
    (value,) = solution.values([solution.problem.quantity(f"where({where}, 1, 0)")], at).values()
    if not value.any():
        raise ValueError(f"where={where}: none of the {len(value)} points is there; take a part of the domain")
    return value > 0


def _parts(problem: Problem, x: Tensor, by: str | None, parts: int) -> Iterator[tuple[str, Tensor]]:
    """A caption and which points are meant, for each part of the interval."""
    if by is None:
        yield "", torch.ones_like(x[:, 0], dtype=torch.bool)
        return
    k = problem.coordinate_names.index(by)
    ends = torch.linspace(problem.domain.lower[k], problem.domain.upper[k], parts + 1, dtype=x.dtype)
    which = torch.bucketize(x[:, k].contiguous(), ends[1:-1].contiguous(), right=True)
    for part, (low, high) in enumerate(pairwise(ends.tolist())):
        yield f"{by} in [{low:.4g}, {high:.4g}]", which == part


def _norm(norm: str, values: Tensor, weights: Tensor) -> float:
    """Of a function (N, 1), or of one with its gradient beside it."""
    own = values[:, 0].abs()
    if not len(own):
        return 0.0
    return float(
        {
            "l1": lambda: weights @ own,
            "l2": lambda: (weights @ own**2).sqrt(),
            "linf": lambda: own.max(),
            "h1": lambda: (weights @ values.square().sum(1)).sqrt(),
        }[norm]()
    )
