"""Observations: their points, values, weights and losses; parameters found from them."""

import json

import numpy as np
import pytest
import torch

from pinn import LanguageError, Problem
from pinn.app import solve
from pinn.networks import MLP, Scaled
from pinn.references import observe
from pinn.residuals import Residuals

DECAY = {
    "coordinates": {"t": [0, 1]},
    "fields": ["u", "v"],
    "parameters": {"k": {"learn": 1.0, "truth": 2.5}},
    "equations": {"a": "u_t = -k*u", "b": "v_t = u"},
    "conditions": {"u_start": "u(t=0) = 1", "v_start": "v(t=0) = 0"},
    "exact": {"u": "exp(-k*t)", "v": "(1 - exp(-k*t))/k"},
}


def residuals(problem):
    torch.manual_seed(0)
    network = MLP(Scaled(problem.domain.lower, problem.domain.upper), len(problem.fields), width=4).double()
    return Residuals(problem, network)


def test_a_file_gives_points_values_and_weights(tmp_path):
    (tmp_path / "data.csv").write_text("t,v,weight\n0.5,0.25,4\n0.75,0.5,1\n")
    problem = Problem(**DECAY, observations={"probe": {"file": tmp_path / "data.csv"}})
    assert list(problem.equations) == ["a", "b", "probe"]
    place = problem.equations["probe"].place
    at = place.data.points
    assert at.x.tolist() == [[0.5], [0.75]]
    found = residuals(problem)
    v = found.solution(at.x)[:, 1]
    expected = torch.tensor([2.0, 1.0]) * (v - torch.tensor([0.25, 0.5]))
    torch.testing.assert_close(found({place: at})["probe"], expected)
    torch.testing.assert_close(found.losses({place: at})["probe"], expected.square().mean())
    sliced = torch.cat([found({place: part})["probe"] for part in at.split(1)])
    torch.testing.assert_close(sliced, expected)


def test_the_truth_is_observed_with_noise_that_depends_on_the_seed_alone():
    def data(**options):
        problem = Problem(**DECAY, observations={"probe": {"points": 4000, **options}})
        observe(problem)
        return problem.observations["probe"].points

    exact, noisy, again, other = data(), data(noise=0.1), data(noise=0.1), data(noise=0.1, seed=1)
    t = exact.x[:, 0]
    torch.testing.assert_close(exact.values["probe__u"], torch.exp(-2.5 * t))
    torch.testing.assert_close(exact.values["probe__v"], (1 - torch.exp(-2.5 * t)) / 2.5)
    noise = noisy.values["probe__u"] - exact.values["probe__u"]
    assert abs(noise.mean()) < 4 * 0.1 / 4000**0.5 and noise.std().item() == pytest.approx(0.1, rel=0.05)
    assert torch.equal(noisy.values["probe__u"], again.values["probe__u"])
    assert not torch.equal(noisy.x, other.x)


def test_a_function_is_observed():
    problem = Problem(**DECAY, observations={"probe": {"points": 5, "of": ["v"], "values": lambda x: x.cos()}})
    at = problem.observations["probe"].points
    torch.testing.assert_close(at.values["probe__v"], at.x[:, 0].cos())


def test_a_parameter_is_found():
    problem = Problem(**DECAY, observations={"probe": {"points": 20, "noise": 1e-3}})
    solution = solve(problem, "network.width=20", "sampling.points=100", "optimizer=gauss_newton", "optimizer.steps=30")
    assert solution.learned["k"] == pytest.approx(2.5, rel=3e-3)
    assert abs(solution.learned["k"] - 2.5) > 1e-9  # there is noise


@pytest.mark.parametrize("noise", [1e-2, 1e-3])
def test_how_well_the_data_know_a_parameter(tmp_path, noise):
    problem = Problem(**DECAY, observations={"probe": {"points": 400, "noise": noise, "of": "u"}})
    options = ["network.width=8", "sampling.points=100", "optimizer=gauss_newton", "optimizer.steps=30"]
    heavy = ["+balancing.weights.a=100", "+balancing.weights.b=100"]
    solution = solve(problem, *options, *heavy, run_dir=tmp_path)
    result = json.loads((tmp_path / "result.json").read_text())
    (t,) = problem.observations["probe"].x.unbind(1)
    bound = noise / float((t * torch.exp(-2.5 * t)).norm())  # Cramér, Rao: of du/dk
    assert result["standard_deviation"]["k"] == pytest.approx(bound, rel=0.2)
    assert 0.01 * bound < abs(solution.learned["k"] - 2.5) < 3 * bound
    assert "standard deviation from the data" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("option", "points", "told"),
    [
        ("network.width=8", 400, True),
        ("network.width=400", 400, False),  # a network with more numbers than there are residuals
        ("network.width=8", 3, False),  # fits the data, whatever they are
        ("precision=fp32", 400, False),
        ("balancing=relobralo", 400, False),
    ],
)
def test_how_well_the_data_know_a_parameter_is_told_only_where_it_can_be(tmp_path, option, points, told):
    problem = Problem(**DECAY, observations={"probe": {"points": points, "noise": 1e-2}})
    options = ["network.width=8", option, "sampling.points=100", "optimizer=gauss_newton", "optimizer.steps=2"]
    solve(problem, *options, run_dir=tmp_path)
    assert ("standard_deviation" in json.loads((tmp_path / "result.json").read_text())) == told


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, r"write \{file: data.csv\} or \{points: 200\}"),
        ({"points": 0}, "no number of points"),
        ({"points": 3, "noize": 1}, "did you mean 'noise'"),
        ({"points": 3, "of": ["w"]}, "'w' is no field"),
        ({"points": 3, "values": lambda x: x}, "a column each for u, v"),
        ({"file": "no.csv"}, "there is no file"),
        ({"file": "no.csv", "noise": 1}, "a file has its own"),
        ({"file": "no.csv", "within": {"t": [0, 1]}}, "leave out noise, seed, values and within"),
        ({"points": 3, "within": [0, 1]}, r"within: \[0, 1\] is no part of the domain; write \{t: \[0, 1\]\}"),
        ({"points": 3, "within": {}}, "is no part of the domain"),
        ({"points": 3, "within": {"tt": [0, 1]}}, r"within: unknown coordinate 'tt'; did you mean 't'\?; they are t$"),
        ({"points": 3, "within": {"t": [0.5, 0.25]}}, r"within: coordinate t: .* swapped: write \[0.25, 0.5\]"),
        ({"points": 3, "within": {"t": [0.5, "1/2"]}}, r"within: coordinate t: \[0.5, 0.5\] is empty"),
        ({"points": 3, "within": {"t": 0.5}}, "within: coordinate t: 0.5 is no interval"),
        ({"points": 3, "within": {"t": [0, "one"]}}, "within: coordinate t: .*'one'"),
        (
            {"points": 3, "within": {"t": [0.5, 1.5]}},
            r"within: coordinate t: \[0.5, 1.5\] leaves the domain, where t is in \[0, 1\]",
        ),
    ],
)
def test_wrong_observations_are_quoted(given, said):
    with pytest.raises(LanguageError, match=said):
        Problem(**DECAY, observations={"probe": given})


PLATE = {
    "coordinates": {"x": ["-L", "L"], "y": [-1, 1]},
    "parameters": {"L": 2},
    "fields": ["u"],
    "equations": {"a": "lap(u) = 0"},
    "exact": {"u": "x*y"},
}
HOLE = {"difference": ["box", {"disk": {"center": [0, 0], "radius": 0.5}}]}


def drawn(domain=None, **options):
    return Problem(**PLATE, domain=domain, observations={"probe": {"points": 500, **options}}).observations["probe"].x


@pytest.mark.parametrize("domain", [None, HOLE])
def test_points_are_drawn_within_a_part_of_the_domain(domain):
    x, y = drawn(domain, within={"x": ["-L/4", "1/2"]}).unbind(1)
    assert len(x) == 500 and x.min() >= -0.5 and x.max() <= 0.5 and abs(y).max() <= 1
    assert x.min() < -0.48 and x.max() > 0.48 and y.min() < -0.98 and y.max() > 0.98  # and fill it
    if domain:
        assert (x**2 + y**2).min() >= 0.25
        half = (abs(y) > 0.5).double().mean().item()  # evenly: of what is left of it
        assert half == pytest.approx(1 / (2 - np.pi / 4), abs=4 * 0.5 / 500**0.5)
    both = drawn(domain, within={"y": [0.5, 1], "x": [1, 2]})
    assert (both >= torch.tensor([1.0, 0.5])).all()


@pytest.mark.parametrize("domain", [None, HOLE])
def test_without_a_part_the_points_are_what_they_were(domain):
    unit = torch.rand(64 * 500, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    problem = Problem(**PLATE, domain=domain)
    expected = problem.domain.sample(problem.domain.interior, unit).x[:500]
    assert torch.equal(drawn(domain, seed=3), expected)
    if domain is None:
        assert torch.equal(drawn(seed=3, within={"x": [-2, 2]}), expected)


def test_a_part_without_points_of_the_domain_is_refused():
    inside_the_hole = {"x": [-0.25, 0.25], "y": [-0.25, 0.25]}
    with pytest.raises(LanguageError, match=r"^observations.probe: within: of 32000 points of .* only 0 lie in the"):
        drawn(HOLE, within=inside_the_hole)
    assert len(drawn(within=inside_the_hole)) == 500


def test_points_outside_are_refused(tmp_path):
    (tmp_path / "data.csv").write_text("t,v\n0.5,0.25\n1.5,0.5\n")
    with pytest.raises(LanguageError, match=r"the point \[1.5\] lies outside"):
        Problem(**DECAY, observations={"probe": {"file": tmp_path / "data.csv"}})


@pytest.mark.parametrize("ending", ["csv", "npz"])
@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("v", "nan", "has no number in the column v: it is nan"),
        ("t", "-inf", "has no number in the column t: it is -inf"),
        ("weight", "inf", "has no number in the column weight: it is inf"),
        ("weight", "-1", "has a negative weight: it is -1"),
        ("remark", "nan", None),  # nobody asks for it
    ],
)
def test_what_is_no_number_in_a_file_is_quoted(tmp_path, ending, column, value, said):
    data = {"t": ["0.25", "0.5"], "v": ["1", "2"], "weight": ["1", "1"], "remark": ["0", "0"]}
    data[column][1] = value
    file = tmp_path / f"data.{ending}"
    if ending == "csv":
        file.write_text("\n".join(",".join(row) for row in (data, *zip(*data.values(), strict=True))))
    else:
        np.savez(file, **{name: np.array(values, dtype=float) for name, values in data.items()})
    observed, row = {"probe": {"file": file}}, {"csv": "line 3", "npz": "row 2"}[ending]
    if said is None:
        assert list(Problem(**DECAY, observations=observed).observations) == ["probe"]
        return
    with pytest.raises(LanguageError) as error:
        Problem(**DECAY, observations=observed)
    assert str(error.value) == f"observations.probe: {str(file)!r}: {row} {said}"


def test_without_a_truth_there_is_nothing_to_observe():
    problem = Problem(**{**DECAY, "exact": None}, observations={"probe": {"points": 5}})
    with pytest.raises(ValueError, match="no truth to observe"):
        observe(problem)


def test_noise_does_not_depend_on_where_the_points_are():
    problem = Problem(
        coordinates={"x": [0, 1]}, fields=["u"], equations={"e": "u_x = 0"}, exact={"u": "0"},
        observations={"probe": {"points": 4000, "noise": 1.0}},
    )  # fmt: skip
    observe(problem)
    found = problem.observations["probe"].points
    x, noise = found.x[:, 0], found.values["probe__u"]
    for one in (noise.abs(), noise):
        assert abs(float(torch.corrcoef(torch.stack([x, one]))[0, 1])) < 4 / 4000**0.5
    same = torch.randn(4000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert float(torch.corrcoef(torch.stack([x, same.abs()]))[0, 1]) > 4 / 4000**0.5  # of the numbers of the points
