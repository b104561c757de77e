"""The doctor on runs that fail in a known way: what it says is right, and following it reduces the error."""

import json
import math
import re

import numpy as np
import pytest
import torch

from pinn.app import solve
from pinn.doctor.diagnose import _summary, doubt
from pinn.doctor.measure import Measured, _named, measure
from pinn.language import open_bases
from pinn.problem import Problem


def problem(waves=1, enforce="hard"):
    return Problem(
        coordinates={"x": [0, 1]},
        fields=["u"],
        functions={"q": "manufactured"},
        equations={"bend": "u_xx = q"},
        conditions={"ends": "u(boundary) = 0"},
        exact={"u": f"sin({waves}*pi*x)*exp(x)"},
        enforce=enforce,
        name="line",
    )


LEAST_SQUARES = ("optimizer=least_squares", "optimizer.steps=2")
LEFT = {
    "too few points": (*LEAST_SQUARES, "network.width=60", "sampling.points=12"),
    "too slow features": (*LEAST_SQUARES, "network.width=80", "network.scale=2", "sampling.points=400"),
    "float32": (*LEAST_SQUARES, "network.width=40", "sampling.points=200", "precision=fp32"),
    "conflict-free": ("balancing=conflict_free", "optimizer=adam", "optimizer.steps=50", "network.width=40"),
    "adam": ("optimizer=adam", "optimizer.steps=150", "network.width=40", "sampling.points=100"),
}


@pytest.mark.parametrize("name", LEFT)
def test_cells_are_advised_to_one_network_that_leaves_something_and_help(name, tmp_path):
    run = solve(problem(5), *LEFT[name], run_dir=tmp_path / "before")
    (advice,) = json.loads((tmp_path / "before" / "result.json").read_text())["diagnosis"]["advice"]
    (tries,) = advice["try"]
    assert tries[0] == "network=partition"
    better = solve(problem(5), *tries)
    assert better.error["u"]["relative_l2"] < 1e-3 * run.error["u"]["relative_l2"]


def test_cells_that_are_given_are_advised_to_find_their_places(tmp_path):
    cells = ("network=partition", "network.cells={x: 2}", "network.local.width=6", "optimizer=adam")
    solve(problem(5), *cells, "optimizer.steps=5", "sampling.points=60", run_dir=tmp_path)
    (advice,) = json.loads((tmp_path / "result.json").read_text())["diagnosis"]["advice"]
    assert advice["try"][0][0] == "network.cells=auto"


def test_in_many_dimensions_a_second_order_method_is_advised_to_gradients_alone(tmp_path):
    names = "abcef"
    many = Problem(
        coordinates={name: [0, 1] for name in names}, fields=["u"], equations={"laplace": "lap(u) = 0"},
        conditions={"edge": "u(boundary) = a*b"}, name="many",
    )  # fmt: skip
    few = ("network.width=40", "sampling.points=60", "sampling.boundary_points=30", "precision=fp32")
    solve(many, *few, "optimizer=adam", "optimizer.steps=30", run_dir=tmp_path / "before")
    (advice,) = json.loads((tmp_path / "before" / "result.json").read_text())["diagnosis"]["advice"]
    (tries,) = advice["try"]
    assert tries[0] == "optimizer=least_squares_then_gauss_newton"
    solve(many, *few[:-1], *tries, "trainer.max_steps=3", run_dir=tmp_path / "after")
    assert json.loads((tmp_path / "after" / "result.json").read_text())["diagnosis"]["advice"] == []


def test_a_run_that_is_done_gets_no_advice(tmp_path, capsys):
    solve(problem(), *LEAST_SQUARES, "network.width=60", "network.scale=8", "sampling.points=300", run_dir=tmp_path)
    found = json.loads((tmp_path / "result.json").read_text())["diagnosis"]
    assert found["advice"] == [] and "nothing is left that is worth the time" in found["summary"]
    assert "nothing is left" in " ".join(capsys.readouterr().out.split())


def test_what_solves_another_equation_is_not_to_be_trusted(tmp_path):
    swing = Problem(
        coordinates={"t": [0, 6]},
        fields=["a"],
        equations={"swing": "a_tt + 9.81*sin(a) = 0"},
        conditions={"start": "a(t=0) = 2", "rest": "a_t(t=0) = 0"},
        name="pendulum",
    )

    def summary(*lines):
        solve(swing, *lines, run_dir=tmp_path / str(len(lines)))
        found = json.loads((tmp_path / str(len(lines)) / "result.json").read_text())["diagnosis"]
        return found["summary"], found["left"]["swing"]

    said, left = summary(*LEAST_SQUARES, "network.width=100", "network.scale=4", "sampling.points=400")
    assert left > 0.1 and "swing is not solved" in said and "Do not trust" in said
    said, left = summary()  # strip by strip of time
    assert left < 1e-5 and "trust" not in said


def test_what_is_left_is_a_part_of_the_terms():
    line = problem()
    run = solve(line, *LEAST_SQUARES, "network.width=10", "network.scale=3", "sampling.points=100")
    x = np.linspace(0.0005, 0.9995, 1000)[:, None]
    terms = [run.derivative(text, x) for text in ("u_xx", "q")]
    expected = np.sqrt(((terms[0] - terms[1]) ** 2).mean() / ((abs(terms[0]) + abs(terms[1])) ** 2).mean())
    found = measure(run, {}).left["bend"]
    assert 0 < found < 1 and found == pytest.approx(expected, rel=0.2)


def test_what_diverged_is_told_so(tmp_path):
    lines = ("optimizer=adam", "optimizer.lr=1e14", "network.width=5", "sampling.points=30", "optimizer.steps=50")
    solve(problem(), *lines, precision="fp32", run_dir=tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    found = result["diagnosis"]
    assert result["status"] == "diverged"  # after it has gone back three times
    assert "Do not trust the solution" in found["summary"]
    assert found["advice"][0]["try"][0][0] == "network=partition"


class Known:
    """A solution with a known residual."""

    def __init__(self, solution, residual):
        self._solution, self._residual = solution, residual

    def __getattr__(self, name):
        return getattr(self._solution, name)

    def interior_residuals(self, x):
        return {"bend": self._residual(x)}


@pytest.fixture(scope="module")
def solution():
    return solve(problem(3, "soft"), *LEAST_SQUARES, "network.width=9", "sampling.points=60")


def test_the_spectrum_counts_waves_and_the_regions_find_them(solution):
    five = measure(Known(solution, lambda x: (2 * np.pi * 5 * x[:, 0]).sin()), {})
    assert int(np.argmax(five.spectrum["bend"]["x"])) == 5
    even = measure(Known(solution, lambda x: torch.ones(len(x))), {})
    assert np.allclose(even.regions["bend"]["x"], 1 / 16, atol=0.001)
    peak = measure(Known(solution, lambda x: (-(((x[:, 0] - 0.5) / 0.02) ** 2)).exp()), {})
    assert sum(peak.regions["bend"]["x"][7:9]) > 0.99


def test_gradients_are_those_of_the_losses(solution):
    measured = measure(solution, {"bend": 1.0, "ends": 4.0})
    again = measure(solution, {"bend": 1.0, "ends": 1.0})
    assert measured.gradients["ends"] == pytest.approx(4 * again.gradients["ends"])
    assert measured.cosines["bend"]["bend"] == pytest.approx(1)
    assert measured.cosines["bend"]["ends"] == pytest.approx(measured.cosines["ends"]["bend"])


def test_misfits_have_no_unit(solution):
    scaled = Problem(**{**solution.problem.definition, "equations": {"bend": "1000*u_xx = 1000*q"}})
    again = solve(scaled, *LEAST_SQUARES, "network.width=9", "sampling.points=60")
    assert measure(again, {}).misfit["bend"] == pytest.approx(measure(solution, {}).misfit["bend"], rel=0.05)


@pytest.mark.parametrize(
    ("result", "left", "misfit", "said"),
    [
        ({}, 0.0, 1.0, None),
        ({"estimate": {"u": 0.01, "v": 1e-9}, "converged": True}, 0.01, 1e-3, None),
        ({"estimate": {"u": 0.2, "v": 0.3}}, 0.0, 1e-3, "The error is estimated to be 30 % of the solution."),
        (
            {"estimate": {"u": 1e-9, "v": 0.3, "w": 2e-9}},
            0.0,
            1e-3,
            "The error of v is estimated to be 30 % of v itself; that of u, w to be 2e-09 at most.",
        ),
        ({"estimate": {"u": 1e-9, "v": 2.0}}, 0.0, 1e-3, "The error of v is estimated to be larger than v itself; .*"),
        ({"estimate": {"u": 0.3}, "unknown": {"u": 0.299}}, 0.0, 1e-3, None),  # that is the noise of the data
        ({"estimate": {"u": 0.3}, "unknown": {"u": 0.2}}, 0.0, 1e-3, "The error is estimated to be 22 % of .*"),
        ({"estimate": {"u": math.inf}}, 0.0, 1e-3, "The error is estimated to be larger than the solution."),
        ({"estimate": {"u": 1e-9}, "converged": False}, 0.0, 1e-3, "Newton's steps .* have not come to an end."),
        ({"estimate": {"u": 1e-9}}, 0.3, 1e-3, "bend is not solved: 30 % of its terms are left."),
        ({"estimate": {"u": 1e-9}}, 0.9, 1e-14, None),  # its terms are rounding
        ({"estimate": {"u": 1e-3}}, 0.9, 1e-14, "bend is not solved: 90 % of its terms are left."),
        ({"estimate": {"u": 1e-9, "T": 0.01}}, 0.9, 1e-7, None),  # another field is not its concern
        ({}, 0.9, 1e-14, "bend is not solved: 90 % of its terms are left."),
    ],
)
def test_doubt_has_its_reasons(result, left, misfit, said):
    measured = Measured(misfit={"bend": misfit}, fields={"bend": {"u"}}, left={"bend": left}, gradients={"bend": 1.0})
    found = doubt(result, measured)
    assert re.fullmatch(said, found) if said else found is None


@pytest.mark.parametrize(
    ("misfit", "estimate", "said"),
    [
        (0.4, 1e-3, "end is not met: 40 % of what a random function would leave is left."),
        (0.05, 1e-3, None),
        (0.9, 1e-12, None),  # of a field that is zero but for rounding
    ],
)
def test_a_condition_that_is_not_met_is_a_reason(misfit, estimate, said):
    measured = Measured(misfit={"bend": 1e-3, "end": misfit}, fields={"bend": {"u"}, "end": {"u"}}, left={"bend": 1e-3})
    assert doubt({"estimate": {"u": estimate}}, measured) == said


@pytest.mark.parametrize(
    ("estimate", "said"),
    [
        ({}, "Every equation is met to 1e-12 of its size: nothing is left that is worth the time."),
        ({"u": 1e-9}, "Every equation is met to 1e-12 of its size: nothing is left that is worth the time."),
        ({"u": 9e-4}, "The error is estimated to be 9e-04 of the solution."),  # as beside an obstacle
        ({"u": 0.2}, "The error is estimated to be 20 % of the solution. Do not trust the solution."),
    ],
)
def test_what_is_left_is_said_of_the_solution_too(estimate, said):
    measured = Measured(misfit={"bend": 1e-12}, left={}, gradients={"bend": 1.0})
    assert _summary({"estimate": estimate}, measured, first_order=False) == said


@pytest.mark.parametrize(
    ("untold", "said"),
    [
        ([{"a": 1.0}], "The data do not tell a: what was found for it means nothing."),
        (
            [{"a": 1.0, "c": math.pi**2}],
            "The data do not tell a and c apart: changes of a by 1 and c by 9.87 at once are lost in their noise.",
        ),
        (
            [{"a": 1.0, "b": -0.5, "c": 2.0}],
            "The data do not tell a, b and c apart: changes of a by 1, b by -0.5 and c by 2 at once are lost in their "
            "noise.",
        ),
    ],
)
def test_numbers_that_the_data_do_not_tell_are_named(untold, said):
    measured = Measured(misfit={"bend": 1e-12}, left={}, gradients={"bend": 1.0})
    found = _summary({"estimate": {"u": 1e-9}, "untold": untold}, measured, first_order=False)
    assert found == f"The error is estimated to be 1e-09 of the solution. {said}"


@pytest.mark.parametrize(
    ("part", "trusted", "said"),
    [
        (1e-9, True, False),
        (1e-4, True, True),
        (0.3, False, True),
    ],
)
def test_a_power_of_what_is_negative_is_told(part, trusted, said):
    measured = Measured(
        misfit={"flow": 1e-3}, fields={"flow": {"h"}}, below={"flow": ("h", part)}, left={"flow": 1e-7},
    )  # fmt: skip
    found = _summary({"estimate": {"h": 1e-7}}, measured, first_order=False)
    assert ("Do not trust" not in found) is trusted
    assert (f"h in flow is negative in places, down to {part:.0e} of its largest size" in found) is said


def test_what_falls_below_zero_is_measured(tmp_path):
    """Torricelli's tank stays empty; with a pump it is said to hold less than nothing."""
    tank = {
        "coordinates": {"t": [0, 3]}, "fields": ["h"], "conditions": {"start": "h(t=0) = 1"}, "name": "tank",
    }  # fmt: skip
    run = solve(Problem(**tank, equations={"out": "h_t = -sqrt(h)"}, exact={"h": "max(1 - t/2, 0)**2"}))
    assert run.error["h"]["relative_l2"] < 1e-5 and measure(run, {}).below.get("out", ("h", 0.0))[1] < 1e-5
    run = solve(Problem(**tank, equations={"out": "h_t = -sqrt(h) - 1/2"}), run_dir=tmp_path)
    assert measure(run, {}).below["out"][1] > 0.1
    summary = json.loads((tmp_path / "result.json").read_text())["diagnosis"]["summary"]
    assert "h in out is negative in places" in summary and "Do not trust" in summary


def test_what_is_negative_is_named_where_the_language_has_no_text_for_it():
    """A Python function beneath the root."""
    problem = Problem(
        coordinates={"x": [0, 1]}, fields=["c"], functions={"law": lambda x: x},
        equations={"e": "c_x = sqrt(c + law)"}, conditions={"start": "c(x=0) = 1"},
    )  # fmt: skip
    (base,) = open_bases(problem.equations["e"].residual)
    assert "law" in _named(base, problem) and _named(base - base + 2, problem) == "2"


def test_terms_that_only_cancel_are_no_solution(tmp_path):
    """A wave that is given at both ends of time: 2e9 large, and nearly as much is left as of zero."""
    wave = Problem(
        coordinates={"t": [0, 1], "x": [0, 1]}, fields=["u"], equations={"wave": "u_tt = u_xx"},
        conditions={"start": "u(t=0) = sin(pi*x)", "late": "u(t=1) = 0", "ends": "u(boundary) = 0"},
    )  # fmt: skip
    small = ("optimizer=least_squares", "network.width=200", "network.scale=2", "sampling.points=3000")
    solve(wave, *small, run_dir=tmp_path)
    summary = json.loads((tmp_path / "result.json").read_text())["diagnosis"]["summary"]
    assert summary.startswith("wave is not solved") and "Do not trust" in summary


def test_what_was_no_number_from_the_start_is_not_told_to_take_smaller_steps(tmp_path):
    root = Problem(
        coordinates={"x": [0, 1]}, fields=["u"], equations={"e": "u_xx = log(u - 90)"},
        conditions={"b": "u(boundary) = -1"}, enforce="soft",
    )  # fmt: skip
    solve(root, "optimizer=adam", "network.width=5", "sampling.points=30", "optimizer.steps=5", run_dir=tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["status"] == "diverged"
    assert "had no finite value at the first measurement" in result["diagnosis"]["summary"]


def test_where_zero_leaves_infinitely_much_training_goes_on(tmp_path):
    inverse = Problem(
        coordinates={"x": [0, 1]}, fields=["u"], equations={"e": "u_x = 1/u"}, conditions={"b": "u(x=0) = 1"},
        enforce="soft",
    )  # fmt: skip
    lines = ("optimizer=adam", "network.width=5", "sampling.points=30", "optimizer.steps=60")
    solve(inverse, *lines, run_dir=tmp_path)
    assert json.loads((tmp_path / "result.json").read_text())["steps"] == 60
