import numpy as np
import pytest
import torch

from pinn import Problem
from pinn.references import truth
from pinn.references.plates import supported


def deflection(x, y, a, b, **options):
    return supported(x, y, a, b, (1.0, 1.0, 1.0), **options)


def centre(a, b):
    return deflection(np.array([a / 2]), np.array([b / 2]), a, b)[0]


def double_series(x, y, a, b, terms):
    """Navier's own series, 16 / pi**6 sum sin sin / (m n (m**2 / a**2 + n**2 / b**2)**2): slow, but unmistakable."""
    m = np.arange(1, 2 * terms, 2)
    weights = 16 / np.pi**6 / (np.outer(m, m) * np.add.outer((m / a) ** 2, (m / b) ** 2) ** 2)
    return np.einsum("pm,mn,pn->p", np.sin(np.pi * np.outer(x, m) / a), weights, np.sin(np.pi * np.outer(y, m) / b))


def test_published_centre_deflections():
    # Timoshenko & Woinowsky-Krieger, table 8: three figures for b/a = 1, 1.5, 2, 3; the ninth digit is known for b = a.
    assert [round(centre(1, b), 5) for b in (1, 1.5, 2, 3)] == [0.00406, 0.00772, 0.01013, 0.01223]
    assert centre(1, 1) == pytest.approx(0.00406235266, abs=5e-12)
    assert centre(1, 50) == pytest.approx(5 / 384, abs=1e-12)  # a long plate is a beam


@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 2.5), (3, 0.7)])
def test_against_the_double_series(a, b):
    x, y = np.random.default_rng(0).random((2, 50)) * [[a], [b]]
    w = deflection(x, y, a, b)
    assert abs(w - double_series(x, y, a, b, 300)).max() < 1e-8 * w.max()
    assert abs(1.001 * w - double_series(x, y, a, b, 300)).max() > 1e-4 * w.max()  # positive control


@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 10), (10, 1)])
def test_more_terms_change_nothing(a, b):
    x, y = np.random.default_rng(0).random((2, 2000)) * [[a], [b]]
    w = deflection(x, y, a, b)
    assert abs(w - deflection(x, y, a, b, terms=800)).max() < 1e-12 * w.max()
    assert abs(w - deflection(x, y, a, b, terms=4)).max() > 1e-8 * w.max()  # positive control


@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 2), (2, 1)])
def test_edges_are_supported(a, b):
    s, h = np.linspace(0.05, 0.95, 19), 1e-3
    edges = [(s * a, 0 * s), (s * a, 0 * s + b), (0 * s, s * b), (0 * s + a, s * b)]
    for x, y in edges:
        across = [(0 * x + h, 0 * y), (0 * x, 0 * y + h)]
        assert abs(deflection(x, y, a, b)).max() < 1e-13
        # No moment: w is odd about the edge, so the solution inside is a straight line to second order.
        for dx, dy in across:
            inside = np.where((x + dx <= a) & (y + dy <= b), 1, -1)
            w1, w2 = (deflection(x + k * inside * dx, y + k * inside * dy, a, b) for k in (1, 2))
            assert abs(w2 - 2 * w1).max() < 1e-7


def test_equation():
    # The 13-point stencil of lap(lap(w)), at two widths: the extrapolated value is 1 up to order h**4.
    x, y = (v.ravel() for v in np.meshgrid(np.linspace(0.2, 0.8, 7), np.linspace(0.3, 1.7, 7)))

    def biharmonic(h):
        def w(i, j):
            return deflection(x + i * h, y + j * h, 1, 2)

        near = w(1, 0) + w(-1, 0) + w(0, 1) + w(0, -1)
        diagonal = w(1, 1) + w(1, -1) + w(-1, 1) + w(-1, -1)
        far = w(2, 0) + w(-2, 0) + w(0, 2) + w(0, -2)
        return (20 * w(0, 0) - 8 * near + 2 * diagonal + far) / h**4

    assert abs((4 * biharmonic(0.02) - biharmonic(0.04)) / 3 - 1).max() < 1e-3


def test_parameters_origin_and_dtype():
    problem = Problem(
        coordinates={"x": [-1, 1], "y": [3, 5]}, fields=["w"], equations={"plate": "D*lap(lap(w)) = q"},
        parameters={"D": 4, "q": 3}, reference="orthotropic_plate",
    )  # fmt: skip
    w = truth(problem)(torch.tensor([[0.0, 4.0], [-1.0, 4.5]]))
    assert w.shape == (2, 1) and w.dtype == torch.float32
    assert w[0, 0].item() == pytest.approx(0.00406235266 * 3 * 2**4 / 4, rel=1e-6)
    assert abs(w[1, 0].item()) < 1e-12
