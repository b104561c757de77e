"""The reference engine: nested reverse-mode derivatives, each prefix taken once.

Shape letters: N points, D coordinates, F fields.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pinn.language import LinearOperator

Exponents = tuple[int, ...]
BATCH_NORMS = (nn.functional.batch_norm, torch.batch_norm)  # the sixth argument of both is `training`


def operator_values(
    network: Callable[[Tensor], Tensor], points: Tensor, operators: Mapping[str, LinearOperator], fields: Sequence[str]
) -> dict[str, Tensor]:
    """The value (N,) of each operator, by `torch.autograd.grad(..., create_graph=True)`.

    Args:
        network: Maps (N, D) to (N, F), or to (N,) of one field; each row by itself.
        points: (N, D).
        operators: By name.
        fields: The names of the network's outputs.

    Raises:
        ValueError: The outputs are complex or of another shape, or the network normalises over the points.
    """
    with torch.enable_grad():
        x = points if points.requires_grad else points.detach().requires_grad_()
        with _EachRowByItself():
            output = columns(network(x), x, fields)
        values = {(field, (0,) * x.shape[1]): output[:, i] for i, field in enumerate(fields)}
        return {
            name: sum(
                (float(c) * _derivative(values, x, field, e) for field, e, c in operator.terms), start=x.new_zeros(())
            )
            for name, operator in operators.items()
        }


def columns(output: Tensor, points: Tensor, fields: Sequence[str]) -> Tensor:
    """The output as (N, F), a column a field.

    Raises:
        ValueError: It is no tensor, complex or of another shape.
    """
    if not isinstance(output, Tensor):
        raise ValueError(f"the network gives a {type(output).__name__}, not one tensor (N, {len(fields)})")
    refuse_outputs(output.shape, output.dtype, len(points), fields)
    return output.reshape(len(points), len(fields))


def refuse_outputs(shape: Sequence[int], dtype: torch.dtype, points: int, fields: Sequence[str]) -> None:
    """Raise `ValueError` where outputs are complex, or neither (N, F) nor (N,) of one field."""
    if dtype.is_complex:
        raise ValueError("the network gives complex values: give the real and the imaginary part a column each")
    if tuple(shape) != (points, len(fields)) and (tuple(shape) != (points,) or len(fields) > 1):
        wanted = f"(N, {len(fields)}), a column each for {', '.join(fields)}"
        raise ValueError(f"the network gives {tuple(shape)}, not {wanted}")


def gradient(value: Tensor, x: Tensor, *, create_graph: bool = False) -> Tensor:
    """Of a sum over the points, (N, D); zero where it does not depend on them."""
    if not value.requires_grad:
        return torch.zeros_like(x)
    (found,) = torch.autograd.grad(
        value, x, retain_graph=True, create_graph=create_graph, allow_unused=True, materialize_grads=True
    )
    return found


class _EachRowByItself(TorchFunctionMode):
    """Refuses means over the points, however they are called: the derivatives of their sum are no point's."""

    def __torch_function__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in BATCH_NORMS and (args[5] if len(args) > 5 else kwargs.get("training")):
            raise ValueError(
                "the network has batch normalisation in training mode, by which each value depends on all points: "
                "call network.eval(), or take nn.LayerNorm"
            )
        return func(*args, **kwargs)


def _derivative(values: dict[tuple[str, Exponents], Tensor], x: Tensor, field: str, exponents: Exponents) -> Tensor:
    """`d^exponents field` (N,), from the derivative that lacks one step along the last coordinate it has.

    One reverse pass gives the whole gradient, so every sibling is kept.
    """
    if (field, exponents) not in values:
        k = max(i for i, exponent in enumerate(exponents) if exponent)
        lower = tuple(e - (i == k) for i, e in enumerate(exponents))
        parent = _derivative(values, x, field, lower)
        slopes = gradient(parent.sum(), x, create_graph=True)
        for i in range(x.shape[1]):
            values.setdefault((field, tuple(e + (i == j) for j, e in enumerate(lower))), slopes[:, i])
    return values[field, exponents]
