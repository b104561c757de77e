"""`enforce: auto`: what can be built into the network is, what cannot is a loss, and the reason is told."""

import re

import pytest
import torch
import yaml

from pinn import LanguageError, Problem
from pinn.networks import MLP, Scaled
from pinn.problem import configs
from pinn.residuals import Residuals
from pinn.verification import twin

BOX = {"x": [-1, 2], "y": [0, 0.5]}
PLANE = {"x": [-1, 1], "y": [-1, 1]}
LINE = {"t": [0, 1], "x": [-1, 1]}
DISK = {"disk": {"center": [0, 0], "radius": 1, "name": "rim"}}
HOLE = {"difference": ["box", {"disk": {"center": [0.2, 0], "radius": 0.4, "name": "rim"}}]}
HALVES = {"union": [{"box": {"x": [-1, 0]}}, {"box": {"x": [0, 1]}}]}
KEYHOLE = {"union": [{"disk": {"center": [0, 0], "radius": 0.5, "name": "left"}}, {"box": {"x": [0, 1]}}]}
RING = {"value": "u(x=-1) = u(x=1)", "slope": "u_x(x=-1) = u_x(x=1)"}
NOT_A_TRACE = "only a value, or the derivative along the normal"


def problem(conditions, coordinates=BOX, equation="u_xx = 0", **more):
    given = {"coordinates": coordinates, "fields": ["u"], "equations": {"e": equation}, "conditions": conditions}
    return Problem(**{**given, **more})


def law(*arguments):
    return arguments[0]


REASONS = {  # the problem, which of its conditions are losses, and why
    "a second derivative": ({"a": "u(boundary) = 0", "b": "lap(u)(boundary) = 0"}, {}, {"b": NOT_A_TRACE}),
    "along the face": ({"a": "u_x(boundary) = 0"}, {}, {"a": NOT_A_TRACE}),
    "a factor": ({"a": "x*u(boundary) + dn(u)(boundary) = 0"}, {}, {"a": NOT_A_TRACE}),
    "a square": ({"a": "u(boundary)**2 = 1"}, {}, {"a": NOT_A_TRACE}),
    "two fields": (
        {"a": "u(x=-1) = v(x=-1)", "b": "u(x=2) = 0"},
        {"fields": ["u", "v"]},
        {"a": "it takes one field, here are u, v"},
    ),
    "Python": ({"a": "u(boundary) = law(x, y)"}, {"functions": {"law": law}}, {"a": "its value is a Python function"}),
    "pieces": ({"a": "u(x=-1) = where(y < 1/4, 0, 1)"}, {}, {"a": "its value is piecewise"}),
    "what is learned": (
        {"a": "u(x=-1) = k", "b": "u(x=2) = 0"},
        {"parameters": {"k": {"learn": 1}}},
        {"a": "its value depends on k"},
    ),
    "a corner": ({"a": "u(x=-1, y=0) = 0", "b": "u(x=2) = 0"}, {}, {"a": "no face of the box"}),
    "a section": ({"a": "u(x=0.5) = 0"}, {}, {"a": "no face of the box"}),
    "the same twice": (
        {"a": "u(boundary) = 0", "b": "u(x=2) = 0"}, {}, {"b": "two conditions fix u on x=2"}
    ),
    "a corner of the box": (
        {"a": "u(x=-1) = 0", "b": "u(y=0) = 1"}, {}, {"b": "contradict each other at an end of x=-1, by 1"}
    ),
    "a lid": (
        {"lid": "u(y=1) = 1", "foot": "u(y=-1) = 0", "left": "u(x=-1) = 0", "right": "u(x=1) = 0"},
        {"coordinates": PLANE},
        {"lid": "contradict each other at an end of x=-1, by 1"},
    ),
    "a start": (
        {"start": "u(t=0) = 1", "ends": "u(boundary) = 0"},
        {"coordinates": LINE},
        {"ends": "contradict each other at an end of"},
    ),
    "a start on a shape": (
        {"edge": "u(boundary) = 1", "start": "u(t=0) = x"},
        {"coordinates": {"t": [0, 1], **PLANE}, "domain": DISK},
        {"start": "contradict each other at boundary"},
    ),
    "a slope on a shape": (
        {"a": "dn(u)(boundary) = 0"}, {"coordinates": PLANE, "domain": DISK}, {"a": "fixed without the value"}
    ),
    "two parts": (
        {"a": "u(rim) = 0", "b": "u(x=1) = 1"},
        {"coordinates": PLANE, "domain": HOLE},
        {"b": "of rim and x=1 only one can be built in"},
    ),
    "shapes that touch": (
        {"a": "u(boundary) = 0"}, {"coordinates": PLANE, "domain": HALVES}, {"a": "zero inside the domain as well"}
    ),
    "a part that goes on": (
        {"a": "u(left) = 0"}, {"coordinates": PLANE, "domain": KEYHOLE}, {"a": "left goes on inside the domain"}
    ),
    "no ends": (
        {"a": "u(x=-1) = u(x=0)", "b": "u(x=1) = 0"}, {"coordinates": LINE}, {"a": "not the two ends of a coordinate"}
    ),
    "no period": (
        {"a": "u(x=-1) = -u(x=1)", "b": "u(t=0) = 0"}, {"coordinates": LINE}, {"a": "make a field periodic"}
    ),
    "a period without its slope": (
        {"start": "u(t=0) = 0", "value": RING["value"]},
        {"coordinates": LINE},
        {"value": "differentiated 2 times by x"},
    ),
    "a period and a value": (
        {"wall": "u(x=1) = 0", **RING},
        {"coordinates": LINE},
        dict.fromkeys(RING, "periodic in x, and fixed on a face of x as well"),
    ),
    "a value and a period": (
        {**RING, "wall": "u(x=1) = 0"},
        {"coordinates": LINE},
        {"wall": "periodic in x, and fixed on a face of x as well"},
    ),
    "a start that jumps": (
        {**RING, "start": "u(t=0) = x"}, {"coordinates": LINE}, {"start": "not periodic in x: its value jumps"}
    ),
    "a kink": (
        {"start": "u(t=0) = x**2*cos(pi*x)", **RING},
        {"coordinates": LINE},
        dict.fromkeys(RING, "its derivative of order 1 jumps"),
    ),
    "a field that is not periodic": (
        {**RING, "start": "u(t=0) = 0", "v_start": "v(t=0) = 0"},
        {"coordinates": LINE, "fields": ["u", "v"]},
        dict.fromkeys(RING, "u is periodic in x, but v is neither"),
    ),
    "a slope of one field": (
        {"edge": "u(boundary) = 0", "flux": "v_y(y=0) = 1", "side": "v(x=2) = y"},
        {"fields": ["u", "v"]},
        {"flux": "share the inputs of the network, and u is neither .* but v is without a value on y=0"},
    ),
    "a slope of a coefficient": (
        {"edge": "u(boundary) = 0", "flux": "k_x(x=2) = 0", "side": "k(x=-1) = 1"},
        {"parameters": {"k": {"field": 1}}},
        {"flux": "k is without a value on x=2, and the network of a coefficient sees the coordinates"},
    ),
    "many faces": (
        {"edge": "u(boundary) = 0", "start": "u(t=0) = 0"},
        {"coordinates": {"t": [0, 1], "x1..x13": [0, 1]}, "equations": {"e": "u_t = lap(u)"}},
        {"edge": "distances to the faces of 14 coordinates"},
    ),
    "a long interpolant": (
        {"edge": "u(boundary) = x1"},
        {"coordinates": {"x1..x9": [0, 1]}, "equations": {"e": "lap(u) = 0"}},
        {"edge": r"faces of 9 coordinates has 3\*\*9 terms"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REASONS)
def test_what_cannot_be_built_in_is_a_loss_with_the_reason(name):
    conditions, more, reasons = REASONS[name]
    found = problem(conditions, **more)
    assert found.softened.keys() == reasons.keys()
    for key, reason in reasons.items():
        assert re.search(reason, found.softened[key])
    assert found.built_in == {key: text for key, text in conditions.items() if key not in reasons}
    assert set(found.equations) == {"e", *reasons}


UNASKED = ("many faces", "a long interpolant")  # what is asked for is built, however large


@pytest.mark.parametrize("name", [name for name in REASONS if name not in UNASKED])
def test_what_has_to_be_hard_is_refused_with_the_same_reason(name):
    conditions, more, reasons = REASONS[name]
    for enforce in ("hard", dict.fromkeys(conditions, "hard")):
        with pytest.raises(LanguageError, match=next(iter(reasons.values()))) as caught:
            problem(conditions, **more, enforce=enforce)
        assert "cannot" in str(caught.value) and ": soft} to make" in str(caught.value)
    soft = problem(conditions, **more, enforce="soft")
    assert soft.softened == soft.built_in == soft.hard == {} and soft.inputs is None
    assert set(soft.equations) == {"e", *conditions}


def test_a_surface_of_triangles_has_no_level_function(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    trimesh.creation.icosphere(subdivisions=2, radius=0.8).export(tmp_path / "ball.stl")
    ball, space = {"surface": {"file": str(tmp_path / "ball.stl")}}, dict.fromkeys("xyz", [-1, 1])
    found = problem({"edge": "u(boundary) = 0"}, space, "lap(u) = 1", domain=ball)
    assert found.softened == {"edge": "a surface of triangles has no level function"}


def test_what_is_about_an_integral_is_always_a_loss():
    conditions = {"mean": "integral(u) = 0", "edge": "dn(u)(boundary) = 0"}
    for enforce in ("auto", "hard"):
        found = problem(conditions, enforce=enforce)
        assert found.softened == {} and list(found.built_in) == ["edge"]


def values(found, x, seed=0):
    """Of a random network with the conditions that are built in, (N, F)."""
    torch.manual_seed(seed)
    network = MLP(Scaled(found.domain.lower, found.domain.upper), len(found.fields), width=5).double()
    return Residuals(found, network).solution(x)


def test_what_is_built_in_holds_and_what_is_not_does_not():
    conditions, more, _ = REASONS["a lid"]
    found, s = problem(conditions, **more), torch.linspace(-1, 1, 9, dtype=torch.float64)
    for k, end in ((0, -1.0), (0, 1.0), (1, -1.0)):
        x = torch.stack([s, s], dim=1)
        x[:, k] = end
        assert values(found, x).abs().max() < 1e-14
    assert (values(found, torch.stack([s, 0 * s + 1], dim=1)) - 1).abs().max() > 0.1


@pytest.mark.parametrize(
    ("conditions", "built"),
    [
        ({"a": "u(t=0) = 1", "b": "u(t=0) = 2", "c": "u(boundary) = 0"}, "a"),
        ({"c": "u(boundary) = 0", "b": "u(t=0) = 2", "a": "u(t=0) = 1"}, "c"),
        ({"a": "u(t=0) = x", "b": "u(t=0) = 2", "c": "u(x=-1) = 0", "d": "u(x=1) = 1"}, "ad"),
    ],
)
def test_where_one_is_not_enough_to_leave_out_the_first_ones_stay(conditions, built):
    assert "".join(problem(conditions, LINE).built_in) == built


def test_a_slope_on_a_shape_waits_for_its_value():
    more = {"a": "u(boundary) = 1", "b": "u(boundary) = 2"}
    conditions = {"slope": "dn(u)(boundary) = 0", "edge": "u(boundary) = 0", **more}
    found = problem(conditions, PLANE, "lap(lap(u)) = 1", domain=DISK)
    assert list(found.built_in) == ["slope", "edge"] and found.softened.keys() == more.keys()


def test_a_mapping_says_what_has_to_be_and_the_rest_is_auto():
    conditions, more, _ = REASONS["a lid"]
    held = problem(conditions, **more, enforce={"lid": "hard", "foot": "auto"})
    assert list(held.built_in) == ["lid", "foot"] and held.softened.keys() == {"left", "right"}
    loose = problem(conditions, **more, enforce={"left": "soft"})
    assert list(loose.built_in) == ["lid", "foot"] and loose.softened.keys() == {"right"}  # of left it was said
    with pytest.raises(LanguageError, match="lid and left cannot both be built into the network: .*contradict"):
        problem(conditions, **more, enforce={"lid": "hard", "left": "hard"})
    with pytest.raises(LanguageError, match="'atuo' is unknown; did you mean 'auto'.; write auto, hard or soft"):
        problem(conditions, **more, enforce={"lid": "atuo"})
    period = problem({**RING, "wall": "u(x=1) = 0"}, LINE, enforce={"wall": "hard"})
    assert list(period.built_in) == ["wall"] and period.softened.keys() == RING.keys()
    period = problem({"wall": "u(x=1) = 0", **RING}, LINE, enforce={"value": "hard"})
    assert list(period.built_in) == list(RING) and period.softened.keys() == {"wall"}


def test_a_vector_is_built_in_by_components():
    conditions = {"wall": "U(boundary) = (0, y)", "lid": "U(y=1/2) = (1, 1/2)"}
    given = {"fields": [{"U": ["u", "v"]}], "equations": {"e": "lap(U) = 0"}}
    found = problem(conditions, **given)
    assert list(found.built_in) == ["wall_x", "wall_y"] and found.softened.keys() == {"lid_x", "lid_y"}
    assert not problem(conditions, **given, enforce={"wall": "soft", "lid_x": "soft"}).softened


def test_related_problems_are_built_in_the_same_way():
    """Else a lesson would have other equations."""
    conditions = {"start": "u(t=0) = k*x**2*cos(pi*x)", **RING}
    kink = problem(conditions, LINE, "u_t = u_xx", parameters={"k": 1})
    assert list(kink.built_in) == ["start"]
    assert kink.at(k=0).built_in == kink.built_in and kink.at(k=0).inputs is None
    assert problem(conditions, LINE, "u_t = u_xx", parameters={"k": 0}).inputs is not None  # by itself it is periodic
    given = {key: value for key, value in kink.definition.items() if value is not None and key != "name"}
    made = Problem.from_mapping(twin(given))
    assert made.built_in.keys() == kink.built_in.keys() and made.equations.keys() == kink.equations.keys()


SOFTENED = {  # of the problems that say nothing, those with conditions that cannot be built in
    "allen_cahn": {"value", "slope"},
    "beam": {"moment", "shear"},
    "beam_vibrating": {"moment"},
    "cavity": {"gauge"},
    "cavity_1000": {"gauge"},
    "cavity_reynolds": {"gauge"},
    "kovasznay_viscosity": {"gauge"},
    "plate": {"moment"},
    "plate_orthotropic": {"moment_x", "moment_y"},
    "plate_sine_load": {"moment"},
    "poisson_100d": {"edge"},
    "poisson_10d": {"edge"},
    "triharmonic": {"second", "fourth"},
}
GIVEN = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((configs() / "pde").glob("*.yaml"))}


@pytest.mark.parametrize("name", [name for name, given in GIVEN.items() if "enforce" not in given])
def test_the_catalogue_has_the_same_built_in_as_if_all_the_rest_had_to_be(name):
    found, soft = Problem.load(name), SOFTENED.get(name, set())
    assert found.softened.keys() == soft
    said = Problem.from_mapping(
        {**GIVEN[name], "enforce": {key: "soft" if key in soft else "hard" for key in found.conditions}}
    )
    assert (found.built_in, found.hard, found.inputs) == (said.built_in, said.hard, said.inputs)
    assert found.equations == said.equations


SMALL = ("network.width=5", "network.scale=3", "sampling.points=20", "sampling.boundary_points=4", "optimizer.steps=1")


def test_a_run_says_which_conditions_are_losses_and_why(capsys, tmp_path):
    from pinn.app import solve

    conditions = {"edge": "u(boundary) = 0", "moment": "u_xx(boundary) = 0", "shear": "u_xxx(x=2) = 0"}
    solve(problem(conditions), *SMALL, optimizer="least_squares", run_dir=tmp_path / "soft")
    said = f"soft: moment, shear: {NOT_A_TRACE}, can be built in"
    assert f"  {said}\n" in capsys.readouterr().out
    assert f"{said}." in (tmp_path / "soft" / "report.html").read_text()
    for enforce in ("auto", {"edge": "soft"}):
        solve(problem({"edge": "u(boundary) = 0"}, enforce=enforce), *SMALL, "dry_run=true", optimizer="least_squares")
        assert "soft:" not in capsys.readouterr().out
