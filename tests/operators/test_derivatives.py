"""The two engines against each other and against closed forms: values and parameter gradients."""

import logging
import math
from collections import OrderedDict

import pytest
import torch
from channel_table import TABLE
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import pinn.operators as operators
from pinn.language import LanguageError
from pinn.operators.autograd import operator_values
from pinn.operators.engine import jet_values

TOLERANCE = 1e-11
ACTIVATIONS = {
    "tanh": torch.tanh,
    "sin": torch.sin,
    "gelu": nn.functional.gelu,
    "silu": nn.functional.silu,
    "softplus": nn.functional.softplus,
}


class Net(nn.Module):
    """Two hidden layers, a gate and a factor of the coordinates: linear layers, activations, products, slices."""

    def __init__(self, inputs, outputs, activation="tanh", width=7):
        super().__init__()
        self.first, self.second, self.gate = nn.Linear(inputs, width), nn.Linear(width, width), nn.Linear(inputs, width)
        self.last = nn.Linear(width, outputs)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x):
        h = self.activation(self.first(2 * x - 1))
        h = self.activation(self.second(h)) * torch.sigmoid(self.gate(x))
        return self.last(h) * (1 - x[:, :1] ** 2)


def both(network, points, plan, **inputs):
    """Values and parameter gradients of each engine, flat."""
    result = {}
    for engine in operators.ENGINES:
        values = torch.cat(list(operators.derivatives(network, points, plan, engine=engine, inputs=inputs).values()))
        weights = torch.linspace(0.5, 1.5, len(values), dtype=values.dtype)
        gradients = torch.autograd.grad(
            (weights * values).sum(), list(network.parameters()), allow_unused=True, materialize_grads=True
        )
        result[engine] = values.detach(), torch.cat([g.flatten() for g in gradients])
    return result


def agree(network, points, plan, tolerance=TOLERANCE, **inputs):
    (jet, jet_gradient), (reference, gradient) = both(network, points, plan, **inputs).values()
    assert (jet - reference).norm() <= tolerance * reference.norm()
    assert (jet_gradient - gradient).norm() <= tolerance * gradient.norm()


def make(seed, inputs, outputs, n=5, **options):
    torch.manual_seed(seed)
    return Net(inputs, outputs, **options).double(), torch.rand(n, inputs, dtype=torch.float64)


@pytest.mark.parametrize(("text", "coordinates", "fields", "channels", "full"), TABLE, ids=lambda v: str(v)[:30])
def test_engines_agree_on_the_channel_table(text, coordinates, fields, channels, full):
    plan = operators.plan(
        text if isinstance(text, dict) else {"r": text}, coordinates=list(coordinates), fields=list(fields)
    )
    network, points = make(0, len(coordinates), len(fields))
    assert jet_values(network, points, plan) is not None
    agree(network, points, plan)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_engines_agree_for_every_activation(activation):
    plan = operators.plan({"a": "lap(lap(u)) + u*u_x", "b": "u_xxy"}, coordinates=["x", "y"], fields=["u"])
    agree(*make(1, 2, 1, activation=activation), plan)


@pytest.mark.parametrize("held", ["first", "second", "last"])
def test_engines_agree_where_a_layer_is_held(held):
    """As where a network is taken from another problem: gradients of what is trained go through what is not."""
    plan = operators.plan({"r": "lap(u) + u*u_x"}, coordinates=["x", "y"], fields=["u"])
    network = nn.Sequential(
        OrderedDict(first=nn.Linear(2, 6), a=nn.Tanh(), second=nn.Linear(6, 6), b=nn.Tanh(), last=nn.Linear(6, 1))
    ).double()
    network.get_submodule(held).requires_grad_(False)
    points, found = torch.rand(5, 2, dtype=torch.float64), []
    trained = [p for p in network.parameters() if p.requires_grad]
    for engine in operators.ENGINES:
        loss = operators.derivatives(network, points, plan, engine=engine)["r"].square().sum()
        gradients = torch.autograd.grad(loss, trained, allow_unused=True, materialize_grads=True)
        found.append(torch.cat([g.flatten() for g in gradients]))
    assert found[0].norm() > 1e-3
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-12)


@st.composite
def random_operators(draw):
    d = draw(st.integers(1, 4))
    names = "wxyz"[:d]
    derivative = st.text(names, min_size=0, max_size=6).map(lambda s: f"u_{s}" if s else "u")
    terms = st.lists(st.tuples(st.integers(-3, 3).filter(bool), derivative), min_size=1, max_size=3)
    return names, {f"e{i}": " + ".join(f"({c})*{a}" for c, a in draw(terms)) for i in range(draw(st.integers(1, 2)))}


@settings(max_examples=25, deadline=None)
@given(random_operators(), st.sampled_from(sorted(ACTIVATIONS)), st.integers(0, 99))
def test_engines_agree_on_random_polynomials_up_to_order_six(case, activation, seed):
    names, texts = case
    texts["value"] = "u"  # so that cancelled terms leave something to compare with
    plan = operators.plan(texts, coordinates=list(names), fields=["u"])
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(len(names), 5), Plain(activation), nn.Linear(5, 5), Plain(activation), nn.Linear(5, 1)
    ).double()
    agree(network, torch.rand(3, len(names), dtype=torch.float64), plan)


class Plain(nn.Module):
    def __init__(self, name):
        super().__init__()
        self.function = ACTIVATIONS[name]

    def forward(self, z):
        return self.function(z)


@pytest.mark.parametrize("engine", operators.ENGINES)
def test_closed_form_of_a_plane_wave(engine):
    """`p(d) sin(w.x + b)` is the symbol at `i w` times the wave."""

    class Wave(nn.Module):
        def __init__(self):
            super().__init__()
            self.phase = nn.Linear(2, 1).double()
            with torch.no_grad():
                self.phase.weight.copy_(torch.tensor([[1.5, -0.7]], dtype=torch.float64))
                self.phase.bias.fill_(0.3)

        def forward(self, x):
            return torch.sin(self.phase(x))

    plan = operators.plan({"b": "lap(lap(u))", "m": "u_xxyyy", "f": "u_x*lap(u)"}, coordinates=["x", "y"], fields=["u"])
    x = torch.rand(9, 2, dtype=torch.float64)
    p, q = 1.5, -0.7
    phase = p * x[:, 0] + q * x[:, 1] + 0.3
    expected = {
        "b": (p * p + q * q) ** 2 * torch.sin(phase),
        "m": p**2 * q**3 * torch.cos(phase),
        "f": -p * torch.cos(phase) * (p * p + q * q) * torch.sin(phase),
    }
    values = operators.derivatives(Wave(), x, plan, engine=engine)
    for name, value in expected.items():
        torch.testing.assert_close(values[name].detach(), value, rtol=1e-12, atol=1e-13)


def test_biharmonic_from_three_directions():
    """`lap lap u = 8/9 (D4_0 + D4_60 + D4_120)` with fourth derivatives along three directions."""
    network, points = make(3, 2, 1)
    directions = [(math.cos(a), math.sin(a)) for a in (0, math.pi / 3, 2 * math.pi / 3)]
    total = 0
    for c, s in directions:
        line = operators.plan({"f": "u_rrrr"}, coordinates=["r"], fields=["u"])
        along = [OnLine(network, p, torch.tensor([c, s], dtype=torch.float64)) for p in points]
        zero = torch.zeros(1, 1, dtype=torch.float64)
        total = total + torch.cat([operators.derivatives(f, zero, line, engine="autograd")["f"] for f in along])
    plan = operators.plan({"b": "lap(lap(u))"}, coordinates=["x", "y"], fields=["u"])
    torch.testing.assert_close(operators.derivatives(network, points, plan)["b"], 8 / 9 * total, rtol=1e-10, atol=1e-10)


class OnLine(nn.Module):
    def __init__(self, network, point, direction):
        super().__init__()
        self.network, self.point, self.direction = network, point, direction

    def forward(self, r):
        return self.network(self.point + r * self.direction)


NETWORKS = {
    "residual": lambda x, m: m.last(torch.tanh(m.first(x)) + m.second(torch.sin(m.first(x)))),
    "fourier": lambda x, m: m.last(m.second(torch.cat([torch.sin(m.first(x)), torch.cos(m.first(x))], dim=1)[:, :6])),
    "products": lambda x, m: m.last(m.first(x) * torch.tanh(m.first(x)) / (2 + torch.cos(m.second(m.first(x))))),
    "powers": lambda x, m: m.last(m.first(x) ** 3 - 2 * m.first(x) ** 2 + torch.exp(-m.first(x))),
    "stack": lambda x, m: torch.stack([x[:, 0] * x[:, 1] ** 3, torch.sin(m.first(x)[:, 2])], dim=1),
    "sum": lambda x, m: (m.second(torch.tanh(m.first(x))) * m.scale).sum(dim=1, keepdim=True),
    "chunk": lambda x, m: m.last(torch.cat(torch.tanh(m.first(x)).chunk(2, dim=1)[::-1], dim=-1)),
    "constant shift": lambda x, m: (m.last(torch.tanh(m.first(x))) + m.scale[:1]) / 3 - 1,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_a_users_own_get_jets(name):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second, self.last = nn.Linear(2, 6), nn.Linear(6, 6), nn.Linear(6, 2)
            self.scale = nn.Parameter(torch.linspace(1, 2, 6))

        def forward(self, x):
            return NETWORKS[name](x, self)

    torch.manual_seed(0)
    network, points = Own().double(), torch.rand(4, 2, dtype=torch.float64)
    fields = ["u"] if name == "sum" else ["u", "v"]
    plan = operators.plan(
        {f"{f}{i}": e.replace("u", f) for f in fields for i, e in enumerate(("lap(lap(u))", "u_xy + u*u_y"))},
        coordinates=["x", "y"],
        fields=fields,
    )
    assert jet_values(network, points, plan) is not None
    agree(network, points, plan)


class NoJets(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x):
        return torch.special.erf(self.layer(x))


class Branches(NoJets):
    def forward(self, x):
        return self.layer(x) if x.sum() > 0 else self.layer(-x)


class MixesPoints(NoJets):
    def forward(self, x):
        return self.layer(x - x.mean(0))


class PicksPoints(NoJets):
    def forward(self, x):
        return self.layer(x) + self.layer(x)[:, 0][..., 0]


@pytest.mark.fallback
@pytest.mark.parametrize("kind", [NoJets, Branches])
def test_without_a_jet_rule_the_reference_engine_answers_and_one_line_says_so(kind, caplog):
    network, points = kind().double(), torch.rand(4, 2, dtype=torch.float64)
    plan = operators.plan({"r": "lap(u)"}, coordinates=["x", "y"], fields=["u"])
    with caplog.at_level(logging.WARNING, logger="pinn"):
        for _ in range(2):
            value = operators.derivatives(network, points, plan)["r"]
    reference = operators.derivatives(network, points, plan, engine="autograd")["r"]
    torch.testing.assert_close(value, reference)
    assert sum(f"autograd engine for {kind.__name__}" in record.message for record in caplog.records) <= 1


@pytest.mark.fallback
def test_a_network_that_mixes_points_gets_no_jets():
    plan = operators.plan({"r": "lap(u)"}, coordinates=["x", "y"], fields=["u"])
    for kind in (MixesPoints, PicksPoints):
        assert jet_values(kind().double(), torch.rand(4, 2, dtype=torch.float64), plan) is None


def test_inputs_are_learned_parameters_or_columns():
    plan = operators.plan({"r": "nu*lap(u) - k*u"}, coordinates=["x", "y"], fields=["u"], inputs=["nu", "k"])
    network, points = make(0, 2, 1)
    agree(network, points, plan, nu=torch.tensor(0.3), k=torch.rand(5, dtype=torch.float64))
    with pytest.raises(ValueError, match="'nu'"):
        operators.derivatives(network, points, plan, inputs={"k": torch.tensor(1.0)})


def test_wrong_use_is_said_once_and_clearly():
    plan = operators.plan({"r": "lap(u)"}, coordinates=["x", "y"], fields=["u"])
    network, points = make(0, 2, 1)
    with pytest.raises(ValueError, match=r"\(5, 3\), not \(N, 2\)"):
        operators.derivatives(network, torch.rand(5, 3), plan)
    with pytest.raises(ValueError, match="engine 'taylor' is unknown"):
        operators.derivatives(network, points, plan, engine="taylor")
    with pytest.raises(ValueError, match=r"not \(N, 1\)"):
        operators.derivatives(make(0, 2, 3)[0], points, plan)
    with pytest.raises(LanguageError, match="unknown name 'w'"):
        operators.plan({"r": "w"}, coordinates=["x", "y"], fields=["u"])
    with pytest.raises(LanguageError, match="nothing to plan"):
        operators.plan({}, coordinates=["x"], fields=["u"])


def test_the_comparison_sees_a_wrong_gradient(monkeypatch):
    """A jet rule that is off by one part in a million does not pass."""
    plan = operators.plan({"r": "lap(u)"}, coordinates=["x", "y"], fields=["u"])
    network, points = make(0, 2, 1)
    right = operators.activations.tanh
    monkeypatch.setitem(operators.jets.ELEMENTARY, "tanh", lambda z, k: [s * (1 + 1e-6) for s in right(z, k)])
    with pytest.raises(AssertionError):
        agree(network, points, plan)


def test_float32_keeps_its_accuracy():
    plan = operators.plan({"b": "lap(lap(u))"}, coordinates=["x", "y"], fields=["u"])
    network, points = make(0, 2, 1)
    exact = operators.derivatives(network, points, plan, engine="autograd")["b"]
    low = operators.derivatives(network.float(), points.float(), plan)["b"]
    assert (low.double() - exact).norm() < 1e-5 * exact.norm()


def test_a_plan_knows_the_parts_of_what_is_the_least_or_the_most_of_two():
    texts = {
        "contact": "min(-u_xx, u - x)",
        "above": "max(u_x, 2*u)",
        "source": "u_xx + max(x, 1)",
        "bound": "max(u, 0)",
    }
    planned = operators.plan(texts, coordinates=["x"], fields=["u"])
    assert set(planned.parts) == {"contact", "above"}  # both parts have fields
    x = torch.linspace(0, 1, 7, dtype=torch.float64)[:, None]
    made = nn.Sequential(nn.Linear(1, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    values = operator_values(made, x, planned.operators, planned.fields)
    whole = planned.results(values, x, {})
    for name, parts in planned.parts.items():
        of_both = planned.parts_of(name, values, x, {})
        assert of_both.shape == (2, 7) and parts.chosen(of_both).equal(whole[name])
        assert (of_both.amin(0) if name == "contact" else of_both.amax(0)).equal(whole[name])
