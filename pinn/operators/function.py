"""Plain functions in the place of a network: of the points, or of the coordinates one by one.

The reference engine sums a derivative over the points before it takes the next one, which is right only where each row
of the result depends on the same row of the points. A network is trusted to do so; a function is looked at.

Shape letters: N points, D coordinates, F fields.
"""

import inspect
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pinn.operators.autograd import columns, gradient

APART = 1e-6  # relative: weights are powers of two, so that rounding is the same with and without them
FEW = ("x", "y", "z")


def coordinate_names(function: Callable[..., Tensor], count: int) -> tuple[str, ...]:
    """What D coordinates are called where nobody says it: as the function's arguments, else x, y, z or x1, x2, ..."""
    names = () if isinstance(function, nn.Module) else _required(function)
    if len(names) == count:
        return names
    return FEW[:count] if count <= len(FEW) else tuple(f"x{k + 1}" for k in range(count))


def of_points(
    function: Callable[..., Tensor], count: int, fields: Sequence[str]
) -> Callable[[Tensor], Tensor]:  # fmt: skip
    """The function of the points (N, D) to (N, F), checked each time that it is called.

    Args:
        function: Of the points, or of the D coordinates, (N,) each, one by one.
        count: D.
        fields: The names of the F columns.

    Raises:
        ValueError: It has another number of arguments; when called, its rows depend on each other, or nothing leads
            back from its values to the points.
    """
    names = _required(function)
    if len(names) not in {0, 1, count}:
        raise ValueError(
            f"the function takes {len(names)} arguments, {', '.join(names)}, and the points have {count} columns: "
            "write it of the points (N, D), or of one argument a column"
        )
    one_by_one = len(names) > 1

    def checked(points: Tensor) -> Tensor:
        output = columns(function(*points.unbind(1)) if one_by_one else function(points), points, fields)
        _refuse_constants(output)
        _refuse_dependent_rows(output, points)
        return output

    return checked


def _required(function: Callable[..., Tensor]) -> tuple[str, ...]:
    """The names of the arguments that have no default; none where Python cannot tell, as of functions written in C."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(p.name for p in parameters if p.kind in positional and p.default is p.empty)


def _refuse_constants(output: Tensor) -> None:
    """Values that differ without a derivative were computed outside of torch: their derivatives would be told as 0."""
    if not output.requires_grad and not torch.equal(output, output[:1].expand_as(output)):
        raise ValueError(
            "the function's values differ from point to point, but nothing leads back from them to the points: "
            "write it in functions of torch, without numpy, detach and no_grad"
        )


def _refuse_dependent_rows(output: Tensor, points: Tensor) -> None:
    """A sum over the points with weights has the gradient of the sum without them times the weights, row by row."""
    if not output.requires_grad or len(points) < 2:
        return
    random = torch.randint(4, (len(points),), generator=torch.Generator().manual_seed(0))
    weights = torch.exp2(torch.arange(len(points)) % 2 + 2 * random).to(points)[:, None]
    expected, found = weights * gradient(output.sum(), points), gradient((weights * output).sum(), points)
    apart = (found - expected).nan_to_num(0.0, 0.0, 0.0).abs().amax()  # a singular point is no sign of it
    if apart > APART * found.nan_to_num(0.0, 0.0, 0.0).abs().amax():
        raise ValueError(
            "the function's rows depend on each other, so that its value at a point has no derivative there: "
            "write each row of the result in terms of the same row of the points"
        )
