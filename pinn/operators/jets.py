"""Jets of any network made of linear layers, activations, products, sums, concatenations and slices.

A network is called with a feature in place of the points; torch hands every function that meets it to the rules here
(`__torch_function__`). What has no rule raises `NoJetRule`, and the caller takes the reference engine: never a wrong
number.

Shape letters: C channels, N points, W features, D coordinates.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pinn.operators import activations
from pinn.operators.kernels import Kernels


class NoJetRule(NotImplementedError):
    """The network does something that jets have no rule for."""


@dataclass
class LinearUse:
    """One use of a linear layer, kept to form per-point gradients of its parameters.

    Attributes:
        weight: The layer's weight.
        bias: Its bias.
        inputs: (C', N, W_in), the channels that went in.
        outputs: The tensors whose gradients together are (C', N, W_out).
    """

    weight: Tensor
    bias: Tensor | None
    inputs: Tensor
    outputs: tuple[Tensor, ...]


class Feature:
    """A feature of the network, (N, ...), as a function of the coordinates.

    Before any activation it is affine, and most of its channels are known to be constant; then `slopes` is there and
    `channels` is not.

    Args:
        kernels: The rules of the algebra.
        value: (N, ...).
        slopes: (D, 1 or N, ...), the derivative of an affine feature along each coordinate.
        channels: (C, N, ...) of any other.
        tape: Where given, the uses of linear layers are appended to it.
    """

    def __init__(
        self,
        kernels: Kernels,
        value: Tensor,
        *,
        slopes: Tensor | None = None,
        channels: Tensor | None = None,
        tape: list[LinearUse] | None = None,
    ):
        self.kernels, self.value, self.tape = kernels, value, tape
        self._slopes, self._channels = slopes, channels

    @property
    def affine(self) -> bool:
        """Whether it is an affine function of the coordinates."""
        return self._slopes is not None

    @property
    def slopes(self) -> Tensor:
        """(D, 1 or N, ...)."""
        assert self._slopes is not None
        return self._slopes

    @property
    def channels(self) -> Tensor:
        """(C, N, ...)."""
        return self.kernels.expand(self.value, self.slopes) if self._channels is None else self._channels

    def as_affine(self, value: Tensor, slopes: Tensor) -> "Feature":
        """Another feature of the same network, affine."""
        return Feature(self.kernels, value, slopes=slopes, tape=self.tape)

    def as_jet(self, channels: Tensor) -> "Feature":
        """Another feature of the same network, with all channels."""
        return Feature(self.kernels, channels[0], channels=channels, tape=self.tape)

    def map(self, linear: Callable[[Tensor], Tensor]) -> "Feature":
        """Apply a linear map of the features."""
        if self.affine:
            return self.as_affine(linear(self.value), linear(self.slopes))
        return self.as_jet(linear(self.channels))

    # -- what networks do with a tensor -------------------------------------------------------------------------------

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        """Torch's hook: a function of torch has met a feature."""
        if func in NAMES:
            return _apply(NAMES[func], args, kwargs or {})
        for reflected, name in REFLECTED:  # under torch.compile these come by, and a dictionary does not find them
            if func is reflected:
                return _apply(name, args[::-1], kwargs or {})
        raise NoJetRule(f"{func} has no jet rule")

    def __add__(self, other: Any) -> "Feature":
        return _apply("add", (self, other))

    def __radd__(self, other: Any) -> "Feature":
        return _apply("add", (self, other))

    def __sub__(self, other: Any) -> "Feature":
        return _apply("sub", (self, other))

    def __rsub__(self, other: Any) -> "Feature":
        return _apply("sub", (other, self))

    def __mul__(self, other: Any) -> "Feature":
        return _apply("mul", (self, other))

    def __rmul__(self, other: Any) -> "Feature":
        return _apply("mul", (self, other))

    def __truediv__(self, other: Any) -> "Feature":
        return _apply("div", (self, other))

    def __rtruediv__(self, other: Any) -> "Feature":
        return _apply("div", (other, self))

    def __pow__(self, other: Any) -> "Feature":
        return _apply("pow", (self, other))

    def __neg__(self) -> "Feature":
        return _apply("mul", (self, -1.0))

    def __matmul__(self, other: Any) -> "Feature":
        return _apply("matmul", (self, other))

    def __getitem__(self, index: Any) -> "Feature":
        return _apply("getitem", (self, index))

    def __bool__(self) -> bool:
        raise NoJetRule("the network decides by the values of its input")

    def __eq__(self, other: object) -> bool:
        raise NoJetRule("the network compares values of its input")

    __hash__ = object.__hash__

    def __len__(self) -> int:
        return self.value.shape[0]

    @property
    def shape(self) -> torch.Size:
        """(N, ...)."""
        return self.value.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.value.dim()

    def dim(self) -> int:
        """Number of axes."""
        return self.value.dim()

    def size(self, dim: int | None = None) -> Any:
        """Its shape, or one length of it."""
        return self.value.size() if dim is None else self.value.size(dim)

    @property
    def dtype(self) -> torch.dtype:
        """That of its values."""
        return self.value.dtype

    @property
    def device(self) -> torch.device:
        """That of its values."""
        return self.value.device

    def __getattr__(self, name: str) -> Any:
        """Methods of tensors, such as `h.sin()` and `h.unsqueeze(1)`."""
        if name not in RULES and name not in ELEMENTARY:
            raise AttributeError(name)
        return lambda *args, **kwargs: _apply(name, (self, *args), kwargs)


def network_jet(network: nn.Module, points: Tensor, kernels: Kernels, tape: list[LinearUse] | None = None) -> Tensor:
    """The channels (C, N, F) of the network at the points (N, D).

    Args:
        network: Maps (N, D) to (N, F).
        points: (N, D).
        kernels: The rules of the algebra that the operators need.
        tape: Where given, the uses of linear layers are appended to it.

    Raises:
        NoJetRule: Something in the network has no jet rule.
    """
    slopes = torch.eye(points.shape[1], dtype=points.dtype, device=points.device).unsqueeze(1)
    try:
        result = network(Feature(kernels, points, slopes=slopes, tape=tape))
    except NoJetRule:
        raise
    except Exception as error:  # the network's own code, on something that is no tensor; the reference engine will tell
        raise NoJetRule(str(error).partition("\n")[0] or type(error).__name__) from error
    if not isinstance(result, Feature):
        raise NoJetRule("its output does not depend on the points, or is no single tensor")
    return result.channels


# -- rules ------------------------------------------------------------------------------------------------------------


def _apply(name: str, args: Sequence[Any], kwargs: dict[str, Any] | None = None) -> Any:
    kwargs = kwargs or {}
    if name in ELEMENTARY:
        return _compose(name, *args, **kwargs)
    if name in RULES:
        return RULES[name](*args, **kwargs)
    raise NoJetRule(f"{name} has no jet rule")


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
    if h.affine:
        return h.as_jet(h.kernels.ridge(h.value, h.slopes, table))
    return h.as_jet(h.kernels.compose(h.channels, table))


def _linear(h: Any, weight: Any, bias: Any = None) -> Feature:
    if not isinstance(h, Feature) or isinstance(weight, Feature) or isinstance(bias, Feature):
        raise NoJetRule("a linear layer whose weights depend on the points has no jet rule")
    if h.dim() != 2:
        raise NoJetRule("a linear layer takes features (N, W)")
    if not h.affine:
        channels = h.channels
        z = h.as_jet(h.kernels.linear(channels, weight, bias))
        if h.tape is not None:
            h.tape.append(LinearUse(weight, bias, channels.detach(), (z.channels,)))
        return z
    value, slopes = nn.functional.linear(h.value, weight, bias).to(h.dtype), (h.slopes @ weight.mT).to(h.dtype)
    if h.tape is not None:
        n = h.value.shape[0]
        slopes = slopes.expand(-1, n, -1)  # one tensor a point, whose gradients are kept apart
        inputs = torch.cat([h.value.unsqueeze(0), h.slopes.expand(-1, n, -1)]).detach()
        h.tape.append(LinearUse(weight, bias, inputs, (value, slopes)))
    return h.as_affine(value, slopes)


def _matmul(h: Any, matrix: Any) -> Feature:
    if not isinstance(matrix, Tensor) or matrix.dim() != 2:
        raise NoJetRule("a matrix product has a jet rule for features times a constant matrix")
    return _linear(h, matrix.mT)


def _add(a: Any, b: Any, *, alpha: float = 1) -> Feature:
    b = b if alpha == 1 else _multiply(b, alpha)
    if not isinstance(a, Feature):
        a, b = b, a
    if not isinstance(b, Feature):
        _check_constant(a, b)
        value = a.value + b
        if a.affine:
            return a.as_affine(value, a.slopes.expand(*a.slopes.shape[:2], *value.shape[1:]))
        return a.as_jet(torch.cat([value.unsqueeze(0), a.channels[1:].expand(-1, *value.shape)]))
    if a.affine and b.affine:
        return a.as_affine(a.value + b.value, a.slopes + b.slopes)
    return a.as_jet(a.channels + b.channels)


def _subtract(a: Any, b: Any, *, alpha: float = 1) -> Feature:
    return _add(a, _multiply(b, -alpha) if isinstance(b, Feature) else -alpha * b)


def _multiply(a: Any, b: Any) -> Any:
    if not isinstance(a, Feature):
        a, b = b, a
    if not isinstance(b, Feature):
        _check_constant(a, b)
        return a.map(lambda c: c * b)
    return a.as_jet(a.kernels.multiply(a.channels, b.channels))


def _divide(a: Any, b: Any) -> Feature:
    return _multiply(a, _elementary(b, activations.reciprocal) if isinstance(b, Feature) else 1 / b)


def _power(a: Any, b: Any) -> Feature:
    if not isinstance(b, int | float) or not isinstance(a, Feature):
        raise NoJetRule("a power has a jet rule for a fixed number as its exponent")
    return _multiply(a, a) if b == 2 else _elementary(a, partial(activations.power, exponent=float(b)))


def _check_constant(a: Any, b: Any) -> None:
    """A constant must not reach into the axis of the points."""
    if not isinstance(a, Feature):
        raise NoJetRule("constants alone")
    if isinstance(b, Tensor) and (b.dim() > a.dim() or (b.dim() == a.dim() and b.shape[0] != 1)):
        raise NoJetRule(f"a constant of shape {tuple(b.shape)} meets features of shape {tuple(a.shape)}")


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
    return first.as_jet(join([part.channels for part in parts]))


def _getitem(h: Feature, index: Any) -> Feature:
    """Slices of the features; the axis of the points stays whole."""
    index = index if isinstance(index, tuple) else (index,)
    if index[0] is Ellipsis and h.dim() > 1:
        return h.map(lambda c: c[index])
    if not (isinstance(index[0], slice) and index[0] == slice(None)) or any(isinstance(i, Feature) for i in index):
        raise NoJetRule("points are picked out")
    if h.affine:
        return h.as_affine(h.value[index], h.slopes[(slice(None), *index)])
    return h.as_jet(h.channels[(slice(None), *index)])


def _unsqueeze(h: Feature, dim: int) -> Feature:
    axis = _feature_axis(h, dim, new=True)
    return h.map(lambda c: c.unsqueeze(axis))


def _squeeze(h: Feature, dim: int) -> Feature:
    axis = _feature_axis(h, dim)
    return h.map(lambda c: c.squeeze(axis))


def _split(h: Feature, size: Any, dim: int = 0, name: str = "split") -> tuple[Feature, ...]:
    axis = _feature_axis(h, dim)
    if h.affine:
        parts = zip(*(getattr(c, name)(size, dim=axis) for c in (h.value, h.slopes)), strict=True)
        return tuple(h.as_affine(value, slopes) for value, slopes in parts)
    return tuple(h.as_jet(part) for part in getattr(h.channels, name)(size, dim=axis))


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
    if -axis >= h.dim() + new:
        raise NoJetRule("points are mixed with each other")
    return axis


ELEMENTARY: dict[str, activations.Table] = {
    name: getattr(activations, name)
    for name in (
        *("tanh", "sigmoid", "sin", "cos", "exp", "log", "sqrt", "reciprocal", "sinh", "cosh"),
        *("softplus", "silu", "gelu"),
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
    "clone": _same,
}
REFLECTED = ((Tensor.__rsub__, "sub"), (Tensor.__rtruediv__, "div"), (Tensor.__rpow__, "pow"))
# torch's functions, methods and operators of these names
NAMES: dict[Any, str] = {
    getattr(place, spelling): name
    for name in (*RULES, *ELEMENTARY)
    for place in (torch, nn.functional, Tensor)
    for spelling in (name, f"__{name}__")
    if hasattr(place, spelling)
}
