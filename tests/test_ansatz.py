"""Conditions by construction hold for any network; what cannot be built in is refused with the reason."""

import pytest
import sympy
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinn import LanguageError, Problem
from pinn.language import torch_function
from pinn.networks import MLP, Embedded, Scaled
from pinn.operators import derivatives, plan
from pinn.residuals import Residuals


def features(problem):
    if problem.inputs is None:
        return Scaled(problem.domain.lower, problem.domain.upper)
    count = sum(map(len, problem.inputs))
    return Embedded(problem.scope.variables, problem.inputs, Scaled([-1] * count, [1] * count))


def solution(problem, seed=0):
    torch.manual_seed(seed)
    return Residuals(problem, MLP(features(problem), len(problem.fields), width=5).double()).solution


def problem(conditions, coordinates=None, equation="u_xx = 0", **more):
    box = coordinates or {"x": [-1, 2], "y": [0, 0.5]}
    return Problem(coordinates=box, fields=["u"], equations={"e": equation}, conditions=conditions, **more)


def violation(problem, conditions):
    """The largest violation of the conditions, read as soft ones, by the network that has them built in."""
    bounds = zip(problem.domain.lower, problem.domain.upper, strict=True)
    soft = Problem(
        coordinates=dict(zip(problem.domain.names, bounds, strict=True)),
        fields=["u"], equations={"e": "u_x = 0"}, conditions=conditions, enforce="soft",
    )  # fmt: skip
    network, worst = solution(problem), 0.0
    for equation in soft.equations.values():
        if equation.name == "e":
            continue
        points = soft.domain.sample(equation.place, torch.rand(20, soft.domain.dimension(equation.place)).double())
        normals = {f"normal_{n}": points.normals[:, k] for k, n in enumerate(soft.domain.names)}
        planned = plan({"r": equation.residual}, soft.coordinate_names, soft.fields)
        worst = max(worst, derivatives(network, points.x, planned, inputs=normals)["r"].abs().max().item())
    return worst


CASES = [
    {"edge": "u(boundary) = 0"},
    {"edge": "u(boundary) = sin(x)*exp(y)"},
    {"edge": "u(boundary) = 0", "slope": "dn(u)(boundary) = 0"},
    {"left": "u(x=-1) = y**2", "slope": "u_x(x=-1) = y", "right": "u(x=2) = 3"},
    {"a": "2*u(x=-1) = cos(y)", "b": "-dn(u)(x=-1) = y"},
    {"bottom": "u(y=0) = x", "top": "u(y=1/2) = x**2"},
    {"edge": "dn(u)(boundary) = 0"},
    {"edge": "u(boundary) + dn(u)(boundary) = 0"},
    {"left": "u_x(x=-1) = exp(y)"},
    {"left": "u_x(x=-1) - 7*u(x=-1) = y", "right": "2*u_x(x=2) + 3*u(x=2) = sin(y)"},
    {"left": "u_x(x=-1) + 7*u(x=-1) = y", "right": "2*u_x(x=2) - 3*u(x=2) = sin(y)"},
    {"left": "u(x=-1) = y**2", "slope": "u_x(x=-1) + u(x=-1) = y", "right": "pi*u(x=2) - dn(u)(x=2) = 3"},
    {"left": "u(x=-1) = y**2", "bottom": "u_y(y=0) = 0", "right": "u_x(x=2) = 0"},
    {"bottom": "u_y(y=0) = x", "top": "u_y(y=1/2) + u(y=1/2) = x**2"},
]


@pytest.mark.parametrize("conditions", CASES, ids=str)
def test_hard_conditions_hold(conditions):
    built = problem(conditions)
    assert list(built.equations) == ["e"]
    assert violation(built, conditions) < 1e-12


def test_the_check_sees_a_violation():
    assert violation(problem({"edge": "u(boundary) = 0"}), {"edge": "u(boundary) = 0.001"}) > 1e-4


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=6, max_size=6))
def test_any_polynomial_data_of_one_function_are_met(c):
    data = f"({c[0]}) + ({c[1]})*x + ({c[2]})*y + ({c[3]})*x*y + ({c[4]})*x**3 + ({c[5]})*y**2*x"
    conditions = {"edge": f"u(boundary) = {data}"}
    assert violation(problem(conditions), conditions) < 1e-10


def test_initial_value_and_velocity():
    wave = problem(
        {"start": "u(t=0) = sin(pi*x)", "rest": "u_t(t=0) = 0", "ends": "u(boundary) = 0"},
        {"t": [0, 1], "x": [0, 1]}, "u_tt = u_xx",
    )  # fmt: skip
    network = solution(wave)
    x = torch.stack([torch.zeros(9), torch.linspace(0, 1, 9)], dim=1).double()
    values = derivatives(network, x, plan({"u": "u", "v": "u_t"}, ["t", "x"], ["u"]))
    torch.testing.assert_close(values["u"], torch.sin(torch.pi * x[:, 1]))
    assert values["v"].abs().max() < 1e-12


def test_the_factor_has_maximum_one():
    for conditions in CASES[:6]:
        factor = problem(conditions).hard["u"].factor
        x, y = sympy.symbols("x y", real=True)
        values = [
            float(factor.subs({x: -1 + 0.01 * i, y: 0.005 * j})) for i in range(0, 301, 10) for j in range(0, 101, 5)
        ]
        assert 0.9 < max(values) <= 1 + 1e-12 and min(values) >= -1e-12


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"edge": "lap(u)(boundary) = 0"}, "only a value, or the derivative along the normal"),
        ({"edge": "x*u(boundary) + dn(u)(boundary) = 0"}, "only a value"),
        ({"edge": "u(boundary)**2 = 1"}, "only a value"),
        ({"a": "u_x(x=-1) = 0", "b": "u(y=0) = x"}, "contradict each other"),
        ({"edge": "u_x(boundary) = 0"}, "only a value"),
        ({"a": "u(boundary) = 0", "b": "u(x=2) = 0"}, "two conditions fix u on x=2"),
        ({"a": "u(x=-1) = 0", "b": "u(y=0) = 1"}, "contradict each other"),
        ({"a": "u(x=-1, y=0) = 0"}, "no face"),
    ],
)
def test_what_cannot_be_built_in_is_refused_with_the_reason(conditions, said):
    with pytest.raises(LanguageError) as caught:
        problem(conditions, enforce="hard")
    assert said in str(caught.value) and "soft" in str(caught.value)
    assert problem(conditions, enforce="soft").hard == {}


@pytest.mark.parametrize(
    ("size", "apart", "allowed"),
    [(1, 1e-10, True), (1, 1e-7, False), (1, 1e-3, False), (1e6, 1e-4, True), (1e6, 1e-1, False), (0, 1e-7, False)],
)
def test_conditions_may_differ_by_rounding_where_they_meet_and_by_no_more(size, apart, allowed):
    """What is built in would be violated by as much, so that nothing above rounding, of data of that size, may pass."""
    conditions = {"a": f"u(x=-1) = {size}", "b": f"u(y=0) = {size} + {apart}"}
    if allowed:
        assert violation(problem(conditions, enforce="hard"), conditions) < 1e-8 * (1 + size)
    else:
        with pytest.raises(LanguageError, match=f"contradict each other at an end of x=-1, by {apart:.2g}"):
            problem(conditions, enforce="hard")


def test_each_condition_chooses_for_itself():
    mixed = problem({"edge": "u(boundary) = 0", "moment": "lap(u)(boundary) = 0"}, enforce={"moment": "soft"})
    assert set(mixed.equations) == {"e", "moment"} and mixed.built_in == {"edge": "u(boundary) = 0"}


PLANE = {"x": [-1, 1], "y": [-1, 1]}
SHAPES = {
    "disk": {"disk": {"center": [0, 0], "radius": 1, "name": "rim"}},
    "ellipse": {"ellipse": {"center": [0, 0], "radii": [1, 0.5], "name": "rim"}},
    "annulus": {"annulus": {"center": [0, 0], "inner": 0.3, "outer": 1}},
    "L": {"polygon": {"vertices": [[0, 0], [0, -1], [-1, -1], [-1, 1], [1, 1], [1, 0]]}},
    "hole": {"difference": ["box", {"disk": {"center": [0.2, 0], "radius": 0.4, "name": "rim"}}]},
    "lens": {"intersection": ["box", {"disk": {"center": [0.5, 0], "radius": 1, "name": "rim"}}]},
    "snowman": {
        "union": [{"disk": {"center": [-0.4, 0], "radius": 0.6}}, {"disk": {"center": [0.5, 0], "radius": 0.5}}]
    },
    "halves": {"union": [{"box": {"x": [-1, 0]}}, {"box": {"x": [0, 1]}}]},
    "keyhole": {"union": [{"disk": {"center": [0, 0], "radius": 0.5, "name": "left"}}, {"box": {"x": [0, 1]}}]},
}  # fmt: skip


def on(shape, conditions, coordinates=None, **more):
    return Problem(
        coordinates=coordinates or PLANE, domain=SHAPES[shape], fields=["u"],
        equations={"e": "lap(u) = 0"}, conditions=conditions, **more,
    )  # fmt: skip


def violation_on(shape, conditions, built, **more):
    """The same for a shape: random networks, random points of each condition's place."""
    soft, network, worst = on(shape, conditions, enforce="soft", **more), solution(built), 0.0
    for name in conditions:
        equation = soft.equations[name]
        unit = torch.rand(200, soft.domain.dimension(equation.place), dtype=torch.float64)
        points = soft.domain.sample(equation.place, unit)
        normals = {f"normal_{n}": points.normals[:, k] for k, n in enumerate(soft.domain.names)}
        planned = plan({"r": equation.residual}, soft.coordinate_names, soft.fields)
        worst = max(worst, derivatives(network, points.x, planned, inputs=normals)["r"].abs().max().item())
    return worst


WHOLE = [name for name in SHAPES if name not in ("halves", "keyhole")]


@pytest.mark.parametrize("shape", WHOLE)
@pytest.mark.parametrize(
    "conditions",
    [
        {"edge": "u(boundary) = 0"},
        {"edge": "2*u(boundary) = sin(x)*exp(y)"},
        {"edge": "u(boundary) = 0", "slope": "dn(u)(boundary) = 0"},
        {"edge": "u(boundary) = x*y", "slope": "3*dn(u)(boundary) = cos(x) + y"},
    ],
    ids=lambda c: str(list(c.values())),
)
def test_hard_conditions_hold_on_shapes(shape, conditions):
    built = on(shape, conditions)
    assert list(built.equations) == ["e"]
    assert violation_on(shape, conditions, built) < 1e-9
    free = on(shape, {"edge": "u(boundary) = 0"})
    wrong = {name: text + " + 0.001" for name, text in conditions.items()}
    assert violation_on(shape, wrong, free) > 1e-4  # the check sees a violation


@pytest.mark.parametrize("shape", WHOLE)
def test_clamped_on_a_shape_is_the_square_of_the_factor(shape):
    held = on(shape, {"edge": "u(boundary) = 0"}).hard["u"]
    clamped = on(shape, {"edge": "u(boundary) = 0", "slope": "dn(u)(boundary) = 0"}).hard["u"]
    assert held.lift == clamped.lift == 0 and clamped.factor == held.factor**2
    domain = on(shape, {}).domain
    x = domain.sample(domain.interior, torch.rand(20_000, 2, dtype=torch.float64)).x
    values = torch_function(sympy.symbols("x y", real=True), [held.factor])(*x.unbind(1))[0]
    assert values.min() > 0 and 0.97 < values.max() < 1.03


@pytest.mark.parametrize("shape", ["hole", "lens"])
def test_a_named_part_alone(shape):
    conditions = {"rim": "u(rim) = x"}
    built = on(shape, {**conditions, "right": "u(x=1) = 0"}, enforce={"right": "soft"})
    assert set(built.equations) == {"e", "right"} and violation_on(shape, conditions, built) < 1e-10
    assert violation_on(shape, {"right": "u(x=1) = x"}, built) > 1e-2  # the rest of the boundary is free


def test_a_face_of_the_box_alone():
    built = on("hole", {"left": "u(x=-1) = y"})
    assert violation_on("hole", {"left": "u(x=-1) = y"}, built) < 1e-10


def test_a_shape_and_the_start_of_time():
    conditions = {"edge": "u(boundary) = t", "start": "u(t=0) = 1 - x**2 - y**2", "rest": "u_t(t=0) = y**2 + x**2"}
    disk_in_time = {"t": [0, 2], **PLANE}
    built = on("disk", conditions, disk_in_time)
    assert list(built.equations) == ["e"]
    assert violation_on("disk", conditions, built, coordinates=disk_in_time) < 1e-10


@pytest.mark.parametrize(
    ("shape", "conditions", "said"),
    [
        ("disk", {"a": "dn(u)(boundary) = 0"}, "fixed without the value"),
        ("disk", {"a": "u_x(boundary) = 0"}, "only a value, or the derivative along the normal"),
        ("disk", {"a": "u(boundary) + dn(u)(boundary) = 0"}, "fixed without the value"),
        ("hole", {"a": "u(rim) = 0", "b": "u_x(x=1) = 1"}, "of rim and x=1 only one can be built in"),
        ("disk", {"a": "dn(lap(u))(boundary) = 0"}, "only a value"),
        ("disk", {"a": "u(boundary) = 0", "b": "u(boundary) = 1"}, "two conditions fix u on boundary"),
        ("disk", {"a": "u(boundary) = 0", "b": "u(rim) = 1"}, "of boundary and rim only one can be built in"),
        ("hole", {"a": "u(rim) = 0", "b": "u(x=1) = 1"}, "of rim and x=1 only one can be built in"),
        ("halves", {"a": "u(boundary) = 0"}, "zero inside the domain as well"),
        ("keyhole", {"a": "u(left) = 0"}, "the boundary of left goes on inside the domain"),
    ],
)
def test_what_a_shape_does_not_allow_is_refused_with_the_reason(shape, conditions, said):
    with pytest.raises(LanguageError) as caught:
        on(shape, conditions, enforce="hard")
    assert said in str(caught.value) and "soft" in str(caught.value)
    assert on(shape, conditions, enforce="soft").hard == {}


def test_conditions_that_contradict_each_other_in_time_are_seen():
    with pytest.raises(LanguageError, match="contradict each other at boundary"):
        on("disk", {"edge": "u(boundary) = 1", "start": "u(t=0) = x"}, {"t": [0, 2], **PLANE}, enforce="hard")


SPACE = {"x": [-1, 1], "y": [-1, 1], "z": [-1, 1]}
BALL = {"ball": {"center": [0.1, 0, 0], "radius": 0.5, "name": "part"}}
TUBE = {"cylinder": {"axis": "z", "center": [0.1, 0], "radius": 0.3, "ends": [-0.8, 0.8]}}
SOLIDS = {
    "drilled ball": ({"difference": [BALL, TUBE]}, "boundary"),
    "hole in a box": ({"difference": ["box", BALL]}, "part"),
    "two bodies": ({"union": [BALL, TUBE]}, "boundary"),
}


@pytest.mark.parametrize("name", SOLIDS)
def test_hard_conditions_hold_on_solids_in_time(name):
    """Against central differences along the normal, at points off the edges where bodies meet."""
    domain, part = SOLIDS[name]
    conditions = {"a": f"u({part}) = sin(x + 2*y*t)*z", "b": f"dn(u)({part}) = cos(x)*y + t**2"}
    box = {"t": [0, 1], **SPACE}
    built = Problem(
        coordinates=box, domain=domain, fields=["u"], equations={"e": "u_t = lap(u)"}, conditions=conditions
    )
    assert list(built.equations) == ["e"]
    place, network, h = built.domain.part(part), solution(built), 1e-5
    found = built.domain.sample(place, torch.rand(2000, built.domain.dimension(place), dtype=torch.float64))
    (t, x, y, z), normals = found.x.unbind(1), found.normals
    torch.testing.assert_close(network(found.x)[:, 0], torch.sin(x + 2 * y * t) * z, rtol=0, atol=1e-9)
    slope = (network(found.x + h * normals) - network(found.x - h * normals))[:, 0] / (2 * h)
    apart = (slope - torch.cos(x) * y - t**2).abs()
    assert apart.median() < 1e-5 and (apart < 1e-2).double().mean() > 0.95
