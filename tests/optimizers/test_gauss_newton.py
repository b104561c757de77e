"""GaussNewton: closed forms, rates, the secular equation, degenerate Jacobians, state."""

import io
import math

import pytest
import torch
from least_squares_systems import Function, decay, powell_badly_scaled, random_linear, rosenbrock, tensor
from scipy.optimize import brentq
from torch import Tensor

from pinn.optimizers import GaussNewton
from pinn.optimizers.gauss_newton import bent, decompose


def descend(residual, theta: Tensor, steps: int, **options) -> tuple[GaussNewton, list[float]]:
    """The optimizer after `steps` steps and the losses before each of them."""
    optimizer, system = GaussNewton([theta], **options), Function(residual, [theta])
    return optimizer, [float(optimizer.step(system)) for _ in range(steps)]


@pytest.mark.parametrize(("rows", "columns"), [(30, 7), (7, 7), (7, 30)])
def test_linear_least_squares_takes_one_step(rows, columns):
    matrix, target = random_linear(rows, columns)
    theta = torch.zeros(columns, dtype=torch.float64)
    optimizer, _ = descend(lambda theta: matrix @ theta - target, theta, 1, radius=100.0)
    torch.testing.assert_close(theta, torch.linalg.pinv(matrix) @ target, rtol=1e-10, atol=1e-10)


def test_inconsistent_linear_system_converges():
    matrix, target = random_linear(30, 7)
    theta = torch.zeros(7, dtype=torch.float64)
    optimizer, losses = descend(lambda theta: matrix @ theta - target, theta, 4, radius=100.0)
    assert optimizer.converged
    assert losses[-1] == pytest.approx(float((target - matrix @ torch.linalg.pinv(matrix) @ target).square().sum()))


@pytest.mark.parametrize(
    ("residual", "start", "solution"),
    [(rosenbrock, (-1.2, 1.0), (1.0, 1.0)), (decay, (1.0, 0.0), (3.0, 2.0))],
)
def test_known_minima_are_reached_and_reported(residual, start, solution):
    theta = tensor(*start)
    optimizer, _ = descend(residual, theta, 40)
    torch.testing.assert_close(theta, tensor(*solution), rtol=1e-12, atol=1e-12)
    assert optimizer.converged


def test_badly_scaled_problem():
    theta = tensor(0.0, 1.0)
    _, losses = descend(powell_badly_scaled, theta, 200)
    assert losses[-1] < 1e-20
    assert float(theta[1]) == pytest.approx(9.10614674, rel=1e-7)


def test_convergence_is_quadratic():
    """At a zero residual: log(error) about doubles from step to step, until rounding."""
    theta = tensor(2.0, 1.0)
    optimizer, system = GaussNewton([theta], radius=10.0), Function(decay, [theta])
    errors = []
    while not errors or errors[-1] > 1e-13:
        optimizer.step(system)
        errors.append(float((theta - tensor(3.0, 2.0)).norm()))
    order = [math.log(b) / math.log(a) for a, b in zip(errors, errors[1:], strict=False) if 1e-6 < a < 1e-1]
    assert order and min(order) > 1.7


def test_the_bent_step_is_of_one_order_more():
    """Where Newton's error falls with the square of the distance, that of the accelerated step falls with the cube."""

    def residual(theta: Tensor) -> Tensor:
        return torch.stack([theta[0].exp() - 1 + theta[1] ** 2, theta[1].sin() + theta[0] * theta[1]])

    errors = {"straight": [], "bent": []}
    for distance in (0.08, 0.04, 0.02):
        start = distance * tensor(1.0, 0.7)
        theta = start.clone()
        system = Function(residual, [theta])
        linearisation = system.linearise()
        model = decompose(linearisation[1], linearisation[0], precise=True)
        errors["straight"].append(float((start + model.step(0.0)).norm()))
        errors["bent"].append(float((start + bent(system, [theta], start, linearisation, model, 0.0)).norm()))
    orders = {name: math.log2(values[-2] / values[-1]) for name, values in errors.items()}
    assert orders["straight"] == pytest.approx(2, abs=0.2)
    assert orders["bent"] == pytest.approx(3, abs=0.2)


@pytest.mark.parametrize(("ratio", "taken"), [(0.1, True), (0.7, True), (0.8, False), (3.0, False)])
def test_a_step_bends_by_its_acceleration_where_that_is_small(ratio, taken):
    """`r = x + k x^2` has the step d = -r/J and the acceleration a = -2 k d^2/J; it counts where 2 |a|/|d| <= 3/4."""
    x = 0.5
    r, ratios = (lambda k: x + k * x**2), (lambda k: 4 * k * (x + k * x**2) / (1 + 2 * k * x) ** 2)
    k = brentq(lambda k: ratios(k) - ratio, 0, 100) if ratio < 0.9 else -0.9
    jacobian = 1 + 2 * k * x
    d = -r(k) / jacobian
    acceleration = -2 * k * d**2 / jacobian
    assert (2 * abs(acceleration) <= 0.75 * abs(d)) == taken
    theta = tensor(x)
    system = Function(lambda z: z + k * z**2, [theta])
    value, slope = system.linearise()
    found = bent(system, [theta], tensor(x), (value, slope), decompose(slope, value, precise=True), 0.0)
    assert found.tolist() == pytest.approx([d + acceleration / 2 if taken else d], rel=1e-9)


@pytest.mark.parametrize("precise", [False, True])
@pytest.mark.parametrize(("rows", "columns"), [(40, 12), (12, 40)])
def test_step_has_the_asked_length_and_solves_the_damped_equations(rows, columns, precise):
    matrix, target = random_linear(rows, columns)
    model = decompose(matrix, target, precise)
    full = float((torch.linalg.pinv(matrix) @ target).norm())
    radii = [full * factor for factor in (0.9, 0.5, 1e-3, 1e-9)]
    for radius, lam in zip(radii, model.dampings(radii), strict=True):
        step = model.step(lam)
        assert float(step.norm()) == pytest.approx(radius, rel=1e-9)
        assert model.length(lam) == pytest.approx(radius, rel=1e-9)
        damped = matrix.T @ matrix + lam * torch.eye(columns, dtype=torch.float64)
        torch.testing.assert_close(step, -torch.linalg.solve(damped, matrix.T @ target), rtol=1e-7, atol=1e-7 * radius)
        reduction = target.square().sum() - (target + matrix @ step).square().sum()
        assert model.reduction(lam) == pytest.approx(float(reduction), rel=1e-6, abs=1e-12)


def test_radius_beyond_the_full_step_gives_the_full_step():
    matrix, target = random_linear(40, 12)
    model = decompose(matrix, target, precise=True)
    (lam,) = model.dampings([1e6])
    assert lam == pytest.approx(model.floor)
    torch.testing.assert_close(model.step(lam), -torch.linalg.pinv(matrix) @ target)


@pytest.mark.parametrize(("rows", "columns"), [(30, 8), (8, 30)])
def test_rank_deficient_jacobian(rows, columns):
    """Two equal columns, a zero column, two equal rows: the loss still reaches its minimum, and nothing blows up."""
    matrix, target = random_linear(rows, columns)
    matrix[:, 1], matrix[:, 2] = matrix[:, 0], 0.0
    matrix[3], target[3] = matrix[4], target[4]
    theta = torch.zeros(columns, dtype=torch.float64)
    _, losses = descend(lambda theta: matrix @ theta - target, theta, 8, radius=10.0)
    least = (target - matrix @ (torch.linalg.pinv(matrix) @ target)).square().sum()
    assert losses[-1] == pytest.approx(float(least), rel=1e-10, abs=1e-18)
    assert float(theta.norm()) < 10 * float((torch.linalg.pinv(matrix) @ target).norm())


def test_an_ill_conditioned_system_is_solved_beyond_the_squared_condition_number():
    """Condition number 1e10: the normal equations alone would lose every digit of the smallest direction."""
    u, _ = torch.linalg.qr(random_linear(40, 12)[0])
    v, _ = torch.linalg.qr(random_linear(12, 12, seed=1)[0])
    matrix = u @ torch.diag(torch.logspace(0, -10, 12, dtype=torch.float64)) @ v.T
    solution = torch.ones(12, dtype=torch.float64)
    theta = torch.zeros(12, dtype=torch.float64)
    descend(lambda theta: matrix @ (theta - solution), theta, 30)
    torch.testing.assert_close(theta, solution, rtol=0, atol=1e-4)


def test_nothing_to_do_is_converged():
    theta = tensor(1.0, 1.0)
    optimizer, _ = descend(rosenbrock, theta, 1)
    assert optimizer.converged
    torch.testing.assert_close(theta, tensor(1.0, 1.0), rtol=0, atol=0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_trial_that_is_not_finite_is_never_accepted(bad):
    """log beyond its domain, and an overflow: the iterates stay where the residual is finite."""

    def walled(theta: Tensor) -> Tensor:
        return torch.where(theta.abs() < 1.5, theta - 2.0, torch.full_like(theta, bad))

    theta = tensor(0.0)
    optimizer, losses = descend(walled, theta, 30)
    assert all(math.isfinite(loss) for loss in losses)
    assert 1.4 < float(theta) < 1.5


def test_a_start_that_is_not_finite_is_named():
    theta = tensor(-1.0)
    with pytest.raises(FloatingPointError, match="not finite at the present parameters"):
        descend(torch.log, theta, 1)


def test_a_failed_window_leaves_the_parameters_and_shrinks_the_radius():
    theta = tensor(1.0, 2.0)
    system = Function(rosenbrock, [theta])
    system.residual = lambda: torch.full((2,), 1e9, dtype=torch.float64)  # every trial is worse than the start
    optimizer = GaussNewton([theta])
    optimizer.step(system)
    assert theta.tolist() == [1.0, 2.0]
    assert optimizer.radius < 0.05


def test_parameters_of_any_shape_and_learned_scalars():
    generator = torch.Generator().manual_seed(0)
    weight = torch.nn.Parameter(torch.randn(2, 3, generator=generator, dtype=torch.float64))
    scalar = torch.nn.Parameter(torch.tensor(0.5, dtype=torch.float64))
    goal = torch.arange(6, dtype=torch.float64)
    system = Function(lambda theta: torch.cat([theta[:6] * theta[6] - goal, theta[6:] ** 2 - 4]), [weight, scalar])
    optimizer = GaussNewton([weight, scalar])
    for _ in range(30):
        optimizer.step(system)
    assert abs(scalar.item()) == pytest.approx(2.0, abs=1e-10)
    torch.testing.assert_close((weight * scalar).detach(), goal.view(2, 3))


def test_state_round_trips_bit_for_bit():
    def run(steps: int, start: Tensor, saved: bytes | None = None) -> tuple[Tensor, bytes]:
        theta = start.clone()
        optimizer, system = GaussNewton([theta]), Function(rosenbrock, [theta])
        if saved is not None:
            optimizer.load_state_dict(torch.load(io.BytesIO(saved)))
        for _ in range(steps):
            optimizer.step(system)
        buffer = io.BytesIO()
        torch.save(optimizer.state_dict(), buffer)
        return theta, buffer.getvalue()

    start = tensor(-1.2, 1.0)
    middle, saved = run(3, start)
    resumed, _ = run(3, middle, saved)
    through, _ = run(6, start)
    forgetful, _ = run(3, middle)
    assert resumed.tolist() == through.tolist()
    assert forgetful.tolist() != through.tolist()


def test_single_precision():
    theta = torch.tensor([-1.2, 1.0])
    optimizer, _ = descend(rosenbrock, theta, 40)
    assert theta.dtype == torch.float32
    torch.testing.assert_close(theta, torch.ones(2), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("options", [{"radius": 0.0}, {"target": 0.0}, {"target": 1.0}])
def test_bad_options_are_refused(options):
    with pytest.raises(ValueError, match="must"):
        GaussNewton([tensor(1.0)], **options)


def test_two_groups_are_refused():
    with pytest.raises(ValueError, match="one group"):
        GaussNewton([{"params": [tensor(1.0)]}, {"params": [tensor(2.0)]}])
