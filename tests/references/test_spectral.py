import sys

import numpy as np
import pytest
import torch
from solution_checks import inner_points, residual

from pinn import Problem
from pinn.references import truth
from pinn.references.cole_hopf import burgers

spectral = sys.modules["pinn.references.spectral"]


def points(problem, count=500, seed=0):
    lower, upper = (torch.tensor(b, dtype=torch.float64) for b in (problem.domain.lower, problem.domain.upper))
    generator = torch.Generator().manual_seed(seed)
    return lower + (upper - lower) * torch.rand(count, len(lower), generator=generator, dtype=torch.float64)


def problem(equations, start, t, x, *, reference, y=None, walls=None, parameters=None, functions=None):
    return Problem(
        coordinates={"t": t, "x": x, **({"y": y} if y else {})},
        fields=list(start),
        equations={f"equation_{i}": text for i, text in enumerate(equations)},
        conditions={
            **{f"start_{i}": f"{field}(t={t[0]}) = {text}" for i, (field, text) in enumerate(start.items()) if text},
            **(walls or {}),
        },
        parameters=parameters,
        functions=functions,
        enforce="soft",
        reference=reference,
    )


def spectral_within(tolerance, modes=64):
    return {"spectral": {"tolerance": tolerance, "modes": modes}}


# -- closed forms ------------------------------------------------------------------------------------------------------

CLOSED = {
    "heat with two modes": (
        problem(["u_t = 0.1*u_xx"], {"u": "sin(x) + cos(3*x)"}, [0, 1], [0, "2*pi"], reference="spectral"),
        lambda t, x: [np.exp(-0.1 * t) * np.sin(x) + np.exp(-0.9 * t) * np.cos(3 * x)],
    ),
    "a forced oscillation, not autonomous": (
        problem(["u_t = u_xx + u + cos(t)*sin(x)"], {"u": "0"}, [0, 3], [0, "2*pi"], reference="spectral"),
        lambda t, x: [np.sin(t) * np.sin(x)],
    ),
    "advection with a variable speed": (  # characteristics x' = sin(x): tan(x/2) grows like exp(t)
        problem(["u_t + sin(x)*u_x = 0"], {"u": "cos(x)"}, [0, 1], [0, "2*pi"], reference="spectral"),
        lambda t, x: [np.cos(2 * np.arctan2(np.exp(-t) * np.sin(x / 2), np.cos(x / 2)))],
    ),
    "heat between walls that hold the value": (
        problem(
            ["u_t = 0.2*u_xx"], {"u": "sin(pi*x)"}, [0, 1], [0, 1], reference="spectral",
            walls={"ends": "u(boundary) = 0"},
        ),
        lambda t, x: [np.exp(-0.2 * np.pi**2 * t) * np.sin(np.pi * x)],
    ),
    "heat between insulated walls": (
        problem(
            ["u_t = 0.2*u_xx"], {"u": "1 + cos(pi*(x - 1)/2)"}, [0, 1], [1, 3], reference="spectral",
            walls={"left": "u_x(x=1) = 0", "right": "u_x(x=3) = 0"},
        ),
        lambda t, x: [1 + np.exp(-0.05 * np.pi**2 * t) * np.cos(np.pi * (x - 1) / 2)],
    ),
    # i q_t + q_xx/2 + |q|**2 q = 0, q = sech(x - c t) exp(i (c x + (1 - c**2) t / 2)), c = 1/2: Zakharov & Shabat 1972
    "soliton of the nonlinear Schroedinger equation": (
        problem(
            ["u_t = -v_xx/2 - (u**2 + v**2)*v", "v_t = u_xx/2 + (u**2 + v**2)*u"],
            {"u": "cos(x/2)/cosh(x)", "v": "sin(x/2)/cosh(x)"},
            [0, 1], ["-8*pi", "8*pi"], reference={"spectral": {"modes": 256}},
        ),
        lambda t, x: [
            np.cos(x / 2 + 3 * t / 8) / np.cosh(x - t / 2),
            np.sin(x / 2 + 3 * t / 8) / np.cosh(x - t / 2),
        ],
    ),
    # breather of u_tt = u_xx - sin(u), omega = 0.8: Ablowitz & Segur 1981, Solitons and the IST; second order in time
    "breather of the sine-Gordon equation": (
        problem(
            ["u_tt = u_xx - sin(u)"], {"u": "0"}, [0, 5], [-45, 45],
            walls={"speed": "u_t(t=0) = 2.4/cosh(0.6*x)"}, reference={"spectral": {"modes": 512}},
        ),
        lambda t, x: [4 * np.arctan(0.75 * np.sin(0.8 * t) / np.cosh(0.6 * x))],
    ),
    "a wave with a mean that grows": (
        problem(
            ["u_tt = 4*u_xx"], {"u": "sin(x)"}, [0, 2], [0, "2*pi"], walls={"speed": "u_t(t=0) = 3"},
            reference="spectral",
        ),
        lambda t, x: [np.sin(x) * np.cos(2 * t) + 3 * t],
    ),
    "heat in the plane": (
        problem(
            ["u_t = 0.1*lap(u) + 0.3*u_y"], {"u": "sin(x)*cos(pi*y) + sin(2*x - 3*pi*y)"}, [0, 1], [0, "2*pi"],
            y=[0, 2], reference={"spectral": {"modes": 16}},
        ),
        lambda t, x, y: [
            np.exp(-0.1 * (1 + np.pi**2) * t) * np.sin(x) * np.cos(np.pi * (y + 0.3 * t))
            + np.exp(-0.1 * (4 + 9 * np.pi**2) * t) * np.sin(2 * x - 3 * np.pi * (y + 0.3 * t))
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms(name):
    solved, exact = CLOSED[name]
    x = points(solved)
    u, expected = truth(solved)(x), np.stack(exact(*x.numpy().T), axis=1)
    assert abs(u.numpy() - expected).max() < 1e-8 * abs(expected).max()
    later = x + torch.tensor([1e-3, *[0.0] * (x.shape[1] - 1)])
    assert abs(truth(solved)(later).numpy() - expected).max() > 1e-5  # positive control


def test_two_solitons_of_the_korteweg_de_vries_equation():
    # u = 2 (log F)_xx, F = 1 + e1 + e2 + ((k1 - k2) / (k1 + k2))**2 e1 e2, ei = exp(ki (x - ci) - ki**3 t):
    # Hirota 1971, Phys. Rev. Lett. 27, for u_t + 6 u u_x + u_xxx = 0
    kdv = problem(
        ["u_t + 6*u*u_x + u_xxx = 0"], {"u": "2*d(d(F, x)/F, x)"}, [0, 6], [-25, 25],
        functions={"F": "1 + exp(x + 4) + exp(1.5*(x + 8)) + exp(x + 4 + 1.5*(x + 8))/25"},
        reference=spectral_within(1e-6, 256),
    )  # fmt: skip
    x = points(kdv)
    z = x[:, 1].clone().requires_grad_()
    e1, e2 = torch.exp(z + 4 - x[:, 0]), torch.exp(1.5 * (z + 8) - 1.5**3 * x[:, 0])
    log_f = torch.log(1 + e1 + e2 + e1 * e2 / 25)
    (slope,) = torch.autograd.grad(log_f.sum(), z, create_graph=True)
    (expected,) = torch.autograd.grad(2 * slope.sum(), z)
    assert expected.max() > 1
    assert (truth(kdv)(x)[:, 0] - expected).abs().max() < 1e-6
    # The faster soliton overtakes the slower one: beside each other their sum is another function.
    alone = 0.5 / torch.cosh((z + 4 - x[:, 0]) / 2) ** 2 + 1.125 / torch.cosh(0.75 * (z + 8 - 2.25 * x[:, 0])) ** 2
    assert (truth(kdv)(x)[:, 0] - alone).abs().max() > 0.1  # positive control


def test_burgers_between_walls_against_the_cole_hopf_transformation():
    solved = problem(
        ["u_t + u*u_x = nu*u_xx"], {"u": "-sin(pi*x)"}, [0, 1], [-1, 1], parameters={"nu": 0.05},
        walls={"ends": "u(boundary) = 0"}, reference=spectral_within(1e-8, 256),
    )  # fmt: skip
    x = points(solved)
    u = truth(solved)(x)[:, 0].numpy()
    assert abs(u - burgers(*x.numpy().T, 0.05)).max() < 1e-8
    assert abs(u - burgers(*x.numpy().T, 0.0501)).max() > 1e-5  # positive control


# -- equations without a closed form -----------------------------------------------------------------------------------

OPEN = {
    "Kuramoto-Sivashinsky": (
        problem(
            ["u_t + u*u_x + u_xx + u_xxxx = 0"], {"u": "cos(x/16)*(1 + sin(x/16))"}, [0, 3], [0, "32*pi"],
            reference=spectral_within(1e-7, 128),
        ),
        (0.05, 0.25),
    ),
    "Allen-Cahn": (
        problem(
            ["u_t = 0.001*u_xx + 5*u - 5*u**3"], {"u": "cos(pi*x)/2"}, [0, 1], [-1, 1], reference=spectral_within(1e-7)
        ),
        (0.01, 0.003),
    ),
    "Cahn-Hilliard": (
        problem(
            ["u_t = lap(u**3 - u - 0.01*lap(u))"], {"u": "0.1*cos(x) + 0.05*sin(3*x)"}, [0, 0.2], [0, "2*pi"],
            reference=spectral_within(1e-7),
        ),
        (0.002, 0.03),
    ),
    "Gray-Scott": (
        problem(
            ["u_t = 0.02*u_xx - u*v**2 + 0.04*(1 - u)", "v_t = 0.01*v_xx + u*v**2 - 0.1*v"],
            {"u": "1 - exp(10*(cos(x) - 1))/2", "v": "exp(10*(cos(x) - 1))/4"}, [0, 50], [0, "2*pi"],
            reference=spectral_within(1e-7),
        ),
        (0.2, 0.03),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OPEN)
def test_equations_and_initial_values(name):
    solved, steps = OPEN[name]
    function, x = truth(solved), inner_points(solved)
    for equation in list(solved.equations)[: len(solved.fields)]:
        assert abs(residual(solved, equation, function, x, steps)).max() < 3e-5
        wrong = residual(solved, equation, lambda z: function(z) + 1e-2 * torch.sin(z[:, 1:]), x, steps)
        assert abs(wrong).max() > 1e-4  # positive control
    start = x.clone()
    start[:, 0] = solved.domain.lower[0]
    first = solved.conditions["start_0"].residual.subs(solved.scope.unknown(solved.fields[0]), 0)
    expected = [-float(first.subs(solved.scope.variables[1], value)) for value in start[:20, 1].tolist()]
    assert abs(function(start[:20])[:, 0].numpy() - expected).max() < 1e-6


@pytest.mark.parametrize("name", ["Kuramoto-Sivashinsky", "Gray-Scott"])
def test_a_finer_run_changes_less_than_the_stated_size(name):
    solved, _ = OPEN[name]
    periodic = spectral.Periodic(solved, "spectral")
    x = points(solved, 100)
    times = (x[:, 0].numpy() - periodic.start) / (periodic.end - periodic.start)
    waves = 2 * np.pi * (x[:, 1:].numpy() - periodic.lower) / periodic.period
    u = truth(solved)(x).numpy()
    finest = spectral.converge(periodic, 256, 3e-8)
    assert abs(spectral.at(finest, times, waves).T - u).max() < 1e-7 * abs(u).max()
    coarse = spectral.compress(periodic.march(64, 64), periodic.grid(64))
    assert abs(spectral.at(coarse, times, waves).T - u).max() > 1e-7 * abs(u).max()  # positive control


def test_mass_is_conserved():
    solved, _ = OPEN["Cahn-Hilliard"]
    x = torch.linspace(0, 2 * torch.pi, 65, dtype=torch.float64)[:-1]
    for t in (0.0, 0.07, 0.2):
        assert abs(truth(solved)(torch.stack([0 * x + t, x], dim=1)).mean()) < 1e-8


# -- order, periodicity, columns ---------------------------------------------------------------------------------------


def test_fourth_order_in_time():
    periodic = spectral.Periodic(OPEN["Allen-Cahn"][0], "spectral")
    best = periodic.march(64, 1024)[-1]
    errors = [abs(periodic.march(64, steps)[-1] - best).max() for steps in (16, 32, 64)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert (orders > 3.7).all() and (orders < 4.6).all()


def test_one_period_is_the_box_and_the_columns_are_the_coordinates():
    given = {"fields": ["u"], "conditions": {"start": "u(t=0) = sin(x)"}, "enforce": "soft", "reference": "spectral"}
    equations = {"e": "u_t + u*u_x = 0.5*u_xx"}
    one = Problem(coordinates={"t": [0, 1], "x": [0, "2*pi"]}, equations=equations, **given)
    two = Problem(coordinates={"x": [0, "2*pi"], "t": [0, 1]}, equations=equations, **given)
    x = points(one)
    u = truth(one)(x)
    torch.testing.assert_close(truth(two)(x.flip(1)), u, rtol=0, atol=1e-12)
    torch.testing.assert_close(truth(one)(x + torch.tensor([0, 2 * torch.pi], dtype=x.dtype)), u, rtol=0, atol=1e-12)
    assert truth(one)(x.float()).dtype == torch.float32 and truth(one)(x[:0]).shape == (0, 1)


# -- what it refuses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"equations": ["u_xx = 1"]}, "needs one equation a field, with a time derivative of each"),
        ({"equations": ["u_t - u_xxt + u_x = 0"]}, "stand linearly and without derivatives in space"),
        ({"equations": ["u_t**2 = u_x"]}, "stand linearly and without derivatives in space"),
        ({"start": {"u": None}}, "needs the initial values u(t=0) = ..."),
        ({"equations": ["u_tt = u_xx"]}, "needs the initial values u_t(t=0) = ..."),
        ({"walls": {"left": "u(x=0) = 0"}}, "the same condition on u at both ends of x"),
        ({"walls": {"ends": "u(boundary) = 1"}}, "condition ends, 'u(boundary) = 1': only walls where"),
        ({"walls": {"ends": "u_x(boundary) + u(boundary) = 0"}}, "condition ends"),
        ({"equations": ["u_t + u_x = 0"], "walls": {"ends": "u(boundary) = 0"}}, "no symmetry of the equations"),
        ({"equations": ["u_t = a*u_xx"], "parameters": {"a": {"learn": 1}}}, "a is to be learned"),
        (
            {"start": {"u": "x"}, "t": [0, 0.01], "reference": spectral_within(1e-3)},
            "are not enough for a tolerance of 0.001",
        ),
        ({"reference": {"spectral": {"modes": 7}}}, "modes = 7 must be even"),
        ({"reference": {"spectral": {"mode": 8}}}, "no option 'mode'. Did you mean 'modes'?"),
        ({"reference": {"spectral": {"tolerance": "tiny"}}}, "'tiny' should be a number such as 1e-08"),
        ({"reference": {"spectral": 8}}, "neither a name nor one with options"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_it_cannot_solve_gets_one_message(changes, said):
    given = {"equations": ["u_t = u_xx"], "start": {"u": "sin(x)"}, "t": [0, 1], "x": [0, "2*pi"]}
    with pytest.raises(ValueError) as error:
        truth(problem(**{**given, "reference": "spectral", **changes}))
    assert said in str(error.value)
