"""Small least-squares systems with known answers, in the form that the optimizers ask for."""

from collections.abc import Callable

import torch
from torch import Tensor


class Function:
    """r(theta) as a plain function of one vector, with its Jacobian by torch.func; parameters of any shapes."""

    def __init__(self, residual: Callable[[Tensor], Tensor], parameters: list[Tensor]):
        self.function, self.parameters = residual, parameters
        self.evaluations = 0

    @property
    def vector(self) -> Tensor:
        return torch.cat([p.detach().reshape(-1) for p in self.parameters])

    def residual(self) -> Tensor:
        self.evaluations += 1
        return self.function(self.vector)

    def linearise(self) -> tuple[Tensor, Tensor]:
        return self.function(self.vector), torch.func.jacrev(self.function)(self.vector)

    def __call__(self) -> "Function":
        """So that the object is its own closure."""
        return self

    def gradient(self) -> Tensor:
        """The closure of the other optimizers: the loss, with gradients in .grad."""
        vector = self.vector.requires_grad_()
        loss = self.function(vector).square().sum()
        (gradient,) = torch.autograd.grad(loss, vector)
        for p, g in zip(self.parameters, gradient.split([p.numel() for p in self.parameters]), strict=True):
            p.grad = g.view_as(p).clone()
        return loss.detach()


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def rosenbrock(theta: Tensor) -> Tensor:
    """Minimum 0 at (1, 1); the usual start is (-1.2, 1)."""
    return torch.stack([10 * (theta[1] - theta[0] ** 2), 1 - theta[0]])


def powell_badly_scaled(theta: Tensor) -> Tensor:
    """Minimum 0 at (1.098…e-5, 9.106…); the start is (0, 1). Moré, Garbow, Hillstrom 1981, problem 3."""
    return torch.stack([1e4 * theta[0] * theta[1] - 1, (-theta[0]).exp() + (-theta[1]).exp() - 1.0001])


def decay(theta: Tensor) -> Tensor:
    """Fit a exp(-b t) to 3 exp(-2 t) at 20 times: minimum 0 at (3, 2)."""
    t = torch.linspace(0, 2, 20, dtype=theta.dtype)
    return theta[0] * (-theta[1] * t).exp() - 3 * (-2 * t).exp()


SHAPES = [(8, 1), (8,), (8, 8), (8,), (1, 8), (1,)]


def poisson(theta: Tensor) -> Tensor:
    """A PINN: u'' = -pi² sin(pi x) on [-1, 1] by u = (1 - x²) N, N with two hidden layers of 8, at 30 points."""
    sizes = [torch.Size(shape).numel() for shape in SHAPES]
    w, b, v, c, out, shift = (p.view(shape) for p, shape in zip(theta.split(sizes), SHAPES, strict=True))
    x = torch.linspace(-1, 1, 30, dtype=theta.dtype)[:, None]
    h, slope, bend = x * w.T + b, w.T.expand(30, 8), torch.zeros(30, 8, dtype=theta.dtype)
    for weight, bias in ((None, None), (v, c)):
        if weight is not None:
            h, slope, bend = h @ weight.T + bias, slope @ weight.T, bend @ weight.T
        t = torch.tanh(h)
        first = 1 - t**2
        h, slope, bend = t, first * slope, first * bend - 2 * t * first * slope**2
    n, n_x, n_xx = h @ out.T + shift, slope @ out.T, bend @ out.T
    u_xx = (1 - x**2) * n_xx - 4 * x * n_x - 2 * n
    return ((u_xx + torch.pi**2 * torch.sin(torch.pi * x)) / 30**0.5)[:, 0]


def poisson_start() -> list[Tensor]:
    """Glorot weights, small biases."""
    generator = torch.Generator().manual_seed(0)
    scales = [(2 / (shape[0] + shape[-1])) ** 0.5 if len(shape) == 2 else 0.2 for shape in SHAPES]
    return [
        scale * torch.randn(shape, generator=generator, dtype=torch.float64)
        for scale, shape in zip(scales, SHAPES, strict=True)
    ]


PROBLEMS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[], list[Tensor]]]] = {
    "decay": (decay, lambda: [tensor(1.0, 0.0)]),
    "rosenbrock": (rosenbrock, lambda: [tensor(-1.2, 1.0)]),
    "poisson": (poisson, poisson_start),
}
"""What every optimizer is tried on: the residual and where the parameters begin. The least loss is 0, or next to it."""


def random_linear(rows: int, columns: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(rows, columns, generator=generator, dtype=torch.float64),
        torch.randn(rows, generator=generator, dtype=torch.float64),
    )
