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


def random_linear(rows: int, columns: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(rows, columns, generator=generator, dtype=torch.float64),
        torch.randn(rows, generator=generator, dtype=torch.float64),
    )
