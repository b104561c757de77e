import mpmath
import numpy as np
import pytest
import torch
from solution_checks import inner_points, residual

from pinn import Problem
from pinn.references import truth


def lorenz(end=10):
    return Problem(
        coordinates={"t": [0, end]}, fields=["x", "y", "z"], parameters={"sigma": 10, "rho": 28, "beta": "8/3"},
        equations={
            "rate_x": "x_t = sigma*(y - x)", "rate_y": "y_t = x*(rho - z) - y", "rate_z": "z_t = x*y - beta*z"
        },
        conditions={"x": "x(t=0) = 1", "y": "y(t=0) = 1", "z": "z(t=0) = 1"}, enforce="soft", reference="ode",
    )  # fmt: skip


def scalar(equations, conditions, t=(0, 3), reference="ode", fields=("u",)):
    return Problem(
        coordinates={"t": t}, fields=fields, equations={f"e{i}": e for i, e in enumerate(equations)},
        conditions={f"c{i}": c for i, c in enumerate(conditions)}, enforce="soft", reference=reference,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("equations", "conditions", "exact"),
    [
        (["u_t = -2*u + t"], ["u(t=0) = 1"], lambda t: t / 2 - 0.25 + 1.25 * np.exp(-2 * t)),
        (["u_tt + 9*u = 0"], ["u(t=0) = 1", "u_t(t=0) = 3"], lambda t: np.cos(3 * t) + np.sin(3 * t)),
        (["u_t = u*(1 - u)"], ["u(t=0) = 0.1"], lambda t: 1 / (1 + 9 * np.exp(-t))),
        (["2*u_ttt = 6"], ["u(t=0) = 1", "u_t(t=0) = 2", "u_tt(t=0) = 0"], lambda t: 1 + 2 * t + t**3 / 2),
    ],
)  # fmt: skip
def test_closed_forms(equations, conditions, exact):
    t = torch.linspace(0, 3, 101, dtype=torch.float64)[:, None]
    u = truth(scalar(equations, conditions))(t)[:, 0].numpy()
    assert abs(u - exact(t[:, 0].numpy())).max() < 1e-11
    assert abs(u - exact(t[:, 0].numpy() + 1e-6)).max() > 1e-8  # positive control


def test_a_pendulum_keeps_its_energy_and_has_its_period():
    # period 4 K(sin(a/2)) from the angle a at rest: Landau & Lifshitz, Mechanics, section 11
    period = 4 * float(mpmath.ellipk(mpmath.sin(1) ** 2))
    pendulum = truth(scalar(["u_tt = -sin(u)"], ["u(t=0) = 2", "u_t(t=0) = 0"], (0, 20)))
    u = pendulum(torch.tensor([[period], [period / 2], [period / 4]], dtype=torch.float64))[:, 0]
    torch.testing.assert_close(u, torch.tensor([2.0, -2.0, 0.0], dtype=torch.float64), rtol=0, atol=1e-10)


def test_lorenz_system():
    problem = lorenz()
    function = truth(problem)
    x = inner_points(problem, margin=0.01)
    for name in ("rate_x", "rate_y", "rate_z"):
        assert abs(residual(problem, name, function, x, (2e-3,))).max() < 1e-8
        wrong = residual(problem, name, lambda t: function(t) + 1e-3 * torch.sin(t), x, (2e-3,))
        assert abs(wrong).max() > 1e-6  # positive control
    assert function(x[:0]).shape == (0, 3) and function(x.float()).dtype == torch.float32


def test_lorenz_against_its_taylor_series_in_40_digits():
    with mpmath.workdps(40):
        state, h = [mpmath.mpf(1)] * 3, mpmath.mpf(1) / 64
        for _ in range(5 * 64):
            state = _taylor_step(*state, h, 30)
    values = truth(lorenz())(torch.tensor([[5.0]], dtype=torch.float64))[0]
    np.testing.assert_allclose(values.numpy(), [float(s) for s in state], rtol=0, atol=1e-10)


def _taylor_step(x, y, z, h, order):
    """One step of the series whose coefficients follow from the equations by Cauchy products."""
    xs, ys, zs = [x], [y], [z]
    for n in range(order):
        xz, xy = (mpmath.fsum(xs[k] * other[n - k] for k in range(n + 1)) for other in (zs, ys))
        following = 10 * (ys[n] - xs[n]), 28 * xs[n] - xz - ys[n], xy - mpmath.mpf(8) / 3 * zs[n]
        for series, value in zip((xs, ys, zs), following, strict=True):
            series.append(value / (n + 1))
    return [mpmath.polyval(series[::-1], h) for series in (xs, ys, zs)]


def test_chaos_beyond_the_digits_is_refused():
    with pytest.raises(ValueError, match="rounding changes the solution by"):
        truth(lorenz(40))


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (scalar(["u_t = u**2"], ["u(t=0) = 1"]), "reference ode stops at t = 1"),
        (scalar(["u_t = u"], ["u(t=3) = 1"]), "needs the initial values u(t=0) = ..."),
        (scalar(["u_t = u"], ["u(t=0) = 1"], reference={"ode": {"tolerance": 1e-17}}), "the tolerance is 1e-17"),
        (
            Problem(
                coordinates={"t": [0, 1], "x": [0, 1]}, fields=["u"], equations={"e": "u_t = u_x"}, reference="ode"
            ),
            "reference ode has the coordinate t alone, this problem t, x",
        ),
    ],
)
def test_what_it_cannot_solve_gets_one_message(problem, said):
    with pytest.raises(ValueError) as error:
        truth(problem)
    assert said in str(error.value)
