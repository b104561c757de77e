"""What holds for every network, on any features: jets, Jacobians, placement, compilation, precision, training."""

import pytest
import torch
from torch import nn

from pinn import Problem, operators, solve
from pinn.geometry import Points
from pinn.networks import MLP, NETWORKS, Fourier, Periodic, Scaled
from pinn.operators import jacobian as point_jacobian
from pinn.operators import jet_values, rules
from pinn.residuals import Residuals

BOX = ([0.0, -1.0, 0.5], [2.0, 1.0, 1.0])  # of t, x, y
FEATURES = {
    "": lambda box: Scaled(*box),
    "fourier": lambda box: Fourier(*box, count=4, scale=0.3),
    "periodic": lambda box: Periodic(*box, periodic=[False, True, False][-len(box[0]) :], count=2),
}
OPTIONS = {
    "mlp": {"width": 8, "depth": 2, "scale": 1.0},
    "modified_mlp": {"width": 8, "depth": 2},
    "piratenet": {"width": 8, "depth": 2},
    "siren": {"width": 8, "depth": 2, "omega_0": 3.0},
    "separable": {"width": 8, "depth": 1, "rank": 5, "scale": 1.0},
    "chebyshev_kan": {"width": 4, "depth": 2, "degree": 4},
}
LEARNED = {"adaptive": True, "factorised": True}
CASES = {
    **{name: (name, "", {}) for name in NETWORKS},
    "mlp, adaptive": ("mlp", "", {"adaptive": True}),
    "mlp, factorised": ("mlp", "", {"factorised": True}),
    "mlp on fourier": ("mlp", "fourier", {}),
    "mlp on periodic": ("mlp", "periodic", LEARNED),
    "modified_mlp on periodic": ("modified_mlp", "periodic", LEARNED),
    "piratenet on fourier": ("piratenet", "fourier", {"factorised": True}),
    "siren on periodic": ("siren", "periodic", {}),
    "separable on fourier": ("separable", "fourier", LEARNED),
    "separable on periodic": ("separable", "periodic", {}),
    "chebyshev_kan on fourier": ("chebyshev_kan", "fourier", {}),
}
TEXTS = {"laplacian": "u_xx + u_yy", "fourth": "u_xxxx", "burgers": "u_t + u*u_x"}


def make(case, box=BOX, outputs=1):
    """The network in float64, its parameters moved off what they start from, such as zero."""
    torch.manual_seed(0)
    name, features, options = CASES[case]
    network = NETWORKS[name](FEATURES[features](box), outputs, **OPTIONS[name] | options).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network


def inside(n, box=BOX):
    torch.manual_seed(1)
    low, high = torch.tensor(box, dtype=torch.float64)
    return low + (high - low) * torch.rand(n, len(low), dtype=torch.float64)


def plan_of(text):
    return operators.plan({"r": text}, ["t", "x", "y"], ["u"])


def values_and_gradients(network, x, plan, engine):
    r = operators.derivatives(network, x, plan, engine=engine)["r"]
    weights = torch.linspace(0.5, 1.5, len(r), dtype=r.dtype, device=r.device)
    parameters = list(network.parameters())
    gradients = torch.autograd.grad((weights * r).sum(), parameters, allow_unused=True, materialize_grads=True)
    return r.detach(), torch.cat([g.flatten() for g in gradients])


def check_jets(network, text):
    x, plan = inside(5), plan_of(text)
    assert jet_values(network, x, plan) is not None, "no jet rule: the reference engine was taken"
    pairs = zip(*(values_and_gradients(network, x, plan, engine) for engine in operators.ENGINES), strict=True)
    for jet, reference in pairs:
        assert reference.norm() > 0
        assert (jet - reference).norm() <= 1e-10 * reference.norm()


@pytest.mark.parametrize("case", CASES)
def test_jets_equal_nested_autograd(case):
    network = make(case)
    assert isinstance(network.output, nn.Linear)
    for text in TEXTS.values():
        check_jets(network, text)


@pytest.mark.fallback
def test_the_check_of_jets_sees_what_is_wrong(monkeypatch):
    network = nn.Sequential(nn.Linear(3, 4), nn.Softsign(), nn.Linear(4, 1)).double()
    with pytest.raises(AssertionError, match="no jet rule"):
        check_jets(network, TEXTS["laplacian"])
    right = rules.ELEMENTARY["tanh"]
    monkeypatch.setitem(rules.ELEMENTARY, "tanh", lambda z, order: [s * (1 + 1e-8) for s in right(z, order)])
    with pytest.raises(AssertionError):
        check_jets(make("modified_mlp"), TEXTS["laplacian"])


def residuals_of(case, enforce):
    problem = Problem(
        coordinates={"t": [0, 2], "x": [-1, 1], "y": [0.5, 1]},
        fields=["u"],
        equations={"r": "u_t + u*u_x = nu*(u_xx + u_yy)"},
        conditions={"start": "u(t=0) = 0", "edge": "u(y=1) = t*x", "flux": "u_y(x=1) = 0"},
        parameters={"nu": {"learn": 0.3}},
        enforce={"start": enforce, "edge": enforce, "flux": "soft"},
    )
    residuals = Residuals(problem, make(case))
    return residuals, {place: Points(inside(4), None) for place in residuals.places}  # anywhere: no solution is sought


def check_jacobian(residuals, points):
    r, jacobian = residuals.linearise(points, {})
    residuals.engine = "autograd"
    reference = residuals.vector(points, {})
    parameters = list(residuals.parameters())
    rows = [
        torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True, materialize_grads=True)
        for value in reference
    ]
    expected = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])
    assert (r - reference).norm() <= 1e-10 * reference.norm()
    start = 0
    for name, parameter in residuals.named_parameters():
        columns = slice(start, start := start + parameter.numel())
        apart = (jacobian[:, columns] - expected[:, columns]).norm()
        assert apart <= 1e-10 * expected[:, columns].norm().clamp_min(1e-3), name


@pytest.mark.parametrize("enforce", ["hard", "soft"])
@pytest.mark.parametrize("case", CASES)
def test_the_jacobian_equals_that_row_by_row(case, enforce):
    check_jacobian(*residuals_of(case, enforce))


@pytest.mark.parametrize(("case", "name"), [("mlp, adaptive", "slope"), ("piratenet", "alpha")])
def test_the_check_of_jacobians_sees_factors_left_out(case, name, monkeypatch):
    monkeypatch.setattr(rules, "_constant", lambda h, b: b)
    with pytest.raises(AssertionError, match=name):
        check_jacobian(*residuals_of(case, "soft"))


def test_the_check_of_jacobians_sees_computed_weights_left_out(monkeypatch):
    right = point_jacobian._add_columns
    monkeypatch.setattr(point_jacobian, "_add_columns", lambda c, t, *rest: t.grad_fn or right(c, t, *rest))
    with pytest.raises(AssertionError, match=r"hidden.0.s"):
        check_jacobian(*residuals_of("mlp, factorised", "soft"))


@pytest.mark.parametrize("case", CASES)
def test_all_stays_on_its_device(case):
    network, x = make(case).to("meta"), inside(5).to("meta")
    for engine in operators.ENGINES:
        r, gradients = values_and_gradients(network, x, plan_of(TEXTS["burgers"]), engine)
        assert r.is_meta and gradients.is_meta
    assert jet_values(network, x, plan_of(TEXTS["burgers"])) is not None


LONG = {"piratenet on fourier", "chebyshev_kan"}  # torch takes about a second for each activation and product


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=[pytest.mark.slow] if case in LONG else [])
        for case in ("mlp on periodic", "modified_mlp", "siren", "separable", *sorted(LONG))
    ],
)
def test_one_compiled_graph_gives_the_same_numbers(case, monkeypatch):
    monkeypatch.setitem(OPTIONS, CASES[case][0], OPTIONS[CASES[case][0]] | {"depth": 1})
    plan = operators.plan({"r": "u_x + u*u_y"}, ["x", "y"], ["u"])
    box = (BOX[0][1:], BOX[1][1:])
    network, x = make(case, box), inside(5, box)

    def loss(x):
        return operators.derivatives(network, x, plan)["r"].square().sum()

    torch._dynamo.reset()
    found = []
    for function in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        value = function(x)
        gradients = torch.autograd.grad(value, list(network.parameters()), allow_unused=True, materialize_grads=True)
        found.append(torch.cat([value.reshape(1), *(g.flatten() for g in gradients)]).detach())
    assert (found[0] - found[1]).norm() <= 1e-11 * found[0].norm()


def apart(case, autocast):
    """Relative error in float32 of the Laplacian and of its gradient."""
    network, x, plan = make(case), inside(50), plan_of(TEXTS["laplacian"])
    exact = values_and_gradients(network, x, plan, "autograd")
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        low = values_and_gradients(network.float(), x.float(), plan, "jet")
    assert all(found.dtype == torch.float32 for found in low)
    return max(float((a - b).norm() / b.norm()) for a, b in zip(low, exact, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_low_precision_is_near(case):
    assert apart(case, autocast=False) < 3e-5
    assert 1e-3 < apart(case, autocast=True) < 0.2


LINE = Problem(
    coordinates={"x": [-1, 1]}, fields=["u"], equations={"r": "u_xx = -sin(pi*x)"}, conditions={"e": "u(boundary) = 0"}
)


@pytest.mark.parametrize("name", NETWORKS)
def test_training_lowers_the_loss(name, capsys):
    small = [f"network.{key}={value}" for key, value in OPTIONS[name].items()]
    typed = [*small, f"network={name}", "optimizer=adam", "sampling.points=20", "optimizer.lr=0.01"]
    first, last = (solve(LINE, *typed, f"optimizer.steps={steps}").residual["r"] for steps in (1, 60))
    assert last < 0.5 * first


def test_networks_start_at_random_but_not_twice():
    one, other = make("mlp"), make("mlp")
    assert torch.equal(one(inside(3)), other(inside(3)))
    assert not torch.equal(MLP(Scaled(*BOX), 1).output.weight, MLP(Scaled(*BOX), 1).output.weight)
