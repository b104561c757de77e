"""Arithmetic of minimal jets: linear layers, activations and products, each with its own one-pass gradient.

A jet of a feature holds `b_i(d) h` for each channel i of the algebra; gradients with respect to network parameters are
taken once, so each rule is an `autograd.Function` that saves its inputs alone.

Shape letters: C channels, N points, W features, D coordinates.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from pinn.operators.activations import Table
from pinn.operators.algebra import Algebra, Term

CHUNK = 64 * 1024  # bytes of one channel of a chunk: some thirty of them are in use at a time


@dataclass
class Affine:
    """An affine function of the coordinates, before any activation: most of its channels are known to be constant.

    Attributes:
        value: (N, ...).
        slopes: (D, 1 or N, ...), the derivative along each coordinate.
    """

    value: Tensor
    slopes: Tensor

    def map(self, linear: Callable[[Tensor], Tensor]) -> "Affine":
        """Apply a linear map of the features."""
        return Affine(linear(self.value), linear(self.slopes))


@dataclass
class Jet:
    """The channels (C, N, ...) of a feature."""

    channels: Tensor

    @property
    def value(self) -> Tensor:
        """(N, ...)."""
        return self.channels[0]

    def map(self, linear: Callable[[Tensor], Tensor]) -> "Jet":
        """Apply a linear map of the features."""
        return Jet(linear(self.channels))


class JetArithmetic:
    """The rules of one algebra."""

    def __init__(self, algebra: Algebra):
        self.algebra = algebra

    @cached_property
    def powers(self) -> list[dict[int, tuple[Term, ...]]]:
        """Built once for all activations."""
        return self.algebra.powers()

    @cached_property
    def seeds(self) -> list[list[float]]:
        """(C, D)."""
        return self.algebra.seeds()

    def coordinates(self, points: Tensor) -> Affine:
        """The points (N, D) as functions of themselves."""
        d = points.shape[1]
        return Affine(points, torch.eye(d, dtype=points.dtype, device=points.device).unsqueeze(1))

    def jet(self, h: Affine | Jet) -> Jet:
        """All channels of an affine function: those of second and higher order vanish."""
        if isinstance(h, Jet):
            return h
        slopes = h.slopes.expand(-1, *h.value.shape)
        seeds = slopes.new_tensor(self.seeds)[1:]
        return Jet(torch.cat([h.value.unsqueeze(0), torch.tensordot(seeds, slopes, dims=1)]))

    def linear(self, h: Affine | Jet, weight: Tensor, bias: Tensor | None) -> Affine | Jet:
        """One matrix product for all channels; the bias touches the value alone."""
        if isinstance(h, Affine):
            return Affine(torch.nn.functional.linear(h.value, weight, bias), h.slopes @ weight.mT)
        return Jet(_Linear.apply(h.channels, weight, bias))

    def compose(self, h: Affine | Jet, table: Table) -> Jet:
        """`s(h)` for an elementary function with the derivative table `s, s', ...`."""
        if isinstance(h, Affine):
            pairs, factors = self._ridge_factors(h.slopes)
            return Jet(_Ridge.apply(h.value, factors, pairs, self.algebra, table))
        return Jet(_Compose.apply(h.channels, self, table))

    def multiply(self, a: Affine | Jet, b: Affine | Jet) -> Jet:
        """The product by Leibniz' rule, features broadcast."""
        p, q = self.jet(a).channels, self.jet(b).channels
        return Jet(_Product.apply(*torch.broadcast_tensors(p, q), self.algebra.products))

    def _ridge_factors(self, slopes: Tensor) -> tuple[list[tuple[int, int]], Tensor]:
        """The pairs (i, k) and the q_ik of `b_i(d) s(w.x + b) = sum_k s^(k) q_ik(w)`: b_i's part of degree k, at w."""
        pairs, factors = [], []
        for i, polynomial in enumerate(self.algebra.basis):
            for k in sorted({sum(exponents) for exponents in polynomial}):
                part = {e: c for e, c in polynomial.items() if sum(e) == k}
                pairs.append((i, k))
                factors.append(_evaluate(part, slopes))
        return pairs, torch.stack(factors)


def _evaluate(polynomial: dict, slopes: Tensor) -> Tensor:
    """A polynomial {exponents: coefficient} at the slopes (D, ...)."""
    total = torch.zeros_like(slopes[0])
    for exponents, coefficient in polynomial.items():
        term = torch.full_like(total, float(coefficient))
        for k, exponent in enumerate(exponents):
            if exponent:
                term = term * slopes[k] ** exponent
        total = total + term
    return total


class _Linear(torch.autograd.Function):
    """`H W^T` on all channels and `+ b` on the value."""

    @staticmethod
    def forward(ctx, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(h, weight)
        ctx.has_bias = bias is not None
        out = torch.nn.functional.linear(h, weight)
        if bias is not None:
            out[0] += bias
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        h, weight = ctx.saved_tensors
        flat = grad.reshape(-1, grad.shape[-1])
        grad_h = (flat @ weight).view(h.shape) if ctx.needs_input_grad[0] else None
        grad_weight = flat.mT @ h.reshape(-1, h.shape[-1]) if ctx.needs_input_grad[1] else None
        grad_bias = grad[0].flatten(0, -2).sum(0) if ctx.has_bias else None
        return grad_h, grad_weight, grad_bias


class _Ridge(torch.autograd.Function):
    """`b_i(d) s(w.x + b) = sum_k s^(k)(h) q_ik`: the first activation, whose input is affine."""

    @staticmethod
    def forward(ctx, value: Tensor, factors: Tensor, pairs: list[tuple[int, int]], algebra: Algebra, table: Table):
        ctx.save_for_backward(value, factors)
        ctx.pairs, ctx.order, ctx.table = pairs, algebra.order, table
        s = table(value, algebra.order)
        out = value.new_zeros(algebra.channels, *value.shape)
        for (i, k), q in zip(pairs, factors, strict=True):
            out[i].addcmul_(s[k], q)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        value, factors = ctx.saved_tensors
        s = ctx.table(value, ctx.order + 1)
        grad_value, grad_factors = torch.zeros_like(value), torch.empty_like(factors)
        for p, (i, k) in enumerate(ctx.pairs):
            grad_value.addcmul_(grad[i] * s[k + 1], factors[p])
            grad_factors[p] = (grad[i] * s[k]).sum_to_size(factors[p].shape)
        return grad_value, grad_factors, None, None, None


class _Compose(torch.autograd.Function):
    """`s(h) = sum_k s^(k)(h_0)/k! n**k`, with `n` the jet without its value.

    Backward is the same jet with the table shifted by one: `lam_h[a] = sum_cb c_cab lam_c s'(h)_b`. Both go through the
    points in chunks whose intermediate results stay in the cache.
    """

    @staticmethod
    def forward(ctx, h: Tensor, arithmetic: JetArithmetic, table: Table) -> Tensor:
        ctx.save_for_backward(h)
        ctx.arithmetic, ctx.table = arithmetic, table
        out = torch.empty_like(h)
        for part, part_out in _chunks(h, out):
            _taylor(part, table(part[0], len(arithmetic.powers) + 1), arithmetic.powers, part_out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        (h,) = ctx.saved_tensors
        powers, products = ctx.arithmetic.powers, ctx.arithmetic.algebra.products
        out = torch.zeros_like(h)
        for part, part_grad, part_out in _chunks(h, grad, out):
            slope = torch.empty_like(part, memory_format=torch.contiguous_format)
            _taylor(part, ctx.table(part[0], len(powers) + 2)[1:], powers, slope)
            _adjoint(part_grad, slope, products, part_out)
        return out, None, None


class _Product(torch.autograd.Function):
    """`(f g)_i = sum_jk c_ijk f_j g_k`."""

    @staticmethod
    def forward(ctx, f: Tensor, g: Tensor, products: tuple[tuple[Term, ...], ...]) -> Tensor:
        ctx.save_for_backward(f, g)
        ctx.products = products
        out = torch.zeros_like(f)
        for i, terms in enumerate(products):
            for c, j, k in terms:
                out[i].addcmul_(f[j], g[k], value=c)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor):
        f, g = ctx.saved_tensors
        grad_f = _adjoint(grad, g, ctx.products, torch.zeros_like(f)) if ctx.needs_input_grad[0] else None
        grad_g = _adjoint(grad, f, ctx.products, torch.zeros_like(g)) if ctx.needs_input_grad[1] else None
        return grad_f, grad_g, None


def _chunks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Slices (C, n, ...) along the points, so small that a channel takes no more than CHUNK bytes."""
    first = tensors[0]
    row = first[0, 0].numel() * first.element_size() if first.shape[1] else 1
    size = max(1, CHUNK // max(row, 1)) if first.device.type == "cpu" else first.shape[1]
    yield from zip(*(tensor.split(size, dim=1) for tensor in tensors), strict=True)


def _taylor(h: Tensor, s: list[Tensor], powers: list[dict[int, tuple[Term, ...]]], out: Tensor) -> None:
    """Write `sum_k s_k/k! n**k` channel by channel."""
    out[0] = s[0]
    torch.mul(h[1:], s[1], out=out[1:])
    lower: Tensor | dict[int, Tensor] = h
    scale = 1.0
    for order, power in enumerate(powers, start=2):
        current: dict[int, Tensor] = {}
        for i, terms in power.items():
            (c, j, k), *rest = terms
            current[i] = lower[j] * h[k] if c == 1 else (lower[j] * h[k]).mul_(c)
            for c, j, k in rest:
                current[i].addcmul_(lower[j], h[k], value=c)
        scale /= order
        for i, value in current.items():
            out[i].addcmul_(value, s[order], value=scale)
        lower = current


def _adjoint(grad: Tensor, other: Tensor, products: tuple[tuple[Term, ...], ...], out: Tensor) -> Tensor:
    """Add `lam_f[a] = sum_cb c_cab lam_c g_b`, the adjoint of multiplying by the jet g, to `out`."""
    for i, terms in enumerate(products):
        for c, j, k in terms:
            out[j].addcmul_(grad[i], other[k], value=c)
    return out
