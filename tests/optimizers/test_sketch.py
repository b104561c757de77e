"""The two-sided sketch: its transform against scipy's, a square one against none, convergence with a small one."""

import pytest
import scipy.fft
import torch
from least_squares_systems import PROBLEMS, Function, random_linear

from pinn.optimizers import GaussNewton
from pinn.optimizers.gauss_newton import decompose
from pinn.optimizers.sketch import Sketch, cosines


@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_the_transform_is_the_orthonormal_cosine_transform(n):
    x = random_linear(5, n)[0]
    wanted = torch.from_numpy(scipy.fft.dct(x.numpy(), norm="ortho"))
    torch.testing.assert_close(cosines(x), wanted, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(cosines(wanted, back=True), x, rtol=1e-12, atol=1e-12)


def test_lifting_is_the_transpose_of_taking_columns_and_keeps_lengths():
    matrix, _ = random_linear(9, 40)
    sketch, z = Sketch.draw(matrix, 12, seed=3), random_linear(1, 12, seed=1)[0][0]
    lifted = sketch.lift(z)
    torch.testing.assert_close(sketch.columns(matrix) @ z, matrix @ lifted, rtol=1e-11, atol=1e-11)
    assert float(lifted.norm()) == pytest.approx(float(z.norm()))


def test_a_square_sketch_gives_the_exact_step():
    matrix, target = random_linear(30, 12)
    sketch = Sketch.draw(matrix, 12, seed=0)
    assert sketch.bins is None
    for lam in (0.0, 0.1, 10.0):
        exact = decompose(matrix, target, precise=True).step(lam)
        sketched = decompose(sketch.columns(matrix), sketch.rows(target), precise=True).step(lam)
        torch.testing.assert_close(sketch.lift(sketched), exact, rtol=1e-10, atol=1e-10)


def test_a_small_sketch_does_not():
    matrix, target = random_linear(30, 12)
    sketch = Sketch.draw(matrix, 6, seed=0)
    small = sketch.rows(sketch.columns(matrix))
    step = sketch.lift(decompose(small, sketch.rows(target), precise=True).step(0.1))
    assert float((step - decompose(matrix, target, precise=True).step(0.1)).norm()) > 0.1 * float(step.norm())


def test_rows_in_bins_keep_products_on_average():
    matrix, _ = random_linear(400, 3)
    exact = matrix.T @ matrix
    found = [Sketch.draw(matrix, 3, seed).rows(matrix) for seed in range(300)]
    assert found[0].shape == (12, 3)
    mean = torch.stack([rows.T @ rows for rows in found]).mean(0)
    torch.testing.assert_close(mean, exact, rtol=0, atol=0.1 * float(exact.norm()))


def run(sketch: int | None, steps: int) -> float:
    residual, start = PROBLEMS["poisson"]
    parameters = start()
    system, optimizer = Function(residual, parameters), GaussNewton(parameters, sketch=sketch)
    for _ in range(steps):
        optimizer.step(system)
    return float(residual(system.vector).square().sum())


def test_as_many_columns_as_parameters_is_no_sketch():
    assert run(1000, 4) == run(None, 4)


def test_gauss_newton_converges_with_a_third_of_the_columns():
    """Of 105 parameters; each step has other columns."""
    assert run(35, 100) < 1e-6


def test_and_with_fewer_rows_than_residuals():
    assert run(6, 150) < 1.0 < run(6, 1)
