"""From expressions to a plan: which operators are needed, which algebra carries them, how the results combine."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy
from torch import Tensor

from pinn.language import (
    LanguageError,
    LinearOperator,
    Scope,
    constant,
    coordinate,
    decompose,
    parameter,
    parse,
    torch_function,
)
from pinn.operators.algebra import Algebra, minimal_algebra
from pinn.operators.kernels import Kernels


@dataclass(frozen=True)
class Plan:
    """What `derivatives` computes.

    Attributes:
        names: The names of the results, in order.
        coordinates: Names of the D coordinates.
        fields: Names of the F fields.
        operators: The linear operators that a network is asked for, by placeholder name.
        inputs: Names that the expressions need besides points and fields: learned parameters, components of normals.
        combine: Operator values, coordinates and inputs to the results.
    """

    names: tuple[str, ...]
    coordinates: tuple[str, ...]
    fields: tuple[str, ...]
    operators: dict[str, LinearOperator]
    inputs: tuple[str, ...]
    combine: Callable[..., list[Tensor]]

    @cached_property
    def algebra(self) -> Algebra:
        """The smallest algebra that carries every operator."""
        symbols = [symbol for operator in self.operators.values() for symbol in operator.symbols().values()]
        return minimal_algebra(symbols, len(self.coordinates))

    @cached_property
    def kernels(self) -> Kernels:
        """The jet rules of the algebra."""
        return Kernels(self.algebra)

    @property
    def channels(self) -> int:
        """How many channels a jet carries, the value included."""
        return self.algebra.channels

    @cached_property
    def read_outs(self) -> dict[str, list[tuple[int, int, float]]]:
        """Per operator the triples (channel, field, coefficient) whose sum is its value."""
        return {
            name: [
                (channel, self.fields.index(field), coefficient)
                for field, symbol in operator.symbols().items()
                for channel, coefficient in self.algebra.read_out(symbol)
            ]
            for name, operator in self.operators.items()
        }

    def results(self, values: Mapping[str, Tensor], points: Tensor, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The named results (N,) from the operators' values (N,).

        Args:
            values: By operator name.
            points: (N, D).
            inputs: Learned parameters and components of normals: scalars or (N,).

        Raises:
            ValueError: An input is missing.
        """
        missing = [name for name in self.inputs if name not in inputs]
        if missing:
            raise ValueError(f"inputs lack {', '.join(map(repr, missing))}; the plan needs {', '.join(self.inputs)}")
        columns = [points[:, k] for k in range(len(self.coordinates))]
        arguments = [*(values[name] for name in self.operators), *columns, *(inputs[name] for name in self.inputs)]
        results = self.combine(*arguments)
        like = points[:, 0]
        return {name: like * 0 + value for name, value in zip(self.names, results, strict=True)}


def plan(
    expressions: Mapping[str, str | sympy.Expr],
    coordinates: Sequence[str],
    fields: Sequence[str],
    *,
    parameters: Mapping[str, float | str] | None = None,
    inputs: Sequence[str] = (),
) -> Plan:
    """Plan the evaluation of differential expressions.

    Args:
        expressions: By name, texts such as `lap(lap(u))` or `u*u_x`, or sympy expressions of the same.
        coordinates: Names of the network's inputs, in order; `t` is time.
        fields: Names of its outputs, in order.
        parameters: Values of the names that occur as constants.
        inputs: Names whose values (scalars or one a point) are given with each call.

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
    joint = decompose(sympy.Tuple(*parsed.values()), scope.variables)
    operators = {symbol.name: operator for symbol, operator in joint.operators.items()}
    known = {*(coordinate(name) for name in coordinates), *joint.operators}
    outside = sorted(
        symbol.name for symbol in joint.expression.free_symbols - known if isinstance(symbol, sympy.Symbol)
    )
    arguments = [*joint.operators, *map(coordinate, coordinates), *map(parameter, outside)]
    combine = torch_function(arguments, list(joint.expression))
    return Plan(tuple(parsed), tuple(coordinates), tuple(fields), operators, tuple(outside), combine)
