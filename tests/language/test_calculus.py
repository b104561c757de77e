"""Vector notation: against closed forms, against cartesian coordinates, and its pointwise choices."""

import cmath
import math

import pytest
import sympy
import torch

from pinn.language import LanguageError, Scope, parse, parse_equation, torch_function
from pinn.language.calculus import SYSTEMS

PLANE = Scope(("x", "y"), ("u", "v", "p"), vectors={"U": ("u", "v")})
SPACE = Scope(("x", "y", "z"), ("u", "v", "w", "p"), vectors={"U": ("u", "v", "w")})


def same(one, other, scope):
    """Whether two texts say the same, component by component."""
    left, right = (
        parse_equation(f"{text} = 0", scope).components([str(x) for x in scope.space]) for text in (one, other)
    )
    assert left.keys() == right.keys()
    return all(sympy.expand(left[key].residual - right[key].residual) == 0 for key in left)


@pytest.mark.parametrize(
    ("one", "other", "scope"),
    [
        ("div(U)", "u_x + v_y", PLANE),
        ("dot(U, grad(U))", "(u*u_x + v*u_y, u*v_x + v*v_y)", PLANE),
        ("lap(U) - grad(p)", "(u_xx + u_yy - p_x, v_xx + v_yy - p_y)", PLANE),
        ("curl(U)", "v_x - u_y", PLANE),
        ("curl(p)", "(p_y, -p_x)", PLANE),
        ("curl(curl(U))", "grad(div(U)) - lap(U)", SPACE),
        ("div(curl(U))", "0*u", SPACE),
        ("cross(U, grad(p))", "(v*p_z - w*p_y, w*p_x - u*p_z, u*p_y - v*p_x)", SPACE),
        ("cross(U, grad(p))", "u*p_y - v*p_x", PLANE),
        ("div(sym(grad(U)))", "lap(U)/2 + grad(div(U))/2", SPACE),
        ("div(div(U)*identity)", "grad(div(U))", SPACE),
        ("dn(U)", "dot(normal, grad(U))", PLANE),
        ("U_x", "(u_x, v_x)", PLANE),
        ("d(U, x, y)", "(u_xy, v_xy)", PLANE),
        ("div(dot(grad(U), U))", "div((u*u_x + v*v_x, u*u_y + v*v_y))", PLANE),
    ],
)
def test_what_vectors_say(one, other, scope):
    assert same(one, other, scope)


def test_what_they_do_not_say():
    assert not same("dot(U, grad(U))", "(u*u_x + v*v_x, u*u_y + v*v_y)", PLANE)
    assert not same("curl(U)", "u_y - v_x", PLANE)


POSITIONS = {
    "polar": "r*cos(phi), r*sin(phi)",
    "cylindrical": "r*cos(phi), r*sin(phi), z",
    "spherical": "r*sin(theta)*cos(phi), r*sin(theta)*sin(phi), r*cos(theta)",
}
AT = {"r": 1.3, "phi": 0.4, "theta": 0.9, "z": -0.6}


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_laplacian_is_the_same_in_every_system(system):
    """Of a function of cartesian coordinates, by sympy's chain rule."""
    names = tuple(SYSTEMS[system])
    scope = Scope(names, (), system=system)
    position = [parse(part, scope) for part in POSITIONS[system].split(", ")]
    cartesian = sympy.symbols("x y z")[: len(position)]
    f = sympy.exp(cartesian[0]) * sympy.sin(2 * cartesian[1]) + (cartesian[-1] ** 3 if len(position) > 2 else 0)
    moved = f.subs(dict(zip(cartesian, position, strict=True)))
    here = {sympy.Symbol(name, real=True): value for name, value in AT.items()}
    there = {x: float(p.subs(here)) for x, p in zip(cartesian, position, strict=True)}
    expected = float(sum(f.diff(x, 2) for x in cartesian).subs(there))
    assert float(scope.calculus.lap(moved).subs(here)) == pytest.approx(expected, rel=1e-12)
    plain = Scope(names, ()).calculus.lap(moved)
    assert abs(float(plain.subs(here)) - expected) > 1e-3  # positive control


def test_symmetric_problems_leave_coordinates_out():
    ball, pipe = (Scope(("r",), ("u",), system=system) for system in ("spherical", "cylindrical"))
    assert same("lap(u)", "u_rr + 2*u_r/r", ball) and same("lap(u)", "u_rr + u_r/r", pipe)
    assert not same("lap(u)", "u_rr + u_r/r", ball)


@pytest.mark.parametrize(
    ("names", "system", "said"),
    [
        (("x", "y"), "polar", "polar has the coordinates r, phi"),
        (("phi",), "polar", "all but r"),
        (("r", "phi"), "spherical", "r, theta, phi"),
        (("r",), "polr", "unknown"),
    ],
)
def test_a_system_has_its_own_coordinates(names, system, said):
    with pytest.raises(LanguageError, match=said):
        Scope(names, ("u",), system=system)


def test_a_vector_has_as_many_components_as_space():
    with pytest.raises(LanguageError, match="the vector U has 2 components, u, v; there are 3"):
        Scope(("t", "x", "y", "z"), ("u", "v"), vectors={"U": ("u", "v")})


CHOSEN = {
    "where(x < 0.5, x, 2)": lambda x: x if x < 0.5 else 2.0,
    "where(0.2 < x <= 0.5 or x > 0.8, x**2, 3)": lambda x: x**2 if 0.2 < x <= 0.5 or x > 0.8 else 3.0,
    "where(not x < 0.5 and x < 0.7, 1, where(x < 0.2, 4, 5))": lambda x: (
        1.0 if 0.5 <= x < 0.7 else 4.0 if x < 0.2 else 5.0
    ),
    "min(x, 1 - x) + max(x, 0.3)": lambda x: min(x, 1 - x) + max(x, 0.3),
    "d(where(x < 0.5, x**2, 1), x)": lambda x: 2 * x if x < 0.5 else 0.0,
    "d(abs(x - 0.5), x, x)": lambda x: 0.0,
    "atan2(x - 0.5, -0.1) + asin(x) + acos(x/2)": lambda x: math.atan2(x - 0.5, -0.1) + math.asin(x) + math.acos(x / 2),
    "where(1 < 2, x, 1/x)": lambda x: x,
}  # fmt: skip


@pytest.mark.parametrize("text", CHOSEN)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_choices_are_made_point_by_point(text, dtype):
    scope = Scope(("x",), ())
    x = torch.linspace(0.06, 0.96, 19, dtype=dtype)
    (value,) = torch_function(scope.variables, [parse(text, scope)])(x)
    value = x * 0 + value
    assert value.dtype == dtype
    torch.testing.assert_close(value, torch.tensor([CHOSEN[text](float(z)) for z in x], dtype=dtype))


@pytest.mark.parametrize("y", [-0.3, 0.4])
@pytest.mark.parametrize("x", [-0.7, 1.1])
@pytest.mark.parametrize("kind", [float, lambda z: torch.tensor(z, dtype=torch.float64)])
def test_an_angle_is_that_of_a_complex_number_also_of_plain_numbers(x, y, kind):
    scope = Scope(("x", "y"), ())
    for text, expected in (("atan2(y, x)", cmath.phase(complex(x, y))), ("atan2(x, y)", cmath.phase(complex(y, x)))):
        (value,) = torch_function(scope.variables, [parse(text, scope)])(kind(x), kind(y))
        assert float(value) == pytest.approx(expected, rel=1e-15)


def test_choices_run_on_any_device():
    scope = Scope(("x",), ())
    (value,) = torch_function(scope.variables, [parse("where(x < 0.5, x, 2) + atan2(1, x)", scope)])(
        torch.empty(5, device="meta")
    )
    assert value.device.type == "meta"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sqrt(x**2 + 1e-300)", 0.5),
        ("x*(3*10**20 + 1)/(7*10**19)", 1.5 / 7 * 10),
        ("x*10**60/1e58", 50.0),
        ("1e-200*x", 0.5e-200),
        ("x - 1e200*1e200", -float("inf")),
        ("x + 1e200*1e200", float("inf")),
    ],
)
def test_numbers_beyond_those_that_tensors_take(text, value):
    scope = Scope(("x",), ())
    (found,) = torch_function(scope.variables, [parse(text, scope)])(torch.tensor([0.5], dtype=torch.float64))
    assert found.tolist() == pytest.approx([value], rel=1e-15)


def test_choices_in_comparisons_and_signs_take_tensors():
    x, y = torch.linspace(-2, 2, 9, dtype=torch.float64), torch.full((9,), 0.3, dtype=torch.float64)
    texts = ["min(min(x, y), -1)", "where(max(x, y) < 1, 1, 2)", "sign(x)", "d(abs(x - 0.1)*y, x)"]
    found = torch_function(PLANE.variables, [parse(text, PLANE) for text in texts])(x, y)
    assert found[0].equal(x.minimum(y).clamp(max=-1))
    assert found[1].equal(torch.where(x.maximum(y) < 1, 1.0, 2.0).double())
    assert found[2].equal(x.sign())
    assert torch.allclose(found[3], (x - 0.1).sign() * y)


def test_fields_are_real_under_abs_and_sign():
    assert parse("d(abs(u), x) - sign(u)*u_x", PLANE) == 0
    assert parse("d(abs(u_x), x) - sign(u_x)*u_xx", PLANE) == 0
    assert parse("d(abs(exp(u)), x) - exp(u)*u_x", PLANE) == 0
    assert parse("d(sign(u), x)", PLANE) == 0
