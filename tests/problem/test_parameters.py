"""Parameters: ranges, bounds, coefficient fields."""

import pytest
import torch

from pinn import LanguageError, Problem
from pinn.networks import MLP, Scaled, SideBySide
from pinn.problem import Learned
from pinn.residuals import Residuals

HEAT = {
    "coordinates": {"t": [0, 1], "x": [0, 1]},
    "fields": ["u"],
    "parameters": {"alpha": {"range": [0.1, 0.5]}},
    "equations": {"heat": "u_t = alpha*u_xx"},
    "conditions": {"start": "u(t=0) = sin(pi*x)", "ends": "u(boundary) = 0"},
    "exact": {"u": "exp(-alpha*pi**2*t)*sin(pi*x)"},
}


def residuals(problem, engine="jet", width=5):
    torch.manual_seed(0)
    box = Scaled(problem.domain.lower, problem.domain.upper)
    network = MLP(box, len(problem.fields) - len(problem.coefficients), width=width)
    if problem.coefficients:
        network = SideBySide(network, MLP(box, len(problem.coefficients), width=4))
    return Residuals(problem, network.double(), engine)


def drawn(problem, found, n=8):
    domain = problem.domain
    return {
        place: place.data.points
        if place.data
        else domain.sample(place, torch.rand(n, domain.dimension(place)).double())
        for place in found.places
    }


def agree(problem):
    """The largest relative difference of the engines' residuals and Jacobians."""
    jet, reference = residuals(problem), residuals(problem, "autograd")
    at = drawn(problem, jet)
    pairs = zip(jet.linearise(at, {}), reference.linearise(at, {}), strict=True)
    return max(float((a - b).norm() / b.norm()) for a, b in pairs)


def test_a_range_is_an_input_that_is_neither_space_nor_time():
    problem = Problem(**HEAT)
    assert problem.coordinate_names == ("t", "x", "alpha") and problem.domain.parameters == ("alpha",)
    assert [x.name for x in problem.scope.space] == ["x"]
    place = problem.domain.boundary
    at = problem.domain.sample(place, torch.rand(50, 3, dtype=torch.float64))
    assert set(at.x[:, 1].tolist()) == {0.0, 1.0} and at.x[:, 2].std() > 0.05
    assert agree(problem) < 1e-12


def test_the_solution_of_a_family_solves_each_member():
    family = Problem(**HEAT)
    member = family.at(alpha=0.3)
    x = torch.rand(20, 2, dtype=torch.float64)
    at = torch.cat([x, torch.full((20, 1), 0.3, dtype=torch.float64)], dim=1)
    torch.testing.assert_close(member.exact_values(x), family.exact_values(at))
    assert member.coordinate_names == ("t", "x") and family.at(alpha=0.4).parameters == {"alpha": 0.4}


@pytest.mark.parametrize("guess", [0.2, 0.99])
def test_bounds_hold_for_any_value_that_is_trained(guess):
    learned = Learned(guess, (0.0, 1.0))
    like = torch.zeros((), dtype=torch.float64)
    assert learned.value(learned.unbounded(like)).item() == pytest.approx(guess)
    values = learned.value(torch.linspace(-40, 40, 9, dtype=torch.float64))
    assert (values >= 0).all() and (values <= 1).all() and values.diff().min() >= 0
    assert Learned(guess).value(like + 3).item() == 3


def test_a_bounded_parameter_has_its_column():
    text = {"coordinates": {"x": [0, 1]}, "fields": ["u"], "equations": {"e": "u_xx + k*u = m"}}
    problem = Problem(**text, parameters={"k": {"learn": 0.7, "between": [0.5, 2]}, "m": {"learn": 1}})
    assert agree(problem) < 1e-12
    found = residuals(problem)
    _, jacobian = found.linearise(drawn(problem, found), {})
    assert jacobian.shape[1] == sum(p.numel() for p in found.parameters())
    assert {name: value.item() for name, value in found.learned.items()} == pytest.approx({"k": 0.7, "m": 1})


def test_a_coefficient_field_is_a_second_network():
    problem = Problem(
        coordinates={"x": [0, 1], "y": [0, 1]}, fields=["u"], parameters={"a": {"field": 1.5}},
        equations={"darcy": "-div(a*grad(u)) = 1"}, conditions={"edge": "u(boundary) = 0"},
    )  # fmt: skip
    assert problem.fields == ("u", "a") and problem.coefficients == {"a": 1.5}
    assert agree(problem) < 1e-11
    found = residuals(problem)
    values = found.solution(torch.tensor([[0.0, 0.3], [0.4, 0.6]], dtype=torch.float64))
    assert values[0, 0] == 0 and values[0, 1] != 0  # the condition is on u alone


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rnge": [0, 1]}, "did you mean 'range'"),
        ({"range": [0]}, "is no interval"),
        ({"range": [1, 0]}, "from the smaller to the larger number"),
        ({"learn": 2, "between": [0, 1]}, "the guess 2 does not lie between 0 and 1"),
        ({"learn": 2, "betwen": [0, 1]}, "did you mean 'between'"),
        ({"learn": "two"}, "unknown name 'two'"),
        ({"field": "u"}, "unknown name 'u'"),
        ({"field": 1, "of": "y"}, "no coordinate is called 'y'"),
        ({"field": 1, "of": [3]}, "names no coordinates"),
        ({"field": 1, "on": ["x"]}, "is no parameter"),
    ],
)
def test_a_wrong_parameter_is_quoted(given, said):
    with pytest.raises(ValueError, match=said):  # noqa: PT011 - the message is what counts
        Problem(**{**HEAT, "parameters": {"alpha": given}})


def test_a_lift_cannot_hold_what_is_learned():
    with pytest.raises(LanguageError, match="its value depends on k"):
        Problem(
            coordinates={"x": [0, 1]}, fields=["u"], equations={"e": "u_xx = 0"}, conditions={"a": "u(x=0) = k"},
            parameters={"k": {"learn": 1}}, enforce="hard",
        )  # fmt: skip


def test_the_error_of_a_family_is_told_over_its_range(capsys):
    from pinn.app import solve

    found = solve(Problem.from_mapping(HEAT), "network.width=20", "sampling.points=60", optimizer="least_squares")
    parts = found.error_over["alpha"]
    ends = [(round(part["from"], 12), round(part["to"], 12)) for part in parts]
    assert ends == [(0.1, 0.18), (0.18, 0.26), (0.26, 0.34), (0.34, 0.42), (0.42, 0.5)]
    alpha = torch.linspace(0.42, 0.5, 40, dtype=torch.float64)
    t, x, alpha = torch.meshgrid(*[torch.linspace(0, 1, 40, dtype=torch.float64)] * 2, alpha, indexing="ij")
    true = torch.exp(-alpha * torch.pi**2 * t) * torch.sin(torch.pi * x)
    error = torch.as_tensor(found(t, x, alpha)) - true
    assert float(error.norm() / true.norm()) == pytest.approx(parts[-1]["u"], rel=0.1)  # by another set of points
    assert len({part["u"] for part in parts}) == 5
    assert "relative L2 error for alpha" in capsys.readouterr().out
