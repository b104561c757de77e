"""A problem and its rewriting in other units have the same run: they are one problem."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportReturnType=false

import random

import pytest
import sympy
from units import Units, errors, rewritten

import pinn
from pinn import Problem

ALIKE = 1e-6  # what the errors of the two may differ by
QUICK = {"beam": 0, "lane_emden": 1, "advection": 1, "oscillator_energy": 0, "lorenz_parameters": 1}
SLOW = [
    *((name, 2) for name in ("klein_gordon", "elasticity", "poisson", "monge_ampere", "beam_vibrating")),
    *((name, 2) for name in ("plate_circular", "poisson_hole", "minimal_surface", "timoshenko_beam", "eikonal")),
    *(
        (name, 1)
        for name in ("kovasznay", "darcy", "fisher", "black_scholes", "helmholtz", "plate_orthotropic", "heat")
    ),
]


def both(name: str, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """The errors of a problem and of its rewriting."""
    problem = Problem.load(name)
    units = Units.drawn(problem, seed)
    one, other = (pinn.solve(p, budget=60) for p in (problem, rewritten(problem, units)))
    return errors(one, problem), errors(other, problem, units)


def check(name: str, seed: int) -> None:
    old, new = both(name, seed)
    assert max(old.values()) < ALIKE
    assert new == pytest.approx(old, rel=0, abs=ALIKE)


@pytest.mark.parametrize(("name", "seed"), QUICK.items())
def test_units_do_not_matter(name, seed):
    check(name, seed)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), SLOW)
def test_units_do_not_matter_to_more(name, seed):
    check(name, seed)


def waves(problem: Problem) -> dict[str, sympy.Expr]:
    """Fields that solve nothing, positive."""
    sides = zip(problem.scope.variables, problem.domain.lower, problem.domain.upper, strict=True)
    phase = sum((k + 1) * (x - a) / sympy.Float(b - a) for k, (x, a, b) in enumerate(sides))
    return {field: 2 + sympy.sin((k + 1) * phase) for k, field in enumerate(problem.fields)}


def residuals(problem: Problem, fields: dict[str, sympy.Expr], point: dict[str, float]) -> dict[str, float]:
    """Of equations and conditions at a point; but for those of integrals and of two faces."""
    found = {}
    known = {problem.scope.unknown(name): value for name, value in fields.items()}
    numbers = {sympy.Symbol(name, real=True): one.guess for name, one in problem.learned.items()}
    normals = {n: 0.3 + 0.4 * k for k, n in enumerate(problem.scope.normals)}
    for key, equation in {**problem.stated, **problem.conditions}.items():
        if not (equation.place.integral or equation.place.partner):
            held = {problem.coordinate_names[k]: value for k, value in equation.place.fixed}
            there = {x: {**point, **held}[x.name] for x in problem.scope.variables}
            found[key] = float(equation.residual.subs(known).doit().subs({**there, **numbers, **normals}))
    return found


@pytest.mark.parametrize("name", sorted({*QUICK, *(name for name, _ in SLOW)}))
def test_a_rewriting_says_the_same(name):
    """Of fields that do not solve it as well: its residuals are those of the old one, times the factors."""
    problem, generator = Problem.load(name), random.Random(name)
    units = Units.drawn(problem, 5)
    new, fields = rewritten(problem, units), waves(problem)
    inside = zip(problem.coordinate_names, problem.domain.lower, problem.domain.upper, strict=True)
    point = {x: a + generator.uniform(0.2, 0.8) * (b - a) for x, a, b in inside}
    moved = {x: value / float(units.coordinates[x]) for x, value in point.items()}
    scale = {x: units.coordinates[x.name] * x for x in problem.scope.variables}
    there = {field: value.xreplace(scale) / units.fields[field] for field, value in fields.items()}
    old, found = residuals(problem, fields, point), residuals(new, there, moved)
    assert old.keys() == found.keys() and old
    for key, value in old.items():
        factor = float(next(f for k, f in units.factors.items() if key == k or key.startswith(f"{k}_")))
        assert found[key] == pytest.approx(factor * value, rel=1e-7), key
        assert found[key] != pytest.approx(1.001 * factor * value, rel=1e-7), key


def test_a_rewriting_that_is_wrong_would_be_seen():
    """Of another length."""
    problem = Problem.load("beam")
    units = Units.drawn(problem, 0)
    new = rewritten(problem, units)
    wrong = Units({"x": units.coordinates["x"] * sympy.Rational("1.001")}, units.fields, {}, units.factors)
    solution = pinn.solve(new, budget=60)
    assert max(errors(solution, problem, units).values()) < ALIKE < max(errors(solution, problem, wrong).values())
