"""Refinement as steps of training: what a run says and keeps, and that it goes on where it was."""

import json

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares

from pinn import load, solve
from pinn.app.compose import checked, compose
from pinn.networks import Partition
from pinn.partition import solving
from pinn.problem import Problem
from pinn.schema import ConfigError
from pinn.training.build import build
from pinn.training.choice import choose

SMALL = ("trainer.enable_progress_bar=false",)


def waves(k: float = 12.0, **given) -> Problem:
    return Problem(
        name="waves",
        coordinates={"x": [0, 1], "y": [0, 1]},
        fields=["u"],
        parameters={"k": k},
        **{
            "equations": {"helmholtz": "lap(u) + k**2*u = 0"},
            "conditions": {"edge": "u(boundary) = sin(k*(0.6*x + 0.8*y))"},
            "exact": {"u": "sin(k*(0.6*x + 0.8*y))"},
            **given,
        },
    )


def pendulum() -> Problem:
    return Problem(
        name="pendulum",
        coordinates={"t": [0, 6]},
        fields=["u"],
        equations={"swing": "u_tt = -sin(u)"},
        conditions={"start": "u(t=0) = 2", "speed": "u_t(t=0) = 0"},
    )


def learned_field(noise: float = 0.01, **given) -> Problem:
    return Problem(
        **{
            "name": "decay_field", "coordinates": {"x": [0, 1]}, "fields": ["u"], "parameters": {"k": {"field": 1}},
            "equations": {"decay": "u_x = -k*u"}, "conditions": {"start": "u(x=0) = 1"},
            "observations": {"sensors": {"points": 100, "of": ["u"], "noise": noise}},
            "exact": {"u": "exp(-x - (1 - cos(3*x))/3)", "k": "1 + sin(3*x)"}, **given,
        }
    )  # fmt: skip


def decay(noise: float = 0.01, **given) -> Problem:
    """Nonlinear in the field, with a number that is learned between bounds: u_t = -k u², u = 1/(1 + k t)."""
    return Problem(
        **{
            "name": "decay",
            "coordinates": {"t": [0, 2]},
            "fields": ["u"],
            "parameters": {"k": {"learn": 0.5, "between": [0.1, 10], "truth": 3}},
            "equations": {"decay": "u_t = -k*u**2"},
            "conditions": {"start": "u(t=0) = 1"},
            "observations": {"sensors": {"points": 40, "noise": noise}},
            "exact": {"u": "1/(1 + k*t)"},
            **given,
        }
    )


@pytest.fixture
def _no_pictures(monkeypatch):
    monkeypatch.setattr("pinn.plots.pictures", lambda *_: [])
    monkeypatch.setattr("pinn.plots.history", lambda _, path: path)


def test_by_its_text_alone_a_problem_is_solved_and_its_error_told(tmp_path, capsys, caplog, _no_pictures):
    solution = solve(waves(), *SMALL, run_dir=tmp_path / "run")
    assert solution.error["u"]["relative_l2"] < 1e-8
    found = json.loads((tmp_path / "run" / "result.json").read_text())
    assert found["estimate"]["u"] > found["error"]["u"]["relative_l2"] / 10
    assert found["cells"] == len(solution.residuals.network)
    text = " ".join(capsys.readouterr().out.split())
    assert "chosen: network=partition: cells find their own places" in text
    assert "estimated relative error" in text and "built into the network" not in text
    said = [record.getMessage() for record in caplog.records]
    assert any("cells," in line and "left" in line for line in said)
    assert any(line.startswith("refinement ends:") for line in said)
    again = load(tmp_path / "run", waves())
    x = torch.rand(50, 2, dtype=torch.float64)
    assert again.predict(x).equal(solution.predict(x))


def test_where_the_error_is_expected_is_drawn_once_there_are_two_levels(tmp_path, capsys):
    for steps, there in ((1, False), (2, True)):
        solve(waves(6.0), *SMALL, f"trainer.max_steps={steps}", run_dir=tmp_path / f"{steps}")
        assert (tmp_path / f"{steps}" / "estimate.png").exists() == there
        assert ("error.png estimate.png residual.png" in " ".join(capsys.readouterr().out.split())) == there
    solve(waves(6.0), *SMALL, "network.width=20", "trainer.max_steps=2", run_dir=tmp_path / "one")
    assert not (tmp_path / "one" / "estimate.png").exists()


def test_without_a_truth_the_estimate_stands_alone(capsys, _no_pictures):
    solve(waves(exact=None), *SMALL)
    text = " ".join(capsys.readouterr().out.split())
    assert "estimated relative error" in text and "largest error" not in text


def test_the_estimate_is_not_told_of_one_network(capsys, _no_pictures):
    solve(waves(3.0), *SMALL, "network.width=40", "network.scale=2", "trainer.max_steps=1")
    assert "estimated" not in capsys.readouterr().out


@pytest.mark.parametrize(("problem", "first"), [(waves, 2), (pendulum, 2), (decay, 1), (learned_field, 1)])
def test_a_run_goes_on_to_the_bit(tmp_path, problem, first, _no_pictures):
    steps = first + 2
    whole = solve(problem(), *SMALL, f"trainer.max_steps={steps}", run_dir=tmp_path / "whole")
    solve(problem(), *SMALL, f"trainer.max_steps={first}", run_dir=tmp_path / "parts")
    parts = solve(problem(), *SMALL, f"trainer.max_steps={steps}", run_dir=tmp_path / "parts")
    pairs = zip(whole.residuals.state_dict().items(), parts.residuals.state_dict().items(), strict=True)
    assert all(a == b and x.equal(y) for (a, x), (b, y) in pairs)
    results = [json.loads((tmp_path / name / "result.json").read_text()) for name in ("whole", "parts")]
    for key in ("estimate", "steps", "parameters", "standard_deviation"):
        assert results[0].get(key) == results[1].get(key)


def test_a_number_is_what_the_data_say_of_it(tmp_path, _no_pictures):
    """Least squares of the closed form, by scipy."""
    problem = decay()
    solve(problem, *SMALL, run_dir=tmp_path / "run")
    found = json.loads((tmp_path / "run" / "result.json").read_text())
    data = problem.observations["sensors"].points
    t, u = data.x[:, 0].numpy(), data.values["sensors__u"].numpy()
    best = least_squares(lambda k: 1 / (1 + k * t) - u, [3.0], xtol=1e-14)
    deviation = (2 * best.cost / (len(t) - 1) / float((best.jac**2).sum())) ** 0.5
    assert found["parameters"]["k"] == pytest.approx(best.x[0], abs=0.04 * deviation)  # see ENOUGH
    assert found["standard_deviation"]["k"] == pytest.approx(deviation, rel=0.05)
    assert abs(found["parameters"]["k"] - 3) < 3 * deviation  # and not because that is large
    assert deviation < 0.1
    k, even = best.x[0], np.linspace(0, 2, 2001)  # what the deviation makes of the field is its error
    unknown = deviation * np.linalg.norm(even / (1 + k * even) ** 2) / np.linalg.norm(1 / (1 + k * even))
    assert found["estimate"]["u"] == pytest.approx(unknown, rel=0.1)
    assert unknown / 10 < found["error"]["u"]["relative_l2"] < 3 * unknown


def test_exact_data_give_an_exact_number(_no_pictures):
    found = solve(decay(noise=0.0), *SMALL)
    assert found.learned["k"] == pytest.approx(3, abs=1e-8)
    assert found.error["u"]["relative_l2"] < 1e-8


def test_two_numbers_of_which_data_tell_the_product_have_no_deviation(tmp_path, capsys, _no_pictures):
    given = {"k": {"learn": 0.5, "truth": 3}, "a": {"learn": 1.5, "truth": 1}}
    both = decay(parameters=given, equations={"decay": "u_t = -a*k*u**2"}, exact={"u": "1/(1 + a*k*t)"})
    found = solve(both, *SMALL, run_dir=tmp_path / "run")
    assert found.learned["a"] * found.learned["k"] == pytest.approx(3, rel=0.05)
    assert "inf" in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "result.json").read_text())["standard_deviation"] == {"k": None, "a": None}


@pytest.mark.parametrize("domain", [None, {"disk": {"center": [0.5, 0.5], "radius": 0.5}}])
def test_a_mean_is_met(domain, _no_pictures):
    """It alone says which of all solutions, which differ by a constant."""
    slopes = {"left": "u_x(x=0) = 0", "right": "u_x(x=1) = -sin(1)", "below": "u_y(y=0) = 0", "above": "u_y(y=1) = 2"}
    problem = Problem(
        coordinates={"x": [0, 1], "y": [0, 1]}, domain=domain, fields=["u"],
        equations={"poisson": "lap(u) = 2 - cos(x)"}, exact={"u": "cos(x) + y**2"},
        conditions={"mean": "integral(u) = sin(1) + 1/3", **slopes} if domain is None else {
            "slope": "dn(u)(boundary) = 4*y*(y - 0.5) - 2*sin(x)*(x - 0.5)", "mean": "integral(u - cos(x) - y**2) = 0",
        },
    )  # fmt: skip
    found = solve(problem, *SMALL)
    assert isinstance(found.residuals.network, Partition) and found.error["u"]["relative_l2"] < 1e-10


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("network.width=20",), "keys of one network are given"),
        (("optimizer=adam",), "optimizer is given"),
        (("precision=fp32",), "precision is given"),
        (("sampling.points=50",), "sampling is given"),
    ],
)
def test_what_is_said_of_one_network_asks_for_one(lines, why):
    found = choose(pendulum(), checked(compose("~pde", "experiment=none", *lines)))
    assert found.network.name == "mlp" and found.chosen["network"] == why


@pytest.mark.parametrize("lines", [("trainer=ddp", "trainer.devices=2"), ("trainer.devices=2",)])
def test_several_processes_take_cells_too(lines):
    found = choose(pendulum(), checked(compose("~pde", "experiment=none", *lines)))
    assert found.network.name == "partition"


def test_a_field_that_is_learned_stands_beside_the_cells():
    """The truth is within what the noise leaves open, and the data are missed by their noise."""
    problem = learned_field()
    found = solve(problem, *SMALL)
    assert isinstance(found.residuals.network, Partition) and len(found.residuals.network.beside) == 1
    x = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    apart, deviation = found.predict(x)[:, 1] - (1 + torch.sin(3 * x[:, 0])), found.deviation(x)["k"]
    assert float((apart / deviation).abs().max()) < 3 and float(deviation.mean()) < 0.3
    assert min(float(deviation[0]), float(deviation[-1])) > 2 * float(deviation.min())  # less is known at the ends
    data = problem.observations["sensors"].points
    misfit = found.predict(data.x)[:, 0] - data.values["sensors__u"]
    assert float(misfit.std()) == pytest.approx(0.01, rel=0.3)
    assert found.estimated_error(x)[:, 1].ge(deviation).all()


def test_exact_data_give_an_exact_field(_no_pictures):
    found = solve(learned_field(0.0), *SMALL, "trainer.max_steps=2")
    assert found.error["k"]["relative_l2"] < 1e-4 and found.error["u"]["relative_l2"] < 1e-6


def test_a_field_and_a_number_are_found_together(tmp_path, _no_pictures):
    problem = learned_field(
        0.001, parameters={"k": {"field": 1}, "c": {"learn": 0.5, "truth": 1}},
        equations={"decay": "u_x = -k*u", "other": "v_x = -c*k*v + v"}, fields=["u", "v"],
        conditions={"start": "u(x=0) = 1", "begin": "v(x=0) = 1"},
        observations={"sensors": {"points": 200, "of": ["u", "v"], "noise": 0.001}},
        exact={"u": "exp(-x - (1 - cos(3*x))/3)", "v": "exp(-c*(x + (1 - cos(3*x))/3) + x)", "k": "1 + sin(3*x)"},
    )  # fmt: skip
    found = solve(problem, *SMALL, run_dir=tmp_path / "run")
    told = json.loads((tmp_path / "run" / "result.json").read_text())
    assert abs(found.learned["c"] - 1) < 3 * told["standard_deviation"]["c"] < 0.05
    assert found.error["k"]["relative_l2"] < 3 * told["unknown"]["k"] < 0.3


def test_a_field_of_some_coordinates_depends_on_no_others(_no_pictures):
    problem = Problem(
        coordinates={"t": [0, 1], "x": [0, 1]}, fields=["u"], parameters={"k": {"field": 0.3, "of": ["t"]}},
        equations={"heat": "u_t = k*u_xx"}, conditions={"start": "u(t=0) = sin(pi*x)", "ends": "u(boundary) = 0"},
        observations={"sensors": {"points": 100, "of": ["u"], "noise": 0.001}},
        exact={"u": "exp(-pi**2*(t + t**2)/20)*sin(pi*x)", "k": "(1 + 2*t)/20"},
    )  # fmt: skip
    found = solve(problem, *SMALL)
    x = torch.rand(50, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    moved = x * torch.tensor([1.0, 0.5])
    torch.testing.assert_close(found.predict(x)[:, 1], found.predict(moved)[:, 1])
    apart = found.predict(x)[:, 1] - (1 + 2 * x[:, 0]) / 20
    assert float((apart / found.deviation(x.numpy())["k"]).abs().max()) < 3.5 and found.error["k"]["relative_l2"] < 0.05
    with pytest.raises(ConfigError, match=r"parameters.k: a field of some coordinates needs cells"):
        build(problem, choose(problem, checked(compose("~pde", "experiment=none", "network=mlp"))))


def test_cells_that_are_found_take_least_squares_alone():
    lines = ("network=partition", "optimizer=adam", "precision=fp64")
    config = choose(waves(), checked(compose("~pde", "experiment=none", *lines)))
    with pytest.raises(ConfigError, match=r"network.cells=auto: adam trains cells that are there; say how many"):
        build(waves(), config)


def test_a_cell_of_no_coordinate_is_quoted():
    lines = ("network=partition", "network.cells={z: 3}", "network.local.width=9", "optimizer=adam", "precision=fp64")
    with pytest.raises(ConfigError, match=r"network.cells.z: no coordinate has this name. There are: x, y"):
        build(waves(), choose(waves(), checked(compose("~pde", "experiment=none", *lines))))


def test_a_problem_that_is_not_solved_is_not_to_be_trusted(capsys, _no_pictures):
    """A hundred waves, of which one cell sees none."""
    solve(waves(200.0), *SMALL, "trainer.max_steps=1")
    assert "Do not trust the solution" in " ".join(capsys.readouterr().out.split())


def test_a_problem_that_is_solved_may_be_trusted(capsys, _no_pictures):
    solve(waves(5.0), *SMALL)
    assert "trust" not in capsys.readouterr().out


def test_steps_that_have_not_come_to_an_end_are_not_to_be_trusted(capsys, tmp_path, monkeypatch, _no_pictures):
    """Newton's steps from zero for the Monge-Ampere equation, which is elliptic at convex functions alone."""
    monkeypatch.setattr(solving, "elsewhere", lambda _: ())
    bowl = "exp((x**2 + y**2)/2)"
    convex = waves(
        equations={"curvature": "u_xx*u_yy - u_xy**2 = (1 + x**2 + y**2)*exp(x**2 + y**2)"},
        conditions={"edge": f"u(boundary) = {bowl}"}, exact={"u": bowl},
    )  # fmt: skip
    solve(convex, *SMALL, "trainer.max_steps=1", run_dir=tmp_path)
    assert "Do not trust the solution" in " ".join(capsys.readouterr().out.split())
    assert json.loads((tmp_path / "result.json").read_text())["converged"] is False


def test_a_field_that_is_zero_is_no_reason_for_doubt(capsys, tmp_path, _no_pictures):
    """Flow between plates: no term of the continuity is more than rounding, nor is the second component."""
    channel = Problem(
        coordinates={"x": [0, 2], "y": [0, 1]}, fields=[{"U": ["u", "v"]}, "p"],
        equations={"momentum": "dot(U, grad(U)) + grad(p) = 0.1*lap(U)", "continuity": "div(U) = 0"},
        conditions={"inlet": "U(x=0) = (6*y*(1 - y), 0)", "foot": "U(y=0) = 0", "top": "U(y=1) = 0",
                    "outlet": "p(x=2) = 0", "straight": "v(x=2) = 0"},
    )  # fmt: skip
    solve(channel, *SMALL, run_dir=tmp_path)
    said = capsys.readouterr().out
    assert "trust" not in said and "continuity is" not in " ".join(said.split())
    found = json.loads((tmp_path / "result.json").read_text())
    assert found["converged"] and max(found["estimate"].values()) < 1e-9


def test_a_nonlinear_time_that_is_not_reached_is_said_so(caplog, capsys, _no_pictures):
    solve(pendulum(), *SMALL, "budget=0.1")
    said = [record.getMessage() for record in caplog.records]
    assert any("what is beyond is not solved" in line or "the time is over in" in line for line in said)


def test_a_dry_run_of_levels_says_when_none_begins_any_more(capsys):
    solve(waves(), *SMALL, dry_run=True)
    assert "none begins after 4 min" in " ".join(capsys.readouterr().out.split())
    solve(waves(), *SMALL, "budget=30", dry_run=True)
    assert "none begins after 30.0 s" in " ".join(capsys.readouterr().out.split())


def test_numbers_that_data_tell_in_combination_alone_end_the_run_and_are_named(capsys, tmp_path, _no_pictures):
    """Of u_t = a u_xx + c u from sin(pi x) only c - a pi² can be told: a and c had wandered while there was time."""
    generator = np.random.default_rng(0)
    t, x = generator.uniform(size=(2, 300))
    u = np.sin(np.pi * x) * np.exp(-2 * t) + 0.01 * generator.normal(size=300)
    np.savetxt(tmp_path / "u.csv", np.stack([t, x, u], 1), delimiter=",", header="t,x,u", comments="")
    heat = Problem(
        coordinates={"t": [0, 1], "x": [0, 1]}, fields=["u"], parameters={"a": {"learn": 1}, "c": {"learn": 0.1}},
        equations={"heat": "u_t = a*u_xx + c*u"},
        conditions={"ends": "u(boundary) = 0", "start": "u(t=0) = sin(pi*x)"},
        observations={"sensors": {"file": str(tmp_path / "u.csv")}},
    )  # fmt: skip
    found = solve(heat, *SMALL, run_dir=tmp_path / "run")
    told = json.loads((tmp_path / "run" / "result.json").read_text())
    a, c = found.learned["a"], found.learned["c"]
    assert abs(a) < 10 and c - a * np.pi**2 == pytest.approx(-2, abs=0.1)
    (change,) = told["untold"]
    assert change["c"] / change["a"] == pytest.approx(np.pi**2, rel=1e-2)
    assert told["standard_deviation"]["a"] is None  # JSON knows no infinity
    assert told["estimate"]["u"] < 0.01  # c - a pi² is known, and so is u
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "The data do not tell a and c apart: changes of a by 1 and c by 9.87 at once are lost in their noise." in said
    )


def test_numbers_that_data_tell_are_not_named_as_untold(capsys, tmp_path, _no_pictures):
    solve(decay(), *SMALL, run_dir=tmp_path)
    assert "untold" not in json.loads((tmp_path / "result.json").read_text())
    assert "do not tell" not in capsys.readouterr().out


def orbit() -> Problem:
    """A turn and a half, of eccentricity 0.6: what is not reached yet is zero, where the force is infinite."""
    return Problem(
        coordinates={"t": [0, 9.42477796076938]},
        fields=["x", "y"],
        functions={"r3": "(x**2 + y**2)**1.5"},
        equations={"along": "x_tt = -x/r3", "across": "y_tt = -y/r3"},
        conditions={"x": "x(t=0) = 0.4", "y": "y(t=0) = 0", "u": "x_t(t=0) = 0", "v": "y_t(t=0) = 2"},
    )


def test_an_equation_that_is_infinite_where_nothing_is_reached_yet_is_solved(_no_pictures):
    solution = solve(orbit(), *SMALL)
    x, y = (float(solution(9.42477796076938)[name]) for name in ("x", "y"))
    assert x == pytest.approx(-1.6, abs=1e-7) and y == pytest.approx(0, abs=1e-7)


def test_a_solution_that_grows_without_bound_is_followed_until_then(caplog, capsys, _no_pictures):
    """u = 1/(1 - t)"""
    growth = Problem(
        coordinates={"t": [0, 2]}, fields=["u"], equations={"growth": "u_t = u**2"}, conditions={"u": "u(t=0) = 1"}
    )
    solution = solve(growth, *SMALL)
    assert "the solution cannot be followed beyond t = 0.99" in caplog.text
    assert "Do not trust the solution" in capsys.readouterr().out
    assert float(solution(0.5)) == pytest.approx(2, rel=1e-8)


def test_one_that_does_not_is_followed_to_the_end(caplog, capsys, _no_pictures):
    growth = Problem(
        coordinates={"t": [0, 0.9]}, fields=["u"], equations={"growth": "u_t = u**2"}, conditions={"u": "u(t=0) = 1"}
    )
    assert float(solve(growth, *SMALL)(0.9)) == pytest.approx(10, rel=1e-8)
    assert "cannot be followed" not in caplog.text
    assert "Do not trust the solution" not in capsys.readouterr().out


def test_a_size_that_is_not_met_is_not_to_be_trusted(capsys, monkeypatch, _no_pictures):
    monkeypatch.setattr(solving, "excited", lambda sampled, start: start)
    string = {
        "coordinates": {"x": [0, 1]}, "fields": ["u"], "parameters": {"lam": {"learn": 8}},
        "equations": {"string": "u_xx + lam*u = 0"},
        "conditions": {"ends": "u(boundary) = 0", "size": "integral(u**2) = 1"},
    }  # fmt: skip
    solve(Problem(**string), *SMALL)
    assert "Do not trust the solution" in capsys.readouterr().out
    monkeypatch.undo()
    solve(Problem(**string), *SMALL)
    assert "Do not trust the solution" not in capsys.readouterr().out
