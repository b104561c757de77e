"""Gradients point by point of what comes from jets: a row of the Jacobian depends on one point alone.

Shape letters: C channels, N points, P parameters, W features.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from pinn.operators.feature import ConstantUse, LinearUse, Tape


def jacobians(results: Mapping[str, Tensor], tape: Tape, parameters: list[Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Each result's name and its gradient (N, P) point by point, columns in the order of the parameters.

    One backward pass a result gives them all: a linear layer's weight gradient is the product of its input channels A
    and of the gradients G at its output channels, `J = sum_c G[c, n, o] A[c, n, i]`; a parameter that scales or shifts
    features is expanded to one a point, and what is computed from parameters passes its gradients on.

    Args:
        results: By name, (N,), each a function of one point's operators.
        tape: The uses of parameters on the way to them.
        parameters: The P parameters.
    """
    tape = [use for use in tape if any(_reaches(tensor, parameters) for tensor in _tensors(use))]
    outputs = [output for use in tape for output in _outputs(use)]
    for name, result in results.items():
        found = iter(gradients(result.sum(), outputs))
        columns = {id(p): result.new_zeros(len(result), p.numel()) for p in parameters}
        for use in tape:
            for tensor, gradient in _per_point(use, [next(found) for _ in _outputs(use)]):
                _add_columns(columns, tensor, gradient, parameters, use.rows)
        yield name, torch.cat([columns[id(p)] for p in parameters], dim=1)


def expanded(scalar: Tensor, n: int, tape: Tape) -> Tensor:
    """A scalar parameter as one value a point, (N,), on the tape."""
    output = scalar.expand(n)
    tape.append(ConstantUse(scalar, output))
    return output


def gradients(value: Tensor, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Of a scalar; zero where the value does not depend on an input; the graph stays for the next equation."""
    return torch.autograd.grad(value, inputs, retain_graph=True, allow_unused=True, materialize_grads=True)


def _outputs(use: LinearUse | ConstantUse) -> tuple[Tensor, ...]:
    return use.outputs if isinstance(use, LinearUse) else (use.output,)


def _tensors(use: LinearUse | ConstantUse) -> list[Tensor]:
    tensors = [use.weight, use.bias] if isinstance(use, LinearUse) else [use.constant]
    return [tensor for tensor in tensors if tensor is not None]


def _reaches(tensor: Tensor, parameters: list[Tensor]) -> bool:
    """Whether it is one of the parameters, or depends on one."""
    if tensor.grad_fn is None:
        return any(tensor is p for p in parameters)
    found = torch.autograd.grad(tensor.sum(), parameters, retain_graph=True, allow_unused=True)
    return any(gradient is not None for gradient in found)


def _per_point(use: LinearUse | ConstantUse, at_outputs: list[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """The tensors of one use and their gradients point by point, (N, ...)."""
    if isinstance(use, ConstantUse):
        yield use.constant, at_outputs[0].reshape(-1, *use.constant.shape)
        return
    value, *slopes = at_outputs
    channels = torch.cat([value.unsqueeze(0), *slopes]) if slopes else value
    yield use.weight, torch.einsum("cno,cni->noi", channels, use.inputs)
    if use.bias is not None and use.has_value:
        yield use.bias, channels[0]


def _add_columns(
    columns: dict[int, Tensor], tensor: Tensor, gradient: Tensor, parameters: list[Tensor], rows: Tensor | None = None
) -> None:
    """Add per-point gradients (N, ...) of a tensor to the columns of the parameter that it is, or depends on."""

    def add(p: Tensor, found: Tensor) -> None:
        found, column = found.reshape(len(found), -1), columns[id(p)]
        columns[id(p)] = column + found if rows is None else column.index_add(0, rows, found)

    if id(tensor) in columns:
        add(tensor, gradient)
    elif tensor.grad_fn is not None:
        options = {"is_grads_batched": True, "retain_graph": True, "allow_unused": True}
        for p, found in zip(parameters, torch.autograd.grad(tensor, parameters, gradient, **options), strict=True):
            if found is not None:
                add(p, found)
