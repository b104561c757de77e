"""What every reference answers, as it is, against an answer of twice as many elements, nodes, terms or steps.

The solvers stop by themselves; here their answers at points of our own are compared with a run that they did not make.
"""

import sys

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from pinn import Problem
from pinn.language import torch_function
from pinn.references import REFERENCES, truth
from pinn.references.cole_hopf import burgers

cavity, elements, flow, harmonic, ode, plates, spectral = (
    sys.modules[f"pinn.references.{name}"]
    for name in ("cavity", "finite_elements", "flow", "harmonic_series", "ode", "plates", "spectral")
)


def unchanged(values, halved, size):
    """Whether no field (N, F) changes by more than the size, relative to its largest absolute value."""
    values, halved = (np.asarray(v, dtype=float).reshape(len(values), -1) for v in (values, halved))
    assert (abs(values - halved).max(axis=0) <= size * abs(halved).max(axis=0)).all()


def recorded(monkeypatch, owner, name, take):
    """What `take` makes of the arguments of each call."""
    calls, function = [], getattr(owner, name)

    def spy(*arguments, **options):
        calls.append(take(*arguments))
        return function(*arguments, **options)

    monkeypatch.setattr(owner, name, spy)
    return calls


# -- each returns the answer, one of half the step, and one that is too coarse -----------------------------------------


def of_cole_hopf(x, solved, _):
    t, z, nu = *x.numpy().T, solved.parameters["nu"]
    return truth(solved)(x), burgers(t, z, nu, refine=2), burgers(t, z, nu, refine=0.3)


def of_orthotropic_plate(x, solved, _):
    answer = truth(solved)(x)
    sides, stiffness = solved.domain.upper, plates.read(solved, "orthotropic_plate").stiffness
    return answer, *(plates.supported(*x.numpy().T, *sides, stiffness, terms=count) for count in (800, 4))


def of_clamped_plate(x, solved, monkeypatch):
    galerkin = plates.galerkin
    used = recorded(monkeypatch, plates, "galerkin", lambda _, load, bases: bases[0].count)
    answer = truth(solved)(x)
    plate, last = plates.read(solved, "clamped_plate"), used[-1]
    ends_of = list(zip(solved.domain.lower, solved.domain.upper, strict=True))

    def other(count):
        bases = [plates.ClampedPolynomials(count, *ends) for ends in ends_of]
        coefficients = galerkin(plate, lambda x, y: float(plate.load) + 0 * x * y, bases)
        return plates._sum(coefficients, bases, *x.numpy().T)

    return answer, other(2 * last), other(last // 4)


def of_cavity(x, solved, monkeypatch):
    used = recorded(monkeypatch, cavity, "_Grid", lambda stated, count: (stated, count))
    answer = truth(solved)(x)[:, :2].numpy().ravel()  # relative to the largest of both
    stated, last = used[-1]

    def other(count):
        grid, c = cavity._Grid(stated, count), np.zeros((count, count))
        c = grid.newton(c, stated.cavity.viscosity)
        return stated.fields(c, np.zeros((1, 1)), *x.numpy().T)[:2].T.ravel()

    return answer, other(2 * last), other(last // 4)


def of_flow(x, solved, monkeypatch):
    used = recorded(monkeypatch, flow, "Discrete", lambda stated, mesh: (stated, mesh))
    answer = truth(solved)(x)[:, :2].numpy().ravel()
    (stated, first), (_, last) = used[0], used[-1]

    def other(mesh):
        discrete = flow.Discrete(stated, mesh)
        return discrete.at(discrete.solve(), x.numpy())[:, :2].ravel()

    return answer, other(flow._rounded(stated, last.refined())), other(first)


def of_finite_elements(x, solved, monkeypatch):
    used = recorded(monkeypatch, elements, "_basis", lambda mesh: mesh)
    answer = truth(solved)(x)
    discrete = elements._Discrete(solved, elements.elliptic(solved, "finite_elements"))

    def other(mesh):
        basis = elements._basis(type(mesh)(mesh.p, mesh.t))
        return elements.evaluate(basis, discrete.solve(basis)[0], x.numpy())

    return answer, other(used[-1].refined()), other(used[0])


def of_harmonic_series(x, solved, monkeypatch):
    fit = harmonic.fit
    used = recorded(monkeypatch, harmonic, "fit", lambda domain, z, wanted, degree: (domain, degree))
    answer = truth(solved)(x)
    domain, last = used[-1]
    values = harmonic.numpy_function(solved.scope.variables, harmonic._values(solved, domain))

    def other(degree):
        z, wanted = harmonic._boundary(domain.pieces(), values, harmonic.FITTED * degree)
        return harmonic.at(domain, fit(domain, z, wanted, degree), x.numpy() @ [1, 1j])

    return answer, other(2 * last), other(last // 4)


def of_ode(x, solved, _):
    answer = truth(solved)(x)
    system = ode.evolution(solved, "ode")
    rates, start = torch_function([*solved.scope.variables, *system.states], system.rates), system.start
    ends, times = (solved.domain.lower[0], solved.domain.upper[0]), x.numpy()[:, 0]
    steps = np.diff(ode._march(system, *ends, ode.FINE, solved).ts)

    def other(error, longest):
        run = solve_ivp(
            lambda t, w: rates(t, *w.tolist()), ends, np.array([float(s) for s in start]), "DOP853",
            np.sort(times), rtol=error, atol=error, max_step=longest,
        )  # fmt: skip
        return run.y[system.fields].T[np.argsort(np.argsort(times))]

    return answer, other(ode.FINE, steps.min() / 2), other(1e-6, np.inf)


def of_spectral(x, solved, monkeypatch):
    used = recorded(monkeypatch, spectral.Periodic, "march", lambda periodic, modes, steps: (periodic, modes, steps))
    answer = truth(solved)(x)
    periodic, modes, steps = used[-1]
    times = (x.numpy()[:, periodic.time] - periodic.start) / (periodic.end - periodic.start)
    waves = 2 * np.pi * (x.numpy()[:, periodic.space] - periodic.lower) / periodic.period

    def other(modes, steps):
        frames = spectral.compress(periodic.march(modes, steps), periodic.grid(modes))
        return spectral.at(frames, times, waves).T

    return answer, other(2 * modes, 2 * steps), other(16, steps)


SOLVERS = {
    "cavity": of_cavity,
    "clamped_plate": of_clamped_plate,
    "cole_hopf": of_cole_hopf,
    "finite_elements": of_finite_elements,
    "flow": of_flow,
    "harmonic_series": of_harmonic_series,
    "ode": of_ode,
    "orthotropic_plate": of_orthotropic_plate,
    "spectral": of_spectral,
}
L_SHAPE = [[0, 0], [1, 0], [1, 1], [-1, 1], [-1, -1], [0, -1]]
MASS = "u_x + v_y = 0"
WALLS = {
    "foot": "u(y=0) = 0", "left": "u(x=0) = 0", "right": "u(x=1) = 0", "v": "v(boundary) = 0", "p": "p(x=0, y=0) = 0",
}  # fmt: skip
SQUARE = {"coordinates": {"x": [0, 1], "y": [0, 1]}, "fields": ["u", "v", "p"]}
PLANE = {"coordinates": {"x": [0, 1], "y": [0, 1.5]}, "fields": ["u"], "enforce": "soft"}
OTHERS = {  # than the catalogue's, whose solutions are exact where it has none of these references
    "an orthotropic plate": {
        **PLANE, "equations": {"plate": "10*u_xxxx + 4*u_xxyy + u_yyyy = 1"}, "reference": "orthotropic_plate",
    },
    "the torsion of an L": {
        **PLANE, "coordinates": {"x": [-1, 1], "y": [-1, 1]}, "domain": {"polygon": {"vertices": L_SHAPE}},
        "equations": {"e": "-lap(u) = 1"}, "conditions": {"edge": "u(boundary) = 0"},
        "reference": {"finite_elements": {"tolerance": 1e-5}},
    },
    "slow flow under a moving lid": {
        **PLANE, **SQUARE,
        "equations": {"x": "p_x = lap(u)", "y": "p_y = lap(v)", "c": MASS},
        "conditions": {**WALLS, "lid": "u(y=1) = x**2*(1 - x)**2"},
        "reference": "flow",
    },
    "a cavity whose lid rests at its ends": {
        **PLANE, **SQUARE,
        "equations": {"x": "u*u_x + v*u_y + p_x = lap(u)/10", "y": "u*v_x + v*v_y + p_y = lap(v)/10", "c": MASS},
        "conditions": {**WALLS, "lid": "u(y=1) = 4*x*(1 - x)"},
        "reference": {"cavity": {"tolerance": 1e-4}},
    },
    "Burgers from a sine": {
        "coordinates": {"t": [0, 1], "x": [-1, 1]}, "fields": ["u"], "equations": {"e": "u_t + u*u_x = 0.05*u_xx"},
        "conditions": {"start": "u(t=0) = -sin(pi*x)", "ends": "u(boundary) = 0"}, "reference": "spectral",
    },
    "nonlinear Schroedinger, two humps": {
        "coordinates": {"t": [0, 1], "x": [-10, 10]}, "fields": ["u", "v"],
        "equations": {"real": "u_t = -v_xx/2 - (u**2 + v**2)*v", "imaginary": "v_t = u_xx/2 + (u**2 + v**2)*u"},
        "conditions": {"u": "u(t=0) = exp(-(x - 1)**2) + exp(-(x + 1)**2)", "v": "v(t=0) = 0"},
        "reference": "spectral",
    },
}  # fmt: skip
SIZES = {  # the change that is allowed, relative to the largest value of each field
    "plate": 1e-12,
    "an orthotropic plate": 1e-12,
    "plate_clamped": 1e-9,
    "burgers": 1e-12,
    "a cavity whose lid rests at its ends": 1e-4,
    "cavity": 1e-6,
    "the torsion of an L": 1e-5,
    "slow flow under a moving lid": 1e-3,
    "laplace_holes": 1e-10,
    "lorenz": 1e-8,
    "Burgers from a sine": 1e-8,
    "nonlinear Schroedinger, two humps": 1e-8,
    "allen_cahn": 1e-7,
    "gray_scott": 1e-8,
    "kdv": 1e-8,
    "cahn_hilliard": 1e-8,
    "kuramoto_sivashinsky": 1e-5,
}
SLOW = {"cavity", "kdv", "cahn_hilliard", "kuramoto_sivashinsky"}


def load(name):
    return Problem(**OTHERS[name]) if name in OTHERS else Problem.load(name)


def points(solved):
    """Inside, (400, D), after the time from which on the answer counts."""
    domain, inside = solved.domain, solved.domain.interior
    unit = torch.rand(400, domain.dimension(inside), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = domain.sample(inside, unit).x
    since = {} if isinstance(solved.reference, str) else solved.reference.get("spectral", {})
    return x[x[:, 0] >= since["since"]] if "since" in since else x


def solver(solved):
    return solved.reference if isinstance(solved.reference, str) else next(iter(solved.reference))


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in SIZES])
def test_half_the_step_changes_less_than_the_stated_size(name, monkeypatch):
    solved = load(name)
    x = points(solved)
    answer, halved, coarse = SOLVERS[solver(solved)](x, solved, monkeypatch)
    unchanged(answer, halved, SIZES[name])
    with pytest.raises(AssertionError):  # positive control
        unchanged(coarse, halved, SIZES[name])


def test_no_reference_is_left_out():
    assert {solver(load(name)) for name in SIZES} == set(SOLVERS) == set(REFERENCES)
