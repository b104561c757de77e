"""From expressions to a plan: which operators are needed, which algebra carries them, how the results combine."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sympy
import torch
from torch import Tensor

from pinn.language import (
    LanguageError,
    LinearOperator,
    Scope,
    constant,
    coordinate,
    decompose,
    extreme,
    has_field,
    parameter,
    parse,
    torch_function,
)
from pinn.operators.algebra import Algebra, minimal_algebra
from pinn.operators.estimator import Directions, Estimator, estimate, has_long_sum
from pinn.operators.kernels import Kernels, Wanted


@dataclass(frozen=True)
class Parts:
    """A result that is the least or the most of two: `min(-u_xx, u - psi)`.

    Attributes:
        combine: Operator values, coordinates and inputs to both.
        least: Else the most.
    """

    combine: Callable[..., list[Tensor]]
    least: bool

    def chosen(self, values: Tensor) -> Tensor:
        """The result, (N,), from the values of the parts, (2, N)."""
        return (values.min(dim=0) if self.least else values.max(dim=0)).values


@dataclass(frozen=True)
class Plan:
    """What `derivatives` computes.

    Attributes:
        names: The names of the results, in order.
        coordinates: Names of the D coordinates.
        fields: Names of the F fields.
        operators: The linear operators that a network is asked for, by placeholder name.
        directions: The random directions that long sums of second derivatives are estimated from, or None.
        evaluated: The operators in the coordinates and in the random directions.
        inputs: Names that the expressions need besides points and fields: learned parameters, components of normals.
        combine: Operator values, coordinates and inputs to the results.
        parts: Of each result that is the least or the most of two, in which both have fields.
        kernels: The jet rules of the smallest algebra that carries every operator.
        wanted: The blocks of channels that the operators' values are read from.
        read_outs: Per operator the triples (row of the wanted channels, field, coefficient) whose sum is its value.
    """

    names: tuple[str, ...]
    coordinates: tuple[str, ...]
    fields: tuple[str, ...]
    operators: dict[str, LinearOperator]
    directions: Directions | None
    evaluated: dict[str, LinearOperator]
    inputs: tuple[str, ...]
    combine: Callable[..., list[Tensor]]
    parts: dict[str, Parts]
    kernels: Kernels
    wanted: Wanted
    read_outs: dict[str, list[tuple[int, int, float]]]

    @property
    def algebra(self) -> Algebra:
        """The smallest algebra that carries every operator."""
        return self.kernels.algebra

    @property
    def channels(self) -> int:
        """How many channels a jet carries, the value included."""
        return self.algebra.channels

    def results(self, values: Mapping[str, Tensor], points: Tensor, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The named results (N,) from the operators' values (N,).

        Args:
            values: By operator name.
            points: (N, D).
            inputs: Learned parameters and components of normals: scalars or (N,).

        Raises:
            ValueError: An input is missing.
        """
        results, like = self.combine(*self._arguments(values, points, inputs)), points[:, 0]
        return {name: like * 0 + value for name, value in zip(self.names, results, strict=True)}

    def parts_of(
        self, name: str, values: Mapping[str, Tensor], points: Tensor, inputs: Mapping[str, Tensor]
    ) -> Tensor:  # fmt: skip
        """What the result of this name is the least or the most of, (2, N)."""
        found, like = self.parts[name].combine(*self._arguments(values, points, inputs)), points[:, 0]
        return torch.stack([like * 0 + value for value in found])

    def _arguments(
        self, values: Mapping[str, Tensor], points: Tensor, inputs: Mapping[str, Tensor]
    ) -> list[Tensor]:  # fmt: skip
        missing = [name for name in self.inputs if name not in inputs]
        if missing:
            raise ValueError(f"inputs lack {', '.join(map(repr, missing))}; the plan needs {', '.join(self.inputs)}")
        columns = [points[:, k] for k in range(len(self.coordinates))]
        return [*(values[name] for name in self.operators), *columns, *(inputs[name] for name in self.inputs)]


def plan(
    expressions: Mapping[str, str | sympy.Expr],
    coordinates: Sequence[str],
    fields: Sequence[str],
    *,
    parameters: Mapping[str, float | str] | None = None,
    inputs: Sequence[str] = (),
    estimator: Estimator | None = None,
) -> Plan:
    """Plan the evaluation of differential expressions.

    Args:
        expressions: By name, texts such as `lap(lap(u))` or `u*u_x`, or sympy expressions of the same.
        coordinates: Names of the network's inputs, in order; `t` is time.
        fields: Names of its outputs, in order.
        parameters: Values of the names that occur as constants.
        inputs: Names whose values (scalars or one a point) are given with each call.
        estimator: When to estimate sums over many coordinates, where they enter linearly; None: never.

    Returns:
        The plan; `plan.channels` says what it costs.

    Raises:
        LanguageError: A text is no expression, or a name is unknown.

    Examples:
        >>> plan({"plate": "lap(lap(u))", "slope": "u_x"}, coordinates=["x", "y"], fields=["u"]).channels
        9
    """
    if not expressions:
        raise LanguageError("nothing to plan: give at least one expression, such as {'residual': 'u_xx + u_yy'}")
    constants = {name: constant(value) for name, value in (parameters or {}).items()}
    scope = Scope(tuple(coordinates), tuple(fields), constants, tuple(inputs))
    parsed = {name: parse(e, scope) if isinstance(e, str) else e for name, e in expressions.items()}
    extremes = {name: found for name, e in parsed.items() if (found := extreme(e)) and all(map(has_field, found[1:]))}
    every = [*parsed.values(), *(part for _, a, b in extremes.values() for part in (a, b))]
    joint = decompose(sympy.Tuple(*every), scope.variables)
    operators = {symbol.name: operator for symbol, operator in joint.operators.items()}
    known = {*(coordinate(name) for name in coordinates), *joint.operators}
    outside = sorted(
        symbol.name for symbol in joint.expression.free_symbols - known if isinstance(symbol, sympy.Symbol)
    )
    arguments = [*joint.operators, *map(coordinate, coordinates), *map(parameter, outside)]
    results, of_extremes = list(joint.expression)[: len(parsed)], list(joint.expression)[len(parsed) :]
    combine, parts = torch_function(arguments, results), {}
    for k, (name, found) in enumerate(extremes.items()):
        parts[name] = Parts(torch_function(arguments, of_extremes[2 * k : 2 * k + 2]), found.name == "min")
    long = {symbol for symbol in joint.operators if has_long_sum(operators[symbol.name], estimator)}
    linear = {symbol.name for symbol in long if _enters_linearly(symbol, long, list(joint.expression))}
    evaluated, directions = estimate(operators, len(coordinates), estimator, linear)
    symbols = [symbol for operator in evaluated.values() for symbol in operator.symbols().values()]
    kernels = Kernels(minimal_algebra(symbols, len(coordinates) + (directions.total if directions else 0)))
    channels = {name: _read_out(operator, kernels.algebra, list(fields)) for name, operator in evaluated.items()}
    wanted = kernels.blocks_of([channel for triples in channels.values() for channel, _, _ in triples])
    rows = {channel: row for row, channel in enumerate(kernels.channels_of(wanted))}
    read_outs = {name: [(rows[channel], f, c) for channel, f, c in triples] for name, triples in channels.items()}
    names = tuple(parsed), tuple(coordinates), tuple(fields)
    return Plan(*names, operators, directions, evaluated, tuple(outside), combine, parts, kernels, wanted, read_outs)


def _enters_linearly(symbol: sympy.Symbol, estimated: set[sympy.Symbol], expressions: list[sympy.Expr]) -> bool:
    """Whether expressions have no powers of an estimate and no products of two: those would be biased."""
    return not any(expression.diff(symbol).free_symbols & estimated for expression in expressions)


def _read_out(operator: LinearOperator, algebra: Algebra, fields: list[str]) -> list[tuple[int, int, float]]:
    return [
        (channel, fields.index(field), coefficient)
        for field, symbol in operator.symbols().items()
        for channel, coefficient in algebra.read_out(symbol)
    ]
