"""Arithmetic on the channels of minimal jets: linear layers, activations and products, each with a one-pass gradient.

A jet of a feature holds `b_i(d) h` for each channel i of the algebra. Gradients with respect to the network's
parameters are taken once, so each rule is an `autograd.Function` that saves its inputs alone. The same code serves the
eager mode, in place and in chunks that stay in the cache, and `torch.compile`, which fuses it. Only the wanted blocks
of channels are formed: at the end of a network those are the operators asked for.

Shape letters: C channels, C' channels of the wanted blocks, N points, W features, D coordinates.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pinn.operators.activations import Table
from pinn.operators.algebra import Algebra
from pinn.operators.blocks import Blocks, partition
from pinn.operators.homogeneous import homogeneous_parts

CHUNK = 2 * 1024 * 1024  # bytes of all channels of a chunk: some four such tensors are in use at a time
Wanted = tuple[int, ...]


class Kernels:
    """The rules of one algebra, on tensors of channels (C, N, ...)."""

    def __init__(self, algebra: Algebra):
        self.algebra = algebra
        self.blocks = partition(algebra)
        self.seeds = algebra.seeds()
        self.homogeneous = [
            homogeneous_parts(algebra.basis[start : start + n])
            for start, n in zip(self.blocks.starts, self.blocks.lengths, strict=True)
        ]

    def blocks_of(self, channels: Sequence[int]) -> Wanted:
        """The blocks that these channels are in, in order."""
        return tuple(sorted({self.blocks.block(channel) for channel in channels}))

    def channels_of(self, wanted: Wanted) -> list[int]:
        """The channels (C') of the wanted blocks, in order."""
        starts, lengths = self.blocks.starts, self.blocks.lengths
        return [channel for b in wanted for channel in range(starts[b], starts[b] + lengths[b])]

    def expand(self, value: Tensor, slopes: Tensor, wanted: Wanted) -> Tensor:
        """The wanted channels of an affine function (N, ...) with slopes (D, 1 or N, ...): the higher ones vanish."""
        channels = self.channels_of(wanted)
        formed = [value.unsqueeze(0)] if channels[0] == 0 else []
        if higher := [self.seeds[i] for i in channels if i]:
            formed.append(torch.tensordot(slopes.new_tensor(higher), slopes.expand(-1, *value.shape), dims=1))
        return torch.cat(formed)

    def linear(self, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """One matrix product for all channels; the bias touches the value alone, which must come first."""
        return _Linear.apply(h, weight, bias)

    def compose(self, h: Tensor, table: Table, wanted: Wanted) -> Tensor:
        """`s(h)` for an elementary function with the derivative table `s, s', ...`."""
        return _Compose.apply(h, self.blocks, table, wanted)

    def ridge(self, value: Tensor, slopes: Tensor, table: Table, wanted: Wanted) -> Tensor:
        """`s(h)` for an affine h: `b_i(d) s(w.x + b) = sum_k s^(k) q_ik(w)`, with q_ik the part of b_i of degree k."""
        pairs, factors = [], []
        for b, block in enumerate(wanted):
            for k, evaluate in self.homogeneous[block]:
                pairs.append((b, k))
                factors.append(evaluate(slopes))
        lengths = tuple(self.blocks.lengths[block] for block in wanted)
        return _Ridge.apply(value, torch.cat(factors), tuple(pairs), lengths, self.algebra.order, table)

    def multiply(self, f: Tensor, g: Tensor, wanted: Wanted) -> Tensor:
        """The product by Leibniz' rule, features broadcast."""
        return _Product.apply(*torch.broadcast_tensors(f, g), self.blocks, wanted)


class _Linear(torch.autograd.Function):
    """`H W^T` on all channels and `+ b` on the value; under autocast the products alone are of low precision."""

    @staticmethod
    def forward(ctx, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(h, weight)
        ctx.has_bias = bias is not None
        kind = h.device.type
        low = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
        ctx.products = torch.get_autocast_dtype(kind) if low else h.dtype
        out = torch.nn.functional.linear(h.to(ctx.products), weight.to(ctx.products)).to(h.dtype)
        if bias is not None:
            out[0] += bias
        return out

    @staticmethod
    def backward(ctx, grad: Tensor):
        h, weight = ctx.saved_tensors
        flat, rows = grad.reshape(-1, grad.shape[-1]).to(ctx.products), h.reshape(-1, h.shape[-1]).to(ctx.products)
        grad_h = (flat @ weight.to(ctx.products)).to(h.dtype).view(h.shape) if ctx.needs_input_grad[0] else None
        grad_weight = (flat.mT @ rows).to(weight.dtype) if ctx.needs_input_grad[1] else None
        grad_bias = grad[0].flatten(0, -2).sum(0) if ctx.has_bias else None
        return grad_h, grad_weight, grad_bias


class _Ridge(torch.autograd.Function):
    """`b_i(d) s(w.x + b) = sum_k s^(k)(h) q_ik`: the first activation, whose input is affine."""

    @staticmethod
    def forward(ctx, value, factors, pairs, lengths, order, table):
        ctx.save_for_backward(value, factors)
        ctx.pairs, ctx.lengths, ctx.order, ctx.table = pairs, lengths, order, table
        s = table(value, order)
        out = _Sums(value, lengths)
        for (b, k), q in zip(pairs, _split(factors, [lengths[b] for b, _ in pairs]), strict=True):
            out.add(b, s[k], q)
        return out.tensor()

    @staticmethod
    def backward(ctx, grad: Tensor):
        value, factors = ctx.saved_tensors
        s = ctx.table(value, ctx.order + 1)
        gradients = _split(grad, ctx.lengths)
        sizes = [ctx.lengths[b] for b, _ in ctx.pairs]
        of_value, of_factors = _Sums(value, (1,)), []
        for (b, k), q in zip(ctx.pairs, _split(factors, sizes), strict=True):
            of_value.add(0, gradients[b] * q, s[k + 1])
            of_factors.append((gradients[b] * s[k]).sum_to_size(q.shape).reshape(-1, *factors.shape[1:]))
        return of_value.parts[0], torch.cat(of_factors), None, None, None, None


class _Compose(torch.autograd.Function):
    """`s(h) = sum_k s^(k)(h_0)/k! n**k`, with `n` the jet without its value.

    Backward is the same jet with the table shifted by one: `lam_h[a] = sum_cb c_cab lam_c s'(h)_b`.
    """

    @staticmethod
    def forward(ctx, h: Tensor, blocks: Blocks, table: Table, wanted: Wanted) -> Tensor:
        ctx.save_for_backward(h)
        ctx.blocks, ctx.table, ctx.wanted = blocks, table, wanted
        order = len(blocks.powers) + 1
        if torch.compiler.is_compiling():
            return _taylor(h, table(h[0], order), blocks, wanted).tensor()
        out = h.new_empty(sum(blocks.lengths[b] for b in wanted), *h.shape[1:])
        for part, part_out in _chunks(h, out):
            _taylor(part, table(part[0], order), blocks, wanted, part_out)
        return out

    @staticmethod
    def backward(ctx, grad: Tensor):
        (h,) = ctx.saved_tensors
        blocks, order = ctx.blocks, len(ctx.blocks.powers) + 2
        if torch.compiler.is_compiling() or torch.is_grad_enabled():  # to be differentiated again: nothing in place
            slope = _taylor(h, ctx.table(h[0], order)[1:], blocks, blocks.every)
            return _adjoint(grad, slope.parts, blocks, ctx.wanted).tensor(), None, None, None
        out = torch.empty_like(h)
        for part, part_grad, part_out in _chunks(h, grad, out):
            slope = _taylor(part, ctx.table(part[0], order)[1:], blocks, blocks.every)
            _adjoint(part_grad, slope.parts, blocks, ctx.wanted, part_out)
        return out, None, None, None


class _Product(torch.autograd.Function):
    """`(f g)_i = sum_jk c_ijk f_j g_k`."""

    @staticmethod
    def forward(ctx, f: Tensor, g: Tensor, blocks: Blocks, wanted: Wanted) -> Tensor:
        ctx.save_for_backward(f, g)
        ctx.blocks, ctx.wanted = blocks, wanted
        left, right = _split(f, blocks.lengths), _split(g, blocks.lengths)
        out = _Sums(f[0], [blocks.lengths[b] for b in wanted])
        for i, block in enumerate(wanted):
            for c, j, k in blocks.products[block]:
                out.add(i, left[j], right[k], c)
        return out.tensor()

    @staticmethod
    def backward(ctx, grad: Tensor):
        f, g = (_split(factor, ctx.blocks.lengths) for factor in ctx.saved_tensors)
        grad_f = _adjoint(grad, g, ctx.blocks, ctx.wanted).tensor() if ctx.needs_input_grad[0] else None
        grad_g = _adjoint(grad, f, ctx.blocks, ctx.wanted).tensor() if ctx.needs_input_grad[1] else None
        return grad_f, grad_g, None, None


class _Sums:
    """Blocks of channels that products are added to: the first product fills a block, the next ones go on top.

    Args:
        like: (N, ...), shape and kind of a channel.
        lengths: The number of channels of each block.
        out: (C', N, ...) to write to, where there is one.
    """

    def __init__(self, like: Tensor, lengths: Sequence[int], out: Tensor | None = None):
        self.like, self.lengths = like, lengths
        self.buffers: Sequence[Tensor | None] = [None] * len(lengths) if out is None else _split(out, lengths)
        self.parts: list[Tensor] = [like] * len(lengths)
        self.begun = [False] * len(lengths)

    def add(self, i: int, a: Tensor, b: Tensor, c: float = 1.0) -> None:
        """Add `c * a * b` to block i; where it is a single channel and the product is not, the sum over channels."""
        if self.lengths[i] == 1 and max(a.dim(), b.dim()) > self.like.dim():
            return self._add(i, (a * b).sum(0), c)
        if self.begun[i]:
            self.parts[i].addcmul_(a, b, value=c)
            return None
        first = torch.mul(a, b) if self.buffers[i] is None else torch.mul(a, b, out=self.buffers[i])
        self.parts[i] = first if c == 1 else first.mul_(c)
        self.begun[i] = True
        return None

    def _add(self, i: int, value: Tensor, c: float) -> None:
        if self.begun[i]:
            self.parts[i].add_(value, alpha=c)
        else:
            self.put(i, value if c == 1 else value.mul_(c))

    def put(self, i: int, value: Tensor) -> None:
        """Block i is the value."""
        buffer = self.buffers[i]
        self.parts[i] = value if buffer is None else buffer.copy_(value)
        self.begun[i] = True

    def tensor(self) -> Tensor:
        """(C', N, ...), zero where nothing was added."""
        shape = self.like.shape
        return torch.cat(
            [
                (p if b else torch.zeros_like(self.like)).expand(n, *shape)
                for p, b, n in zip(self.parts, self.begun, self.lengths, strict=True)
            ]
        )


def _split(tensor: Tensor, lengths: Sequence[int]) -> list[Tensor]:
    """Blocks of a tensor of channels: (N, ...) for one channel, (length, N, ...) for more."""
    if all(n == 1 for n in lengths):
        return list(tensor.unbind(0))
    return [part[0] if n == 1 else part for part, n in zip(tensor.split(list(lengths)), lengths, strict=True)]


def _taylor(h: Tensor, s: list[Tensor], blocks: Blocks, wanted: Wanted, out: Tensor | None = None) -> _Sums:
    """The wanted blocks of `sum_k s_k/k! n**k`."""
    channels = _split(h, blocks.lengths)
    result = _Sums(h[0], [blocks.lengths[b] for b in wanted], out)
    place = {b: i for i, b in enumerate(wanted)}
    for i, b in enumerate(wanted):
        if b:
            result.add(i, channels[b], s[1])
        else:
            result.put(i, s[0])
    lower: Sequence[Tensor] = channels
    scale = 1.0
    for order, power in enumerate(blocks.powers_for(wanted), start=2):
        scale /= order
        current = _Sums(h[0], blocks.lengths)
        for b, terms in power.items():
            for c, j, k in terms:
                current.add(b, lower[j], channels[k], c)
            if b in place:
                result.add(place[b], current.parts[b], s[order], scale)
        lower = current.parts
    return result


def _adjoint(grad: Tensor, other: Sequence[Tensor], blocks: Blocks, wanted: Wanted, out: Tensor | None = None) -> _Sums:
    """`lam_f[a] = sum_cb c_cab lam_c g_b`: the adjoint of the wanted blocks of a product with the jet g."""
    result = _Sums(grad[0], blocks.lengths, out)
    for block, gradient in zip(wanted, _split(grad, [blocks.lengths[b] for b in wanted]), strict=True):
        for c, j, k in blocks.products[block]:
            result.add(j, gradient, other[k], c)
    if out is not None:
        for b, begun in enumerate(result.begun):
            if not begun:
                result.put(b, torch.zeros_like(grad[0]))
    return result


def _chunks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Slices (C, n, ...) along the points, so small that the channels of the first take no more than CHUNK bytes."""
    first = tensors[0]
    row = max(1, first.numel() // max(1, first.shape[1])) * first.element_size()
    size = max(1, CHUNK // row) if first.device.type == "cpu" else max(1, first.shape[1])
    yield from zip(*(tensor.split(size, dim=1) for tensor in tensors), strict=True)
