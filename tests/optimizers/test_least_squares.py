"""LeastSquares: exact for linear problems, Newton's method for others."""

import math

import numpy as np
import pytest
import torch
from least_squares_systems import Function, random_linear, tensor
from torch import Tensor, nn

from pinn.optimizers import LeastSquares, least_squares
from pinn.optimizers.least_squares import solve, solve_pivoted
from pinn.optimizers.system import singular_values


@pytest.mark.parametrize(("rows", "columns"), [(30, 7), (7, 7), (7, 30)])
def test_linear_problem_is_solved_in_one_step(rows, columns):
    matrix, target = random_linear(rows, columns)
    theta = torch.zeros(columns, dtype=torch.float64)
    loss = LeastSquares([theta]).step(Function(lambda theta: matrix @ theta - target, [theta]))
    assert float(loss) == pytest.approx(float(target @ target))
    torch.testing.assert_close(theta, torch.linalg.pinv(matrix) @ target)


def test_rank_deficient_problem_takes_the_step_of_least_norm():
    matrix, target = random_linear(30, 7)
    matrix[:, 3] = matrix[:, 1]
    theta = torch.zeros(7, dtype=torch.float64)
    LeastSquares([theta]).step(Function(lambda theta: matrix @ theta - target, [theta]))
    torch.testing.assert_close(theta, torch.linalg.pinv(matrix) @ target)
    assert float(theta[1]) == pytest.approx(float(theta[3]))


def newton_errors(residual, theta: Tensor, solution: Tensor) -> list[float]:
    optimizer, errors = LeastSquares([theta]), []
    for _ in range(8):
        optimizer.step(Function(residual, [theta]))
        errors.append(float((theta - solution).norm()))
    return errors


def test_nonlinear_problem_converges_quadratically():
    matrix, _ = random_linear(30, 5)
    solution = tensor(0.3, -0.2, 0.5, 0.1, -0.4)
    target = matrix @ solution + (matrix @ solution) ** 2
    errors = newton_errors(
        lambda theta: matrix @ theta + (matrix @ theta) ** 2 - target, solution + 0.05 * torch.ones(5), solution
    )
    order = [math.log(b) / math.log(a) for a, b in zip(errors, errors[1:], strict=False) if a > 1e-6]
    assert min(order) > 1.7
    assert errors[-1] < 1e-13


def test_steps_that_raise_the_loss_are_shortened():
    """Newton's method for arctan diverges from |x| > 1.39; damped, it does not."""
    theta = tensor(3.0)
    assert newton_errors(torch.atan, theta, tensor(0.0))[-1] < 1e-12


def test_a_trial_that_is_not_finite_is_never_accepted():
    theta = tensor(3.0)  # the full Newton step for log leads to a negative number
    assert newton_errors(torch.log, theta, tensor(1.0))[-1] < 1e-12


def test_converged_is_reported_and_saved():
    theta = tensor(1.0, 2.0)
    optimizer, system = LeastSquares([theta]), Function(lambda theta: theta - 1, [theta])
    assert not optimizer.converged
    for _ in range(3):
        optimizer.step(system)
    assert optimizer.converged
    assert theta.tolist() == [1.0, 1.0]
    other = LeastSquares([theta])
    other.load_state_dict(optimizer.state_dict())
    assert other.converged


def test_it_has_converged_where_a_step_gives_all_that_its_linearisation_promised():
    """A linear residual with nothing left to gain has; the arctangent at 1, reached at -0.57 for the root, has not."""
    matrix, target = random_linear(30, 7)
    theta = torch.zeros(7, dtype=torch.float64)
    linear = LeastSquares([theta])
    linear.step(Function(lambda theta: matrix @ theta - target, [theta]))
    assert linear.converged
    theta = tensor(1.0)
    curved = LeastSquares([theta])
    curved.step(Function(torch.atan, [theta]))
    assert float(theta) == pytest.approx(1 - math.pi / 2)
    assert not curved.converged


def test_output_layer_of_random_features():
    """u'' = -sin(x), u(0) = u(pi) = 0 by 60 random tanh features: sin(x), far beyond what normal equations give."""
    generator = torch.Generator().manual_seed(0)
    slope, shift = (torch.randn(60, generator=generator, dtype=torch.float64) for _ in range(2))
    x = torch.linspace(0, math.pi, 200, dtype=torch.float64)[:, None]
    h = torch.tanh(slope * x + shift)
    second = -2 * h * (1 - h**2) * slope**2
    out = nn.Linear(60, 1, dtype=torch.float64)
    layer = list(out.parameters())

    def residual(theta: Tensor) -> Tensor:
        ends = h[[0, -1]] @ theta[:60] + theta[60]
        return torch.cat([second @ theta[:60] + torch.sin(x[:, 0]), 100 * ends])

    LeastSquares(layer).step(Function(residual, layer))
    torch.testing.assert_close(out(h).detach(), torch.sin(x), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("rows", "columns"), [(30, 7), (7, 30)])
def test_the_decomposition_for_other_devices_agrees(rows, columns):
    matrix, target = random_linear(rows, columns)
    matrix[:, 3] = matrix[:, 1]
    s, c, v = singular_values(matrix, target)
    keep = s > 1e-12
    torch.testing.assert_close(v[:, keep] @ (c[keep] / s[keep]), solve(matrix, target))


@pytest.mark.parametrize("columns", [7, 30])
@pytest.mark.parametrize("how", ["full rank", "dependent", "zero"])
def test_pivoted_qr_agrees_with_numpy(columns, how):
    matrix, target = random_linear(30, columns)
    matrix *= torch.logspace(0, 3, columns, dtype=torch.float64)
    if how == "dependent":
        matrix[:, 5] = matrix[:, 1] - 2 * matrix[:, 3]
    if how == "zero":
        matrix[:, 0] = 0
    norms = np.maximum(np.linalg.norm(matrix.numpy(), axis=0), 1e-300)
    expected = np.linalg.lstsq(matrix.numpy() / norms, target.numpy(), rcond=1e-13)[0] / norms
    scaled = solve_pivoted(matrix, target).numpy() * norms
    np.testing.assert_allclose(scaled, expected * norms, rtol=1e-9, atol=1e-9)


def test_small_columns_are_not_lost_in_the_rounding_of_large_ones():
    matrix, _ = random_linear(300, 7)
    matrix *= torch.logspace(0, -14, 7, dtype=torch.float64)
    target = matrix @ torch.ones(7, dtype=torch.float64)
    torch.testing.assert_close(solve_pivoted(matrix, target), torch.ones(7, dtype=torch.float64), rtol=0.1, atol=0)
    assert float(solve(matrix, target)[-1]) < 0.1


def test_nearly_dependent_columns_are_used_for_what_is_in_their_range_alone():
    matrix, target = random_linear(300, 7)
    extra = random_linear(300, 1, seed=1)[0][:, 0]
    matrix[:, 1] = matrix[:, 0] + 2e-14 * extra  # less than `solve` keeps, more than machine precision
    assert float(solve_pivoted(matrix, target).norm()) < 10  # which to use it would make 1e12
    inside = matrix[:, 2] + extra
    assert float((matrix @ solve_pivoted(matrix, inside) - inside).norm()) < 0.2 * float(extra.norm())


def chosen(monkeypatch, residual, rows: int = 30, **options) -> list[str]:
    """Which solver each of three steps takes."""
    found = []
    for name in ("solve", "solve_pivoted"):
        used = getattr(least_squares, name)
        monkeypatch.setattr(least_squares, name, lambda *a, name=name, used=used: found.append(name) or used(*a))
    matrix, target = random_linear(rows, 7)
    theta = torch.zeros(7, dtype=torch.float64)
    optimizer, system = LeastSquares([theta], **options), Function(lambda t: residual(matrix @ t) - target, [theta])
    for _ in range(3):
        optimizer.step(system)
    return found


def test_what_is_not_short_is_solved_by_pivoted_qr(monkeypatch):
    assert chosen(monkeypatch, torch.tanh) == ["solve_pivoted"] * 3
    assert chosen(monkeypatch, torch.tanh, rows=5) == ["solve"] * 3  # the least norm decides: that of theta itself
    assert chosen(monkeypatch, torch.tanh, rcond=1e-12) == ["solve"] * 3


def test_rcond_is_checked():
    with pytest.raises(ValueError, match="rcond"):
        LeastSquares([tensor(1.0)], rcond=1.5)
