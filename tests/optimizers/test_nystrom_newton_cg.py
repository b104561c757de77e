"""NysNewton-CG: the parts against dense linear algebra, the whole against Newton's rate."""

import pytest
import torch
from least_squares_systems import Function, decay, random_linear, tensor

from pinn.optimizers import NystromNewtonCG
from pinn.optimizers.nystrom_newton_cg import conjugate_gradients, nystrom, preconditioned


def symmetric(*eigenvalues: float) -> torch.Tensor:
    basis = torch.linalg.qr(random_linear(len(eigenvalues), len(eigenvalues))[0])[0]
    return basis @ torch.diag(tensor(*eigenvalues)) @ basis.T


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_as_many_products_as_there_are_directions_give_the_matrix(size):
    matrix = size * symmetric(5.0, 3.0, 1.0, 0.1, 0.01)
    values, vectors = nystrom(lambda v: matrix @ v, 5, 60, matrix[0], seed=0)
    torch.testing.assert_close(vectors @ torch.diag(values) @ vectors.T, matrix, rtol=1e-8, atol=1e-8 * size)


def test_an_indefinite_matrix_is_no_obstacle():
    matrix = symmetric(5.0, 3.0, 1.0, -0.5, -2.0)
    values, _ = nystrom(lambda v: matrix @ v, 5, 3, matrix[0], seed=0)
    assert values.isfinite().all() and values.min() >= 0


def iterations(wanted: bool) -> int:
    """Products that conjugate gradients need for ten digits, with ten large eigenvalues and ninety small ones."""
    matrix = symmetric(*torch.logspace(6, 3, 10).tolist(), *torch.linspace(1, 2, 90).tolist())
    target, count = random_linear(100, 1)[1], 0
    values, vectors = nystrom(lambda v: matrix @ v, 100, 12, target, seed=0)

    def product(v):
        nonlocal count
        count += 1
        return matrix @ v

    def precondition(x):
        return preconditioned(x, values, vectors, 0.0) if wanted else x

    x = conjugate_gradients(product, target, precondition, 1000, 1e-10)
    torch.testing.assert_close(matrix @ x, target, rtol=0, atol=1e-7)
    return count


def test_the_preconditioner_does_its_work():
    assert iterations(True) < 0.5 * iterations(False)


def test_the_preconditioned_matrix_has_one_eigenvalue_where_the_large_ones_were():
    """`P^-1 (A + mu)` has the eigenvalues l + mu on the known eigenvectors and those of A + mu on the others."""
    sizes, mu = tensor(1e6, 3e4, 50.0, 2.0, 1.0, 0.1), 0.7
    matrix = symmetric(*sizes.tolist())
    vectors = torch.linalg.eigh(matrix)[1].flip(1)[:, :3]
    rows = [preconditioned(row, sizes[:3], vectors, mu) for row in matrix + mu * torch.eye(6)]
    found = torch.linalg.eigvals(torch.stack(rows, dim=1)).real.sort(descending=True)[0]
    torch.testing.assert_close(found, tensor(50.0, 50.0, 50.0, 2.0, 1.0, 0.1) + mu, rtol=1e-6, atol=0)


def test_a_step_solves_with_its_preconditioner():
    """With all eigenvectors known one product is enough, whatever the condition: here it is 1e6."""
    scales = torch.logspace(0, 3, 20, dtype=torch.float64)
    theta, evaluations = torch.ones(20, dtype=torch.float64), 0
    system = Function(lambda z: scales * z, [theta])

    def closure():
        nonlocal evaluations
        evaluations += 1
        return system.gradient()

    NystromNewtonCG([theta], damping=1e-12, tolerance=1e-4).step(closure)
    assert float(theta.norm()) < 1e-3
    assert evaluations <= 1 + 2 * 20 + 2 * 3 + 1  # the loss, the sketch, the products, the line search


def test_negative_curvature_ends_the_solve():
    matrix = torch.diag(tensor(1.0, -1.0))
    x = conjugate_gradients(lambda v: matrix @ v, tensor(1.0, 1.1), lambda x: x, 10, 1e-10)
    assert float(x @ tensor(1.0, 1.1)) > 0  # still a direction of descent


def test_convergence_is_that_of_newton():
    """Two steps from an error of 1e-2 to one of 1e-7: the differences of gradients are good enough for the square."""
    theta = tensor(3.01, 1.99)
    system = Function(decay, [theta])
    optimizer = NystromNewtonCG([theta], tolerance=1e-8, damping=1e-12)
    for _ in range(3):
        optimizer.step(system.gradient)
    assert float((theta - tensor(3.0, 2.0)).norm()) < 1e-9


def test_nothing_to_do_is_converged():
    theta = tensor(3.0, 2.0)
    optimizer = NystromNewtonCG([theta])
    optimizer.step(Function(decay, [theta]).gradient)
    assert optimizer.converged
    assert theta.tolist() == [3.0, 2.0]


def test_two_groups_are_refused():
    with pytest.raises(ValueError, match="one group"):
        NystromNewtonCG([{"params": [torch.zeros(1)]}, {"params": [torch.zeros(1)]}])
