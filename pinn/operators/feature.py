"""What a jet carries of a feature of a network: its channels, formed when they are asked for, and only those.

At the end of a network the few channels that make up the operators are asked for; every rule passes on what it needs.

Shape letters: C channels, C' channels of the wanted blocks, N points, W features, D coordinates.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from pinn.operators.kernels import Kernels, Wanted


class NoJetRule(NotImplementedError):
    """The network does something that jets have no rule for."""


@dataclass
class LinearUse:
    """One use of a linear layer, kept to form per-point gradients of its parameters.

    Attributes:
        weight: The layer's weight.
        bias: Its bias; it enters the first of the channels where that is the value.
        inputs: (C', N, W_in), the channels that went in.
        outputs: The tensors whose gradients together are (C', N, W_out).
        has_value: Whether the first channel is the value.
        rows: Which of the points these are; None: all.
    """

    weight: Tensor
    bias: Tensor | None
    inputs: Tensor
    outputs: tuple[Tensor, ...]
    has_value: bool
    rows: Tensor | None = None


@dataclass
class ConstantUse:
    """One use of a constant tensor as a factor or a summand, kept to form its per-point gradients.

    Attributes:
        constant: The tensor.
        output: (N, ...), the same at each point, whose gradient is the constant's, point by point.
        rows: Which of the points these are; None: all.
    """

    constant: Tensor
    output: Tensor
    rows: Tensor | None = None


Tape = list[LinearUse | ConstantUse]


class Storage:
    """What a feature shares with its views, as tensors do."""

    overwritten = False  # by an operation in place, whose result is another feature


class Feature:
    """A feature of the network, (N, ...), as a function of the coordinates.

    Before any activation it is affine, and most of its channels are known to be constant; then `value` and `slopes` are
    there. Of any other, `at` forms channels.

    Args:
        kernels: The rules of the algebra.
        tape: Where given, the uses of parameters are appended to it.
        like: A tensor of the dtype and on the device of the feature.
        shape: (N, ...).
        value: (N, ...) of an affine feature.
        slopes: (D, 1 or N, ...), the derivative of an affine feature along each coordinate.
        compute: Gives the channels (C', N, ...) of the wanted blocks, of a feature that is not affine.
    """

    def __init__(
        self,
        kernels: Kernels,
        tape: Tape | None,
        like: Tensor,
        shape: Sequence[int],
        *,
        value: Tensor | None = None,
        slopes: Tensor | None = None,
        compute: Callable[[Wanted], Tensor] | None = None,
    ):
        self.kernels, self.tape, self.like, self.shape = kernels, tape, like, torch.Size(shape)
        self._value, self._slopes, self._compute = value, slopes, compute
        self._formed: dict[Wanted, Tensor] = {}
        self.storage = Storage()

    @property
    def affine(self) -> bool:
        """Whether it is an affine function of the coordinates."""
        return self._slopes is not None

    @property
    def value(self) -> Tensor:
        """(N, ...), of an affine feature."""
        assert self._value is not None
        return self._value

    @property
    def slopes(self) -> Tensor:
        """(D, 1 or N, ...), of an affine feature."""
        assert self._slopes is not None
        return self._slopes

    def at(self, wanted: Wanted) -> Tensor:
        """The channels (C', N, ...) of the wanted blocks, formed once."""
        if wanted not in self._formed:
            if self._compute is None:
                self._formed[wanted] = self.kernels.expand(self.value, self.slopes, wanted)
            else:
                self._formed[wanted] = self._compute(wanted)
        return self._formed[wanted]

    @property
    def channels(self) -> Tensor:
        """(C, N, ...), all of them."""
        return self.at(self.kernels.blocks.every)

    def as_affine(self, value: Tensor, slopes: Tensor) -> Self:
        """Another feature of the same network, affine."""
        return type(self)(self.kernels, self.tape, value, value.shape, value=value, slopes=slopes)

    def as_jet(self, shape: Sequence[int], compute: Callable[[Wanted], Tensor]) -> Self:
        """Another feature of the same network, whose channels are formed when asked for."""
        return type(self)(self.kernels, self.tape, self.like, shape, compute=compute)

    def map(self, linear: Callable[[Tensor], Tensor]) -> Self:
        """Apply a linear map of the features, written so that it serves (N, ...) and (C, N, ...)."""
        if self.affine:
            return self.as_affine(linear(self.value), linear(self.slopes))
        shape = linear(self.like.new_empty(()).expand(self.shape)).shape
        return self.as_jet(shape, lambda wanted: linear(self.at(wanted)))

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def dim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def size(self, dim: int | None = None) -> torch.Size | int:
        """Its shape, or one length of it."""
        return self.shape if dim is None else self.shape[dim]

    @property
    def dtype(self) -> torch.dtype:
        """That of its values."""
        return self.like.dtype

    @property
    def device(self) -> torch.device:
        """That of its values."""
        return self.like.device
