"""Where Newton's steps begin on the first cells: zero, what stands still, and bowls."""

import torch
from refinements import error, refinement

from pinn import Problem
from pinn.partition.newton import newton
from pinn.partition.starts import LOWER, bowls, zero

BOX = {"x": [0, 1], "y": [0, 1]}
FEATURES = 150


def ampere(f: str, g: str) -> Problem:
    return Problem(
        coordinates=BOX, fields=["u"], equations={"ampere": f"u_xx*u_yy - u_xy**2 = {f}"},
        conditions={"edge": f"u(boundary) = {g}"}, exact={"u": g}, enforce="soft",
    )  # fmt: skip


def sampled_first(problem: Problem):
    strip = refinement(problem, FEATURES).strip
    return strip._fitted(strip._partition(), strip.residuals.places)


def test_bowls_have_the_derivatives_and_the_height_that_the_equation_asks_for():
    sampled = sampled_first(ampere("9", "x"))
    found = list(bowls(sampled))
    assert len(found) == 2  # the equation does not say which way they open
    for sign, values in zip((1, -1), found, strict=True):
        interior = next(place for place in values if place.name == "interior")
        x = sampled.points[interior].x
        expected = {}
        for name, operator in sampled.residuals.plans[interior].operators.items():
            (((_, exponents, _),),) = (operator.terms,)
            expected[name] = {(2, 0): 1.0, (0, 2): 1.0}.get(exponents, 0.0)
        curvature = max(abs(float(v[0])) for v in values[interior].values())
        assert 1.5 <= curvature <= 6  # 3 leaves nothing, of heights that are powers of four
        for name, value in values[interior].items():
            assert value.shape == (len(x),)
            torch.testing.assert_close(value, torch.full_like(value, sign * curvature * expected[name]))


def test_there_is_no_bowl_where_it_leaves_no_less_than_zero():
    flat = Problem(
        coordinates=BOX, fields=["u"], equations={"r": "lap(u) - u**3 + x*u = 0.001*sin(40*x)"},
        conditions={"edge": "u(boundary) = 0"}, enforce="soft",
    )  # fmt: skip
    assert not list(bowls(sampled_first(flat)))
    assert LOWER < 1


def test_an_equation_that_zero_says_nothing_of_is_solved_from_a_bowl():
    problem = ampere("(1 + x**2 + y**2)*exp(x**2 + y**2)", "exp((x**2 + y**2)/2)")
    sampled = sampled_first(problem)
    blind = newton(sampled, zero(sampled, FEATURES), 30)
    found = refinement(problem, FEATURES)
    level = found.advance()
    assert level.converged and error(problem, found) < 1e-6
    assert found.strip.found.loss < 1e-3 * blind.loss  # steps from zero alone end elsewhere
