"""Newton's method by preconditioned conjugate gradients. Letters: P parameters, K columns of the sketch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pinn.optimizers.ranges import Count, Inside, Positive, check
from pinn.optimizers.system import OneGroup, read, read_gradient, write

ARMIJO = 0.1
HALVINGS = 40


class NystromNewtonCG(OneGroup):
    r"""Newton steps ``(H + mu I) d = -g`` by conjugate gradients under a Nyström preconditioner; Armijo's rule.

    NysNewton-CG: Rathore et al. 2024, arXiv 2402.01868, who polish with it what Adam and L-BFGS have reached. H is
    never formed: a product is the difference of two gradients, ``H v = (g(theta + h v) - g(theta - h v))/2h``, so that
    they may be compiled, or averaged over processes; in float64 some ten digits of it are right. Every so many steps K
    such products give the largest eigenvalues L of H, their vectors U, and the preconditioner
    ``(l + mu) U (L + mu)⁻¹ Uᵀ + I - U Uᵀ``, with l the least of them (Frangella, Tropp, Udell 2023). Where a direction
    of negative curvature is met the solve ends with what it has.

    Memory: K vectors. For networks whose Jacobian is too large for `GaussNewton`.

    Args:
        rank: K.
        damping: mu, as a part of the largest eigenvalue.
        refresh: steps from one preconditioner to the next.
        iterations: of conjugate gradients in a step, at most.
        tolerance: the relative residual at which they end.
    """

    def __init__(
        self,
        params,
        rank: Count = 60,
        damping: Positive = 1e-6,
        refresh: Count = 20,
        iterations: Count = 100,
        tolerance: Inside = 1e-2,
    ):
        options = {"rank": rank, "damping": damping, "refresh": refresh, "iterations": iterations}
        check(NystromNewtonCG, tolerance=tolerance, **options)
        super().__init__(params, {"tolerance": tolerance, **options})

    @property
    def converged(self) -> bool:
        """Whether the last line search found nothing lower."""
        return self.memory.get("converged", False)

    def step(self, closure: Callable[[], Tensor]) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take one step; the loss before it."""
        group, memory, parameters = self.param_groups[0], self.memory, self.parameters
        count = memory.get("count", 0)
        loss, start = closure(), read(parameters)
        gradient = read_gradient(parameters)
        if not bool(gradient.isfinite().all()):
            raise FloatingPointError("the gradient is not finite at the present parameters")

        def hessian(v: Tensor) -> Tensor:
            h = torch.finfo(v.dtype).eps ** (1 / 3) * (1 + float(start.norm())) / max(float(v.norm()), 1e-300)
            found = []
            for sign in (1, -1):
                write(parameters, start + sign * h * v)
                closure()
                found.append(read_gradient(parameters))
            return (found[0] - found[1]) / (2 * h)

        if count % group["refresh"] == 0:
            memory["values"], memory["vectors"] = nystrom(hessian, len(start), group["rank"], start, count)
        memory["count"] = count + 1
        values, vectors = memory["values"], memory["vectors"]
        mu = group["damping"] * float(values.max())

        direction = conjugate_gradients(
            lambda v: hessian(v) + mu * v,
            -gradient,
            lambda x: preconditioned(x, values, vectors, mu),
            group["iterations"],
            group["tolerance"],
        )
        slope = float(gradient @ direction)
        memory["converged"] = not descend(closure, parameters, start, direction, float(loss), slope)
        return loss


def nystrom(product: Callable[[Tensor], Tensor], n: int, rank: int, like: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """The largest eigenvalues (K,) and their vectors (P, K) of a symmetric matrix, from K products with it.

    ``Y (Qᵀ Y)⁻¹ Yᵀ`` for ``Y = A Q`` with a random orthonormal Q, shifted until it is positive: Frangella, Tropp, Udell
    2023, arXiv 2110.02820, algorithm 2.1.
    """
    generator = torch.Generator().manual_seed(seed)
    q = torch.randn(n, min(rank, n), generator=generator, dtype=torch.float64).to(like)
    q = torch.linalg.qr(q)[0]
    y = torch.stack([product(column) for column in q.T], dim=1)
    core = q.T @ y
    core, eps = (core + core.T) / 2, torch.finfo(y.dtype).eps
    least = float(torch.linalg.eigvalsh(core).min())
    shift = n**0.5 * eps * float(y.norm()) + max(0.0, -2 * least)
    core.diagonal().add_(shift)
    factor, failed = torch.linalg.cholesky_ex(core)
    assert not failed
    b = torch.linalg.solve_triangular(factor, (y + shift * q).T, upper=False).T
    vectors, s, _ = torch.linalg.svd(b, full_matrices=False)
    return (s**2 - shift).clamp_min(0), vectors


def preconditioned(x: Tensor, values: Tensor, vectors: Tensor, mu: float) -> Tensor:
    """`(l + mu) U (L + mu)⁻¹ Uᵀ x + (I - U Uᵀ) x` for x (P,), eigenvalues L (K,), vectors U (P, K), l = min L."""
    part = vectors.T @ x
    return x + vectors @ ((values.min() + mu) / (values + mu) * part - part)


def conjugate_gradients(
    product: Callable[[Tensor], Tensor],
    target: Tensor,
    precondition: Callable[[Tensor], Tensor],
    iterations: int,
    tolerance: float,
) -> Tensor:
    """X (P,) with ``|A x - target| <= tolerance |target|``, or what there is after so many products."""
    x, r = torch.zeros_like(target), target.clone()
    z = p = precondition(r)
    for k in range(iterations):
        ap = product(p)
        curvature, rz = float(p @ ap), float(r @ z)
        if not curvature > 0:
            return x if k else p
        x, r = x + rz / curvature * p, r - rz / curvature * ap
        if float(r.norm()) <= tolerance * float(target.norm()):
            break
        z = precondition(r)
        p = z + float(r @ z) / rz * p
    return x


def descend(
    closure: Callable[[], Tensor], parameters: list[Tensor], start: Tensor, direction: Tensor, loss: float, slope: float
) -> bool:
    """Write the first of ``start + direction / 2^k`` that meets Armijo's condition, else the start; whether one did."""
    for k in range(HALVINGS):
        write(parameters, start + direction / 2**k)
        if float(closure()) <= loss + ARMIJO / 2**k * slope and slope < 0:
            return True
    write(parameters, start)
    return False
