"""Jets of any network made of linear layers, activations, products, sums, concatenations and slices.

The module is traced once by `torch.fx`; the graph is then run on jets instead of tensors. What has no jet rule raises
`NoJetRule`, and the caller takes the reference engine: never a wrong number.

Shape letters: C channels, N points, W features, D coordinates.
"""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from pinn.operators import activations
from pinn.operators.jets import Affine, Jet, JetArithmetic

ELEMENTARY: dict[Any, activations.Table] = {
    **dict.fromkeys((torch.tanh, F.tanh, nn.Tanh, "tanh"), activations.tanh),
    **dict.fromkeys((torch.sigmoid, F.sigmoid, nn.Sigmoid, "sigmoid"), activations.sigmoid),
    **dict.fromkeys((torch.sin, "sin"), activations.sin),
    **dict.fromkeys((torch.cos, "cos"), activations.cos),
    **dict.fromkeys((torch.exp, "exp"), activations.exp),
    **dict.fromkeys((torch.log, "log"), activations.log),
    **dict.fromkeys((torch.sqrt, "sqrt"), activations.sqrt),
    **dict.fromkeys((torch.sinh, "sinh"), activations.sinh),
    **dict.fromkeys((torch.cosh, "cosh"), activations.cosh),
    **dict.fromkeys((torch.reciprocal, "reciprocal"), activations.reciprocal),
    **dict.fromkeys((F.softplus, nn.Softplus), activations.softplus),
    **dict.fromkeys((F.silu, nn.SiLU), activations.silu),
    **dict.fromkeys((F.gelu, nn.GELU), activations.gelu),
}
ADD = (operator.add, operator.iadd, torch.add, "add")
SUBTRACT = (operator.sub, torch.sub, "sub")
MULTIPLY = (operator.mul, operator.imul, torch.mul, "mul")
DIVIDE = (operator.truediv, torch.div, "div")
POWER = (operator.pow, torch.pow, "pow")
NEGATE = (operator.neg, torch.neg, "neg")
REGISTERED: WeakKeyDictionary[nn.Module, dict[bool, fx.Graph]] = WeakKeyDictionary()


class NoJetRule(NotImplementedError):
    """The network does something that jets have no rule for."""


@dataclass
class LinearUse:
    """One use of a linear layer, kept to form per-point gradients of its parameters.

    Attributes:
        weight: The layer's weight.
        bias: Its bias.
        inputs: (C', N or 1, W_in), the channels that went in.
        outputs: The tensors whose gradients together are (C', N, W_out).
    """

    weight: Tensor
    bias: Tensor | None
    inputs: Tensor
    outputs: tuple[Tensor, ...]


def trace(network: nn.Module) -> fx.Graph:
    """The graph of the network's `forward`, traced once for each of its two modes (training or not).

    Raises:
        NoJetRule: The network decides by the values of its input, or is no traceable Python.
    """
    graphs = REGISTERED.setdefault(network, {})
    if network.training not in graphs:
        try:
            graphs[network.training] = fx.Tracer().trace(network)
        except Exception as error:  # torch.fx raises whatever the network's own code raises on a proxy
            raise NoJetRule(f"{type(network).__name__} cannot be traced: {str(error).splitlines()[0]}") from error
    return graphs[network.training]


def network_jet(
    network: nn.Module, points: Tensor, arithmetic: JetArithmetic, tape: list[LinearUse] | None = None
) -> Jet:
    """The jet (C, N, F) of the network at the points (N, D).

    Args:
        network: Maps (N, D) to (N, F).
        points: (N, D).
        arithmetic: The rules of the algebra that the operators need.
        tape: Where given, the uses of linear layers are appended to it.

    Raises:
        NoJetRule: Something in the network has no jet rule.
    """
    interpreter = _JetInterpreter(network, arithmetic, points.shape[0], tape)
    result = interpreter.run(trace(network), arithmetic.coordinates(points))
    if not isinstance(result, Affine | Jet):
        raise NoJetRule("the network's output does not depend on the points, or is no single tensor")
    return arithmetic.jet(result)


class _JetInterpreter:
    """Runs a traced graph on jets."""

    def __init__(self, network: nn.Module, arithmetic: JetArithmetic, n: int, tape: list[LinearUse] | None):
        self.network, self.jets, self.n, self.tape = network, arithmetic, n, tape

    def run(self, graph: fx.Graph, points: Affine) -> Any:
        values: dict[fx.Node, Any] = {}
        placeholders = 0
        for node in graph.nodes:
            args = fx.map_arg(node.args, values.__getitem__)
            kwargs = fx.map_arg(node.kwargs, values.__getitem__)
            match node.op:
                case "placeholder":
                    if placeholders:
                        raise NoJetRule("the network takes more than the points")
                    values[node], placeholders = points, 1
                case "get_attr":
                    values[node] = operator.attrgetter(node.target)(self.network)
                case "call_module":
                    module = self.network.get_submodule(node.target)
                    values[node] = self.module(module, *args, **kwargs)
                case "output":
                    return args[0]
                case _:
                    values[node] = self.function(node.target, args, kwargs)
        raise NoJetRule("the network has no output")

    def module(self, module: nn.Module, h: Any, **kwargs: Any) -> Any:
        if not isinstance(h, Affine | Jet):
            return module(h, **kwargs)
        if isinstance(module, nn.Linear):
            return self.linear(h, module.weight, module.bias)
        if isinstance(module, nn.Identity) or (isinstance(module, nn.Dropout) and not (module.training and module.p)):
            return h
        _refuse_variants(module)
        return self.compose(type(module), h)

    def function(self, target: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        on_jets = any(isinstance(a, Affine | Jet) for a in _flatten(args) + _flatten(kwargs.values()))
        if not on_jets or (target is operator.getitem and isinstance(args[0], list | tuple)):
            return getattr(args[0], target)(*args[1:], **kwargs) if isinstance(target, str) else target(*args, **kwargs)
        if target is F.linear:
            return self.linear(*args, **kwargs)
        if target in (torch.cat, torch.concat, torch.hstack):
            return self.concatenate(*args, **({"dim": 1} if target is torch.hstack else kwargs))
        if target is torch.stack:
            return self.stack(*args, **kwargs)
        if target in (F.gelu, F.softplus, torch.add, torch.sub, torch.div) and kwargs:
            raise NoJetRule(f"{target} with {kwargs} has no jet rule")
        if target in ELEMENTARY:
            return self.compose(target, *args)
        if target in ADD + SUBTRACT + MULTIPLY + DIVIDE + POWER:
            return self.binary(target, *args)
        if target in NEGATE:
            return self.scale(args[0], -1.0)
        return self.reshape(target, args, kwargs)

    # -- rules --------------------------------------------------------------------------------------------------------

    def linear(self, h: Any, weight: Tensor, bias: Tensor | None = None) -> Affine | Jet:
        if not isinstance(h, Affine | Jet) or isinstance(weight, Affine | Jet) or isinstance(bias, Affine | Jet):
            raise NoJetRule("a linear layer whose weights depend on the points has no jet rule")
        if h.value.dim() != 2:
            raise NoJetRule("a linear layer takes features (N, W)")
        z = self.jets.linear(h, weight, bias)
        if self.tape is None:
            return z
        if isinstance(h, Jet) and isinstance(z, Jet):
            self.tape.append(LinearUse(weight, bias, h.channels.detach(), (z.channels,)))
            return z
        assert isinstance(h, Affine) and isinstance(z, Affine)
        z = Affine(z.value, z.slopes.expand(-1, self.n, -1))
        inputs = torch.cat([h.value.unsqueeze(0), h.slopes.expand(-1, self.n, -1)]).detach()
        self.tape.append(LinearUse(weight, bias, inputs, (z.value, z.slopes)))
        return z

    def compose(self, key: Any, h: Affine | Jet, *rest: Any) -> Jet:
        table = ELEMENTARY.get(key)
        if table is None or rest:
            raise NoJetRule(f"{getattr(key, '__name__', key)} has no jet rule")
        return self.jets.compose(h, table)

    def binary(self, target: Any, a: Any, b: Any) -> Any:
        if target in SUBTRACT:
            return self.add(a, self.scale(b, -1.0))
        if target in ADD:
            return self.add(a, b)
        if target in MULTIPLY:
            return self.multiply(a, b)
        if target in DIVIDE:
            inverse = self.jets.compose(b, activations.reciprocal) if isinstance(b, Affine | Jet) else 1 / b
            return self.multiply(a, inverse)
        if not isinstance(b, int | float) or not isinstance(a, Affine | Jet):
            raise NoJetRule("a power has a jet rule for a fixed number as its exponent")
        if b == 2:
            return self.jets.multiply(a, a)
        return self.jets.compose(a, partial(activations.power, exponent=float(b)))

    def scale(self, a: Any, factor: float) -> Any:
        return a.map(lambda c: c * factor) if isinstance(a, Affine | Jet) else a * factor

    def add(self, a: Any, b: Any) -> Affine | Jet:
        if not isinstance(a, Affine | Jet):
            a, b = b, a
        if not isinstance(b, Affine | Jet):
            self.check_constant(a, b)
            if isinstance(a, Affine):
                return Affine(a.value + b, a.slopes)
            return Jet(torch.cat([(a.value + b).unsqueeze(0), a.channels[1:].expand(-1, *(a.value + b).shape)]))
        if isinstance(a, Affine) and isinstance(b, Affine):
            return Affine(a.value + b.value, a.slopes + b.slopes)
        return Jet(self.jets.jet(a).channels + self.jets.jet(b).channels)

    def multiply(self, a: Any, b: Any) -> Affine | Jet:
        if not isinstance(a, Affine | Jet):
            a, b = b, a
        if not isinstance(b, Affine | Jet):
            self.check_constant(a, b)
            return a.map(lambda c: c * b)
        return self.jets.multiply(a, b)

    def check_constant(self, a: Affine | Jet, b: Any) -> None:
        """A constant must not reach into the axis of the points."""
        if isinstance(b, Tensor) and b.dim() >= a.value.dim() and b.shape[-a.value.dim()] != 1:
            raise NoJetRule(f"a constant of shape {tuple(b.shape)} meets features of shape {tuple(a.value.shape)}")

    def concatenate(self, parts: Sequence[Any], dim: int = 0, **kwargs: Any) -> Affine | Jet:
        dim = kwargs.get("axis", dim)
        return self.gather(parts, lambda tensors: torch.cat(tensors, dim=self.feature_axis(parts[0], dim)))

    def stack(self, parts: Sequence[Any], dim: int = 0) -> Affine | Jet:
        axis = self.feature_axis(parts[0], dim, new=True)
        return self.gather(parts, lambda tensors: torch.stack(tensors, dim=axis))

    def gather(self, parts: Sequence[Any], join: Callable[[list[Tensor]], Tensor]) -> Affine | Jet:
        if not all(isinstance(part, Affine | Jet) for part in parts):
            raise NoJetRule("features are joined with constants; multiply or add them instead")
        if all(isinstance(part, Affine) for part in parts):
            slopes = [part.slopes for part in parts]
            return Affine(join([part.value for part in parts]), join(slopes))
        return Jet(join([self.jets.jet(part).channels for part in parts]))

    def reshape(self, target: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Slices and axes of the features; the axis of the points stays."""
        h, *rest = args
        name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
        if name == "getattr" and rest == ["shape"]:
            return h.value.shape
        if name == "size":
            return h.value.size(*rest, **kwargs)
        if name == "getitem" and isinstance(h, Affine | Jet):
            index = rest[0] if isinstance(rest[0], tuple) else (rest[0],)
            if index[0] in (slice(None), ...) and not any(isinstance(i, Affine | Jet) for i in index):
                tail = index if index[0] is ... else (slice(None), *index)
                return h.map(lambda c: c[tail]) if isinstance(h, Jet) else Affine(h.value[index], h.slopes[tail])
        if name in ("unsqueeze", "squeeze") and isinstance(h, Affine | Jet):
            dim = self.feature_axis(h, kwargs.get("dim", rest[0] if rest else 0), new=name == "unsqueeze")
            return h.map(lambda c: getattr(c, name)(dim))
        if name in ("contiguous", "clone"):
            return h
        if name in ("chunk", "split") and isinstance(h, Affine | Jet):
            dim = self.feature_axis(h, kwargs.get("dim", rest[1] if len(rest) > 1 else 0))
            if isinstance(h, Jet):
                return tuple(Jet(part) for part in getattr(h.channels, name)(rest[0], dim=dim))
            parts = zip(*(getattr(c, name)(rest[0], dim=dim) for c in (h.value, h.slopes)), strict=True)
            return tuple(Affine(value, slopes) for value, slopes in parts)
        if name == "sum" and isinstance(h, Affine | Jet):
            axis = self.feature_axis(h, kwargs.get("dim", rest[0] if rest else 0))
            keep = kwargs.get("keepdim", rest[1] if len(rest) > 1 else False)
            return h.map(lambda c: c.sum(dim=axis, keepdim=keep))
        raise NoJetRule(f"{name} has no jet rule")

    def feature_axis(self, h: Any, dim: int, new: bool = False) -> int:
        """The axis counted from the end, so that it is the same with and without the axis of the channels."""
        if not isinstance(h, Affine | Jet) or not isinstance(dim, int):
            raise NoJetRule("features are joined with constants, or along several axes")
        axis = dim if dim < 0 else dim - h.value.dim() - new
        if -axis >= h.value.dim() + new:
            raise NoJetRule("the axis of the points is rearranged")
        return axis


def _refuse_variants(module: nn.Module) -> None:
    """Modules whose settings change the function."""
    if isinstance(module, nn.GELU) and module.approximate != "none":
        raise NoJetRule("GELU(approximate='tanh') has no jet rule; GELU() has")
    if isinstance(module, nn.Softplus) and not math.isclose(module.beta, 1.0):
        raise NoJetRule("Softplus with beta has no jet rule; scale its input")


def _flatten(values: Any) -> list[Any]:
    """Nested lists and tuples as one list."""
    flat: list[Any] = []
    for value in values:
        flat += _flatten(value) if isinstance(value, list | tuple) else [value]
    return flat
