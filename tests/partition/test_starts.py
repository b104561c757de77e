"""Where Newton's steps begin on the first cells: zero, how the strip before goes on, slopes and bowls, continuation."""

import numpy as np
import pytest
import torch
from refinements import error, refinement
from scipy.integrate import solve_bvp

from pinn import Problem
from pinn.partition import solving, starts
from pinn.partition.level import HOPELESS
from pinn.partition.newton import newton
from pinn.partition.starts import LOWER, _of_random_fields, begun, elsewhere, going_on, zero
from pinn.residuals import Residuals

BOX = {"x": [0, 1], "y": [0, 1]}
FEATURES = 150


def ampere(f: str, g: str) -> Problem:
    return Problem(
        coordinates=BOX, fields=["u"], equations={"ampere": f"u_xx*u_yy - u_xy**2 = {f}"},
        conditions={"edge": f"u(boundary) = {g}"}, exact={"u": g}, enforce="soft",
    )  # fmt: skip


def sampled_first(problem: Problem):
    strip = refinement(problem, FEATURES).strip
    return strip._fitted(strip._partition(None), strip.residuals.places)


def test_bowls_have_the_derivatives_and_the_height_that_the_equation_asks_for():
    sampled = sampled_first(ampere("9", "x"))
    found = list(elsewhere(sampled))
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
    assert not list(elsewhere(sampled_first(flat)))
    assert LOWER < 1


def test_an_equation_that_zero_says_nothing_of_is_solved_from_a_bowl():
    problem = ampere("(1 + x**2 + y**2)*exp(x**2 + y**2)", "exp((x**2 + y**2)/2)")
    sampled = sampled_first(problem)
    blind = newton(sampled, zero(sampled, FEATURES), 30)
    found = refinement(problem, FEATURES)
    level = found.advance()
    assert level.converged and error(problem, found) < 1e-6
    assert found.strip.found.loss < 1e-3 * blind.loss  # steps from zero alone end elsewhere


def test_the_distance_from_a_wall_is_solved_from_a_slope():
    """Zero says nothing of it, and a bowl leads up here and down there."""
    distance = Problem(
        coordinates=BOX, fields=["u"], equations={"eikonal": "sqrt(u_x**2 + u_y**2) = 1"},
        conditions={"wall": "u(y=0) = 0"}, enforce="soft", exact={"u": "y"},
    )  # fmt: skip
    found = refinement(distance, FEATURES)
    found.advance()
    assert error(distance, found) < 1e-6


def test_time_begins_with_what_is_given():
    """Each operator of the initial value, without time's; zero where it has no derivatives."""
    problem = Problem(
        coordinates={"t": [1, 2], "x": [0, 1]}, fields=["u", "v"], enforce="soft",
        equations={"a": "u_t = u_xx + u*v", "b": "v = u_x"},
        conditions={"start": "2*u(t=1) = 6*t*x**2", "left": "u(x=0) = 0"},
    )  # fmt: skip
    sampled = sampled_first(problem)
    interior = next(place for place in sampled.points if place.name == "interior")
    values, x = begun(sampled, problem)[interior], sampled.points[interior].x[:, 1]
    known = {("u", (0, 0)): 3 * x**2, ("u", (0, 1)): 6 * x, ("u", (0, 2)): 6 + 0 * x}  # and not by time
    for name, operator in sampled.residuals.plans[interior].operators.items():
        expected = sum((float(c) * known.get((f, e), 0 * x) for f, e, c in operator.terms), 0 * x)
        torch.testing.assert_close(values[name], expected)
    rough = Problem(**{**problem.definition, "conditions": {"start": "u(t=1) = sqrt(x - 1/2)", "left": "u(x=0) = 0"}})
    assert not any(value.any() for of_place in begun(sampled, rough).values() for value in of_place.values())


def wave() -> Problem:
    return Problem(
        coordinates={"t": [0, 1], "x": [0, 1]}, fields=["u"], equations={"burgers": "u_t + u*u_x = 0.1*u_xx"},
        conditions={"start": "u(t=0) = sin(pi*x)", "ends": "u(boundary) = 0"}, enforce="soft",
    )  # fmt: skip


@pytest.fixture(scope="module")
def followed():
    """A strip that is solved, and the points of the one after it."""
    found = refinement(wave(), FEATURES)
    found.length = 0.2
    found.strip.solve()
    found.done.append(found.strip)
    second = found._next()
    return found.done[0], second._fitted(second._partition(None), second.residuals.places)


def by_degree(followed, monkeypatch, degree):
    before, sampled = followed
    with monkeypatch.context() as patch:
        patch.setattr(starts, "_left", lambda sampled, tries: [float(k != degree) for k in range(len(tries))])
        return going_on(sampled, before, before.times[1], 0)


def test_a_strip_begins_with_how_the_one_before_goes_on(followed, monkeypatch):
    before, sampled = followed
    reached = newton(sampled, going_on(sampled, before, before.times[1], 0), 30)
    interior = next(place for place in sampled.points if place.name == "interior")
    apart = []
    for degree in range(4):
        found = by_degree(followed, monkeypatch, degree)[interior]
        apart.append(max(float((found[name] - v).norm() / v.norm()) for name, v in reached.values[interior].items()))
    assert apart[0] >= 1  # without derivatives by time
    assert max(apart[1:3]) < 0.3  # values are near
    assert reached.steps <= newton(sampled, by_degree(followed, monkeypatch, 0), 30).steps


def test_the_degree_that_leaves_the_least_is_taken(followed, monkeypatch):
    before, sampled = followed
    interior = next(place for place in sampled.points if place.name == "interior")

    def leaves(values):
        return float(sampled.residual(values)[interior]["burgers"].norm())

    every = [leaves(by_degree(followed, monkeypatch, degree)) for degree in range(4)]
    assert leaves(going_on(sampled, before, before.times[1], 0)) == min(every) < every[0] / 10


def string(guess: float, truth: str) -> Problem:
    return Problem(
        coordinates={"x": [0, 1]}, fields=["u"], parameters={"lam": {"learn": guess, "truth": truth}},
        equations={"string": "u_xx + lam*u = 0"}, conditions={"ends": "u(boundary) = 0", "size": "integral(u**2) = 1"},
        enforce="soft",
    )  # fmt: skip


@pytest.mark.parametrize(("guess", "mode"), [(8.0, 1), (35.0, 2), (100.0, 3)])
def test_an_eigenvalue_is_the_one_next_to_the_guess(guess, mode):
    """Zero is content with all but the size, and the size is blind to small changes of zero."""
    found = refinement(string(guess, f"{mode**2}*pi**2"), 30)
    assert found.advance().residual < 1e-9
    assert found.residuals.learned["lam"].item() == pytest.approx((mode * torch.pi) ** 2, rel=1e-9)


def test_where_the_size_is_not_met_it_is_no_solution(monkeypatch):
    monkeypatch.setattr(solving, "excited", lambda sampled, start: start)
    found = refinement(string(8.0, "pi**2"), 30)
    assert found.advance().residual > HOPELESS


@pytest.mark.parametrize("seed", range(4))
def test_the_lowest_mode_is_positive(seed):
    found = refinement(string(8.0, "pi**2"), 30, seed=seed)
    found.advance()
    x = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)[:, None]
    torch.testing.assert_close(found.partition(x).detach(), 2**0.5 * torch.sin(torch.pi * x), rtol=0, atol=1e-8)


def test_a_solution_whose_opposite_is_none_keeps_its_sign():
    """A size that is asked for with a sign, `integral(u**3) = -1`."""
    problem = Problem(
        coordinates={"x": [0, 1]}, fields=["u"], parameters={"lam": {"learn": 8.0}}, enforce="soft",
        equations={"string": "u_xx + lam*u = 0"}, conditions={"ends": "u(boundary) = 0", "size": "integral(u**3) = -1"},
    )  # fmt: skip
    found = refinement(problem, 30)
    assert found.advance().residual < 1e-8
    x = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)[:, None]
    assert bool((found.partition(x) < 0).all())


LINE = {"coordinates": {"r": [0, 1]}, "fields": ["u"], "enforce": "soft"}
PLAPLACE = {  # power-law fluids in a channel, thinning and thickening: |u_r|^n = r
    n: Problem(
        **LINE, equations={"flux": f"d(abs(u_r)**({n} - 1)*u_r, r) = -1"},
        conditions={"wall": "u(r=1) = 0", "middle": "u_r(r=0) = 0"},
        exact={"u": f"(1 - r**(1 + 1/({n})))/(1 + 1/({n}))"},
    )
    for n in ("1/2", "3")
}  # fmt: skip


@pytest.mark.parametrize("n", PLAPLACE)
def test_what_is_singular_at_zero_is_solved_from_random_fields(n):
    found = refinement(PLAPLACE[n], 30)
    for _ in range(6):
        found.advance()
    assert error(PLAPLACE[n], found) < 1e-5


@pytest.mark.parametrize("n", PLAPLACE)
def test_from_zero_alone_it_is_not(n, monkeypatch):
    monkeypatch.setattr(solving, "elsewhere", lambda sampled: iter(()))
    found = refinement(PLAPLACE[n], 30)
    found.advance()
    assert not error(PLAPLACE[n], found) < 0.1


def test_on_average_over_random_fields_slopes_are_those_of_the_laplacian():
    power, plain = (
        Problem(
            coordinates=BOX, fields=["u"], equations={"p": f"{left} = -1"}, conditions={"edge": "u(boundary) = 0"},
            enforce="soft",
        )
        for left in ("div((u_x**2 + u_y**2)*grad(u))", "4*lap(u)")
    )  # fmt: skip
    (found,) = _of_random_fields(sampled_first(power))  # and not its opposite
    assert not list(_of_random_fields(sampled_first(plain)))
    expected = newton(sampled_first(plain), zero(sampled_first(plain), FEATURES), 1).values
    place = next(place for place in found if place.name == "interior")
    laplacian = [
        sum(v for name, v in values[place].items() if name in names)
        for values, names in ((found, curvatures(power, place)), (expected, curvatures(plain, place)))
    ]
    alike = torch.nn.functional.cosine_similarity(*laplacian, dim=0)
    assert float(alike) > 0.97  # of 512 samples


def curvatures(problem: Problem, place) -> list[str]:
    """The operators that are u_xx, u_yy or their sum."""
    operators = Residuals(problem, sampled_first(problem).residuals.network).plans[place].operators
    return [name for name, one in operators.items() if all(2 in exponents for _, exponents, _ in one.terms)]


BLASIUS = Problem(
    coordinates={"x": [0, 20]}, fields=["f"], equations={"blasius": "2*f_xxx + f*f_xx = 0"}, enforce="soft",
    conditions={"wall": "f(x=0) = 0", "slip": "f_x(x=0) = 0", "far": "f_x(x=20) = 1"},
)  # fmt: skip
COLE = Problem(  # a layer in the middle, at a place that nothing says (Cole 1968, Perturbation Methods, section 2.5)
    coordinates={"x": [0, 1]}, fields=["y"], equations={"cole": "0.005*y_xx + y*y_x - y = 0"}, enforce="soft",
    conditions={"left": "y(x=0) = -7/6", "right": "y(x=1) = 3/2"},
)  # fmt: skip


def shear(found) -> float:
    """f''(0) of Blasius' boundary layer."""
    x = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    f = found.partition(x)
    for _ in range(2):
        (f,) = torch.autograd.grad(f.sum(), x, create_graph=True)
    return float(f.detach())


def test_a_boundary_layer_is_followed_from_a_linear_problem():
    """By published figures: Boyd 2008, SIAM Rev. 50."""
    found = refinement(BLASIUS, 30)
    for _ in range(3):
        found.advance()
    assert shear(found) == pytest.approx(0.332057336215196, abs=1e-8)


def test_from_zero_at_once_it_is_not_found(monkeypatch):
    monkeypatch.setattr(solving, "followed", lambda sampled, begin, *rest: begin)
    found = refinement(BLASIUS, 30)
    for _ in range(3):
        found.advance()
    assert abs(shear(found) - 0.332057336215196) > 1e-3


@pytest.mark.slow
def test_levels_leave_what_only_looks_like_a_solution():
    """On a few cells the least that can be left is at a layer in the wrong place."""
    found = refinement(COLE, 30)
    while not found.ended and len(found.levels) < 20:
        found.advance()
    x = np.linspace(0, 1, 401)
    with torch.no_grad():
        y = found.partition(torch.from_numpy(x)[:, None])[:, 0].numpy()
    exact = solve_bvp(
        lambda _, v: np.vstack([v[1], 200 * v[0] * (1 - v[1])]), lambda a, b: np.array([a[0] + 7 / 6, b[0] - 1.5]), x,
        np.vstack([y, np.gradient(y, x)]), tol=1e-8, max_nodes=100_000,
    )  # fmt: skip
    assert exact.status == 0 and np.abs(exact.sol(x)[0] - y).max() < 1e-7
    assert found.estimate["y"] < 1e-8


def test_what_is_not_linear_comes_in_by_a_factor():
    sampled = sampled_first(BLASIUS)
    assert sampled.has_tangents()
    torch.manual_seed(0)
    values = {p: {op: torch.randn_like(v) for op, v in of.items()} for p, of in zero(sampled, FEATURES).items()}
    inside = BLASIUS.domain.interior

    def left(part: float) -> torch.Tensor:
        sampled.nonlinear = part
        return sampled.residual(values)[inside]["blasius"]

    plain = left(1.0)
    torch.testing.assert_close(left(0.25), left(0.0) + 0.25 * (plain - left(0.0)))
    assert any(torch.allclose(left(0.0), value) for value in values[inside].values())  # 2*f_xxx is one operator
    assert not torch.allclose(left(0.0), plain)


def test_nothing_is_followed_where_slopes_are_infinite_at_zero():
    sampled = sampled_first(PLAPLACE["1/2"])
    begin = zero(sampled, FEATURES)
    assert not sampled.has_tangents()
    assert starts.followed(sampled, begin, lambda *_: pytest.fail("a step"), lambda _: True, 99, 0.0) is begin
