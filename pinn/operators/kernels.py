"""Arithmetic on the channels of minimal jets: linear layers, activations and products, each with a one-pass gradient.

A jet of a feature holds `b_i(d) h` for each channel i of the algebra. Gradients with respect to the network's
parameters are taken once, so each rule is an `autograd.Function` that saves its inputs alone. The same code serves the
eager mode, in place and in chunks that stay in the cache, and `torch.compile`, which fuses it.

Shape letters: C channels, N points, W features, D coordinates.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import torch
from torch import Tensor

from pinn.operators.activations import Table
from pinn.operators.algebra import Algebra, Term

CHUNK = 256 * 1024  # bytes of one channel of a chunk: some thirty of them are in use at a time
Powers = list[dict[int, tuple[Term, ...]]]
Products = tuple[tuple[Term, ...], ...]


class Kernels:
    """The rules of one algebra, on tensors of channels (C, N, ...)."""

    def __init__(self, algebra: Algebra):
        self.algebra = algebra
        self.powers = algebra.powers()
        self.products = algebra.products
        self.seeds = algebra.seeds()

    def expand(self, value: Tensor, slopes: Tensor) -> Tensor:
        """All channels of an affine function (N, ...) with slopes (D, 1 or N, ...): the higher ones vanish."""
        seeds = slopes.new_tensor(self.seeds)[1:]
        return torch.cat([value.unsqueeze(0), torch.tensordot(seeds, slopes.expand(-1, *value.shape), dims=1)])

    def linear(self, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """One matrix product for all channels; the bias touches the value alone."""
        return _Linear.apply(h, weight, bias)

    def compose(self, h: Tensor, table: Table) -> Tensor:
        """`s(h)` for an elementary function with the derivative table `s, s', ...`."""
        return _Compose.apply(h, self, table)

    def ridge(self, value: Tensor, slopes: Tensor, table: Table) -> Tensor:
        """`s(h)` for an affine h: `b_i(d) s(w.x + b) = sum_k s^(k) q_ik(w)`, with q_ik the part of b_i of degree k."""
        pairs, factors = [], []
        for i, polynomial in enumerate(self.algebra.basis):
            for k in sorted({sum(exponents) for exponents in polynomial}):
                pairs.append((i, k))
                factors.append(_evaluate({e: c for e, c in polynomial.items() if sum(e) == k}, slopes))
        return _Ridge.apply(value, torch.stack(factors), tuple(pairs), self.algebra.order, table)

    def multiply(self, f: Tensor, g: Tensor) -> Tensor:
        """The product by Leibniz' rule, features broadcast."""
        return _Product.apply(*torch.broadcast_tensors(f, g), self.products)


class _Linear(torch.autograd.Function):
    """`H W^T` on all channels and `+ b` on the value; under autocast the products alone are of low precision."""

    @staticmethod
    def forward(ctx, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(h, weight)
        ctx.has_bias = bias is not None
        kind = h.device.type
        ctx.products = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else h.dtype
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
    def forward(ctx, value: Tensor, factors: Tensor, pairs: tuple[tuple[int, int], ...], order: int, table: Table):
        ctx.save_for_backward(value, factors)
        ctx.pairs, ctx.order, ctx.table = pairs, order, table
        s = table(value, order)
        out = _Channels(value, 1 + max(i for i, _ in pairs))
        for (i, k), q in zip(pairs, factors.unbind(0), strict=True):
            out.add(i, s[k], q)
        return out.tensor()

    @staticmethod
    def backward(ctx, grad: Tensor):
        value, factors = ctx.saved_tensors
        s = ctx.table(value, ctx.order + 1)
        grad_value, grad_factors = torch.zeros_like(value), []
        for (i, k), q in zip(ctx.pairs, factors.unbind(0), strict=True):
            grad_value.addcmul_(grad[i] * s[k + 1], q)
            grad_factors.append((grad[i] * s[k]).sum_to_size(q.shape))
        return grad_value, torch.stack(grad_factors), None, None, None


class _Compose(torch.autograd.Function):
    """`s(h) = sum_k s^(k)(h_0)/k! n**k`, with `n` the jet without its value.

    Backward is the same jet with the table shifted by one: `lam_h[a] = sum_cb c_cab lam_c s'(h)_b`.
    """

    @staticmethod
    def forward(ctx, h: Tensor, kernels: Kernels, table: Table) -> Tensor:
        ctx.save_for_backward(h)
        ctx.kernels, ctx.table = kernels, table
        order = len(kernels.powers) + 1
        if torch.compiler.is_compiling():
            return _taylor(h, table(h[0], order), kernels.powers).tensor()
        out = torch.empty_like(h)
        for part, part_out in _chunks(h, out):
            _taylor(part, table(part[0], order), kernels.powers, part_out)
        return out

    @staticmethod
    def backward(ctx, grad: Tensor):
        (h,) = ctx.saved_tensors
        kernels, order = ctx.kernels, len(ctx.kernels.powers) + 2
        if torch.compiler.is_compiling():
            slope = _taylor(h, ctx.table(h[0], order)[1:], kernels.powers)
            return _adjoint(grad, slope.parts, kernels.products).tensor(), None, None
        out = torch.empty_like(h)
        for part, part_grad, part_out in _chunks(h, grad, out):
            slope = _taylor(part, ctx.table(part[0], order)[1:], kernels.powers)
            _adjoint(part_grad, slope.parts, kernels.products, part_out)
        return out, None, None


class _Product(torch.autograd.Function):
    """`(f g)_i = sum_jk c_ijk f_j g_k`."""

    @staticmethod
    def forward(ctx, f: Tensor, g: Tensor, products: Products) -> Tensor:
        ctx.save_for_backward(f, g)
        ctx.products = products
        out = _Channels(f[0], len(products))
        for i, terms in enumerate(products):
            for c, j, k in terms:
                out.add(i, f[j], g[k], c)
        return out.tensor()

    @staticmethod
    def backward(ctx, grad: Tensor):
        f, g = ctx.saved_tensors
        grad_f = _adjoint(grad, g.unbind(0), ctx.products).tensor() if ctx.needs_input_grad[0] else None
        grad_g = _adjoint(grad, f.unbind(0), ctx.products).tensor() if ctx.needs_input_grad[1] else None
        return grad_f, grad_g, None


class _Channels:
    """C channels that sums of products are added to: the first product fills a channel, the next ones go on top.

    Args:
        like: (N, ...), shape and kind of a channel.
        count: C.
        out: (C, N, ...) to write to, where there is one.
    """

    def __init__(self, like: Tensor, count: int, out: Tensor | None = None):
        self.like = like
        self.buffers: Sequence[Tensor | None] = [None] * count if out is None else out.unbind(0)
        self.parts: list[Tensor] = [like] * count
        self.begun = [False] * count

    def add(self, i: int, a: Tensor, b: Tensor, c: float = 1.0) -> None:
        """Add `c * a * b` to channel i."""
        if self.begun[i]:
            self.parts[i].addcmul_(a, b, value=c)
            return
        first = torch.mul(a, b) if self.buffers[i] is None else torch.mul(a, b, out=self.buffers[i])
        self.parts[i] = first if c == 1 else first.mul_(c)
        self.begun[i] = True

    def put(self, i: int, value: Tensor) -> None:
        """Channel i is the value."""
        buffer = self.buffers[i]
        self.parts[i] = value if buffer is None else buffer.copy_(value)
        self.begun[i] = True

    def tensor(self) -> Tensor:
        """(C, N, ...), zero where nothing was added."""
        shape = self.like.shape
        return torch.stack(
            [p.expand(shape) if b else torch.zeros_like(self.like) for p, b in zip(self.parts, self.begun, strict=True)]
        )


def _taylor(h: Tensor, s: list[Tensor], powers: Powers, out: Tensor | None = None) -> _Channels:
    """`sum_k s_k/k! n**k`, channel by channel."""
    channels = h.unbind(0)
    result = _Channels(channels[0], len(channels), out)
    result.put(0, s[0])
    for i in range(1, len(channels)):
        result.add(i, channels[i], s[1])
    lower: Sequence[Tensor] = channels
    scale = 1.0
    for order, power in enumerate(powers, start=2):
        scale /= order
        current = _Channels(channels[0], len(channels))
        for i, terms in power.items():
            for c, j, k in terms:
                current.add(i, lower[j], channels[k], c)
            result.add(i, current.parts[i], s[order], scale)
        lower = current.parts
    return result


def _adjoint(grad: Tensor, other: Sequence[Tensor], products: Products, out: Tensor | None = None) -> _Channels:
    """`lam_f[a] = sum_cb c_cab lam_c g_b`: the adjoint of multiplying by the jet g."""
    channels = grad.unbind(0)
    result = _Channels(channels[0], len(channels), out)
    for i, terms in enumerate(products):
        for c, j, k in terms:
            result.add(j, channels[i], other[k], c)
    return result


def _chunks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Slices (C, n, ...) along the points, so small that a channel takes no more than CHUNK bytes."""
    first = tensors[0]
    row = max(1, first[0].numel() // max(1, first.shape[1])) * first.element_size()
    size = max(1, CHUNK // row) if first.device.type == "cpu" else max(1, first.shape[1])
    yield from zip(*(tensor.split(size, dim=1) for tensor in tensors), strict=True)


def _evaluate(polynomial: dict[tuple[int, ...], Fraction], slopes: Tensor) -> Tensor:
    """A polynomial {exponents: coefficient} at the slopes (D, ...)."""
    total = torch.zeros_like(slopes[0])
    for exponents, coefficient in polynomial.items():
        term = torch.full_like(total, float(coefficient))
        for k, exponent in enumerate(exponents):
            for _ in range(exponent):
                term = term * slopes[k]
        total = total + term
    return total
