"""SSBroyden: the update against its formula in whole matrices; the line search against the Wolfe conditions."""

import math

import pytest
import torch
from least_squares_systems import random_linear
from torch import Tensor

from pinn.optimizers import SSBroyden
from pinn.optimizers.line_search import Trial, strong_wolfe
from pinn.optimizers.ssbroyden import updated


def pair(n: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """A positive H and a step with its change of gradient, of positive product."""
    root, y = random_linear(n, n, seed)
    inverse = root @ root.T + torch.eye(n, dtype=torch.float64)
    hessian = random_linear(n, n, seed + 1)[0]
    s = random_linear(n, n, seed + 2)[1]
    return inverse, s, hessian @ hessian.T @ s + 0.1 * s


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_the_update_meets_the_secant_equation_and_stays_positive(seed):
    inverse, s, y = pair(6, seed)
    bent = float(s @ torch.linalg.solve(inverse, s))
    new = updated(inverse.clone(), s, y, bent)
    torch.testing.assert_close(new @ y, s, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(new, new.T, rtol=1e-12, atol=1e-12)
    assert torch.linalg.eigvalsh(new).min() > 0


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_it_is_the_self_scaled_broyden_update_of_the_hessian(seed):
    """In terms of B: tau (B - B s sᵀ B/sᵀBs + theta sᵀBs w wᵀ) + y yᵀ/yᵀs, with its own theta, and tau <= 1."""
    inverse, s, y = pair(6, seed)
    b_matrix = torch.linalg.inv(inverse)
    bs, ys, sbs = b_matrix @ s, float(y @ s), float(s @ b_matrix @ s)
    new = torch.linalg.inv(updated(inverse.clone(), s, y, sbs))
    w = y / ys - bs / sbs
    rest = new - torch.outer(y, y) / ys  # = tau (B - ... + theta ...): two unknowns, and 21 equations
    columns = torch.stack([(b_matrix - torch.outer(bs, bs) / sbs).flatten(), sbs * torch.outer(w, w).flatten()], dim=1)
    tau, both = torch.linalg.lstsq(columns, rest.flatten()[:, None]).solution[:, 0].tolist()
    torch.testing.assert_close(columns @ torch.tensor([tau, both]).double(), rest.flatten(), rtol=1e-7, atol=1e-7)
    theta, b, h = both / tau, sbs / ys, float(y @ inverse @ y) / ys
    assert tau <= 1 + 1e-9
    a = b * h - 1
    rho = min(1, h * (1 - math.sqrt(a / (1 + a))))
    assert theta == pytest.approx(max((rho - 1) / a, min(1 / rho, (1 - b) / b)), rel=1e-6, abs=1e-8)


def test_the_determinant_of_the_hessian_is_what_the_scale_is_made_for():
    """det(B) becomes `min(1, 1/b)**(n - 1)/b det(B)`, whatever theta, where tau is not held by its other bound.

    det of the update of Broyden's family by theta is `(1 + theta a)/b tau**(n - 1) det(B)`; Al-Baali's tau takes the
    first factor away.
    """
    seen = 0
    for n in (2, 6):
        for seed in range(0, 120, 3):
            inverse, s, y = pair(n, seed)
            ys, sbs, yhy = float(y @ s), float(s @ torch.linalg.solve(inverse, s)), float(y @ inverse @ y)
            b, a = sbs / ys, sbs * yhy / ys**2 - 1
            rho = min(1, yhy / ys * (1 - math.sqrt(a / (1 + a))))
            theta = max((rho - 1) / a, min(1 / rho, (1 - b) / b))
            free = (1 + theta * a) ** (1 / (1 - n))
            if free > (1 / theta if theta > 0 else (1 + theta * a) / min(1, 1 / b)):
                continue
            seen += 1
            new = updated(inverse.clone(), s, y, sbs)
            ratio = float(torch.linalg.det(inverse) / torch.linalg.det(new))
            assert ratio == pytest.approx(min(1, 1 / b) ** (n - 1) / b, rel=1e-8)
    assert seen > 20


def test_the_first_update_has_the_scale_of_the_problem():
    inverse, s, y = pair(6, 0)
    small, large = (updated(None, s, scale * y, float(s @ s)) for scale in (1.0, 1e6))
    torch.testing.assert_close(small, large * 1e6)


@pytest.mark.parametrize("first", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize(
    "f", [lambda t: (t - 3) ** 2, lambda t: -t / (t**2 + 2), lambda t: (t + 0.004) ** 5 - 2 * (t + 0.004) ** 4]
)
def test_the_line_search_meets_both_conditions(f, first):
    """The last two are of Moré, Thuente 1994."""

    def along(t: float) -> Trial:
        at = torch.tensor(t, dtype=torch.float64, requires_grad=True)
        value = f(at)
        (slope,) = torch.autograd.grad(value, at)
        return Trial(t, value.item(), slope.item(), slope)

    start = along(0.0)
    found = strong_wolfe(along, start, first)
    assert found is not None
    assert found.value <= start.value + 1e-4 * found.t * start.slope
    assert abs(found.slope) <= 0.9 * abs(start.slope)


def test_a_line_that_only_rises_has_no_point_and_values_that_are_none_are_avoided():
    def wall(t: float) -> Trial:
        value = (t - 3) ** 2 if t < 2 else math.nan
        return Trial(t, value, 2 * (t - 3), torch.zeros(1))

    found = strong_wolfe(wall, wall(0.0), 10.0)
    assert found is not None and 0 < found.t < 2
    assert strong_wolfe(lambda t: Trial(t, t, 1.0, torch.zeros(1)), Trial(0.0, 0.0, -1.0, torch.zeros(1)), 1.0) is None


def test_two_groups_are_refused():
    with pytest.raises(ValueError, match="one group"):
        SSBroyden([{"params": [torch.zeros(1)]}, {"params": [torch.zeros(1)]}])
