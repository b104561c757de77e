from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from pinn import Problem
from pinn.geometry import Box
from pinn.references import truth
from pinn.references.cole_hopf import burgers

RANDOM = np.random.default_rng(0)
T, X = RANDOM.random(2000), RANDOM.uniform(-1, 1, 2000)


def problem(names=("t", "x"), nu=0.01 / np.pi):
    bounds = {"t": (0, 1), "x": (-1, 1)}
    return SimpleNamespace(
        learned={},
        lost=None,
        values={},
        coordinate_names=list(names),
        domain=Box({name: bounds[name] for name in names}),
        fields=["u"],
        parameters={"nu": nu},
        exact=None,
        reference="cole_hopf",
    )


def pseudospectral(times, nu, modes):
    """An independent solution at x = -1 + 2 j / modes, (times, modes): Fourier in x, adaptive Runge-Kutta in t."""
    x = -1 + 2 * np.arange(modes) / modes
    k = 1j * np.pi * np.arange(modes // 2 + 1)
    kept = abs(k) < 2 / 3 * abs(k).max()  # no aliasing of u**2

    def slope(t, spectrum):
        return nu * k**2 * spectrum - k / 2 * kept * np.fft.rfft(np.fft.irfft(spectrum, modes) ** 2)

    start = np.fft.rfft(-np.sin(np.pi * x)).astype(complex)
    run = solve_ivp(slope, (0, times[-1]), start, "DOP853", times, rtol=1e-11, atol=1e-12 * modes)
    return x, np.fft.irfft(run.y.T, modes)


@pytest.mark.parametrize("nu", [1.0, 0.1 / np.pi, 0.01 / np.pi, 1e-4 / np.pi])
def test_finer_nodes_change_nothing(nu):
    assert abs(burgers(T, X, nu) - burgers(T, X, nu, refine=2)).max() < 1e-12
    assert abs(burgers(T, X, nu, refine=0.3) - burgers(T, X, nu)).max() > 1e-10  # positive control


@pytest.mark.parametrize(("nu", "modes", "last", "tolerance"), [(0.1 / np.pi, 256, 1.0, 1e-9), (0.02, 256, 1.0, 1e-7)])
def test_against_an_independent_solver(nu, modes, last, tolerance):
    times = np.linspace(0, last, 4)
    x, expected = pseudospectral(times, nu, modes)
    for t, u in zip(times, expected, strict=True):
        here = np.full_like(x, t)
        assert abs(burgers(here, x, nu) - u).max() < tolerance
        assert t == 0 or abs(burgers(here, x, 1.01 * nu) - u).max() > 1e-4  # positive control


@pytest.mark.parametrize("nu", [0.1 / np.pi, 0.01 / np.pi])
def test_equation(nu):
    t, x = np.meshgrid([0.05, 0.3, 0.6, 0.99], np.linspace(-0.93, 0.97, 41))
    t, x, h = t.ravel(), x.ravel(), 1e-4
    offsets = h * np.arange(-3, 4)
    first = np.array([-1, 9, -45, 0, 45, -9, 1]) / (60 * h)  # central differences of order 6
    second = np.array([2, -27, 270, -490, 270, -27, 2]) / (180 * h**2)
    in_x = np.stack([burgers(t, x + d, nu) for d in offsets], axis=1)
    in_t = np.stack([burgers(t + d, x, nu) for d in offsets], axis=1)
    u, u_t, u_x, u_xx = in_x[:, 3], in_t @ first, in_x @ first, in_x @ second
    assert abs(u_t + u * u_x - nu * u_xx).max() < 1e-7
    assert abs(u_t + u * u_x - 1.01 * nu * u_xx).max() > 1e-3  # positive control


@pytest.mark.parametrize("t", [0.0, 1e-14, 1e-10])
def test_starts_from_the_sine(t):
    x = np.linspace(-1, 1, 201)
    assert abs(burgers(np.full_like(x, t), x, 0.01 / np.pi) + np.sin(np.pi * x)).max() < 1e-15 + 2 * t


def test_boundary_values_and_symmetry():
    t = np.linspace(0, 1, 51)
    for end in (-1.0, 0.0, 1.0):
        assert abs(burgers(t, np.full_like(t, end), 0.01 / np.pi)).max() < 1e-13
    np.testing.assert_allclose(burgers(T, -X, 0.01 / np.pi), -burgers(T, X, 0.01 / np.pi), atol=1e-13)


def test_columns_dtype_and_chunks():
    x = torch.stack([torch.from_numpy(np.resize(v, 9001)) for v in (T, X)], dim=1)
    here = truth(problem())(x)
    assert here.shape == (9001, 1) and here.dtype == torch.float64
    np.testing.assert_allclose(here[:, 0].numpy(), np.resize(burgers(T, X, 0.01 / np.pi), 9001), atol=1e-13)
    assert torch.equal(truth(problem(("x", "t")))(x.flip(1)), here)
    assert truth(problem())(x[:5].float()).dtype == torch.float32
    assert truth(problem())(x[:0]).shape == (0, 1)


def spread(x):
    """The least standard deviation of nu / nu_true that points with noise 0.01 allow (Cramér, Rao)."""
    nu, part = 0.01 / np.pi, 0.02
    above, below = (truth(problem(nu=nu * (1 + s)))(x)[:, 0] for s in (part, -part))
    return 0.01 / float(((above - below) / (2 * part)).norm())


@pytest.mark.parametrize(("name", "least"), [("burgers_viscosity", 0.0455), ("burgers_viscosity_front", 0.00266)])
def test_how_well_the_sensors_of_the_inverse_problems_tell_the_viscosity(name, least):
    (sensors,) = Problem.load(name).observations.values()
    assert sensors.noise == 0.01 and len(sensors.x) == 200
    assert spread(sensors.x) == pytest.approx(least, rel=0.01)
