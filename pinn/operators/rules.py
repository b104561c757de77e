"""The jet rules of what networks do with a tensor, by the names of torch's functions.

Shape letters: C channels, N points, W features.
"""

from collections.abc import Callable, Sequence
from functools import partial
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from pinn.operators import activations
from pinn.operators.feature import ConstantUse, Feature, LinearUse, NoJetRule
from pinn.operators.kernels import Wanted


def apply(name: str, args: Sequence[Any], kwargs: dict[str, Any] | None = None, in_place: bool = False) -> Any:
    """What torch's function of this name makes of features.

    Raises:
        NoJetRule: There is no rule for it, or what the network means by it depends on more than values.
    """
    kwargs = kwargs or {}
    if not torch.is_grad_enabled():
        raise NoJetRule("gradients are switched off within the network")
    features = [f for a in args for f in (a if isinstance(a, list | tuple) else (a,)) if isinstance(f, Feature)]
    if any(f.storage.overwritten for f in features):
        raise NoJetRule("features are used again after they were changed in place")
    result = RULES[name](*args, **kwargs) if name in RULES else _compose(name, *args, **kwargs)
    if name in VIEWS:
        for view in result if isinstance(result, tuple) else (result,):
            view.storage = features[0].storage
    if in_place or kwargs.get("inplace"):
        features[0].storage.overwritten = True
    return result


def _compose(name: str, h: Feature, *options: Any, **more: Any) -> Feature:
    table = ELEMENTARY[name]
    defaults = VARIANTS.get(name, {})
    given = {**dict(zip(defaults, options, strict=False)), **{k: v for k, v in more.items() if k != "inplace"}}
    if len(options) > len(defaults) or any(
        key not in defaults or value != defaults[key] for key, value in given.items()
    ):
        raise NoJetRule(f"{name} with {given or options} has no jet rule")
    return _elementary(h, table)


def _elementary(h: Feature, table: activations.Table) -> Feature:
    def compute(wanted: Wanted) -> Tensor:
        if h.affine:
            return h.kernels.ridge(h.value, h.slopes, table, wanted)
        return h.kernels.compose(h.channels, table, wanted)

    return h.as_jet(h.shape, compute)


def _linear(h: Any, weight: Any, bias: Any = None) -> Feature:
    if not isinstance(h, Feature) or isinstance(weight, Feature) or isinstance(bias, Feature):
        raise NoJetRule("a linear layer whose weights depend on the points has no jet rule")
    if h.dim() != 2 or weight.dim() != 2:
        raise NoJetRule("a linear layer takes features (N, W) and has weights (W, W)")
    if not h.affine:
        return h.as_jet((h.shape[0], weight.shape[0]), partial(_linear_channels, h, weight, bias))
    value, slopes = nn.functional.linear(h.value, weight, bias).to(h.dtype), (h.slopes @ weight.mT).to(h.dtype)
    if h.tape is not None:
        n = h.value.shape[0]
        slopes = slopes.expand(-1, n, -1)  # one tensor a point, whose gradients are kept apart
        inputs = torch.cat([h.value.unsqueeze(0), h.slopes.expand(-1, n, -1)]).detach()
        h.tape.append(LinearUse(weight, bias, inputs, (value, slopes), True))
    return h.as_affine(value, slopes)


def _linear_channels(h: Feature, weight: Tensor, bias: Tensor | None, wanted: Wanted) -> Tensor:
    channels, has_value = h.at(wanted), wanted[0] == 0
    z = h.kernels.linear(channels, weight, bias if has_value else None)
    if h.tape is not None:
        h.tape.append(LinearUse(weight, bias, channels.detach(), (z,), has_value))
    return z


def _matmul(h: Any, matrix: Any) -> Feature:
    if not isinstance(matrix, Tensor) or matrix.dim() != 2:
        raise NoJetRule("a matrix product has a jet rule for features times a constant matrix")
    return _linear(h, matrix.mT)


def _add(a: Any, b: Any, *, alpha: float = 1) -> Feature:
    b = b if alpha == 1 else _multiply(b, alpha)
    if not isinstance(a, Feature):
        a, b = b, a
    if not isinstance(b, Feature):
        return _add_constant(a, _constant(a, b))
    shape = _common_shape(a, b)
    if a.affine and b.affine:
        return a.as_affine(a.value + b.value, a.slopes + b.slopes)
    return a.as_jet(shape, lambda wanted: a.at(wanted) + b.at(wanted))


def _add_constant(h: Feature, b: Any) -> Feature:
    if h.affine:
        value = h.value + b
        return h.as_affine(value, h.slopes.expand(*h.slopes.shape[:2], *value.shape[1:]))
    shape = _broadcast(h, b)

    def compute(wanted: Wanted) -> Tensor:
        channels = h.at(wanted)
        if wanted[0] != 0:
            return channels.expand(-1, *shape)
        return torch.cat([(channels[0] + b).unsqueeze(0), channels[1:].expand(-1, *shape)])

    return h.as_jet(shape, compute)


def _subtract(a: Any, b: Any, *, alpha: float = 1) -> Feature:
    return _add(a, _multiply(b, -alpha) if isinstance(b, Feature) else -alpha * b)


def _multiply(a: Any, b: Any) -> Any:
    if not isinstance(a, Feature):
        a, b = b, a
    if not isinstance(b, Feature):
        return _scale(a, _constant(a, b))
    return a.as_jet(_common_shape(a, b), lambda wanted: a.kernels.multiply(a.channels, b.channels, wanted))


def _scale(h: Feature, b: Any) -> Feature:
    if h.affine:
        return h.as_affine(h.value * b, h.slopes * b)
    return h.as_jet(_broadcast(h, b), lambda wanted: h.at(wanted) * b)


def _divide(a: Any, b: Any) -> Feature:
    return _multiply(a, _elementary(b, activations.reciprocal) if isinstance(b, Feature) else 1 / b)


def _power(a: Any, b: Any) -> Feature:
    if not isinstance(b, int | float) or not isinstance(a, Feature):
        raise NoJetRule("a power has a jet rule for a fixed number as its exponent")
    return _multiply(a, a) if b == 2 else _elementary(a, partial(activations.power, exponent=float(b)))


def _constant(h: Any, b: Any) -> Any:
    """A constant that meets a feature: it may not reach into the axis of the points.

    On a tape it becomes one tensor a point, whose gradients are kept apart.
    """
    if not isinstance(h, Feature):
        raise NoJetRule("constants alone")
    if isinstance(b, Real):
        return b
    if not isinstance(b, Tensor):
        raise NoJetRule(f"features meet a constant of type {type(b).__name__}")
    if b.dim() > h.dim() or (b.dim() == h.dim() and b.shape[0] != 1):
        raise NoJetRule(f"a constant of shape {tuple(b.shape)} meets features of shape {tuple(h.shape)}")
    if h.tape is None or not b.requires_grad:
        return b
    output = b.reshape((1,) * (h.dim() - b.dim()) + b.shape).expand(h.shape[0], *(-1,) * (h.dim() - 1))
    h.tape.append(ConstantUse(b, output))
    return output


def _common_shape(a: Feature, b: Feature) -> torch.Size:
    if a.dim() != b.dim():  # torch aligns the last axes, so that points would meet features
        raise NoJetRule(f"features of shapes {tuple(a.shape)} and {tuple(b.shape)} meet")
    return torch.broadcast_shapes(a.shape, b.shape)


def _broadcast(h: Feature, b: Any) -> torch.Size:
    return torch.broadcast_shapes(h.shape, b.shape) if isinstance(b, Tensor) else h.shape


def _cat(parts: Sequence[Any], dim: int = 0) -> Feature:
    axis = _feature_axis(parts[0], dim)
    return _gather(parts, lambda tensors: torch.cat(tensors, dim=axis))


def _stack(parts: Sequence[Any], dim: int = 0) -> Feature:
    axis = _feature_axis(parts[0], dim, new=True)
    return _gather(parts, lambda tensors: torch.stack(tensors, dim=axis))


def _gather(parts: Sequence[Any], join: Callable[[list[Tensor]], Tensor]) -> Feature:
    if not all(isinstance(part, Feature) for part in parts):
        raise NoJetRule("features are joined with constants; add or multiply them instead")
    first = parts[0]
    if all(part.affine for part in parts):
        n = max(part.slopes.shape[1] for part in parts)
        slopes = [part.slopes.expand(-1, n, *part.slopes.shape[2:]) for part in parts]
        return first.as_affine(join([part.value for part in parts]), join(slopes))
    shape = join([part.like.new_empty(()).expand(part.shape) for part in parts]).shape
    return first.as_jet(shape, lambda wanted: join([part.at(wanted) for part in parts]))


def _getitem(h: Feature, index: Any) -> Feature:
    """Slices of the features; the axis of the points stays whole."""
    index = _without_ellipsis(index if isinstance(index, tuple) else (index,), h.dim())
    whole, *rest = index
    if not (isinstance(whole, slice) and whole == slice(None)) or sum(map(_picks, rest)) > 1:
        raise NoJetRule("points are picked out, or features by several lists of indices")
    if h.affine:
        return h.as_affine(h.value[index], h.slopes[(slice(None), *index)])
    shape = h.like.new_empty(()).expand(h.shape)[index].shape
    return h.as_jet(shape, lambda wanted: h.at(wanted)[(slice(None), *index)])


def _without_ellipsis(index: tuple[Any, ...], axes: int) -> tuple[Any, ...]:
    at = next((i for i, part in enumerate(index) if part is Ellipsis), None)
    if at is None:
        return index
    named = sum(part is not None for part in index) - 1
    return (*index[:at], *[slice(None)] * (axes - named), *index[at + 1 :])


def _picks(part: Any) -> bool:
    """Whether an index is a list or a tensor of numbers or of truth values."""
    if isinstance(part, Feature):
        raise NoJetRule("features are picked out by values of its input")
    return part is not None and not isinstance(part, slice) and (isinstance(part, bool) or not isinstance(part, int))


def _unsqueeze(h: Feature, dim: int) -> Feature:
    axis = _feature_axis(h, dim, new=True)
    return h.map(lambda c: c.unsqueeze(axis))


def _squeeze(h: Feature, dim: int) -> Feature:
    axis = _feature_axis(h, dim)
    return h.map(lambda c: c.squeeze(axis))


def _split(h: Feature, size: Any, dim: int = 0, name: str = "split") -> tuple[Feature, ...]:
    axis = _feature_axis(h, dim)
    count = len(getattr(h.like.new_empty(()).expand(h.shape), name)(size, dim=axis))
    return tuple(h.map(lambda c, i=i: getattr(c, name)(size, dim=axis)[i]) for i in range(count))


def _sum(h: Feature, dim: Any = None, keepdim: bool = False) -> Feature:
    axis = _feature_axis(h, dim)
    return h.map(lambda c: c.sum(dim=axis, keepdim=keepdim))


def _same(h: Any, *args: Any, **kwargs: Any) -> Any:
    return h


def _dropout(h: Feature, p: float = 0.5, training: bool = True, inplace: bool = False) -> Feature:
    if training and p:
        raise NoJetRule("dropout is random: the function changes from call to call")
    return h


def _feature_axis(h: Any, dim: Any, new: bool = False) -> int:
    """The axis counted from the end, so that it is the same with and without the axis of the channels."""
    if not isinstance(h, Feature) or not isinstance(dim, int):
        raise NoJetRule("features are joined with constants, or along several axes")
    axis = dim if dim < 0 else dim - h.dim() - new
    if not 0 < -axis < h.dim() + new:
        raise NoJetRule("points are mixed with each other")
    return axis


ELEMENTARY: dict[str, activations.Table] = {
    name: getattr(activations, name)
    for name in (
        *("tanh", "sigmoid", "sin", "cos", "exp", "log", "sqrt", "reciprocal", "sinh", "cosh"),
        *("softplus", "silu", "gelu", "erf", "atan", "asinh", "tan"),
    )
}
# options that change the function, with the values that have a rule
VARIANTS: dict[str, dict[str, Any]] = {"softplus": {"beta": 1, "threshold": 20}, "gelu": {"approximate": "none"}}
RULES: dict[str, Callable[..., Any]] = {
    "linear": _linear,
    "matmul": _matmul,
    "add": _add,
    "sub": _subtract,
    "subtract": _subtract,
    "mul": _multiply,
    "multiply": _multiply,
    "div": _divide,
    "divide": _divide,
    "truediv": _divide,
    "pow": _power,
    "square": lambda h: _multiply(h, h),
    "neg": lambda h: _multiply(h, -1.0),
    "cat": _cat,
    "concat": _cat,
    "hstack": lambda parts: _cat(parts, dim=1),
    "stack": _stack,
    "getitem": _getitem,
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "split": _split,
    "chunk": partial(_split, name="chunk"),
    "sum": _sum,
    "dropout": _dropout,
    "contiguous": _same,
    "clone": lambda h: h.map(lambda c: c),
}
VIEWS = {"getitem", "unsqueeze", "squeeze", "split", "chunk"}
REFLECTED = ((Tensor.__rsub__, "sub"), (Tensor.__rtruediv__, "div"), (Tensor.__rpow__, "pow"))
# torch's functions, methods and operators of these names
NAMES: dict[Any, str] = {
    getattr(place, spelling): name
    for name in (*RULES, *ELEMENTARY)
    for place in (torch, nn.functional, Tensor)
    for spelling in (name, f"__{name}__")
    if hasattr(place, spelling)
}
