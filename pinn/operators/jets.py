"""Jets of any network made of linear layers, activations, products, sums, concatenations and slices.

A network is called with a feature in place of the points; torch hands every function that meets it to the rules
(`__torch_function__`). What has no rule raises `NoJetRule`, and the caller takes the reference engine: never a wrong
number.

Shape letters: C channels, C' channels of the wanted blocks, N points, D coordinates, F fields.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pinn.operators.feature import Feature, NoJetRule, Tape
from pinn.operators.kernels import Kernels, Wanted
from pinn.operators.rules import ELEMENTARY, NAMES, REFLECTED, RULES, apply


class Traced(Feature):
    """A feature that a network may handle as it does a tensor."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        """Torch's hook: a function of torch has met a feature."""
        if func in NAMES:
            return apply(NAMES[func], args, kwargs or {})
        for reflected, name in REFLECTED:  # under torch.compile these come by, and a dictionary does not find them
            if func is reflected:
                return apply(name, args[::-1], kwargs or {})
        raise NoJetRule(f"{func} has no jet rule")

    def __neg__(self) -> "Traced":
        return apply("mul", (self, -1.0))

    def __matmul__(self, other: Any) -> "Traced":
        return apply("matmul", (self, other))

    def __getitem__(self, index: Any) -> "Traced":
        return apply("getitem", (self, index))

    def __bool__(self) -> bool:
        raise NoJetRule("the network decides by the values of its input")

    def __eq__(self, other: object) -> bool:
        raise NoJetRule("the network compares values of its input")

    __hash__ = object.__hash__

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise NoJetRule("the network copies or stores its input")

    def __getattr__(self, name: str) -> Any:
        """Methods of tensors, such as `h.sin()` and `h.unsqueeze(1)`."""
        if name in RULES or name in ELEMENTARY:
            return lambda *args, **kwargs: apply(name, (self, *args), kwargs)
        if hasattr(Tensor, name):
            raise NoJetRule(f"{name} has no jet rule")
        raise AttributeError(name)


def _operator(rule: str, *, reflected: bool = False, in_place: bool = False) -> Any:
    def operator(self: Traced, other: Any) -> Traced:
        return apply(rule, (other, self) if reflected else (self, other), in_place=in_place)

    return operator


for _spelling, _rule in {"add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "pow": "pow"}.items():
    setattr(Traced, f"__{_spelling}__", _operator(_rule))
    setattr(Traced, f"__r{_spelling}__", _operator(_rule, reflected=True))
    setattr(Traced, f"__i{_spelling}__", _operator(_rule, in_place=True))


def network_jet(
    network: Callable[..., Any], points: Tensor, kernels: Kernels, wanted: Wanted, tape: Tape | None = None
) -> Tensor:
    """The channels (C', N, F) of the network at the points (N, D).

    Args:
        network: Maps (N, D) to (N, F).
        points: (N, D).
        kernels: The rules of the algebra that the operators need.
        wanted: The blocks of channels to form.
        tape: Where given, the uses of parameters are appended to it.

    Raises:
        NoJetRule: Something in the network has no jet rule.
    """
    slopes = torch.eye(points.shape[1], dtype=points.dtype, device=points.device).unsqueeze(1)
    try:
        with torch.enable_grad():  # so that what the network switches off can be told
            result = network(Traced(kernels, tape, points, points.shape, value=points, slopes=slopes))
        if not isinstance(result, Feature):
            raise NoJetRule("its output does not depend on the points, or is no single tensor")
        return result.at(wanted)
    except NoJetRule:
        raise
    except Exception as error:  # the network's own code, on something that is no tensor; the reference engine will tell
        raise NoJetRule(str(error).partition("\n")[0] or type(error).__name__) from error
