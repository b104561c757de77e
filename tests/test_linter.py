"""What the linter says: each remark on a problem that deserves it, none on one that does not."""

import pytest
import yaml

from pinn import Problem
from pinn.app import solve
from pinn.language import LanguageError
from pinn.linter import CHECKS, findings, undefined
from pinn.problem import configs
from pinn.schema import ConfigError

RIGHT = {
    "coordinates": {"t": [0, 1], "x": [0, 1]},
    "fields": ["u"],
    "equations": {"heat": "u_t = 0.1*u_xx"},
    "conditions": {"start": "u(t=0) = sin(pi*x)", "ends": "u(boundary) = 0"},
    "enforce": "soft",
}
STOKES = {
    "coordinates": {"x": [0, 1], "y": [0, 1]},
    "fields": ["u", "v", "p"],
    "equations": {"x": "lap(u) = p_x", "y": "lap(v) = p_y", "mass": "u_x + v_y = 0"},
    "conditions": {"lid": "u(y=1) = 1", "foot": "u(y=0) = 0", "sides": "u(x=0) = 0", "right": "u(x=1) = 0",
                   "v": "v(boundary) = 0"},
    "enforce": "soft",
}  # fmt: skip
WRONG = {
    "conditions": ({**RIGHT, "conditions": {"start": "u(t=0) = x", "left": "u(x=0) = 0"}}, ["2 times by x", "is 1"]),
    "gauge": (STOKES, ["only derivatives of p", "p(x=0, y=0) = 0"]),
    "trivial": ({**RIGHT, "conditions": {**RIGHT["conditions"], "start": "u(t=0) = 0"}}, ["u = 0 satisfies every"]),
    "corners": ({**RIGHT, "conditions": {**RIGHT["conditions"], "start": "u(t=0) = 1 - x"}},
                ["start and ends meet at t=0, x=0", "u = 1 and the other 0"]),
    "scales": ({**RIGHT, "equations": {"heat": "u_t = 1e-9*u_xx"}},
               ["-1e-09*u_xx is 1e+09 times smaller than 1*u_t", "balancing.normalise=true"]),
    "long_time": ({**RIGHT, "coordinates": {"t": [0, 3], "x": [0, 1]}, "equations": {"r": "u_t = u_xx + 5*u*(1 - u)"}},
                  ["the time 3 is long", "rate of 5", "network=partition",
                   "'balancing.causal={chunks: 16, tolerance: 1.0}'"]),
    "learn": ({**RIGHT, "parameters": {"k": {"learn": 1}}, "equations": {"heat": "u_t = k*u_xx"}},
              ["nothing tells k", "give observations"]),
    "end_of_time": ({**RIGHT, "equations": {"wave": "u_tt = u_xx"},
                     "conditions": {**RIGHT["conditions"], "late": "u(t=1) = 0"}},
                    ["late is about the end of time", "u_t(t=0)"]),
    "exact": ({**RIGHT, "exact": {"u": "exp(-pi**2*t)*sin(pi*x)"}}, ["heat: what stands under exact does", "at t="]),
}  # fmt: skip


def names(definition):
    return [finding.name for finding in findings(Problem.from_mapping(definition))]


def test_nothing_is_said_of_a_sound_problem():
    assert names(RIGHT) == []


def test_a_field_that_is_observed_has_its_constant():
    assert "gauge" in names(STOKES)
    assert "gauge" not in names({**STOKES, "observations": {"sensors": {"points": 5, "of": ["p"]}}})


VORTICES = {
    "coordinates": {"t": [0, 1], "x": [0, "2*pi"], "y": [0, 1]},
    "fields": ["q", "s"],
    "equations": {"spin": "q_t + s_y*q_x - s_x*q_y = lap(q)/20", "stream": "lap(s) = -q"},
    "conditions": {
        "start": "q(t=0) = sin(x)*sin(pi*y)", "q_0": "q(x=0) = q(x=2*pi)", "q_1": "q_x(x=0) = q_x(x=2*pi)",
        "s_0": "s(x=0) = s(x=2*pi)", "s_1": "s_x(x=0) = s_x(x=2*pi)", "q_foot": "q(y=0) = 0", "q_top": "q(y=1) = 0",
        "s_foot": "s_y(y=0) = 0", "s_top": "s_y(y=1) = 0",
    },
    "enforce": "soft",
}  # fmt: skip


@pytest.mark.parametrize(
    ("fixed", "said"),
    [
        (None, "only derivatives of s occur, so it is known up to a constant"),
        ("integral(s) = 0", "so it is known up to a function of t: fix it at a point, such as s(x=0, y=0) = 0"),
        ("s(t=0) = 0", "so it is known up to a function of t"),
        ("s(x=0, y=0) = 0", None),
    ],
)
def test_a_field_that_nothing_fixes_at_each_time(fixed, said):
    conditions = VORTICES["conditions"] | ({"fixed": fixed} if fixed else {})
    found = findings(Problem.from_mapping({**VORTICES, "conditions": conditions}))
    texts = [one.text for one in found if one.name == "gauge"]
    assert len(texts) == bool(said) and (not said or said in texts[0])


HOLE = {"difference": ["box", {"disk": {"center": [0.5, 0.5], "radius": 0.2, "name": "hole"}}]}
DISK = {
    "coordinates": {"t": [0, 1], "x": [0, 1], "y": [0, 1]},
    "domain": HOLE,
    "fields": ["u"],
    "equations": {"heat": "u_t = lap(u)"},
    "enforce": "soft",
}


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ({"hole": "u(hole) = 1", "far": "u(x=1) = 0", "start": "u(t=0) = 1"}, ["far and start meet at t=0, x=1, y=0"]),
        ({"hole": "u(hole) = 1", "start": "u(t=0) = x"}, ["hole and start meet at t=0"]),
        ({"hole": "u(hole) = 1", "start": "u(t=0) = 1"}, []),
    ],
)
def test_a_part_of_a_shape_meets_the_start_and_no_corner_of_the_box(conditions, found):
    said = [f.text for f in findings(Problem.from_mapping({**DISK, "conditions": conditions})) if f.name == "corners"]
    assert len(said) == len(found) and all(text.startswith(words) for text, words in zip(said, found, strict=True))


def test_an_exact_solution_is_tried_everywhere():
    right = {**RIGHT, "exact": {"u": "exp(-pi**2*t/10)*sin(pi*x)"}}
    assert names(right) == []
    flux = {**right, "conditions": {**RIGHT["conditions"], "ends": "dn(u)(boundary) = 0"}}
    assert names(flux) == ["exact"]
    found = {**right, "parameters": {"k": {"learn": 1, "truth": 0.1}}, "equations": {"heat": "u_t = k*u_xx"}}
    assert "exact" not in names(found)
    found["parameters"] = {"k": {"learn": 1, "truth": 0.2}}
    assert "exact" in names(found)


def test_a_long_time_that_is_whole_takes_no_strips():
    late = {**WRONG["long_time"][0], "conditions": {"start": "u(t=3) = sin(pi*x)", "ends": "u(boundary) = 0"}}
    (finding,) = (f for f in findings(Problem.from_mapping(late)) if f.name == "long_time")
    assert "network=partition" not in finding.text and "balancing.causal" in finding.text


def test_every_check_has_an_example():
    assert WRONG.keys() | {"tables"} == CHECKS.keys()  # which has a file, below


@pytest.mark.parametrize("name", WRONG)
def test_each_check_speaks_of_what_is_wrong(name):
    definition, words = WRONG[name]
    (finding,) = (f for f in findings(Problem.from_mapping(definition)) if f.name == name)
    assert all(word in finding.text for word in words) and f"silence=[{name}]" in str(finding)


def test_the_catalogue_is_clean_but_for_what_is_known():
    known = {"cavity_ghia": {"corners"}, "cahn_hilliard": {"scales"}}
    known["kuramoto_sivashinsky"] = {"scales"}  # a lid that jumps at its ends; u_xxxx on the whole domain
    for file in (configs() / "pde").glob("*.yaml"):
        found = {"gauge", "trivial", "corners", "scales", "exact"} & set(names(yaml.safe_load(file.read_text())))
        assert found == known.get(file.stem, set()), file.stem


@pytest.mark.parametrize(
    ("source", "trivial"),
    [
        ("(x + 1)**2 - x**2 - 2*x - 1", True),
        ("sin(x)*cos(1) + cos(x)*sin(1) - sin(x + 1)", True),
        ("sin(x)*cos(1) + cos(x)*sin(1) - (1 + 1e-12)*sin(x + 1)", False),
        ("exp(-1e6*(x - 0.123)**2)", False),
        ("where(x < 0.99, 0, 1)", False),
    ],
)
def test_zero_solves_a_problem_whose_sources_cancel_and_none_that_has_a_small_one(source, trivial):
    given = {**RIGHT, "equations": {"heat": f"u_t = 0.1*u_xx + {source}"}}
    given |= {"conditions": {**RIGHT["conditions"], "start": "u(t=0) = 0"}}
    assert ("trivial" in names(given)) == trivial


def test_a_run_prints_remarks_unless_they_are_silenced(capsys):
    problem = Problem.from_mapping(WRONG["trivial"][0])
    short = ("network.width=5", "sampling.points=20", "trainer.max_steps=1")
    solve(problem, *short)
    assert "integral(u**2) = 1 (silence=[trivial])" in " ".join(capsys.readouterr().out.split())
    solve(problem, *short, "silence=[trivial]")
    assert "satisfies" not in capsys.readouterr().out
    with pytest.raises(ConfigError, match="silence=trival: no remark has this name. Did you mean 'trivial'?"):
        solve(problem, *short, "silence=[trival]")


def test_a_table_that_ends_within_the_domain_is_told_of_and_one_elsewhere_refused(tmp_path):
    file = tmp_path / "f.csv"
    given = {**RIGHT, "equations": {"heat": "u_t = 0.1*u_xx + f"}, "functions": {"f": {"table": str(file)}}}
    file.write_text("x,f\n0,1\n1,2\n")
    assert names(given) == []
    file.write_text("x,f\n0,1\n0.5,2\n")
    (found,) = findings(Problem.from_mapping(given))
    assert found.name == "tables" and "x from 0 to 0.5, the domain from 0 to 1" in found.text
    file.write_text("x,f\n50,1\n150,2\n")
    with pytest.raises(
        LanguageError, match=r"its x goes from 50 to 150, that of the domain from 0 to 1: in which units"
    ):
        Problem.from_mapping(given)


def test_an_eigenvalue_and_an_ellipse_in_time_get_no_remark():
    size = {**RIGHT["conditions"], "size": "integral(u**2) = 1"}
    assert (
        names({**RIGHT, "parameters": {"k": {"learn": 1}}, "equations": {"e": "u_t = k*u_xx"}, "conditions": size})
        == []
    )
    late = {**RIGHT["conditions"], "late": "u(t=1) = 0"}
    assert "end_of_time" not in names({**RIGHT, "equations": {"e": "u_tt + u_xx = 0"}, "conditions": late})


@pytest.mark.parametrize(
    ("equation", "said"),
    [
        ("u_t = log(x - 2)*u_xx", "heat: log(x - 2) has no finite value at t="),
        ("u_t = u_xx + u*sqrt(-x)", "heat: sqrt(-x) has no finite value at t="),
        ("u_t = u_xx + where(x > 2, log(x - 2), 0)", None),
        ("u_t = u_xx + log(x)*log(u)", None),
    ],
)
def test_what_is_known_beforehand_has_a_value_everywhere(equation, said):
    found = undefined(Problem.from_mapping({**RIGHT, "equations": {"heat": equation}}))
    assert found is None if said is None else found is not None and found.startswith(said)


@pytest.mark.parametrize(
    ("equation", "trivial"),
    [
        ("u_xx = -delta(x - 0.3)", False),
        ("d(u_x + where(x < 0.3, 0, 1), x) = 0", False),
        ("d(where(x < 0.3, 1, 10)*u_x, x) = 0", True),
        ("d(where(x < 0.3, 1, 10)*u_x, x) = 1", False),
    ],
)
def test_zero_does_not_solve_a_problem_with_a_source_on_a_point(equation, trivial):
    problem = Problem(
        coordinates={"x": [0, 1]}, fields=["u"], equations={"string": equation}, conditions={"ends": "u(boundary) = 0"}
    )
    assert ("trivial" in [one.name for one in findings(problem)]) == trivial
