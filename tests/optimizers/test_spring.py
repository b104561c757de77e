"""SPRING: the step is the minimiser that the paper states, and it learns from batches that are never seen again."""

import pytest
import torch
from least_squares_systems import Function, random_linear

from pinn.optimizers import SPRING
from pinn.optimizers.spring import damped


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_each_direction_minimises_the_damped_distance_to_the_one_before(momentum):
    """|J d - r|² + lam |d - mu d'|², by the normal equations."""
    matrix, target = random_linear(5, 20)
    theta = torch.zeros(20, dtype=torch.float64)
    optimizer, system = SPRING([theta], lr=0.3, damping=0.1, momentum=momentum), None
    system, before = Function(lambda theta: matrix @ theta - target, [theta]), torch.zeros(20, dtype=torch.float64)
    lam = 0.1 * float(matrix.square().sum())
    for _ in range(3):
        r, start = system.residual(), theta.clone()
        optimizer.step(system)
        normal = matrix.T @ matrix + lam * torch.eye(20, dtype=torch.float64)
        wanted = torch.linalg.solve(normal, matrix.T @ r + lam * momentum * before)
        before = (start - theta) / 0.3
        torch.testing.assert_close(before, wanted, rtol=1e-8, atol=1e-8)


def steps_of_batches(momentum: float) -> float:
    """The error after 60 batches of 4 of 40 equations in 60 unknowns; the solution of least norm is known."""
    matrix, target = random_linear(40, 60)
    theta = torch.zeros(60, dtype=torch.float64)
    optimizer, generator = SPRING([theta], lr=0.2, momentum=momentum), torch.Generator().manual_seed(0)
    for _ in range(60):
        rows = torch.randperm(40, generator=generator)[:4]
        optimizer.step(Function(lambda theta, rows=rows: matrix[rows] @ theta - target[rows], [theta]))
    return float((theta - torch.linalg.pinv(matrix) @ target).norm())


def test_momentum_keeps_what_earlier_batches_said():
    assert steps_of_batches(0.9) < 0.5 * steps_of_batches(0.0)


def test_equal_rows_are_no_obstacle():
    matrix, target = random_linear(5, 20)
    matrix[1], target[1] = matrix[0], target[0]
    assert damped(matrix, target, 1e-18).isfinite().all()


def test_two_groups_are_refused():
    with pytest.raises(ValueError, match="one group"):
        SPRING([{"params": [torch.zeros(1)]}, {"params": [torch.zeros(1)]}])
