"""The reference engine: nested reverse-mode derivatives, each prefix taken once.

Shape letters: N points, D coordinates, F fields.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from pinn.language import LinearOperator

Exponents = tuple[int, ...]


def operator_values(
    network: nn.Module, points: Tensor, operators: Mapping[str, LinearOperator], fields: Iterable[str]
) -> dict[str, Tensor]:
    """The value (N,) of each operator, by `torch.autograd.grad(..., create_graph=True)`.

    Args:
        network: Maps (N, D) to (N, F); each row by itself.
        points: (N, D).
        operators: By name.
        fields: The names of the network's outputs.
    """
    with torch.enable_grad():
        x = points if points.requires_grad else points.detach().requires_grad_()
        output = network(x)
        values = {(field, (0,) * x.shape[1]): output[:, i] for i, field in enumerate(fields)}
        return {
            name: sum(
                (float(c) * _derivative(values, x, field, e) for field, e, c in operator.terms), start=x.new_zeros(())
            )
            for name, operator in operators.items()
        }


def _derivative(values: dict[tuple[str, Exponents], Tensor], x: Tensor, field: str, exponents: Exponents) -> Tensor:
    """`d^exponents field` (N,), from the derivative that lacks one step along the last coordinate it has.

    One reverse pass gives the whole gradient, so every sibling is kept.
    """
    if (field, exponents) not in values:
        k = max(i for i, exponent in enumerate(exponents) if exponent)
        lower = tuple(e - (i == k) for i, e in enumerate(exponents))
        parent = _derivative(values, x, field, lower)
        (gradient,) = (
            torch.autograd.grad(parent.sum(), x, create_graph=True, allow_unused=True, materialize_grads=True)
            if parent.requires_grad
            else (torch.zeros_like(x),)
        )
        for i in range(x.shape[1]):
            values.setdefault((field, tuple(e + (i == j) for j, e in enumerate(lower))), gradient[:, i])
    return values[field, exponents]
