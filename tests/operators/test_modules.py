"""Modules of a user's own, written to be awkward: right by jets, or right by the reference engine, never wrong.

A hunt for wrong numbers: what changes features in place, mixes points, looks at values, leaves the graph, asks what its
input is, or has a rule only at first sight. As many points as features or channels let broadcasting err.
"""

import copy
import functools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from pinn import operators
from pinn.operators import first_use, jet_values, rules

pytestmark = pytest.mark.fallback
PLANS = [operators.plan(e, ["x", "y"], ["u"]) for e in ({"r": "lap(u)", "s": "u_x"}, {"r": "lap(lap(u)) + u*u_x"})]

SIX = operators.plan({"r": "a_x + f_yy"}, ["x", "y"], list("abcfgh"))


class Own(nn.Module):
    """Layers to play with; `forward` is the case."""

    def __init__(self, function):
        super().__init__()
        torch.manual_seed(0)
        self.function = function
        self.first, self.second, self.last = nn.Linear(2, 6), nn.Linear(6, 6), nn.Linear(6, 1)
        self.w = nn.Parameter(torch.linspace(1, 2, 6))
        self.register_buffer("b", torch.linspace(0.5, 1.5, 6))
        self.bilinear, self.convolution = nn.Bilinear(6, 6, 1), nn.Conv1d(1, 1, 3, padding=1)
        self.batch, self.layer, self.drop = nn.BatchNorm1d(6), nn.LayerNorm(6), nn.Dropout(0.5)
        self.attention = nn.MultiheadAttention(6, 2)
        self.spectral = nn.utils.parametrizations.weight_norm(nn.Linear(6, 6))
        self.calls = 0

    def forward(self, x):
        return self.function(self, x)

    def h(self, x):
        """Features that torch lets be changed in place: a linear layer does not keep its result."""
        return self.second(self.first(x).tanh())


def in_place(m, x):
    h = m.h(x)
    h += m.first(x).sin()
    h *= 2
    h -= m.w
    h /= 1.5
    return m.last(h)


def in_place_on_the_points(m, x):
    x = x * 1
    x -= 0.5
    return m.last(m.first(x).tanh())


def in_place_on_a_clone(m, x):
    h = m.h(x)
    g = h.clone()
    g += 1
    return m.last(h * g)


def counts_calls(m, x):
    m.calls += 1
    return m.last(m.h(x))


def keeps_features(m, x):
    m.kept = m.h(x)
    return m.last(m.kept.sin())


def own_doubled(m, x):
    doubled = {name: 2 * parameter for name, parameter in m.first.named_parameters()}
    return torch.func.functional_call(m.first, doubled, (x,)).tanh()[:, :1]


JETS = {
    "in place": in_place,
    "in place on the points": in_place_on_the_points,
    "in place on a clone": in_place_on_a_clone,
    "silu in place": lambda m, x: m.last(F.silu(m.h(x), inplace=True)),
    "a layer used twice": lambda m, x: m.last(m.second(m.second(m.first(x).sin()).tanh())),
    "dropout that is off": lambda m, x: m.last(m.drop.eval()(m.h(x))),
    "weight norm": lambda m, x: m.last(m.spectral(m.first(x).tanh()).sin()),
    "checkpoint": lambda m, x: m.last(checkpoint(lambda h: m.second(h).tanh(), m.first(x).sin(), use_reentrant=False)),
    "ellipsis": lambda m, x: m.last(m.h(x)) + m.h(x)[..., 0, None] + m.h(x)[..., :, 1:2],
    "features by a mask": lambda m, x: m.h(x)[:, m.b > 1].sum(1, keepdim=True),
    "features by a list": lambda m, x: m.last(m.h(x)[:, [-1, 0, 1, 2, 3, 4]].tanh()),
    "every other feature": lambda m, x: m.last(torch.cat([m.h(x)[:, ::2], m.h(x)[:, 1::2]], dim=1).tanh()),
    "uneven split": lambda m, x: m.last(torch.cat(m.h(x).split([2, 4], 1)[::-1], 1)),
    "products over a new axis": lambda m, x: m.last((m.h(x)[:, :, None] * m.first(x).sin()[:, None, :]).sum(1)),
    "alpha": lambda m, x: m.last(torch.add(m.h(x), m.h(x) ** 2, alpha=2) - torch.sub(m.w, m.h(x), alpha=3)),
    "constants to the left": lambda m, x: m.last(m.w - m.h(x) / m.b) + 1 / (3 + x[:, :1]),
    "numbers of numpy": lambda m, x: m.last(m.h(x) * np.float32(2.0)) + np.float64(0.5),
    "constant of one row": lambda m, x: m.last(m.h(x) + m.w[:, None].T),
    "constant of another dtype": lambda m, x: m.last(m.h(x).tanh() * torch.linspace(0, 1, 6)),
    "layers of constants": lambda m, x: m.last(m.second(m.w).tanh()) * x[:, :1].sin(),
    "number of points": lambda m, x: m.last(m.h(x)) * x.shape[0],
    "affine": lambda m, x: m.last(m.second(m.first(x))),
    "quadratic": lambda m, x: m.last(m.first(x) * m.first(x)),
    "constant": lambda m, x: m.last(m.first(x) * 0 + 1),
    "counts its calls": counts_calls,
    "keeps features": keeps_features,
    "functional call": own_doubled,
    "compiled within": lambda m, x: torch.compile(lambda h: h.sin() * h, backend="eager")(m.last(m.h(x))),
}


def used_after_in_place(m, x):
    h = m.h(x)
    g = h
    h += 1
    return m.last(g * h)


def view_after_in_place(m, x):
    h = m.h(x)
    part = h[:, :3]
    h += 1
    return m.last(torch.cat([part, h[:, 3:]], dim=1))


def base_after_in_place_on_a_view(m, x):
    h = m.h(x)
    part = h[:, :3]
    part *= 2
    return m.last(h)


def used_after_silu_in_place(m, x):
    h = m.h(x)
    return m.last(F.silu(h, inplace=True) * h)


def in_place_method(m, x):
    h = m.h(x)
    h.add_(1)
    return m.last(h)


def set_features(m, x):
    h = m.h(x)
    h[:, 0] = 0
    return m.last(h)


def fills_a_tensor(m, x):
    filled = x.new_empty(x.shape[0], 6)
    filled[:, :3], filled[:, 3:] = m.h(x)[:, :3], m.h(x)[:, :3]
    return m.last(filled)


def writes_to_out(m, x):
    filled = x.new_empty(x.shape[0], 6)
    return m.last(torch.tanh(m.h(x).detach(), out=filled))


def without_gradients(m, x):
    h = m.h(x)
    with torch.no_grad():
        g = m.second(h).sin()
    return m.last(h * g)


def swallows(m, x):
    h = m.h(x)
    try:
        h = F.softsign(h)
    except Exception:
        h = h.sin()
    return m.last(h)


def changes_its_weights(m, x):
    h = m.h(x)
    m.second.weight.data.mul_(2)
    h = m.second(h).tanh()
    m.second.weight.data.mul_(0.5)
    return m.last(h)


class Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, grad):
        return -grad


def its_own_derivative(m, x):
    return torch.autograd.grad(m.last(m.h(x)).sum(), x, create_graph=True)[0][:, :1]


def two_lists(m, x):
    g = torch.stack([m.h(x), 2 * m.h(x)], dim=2).unsqueeze(2)  # (N, 6, 1, 2)
    picked = g[:, [0, 1, 2, 3, 4], :, [0, 1, 0, 1, 0]]  # (5, N, 1): the lists' axis comes first
    return m.last(m.h(x)) + picked.sum(0)


def joins_columns(m, x):
    h = m.h(x)
    return torch.hstack([h[:, 0], h[:, 1]]).unsqueeze(1)[: x.shape[0]]


REFUSED = {
    "another shape": lambda m, x: torch.cat([m.last(m.h(x))] * (1 if type(x) is torch.Tensor else 2), dim=1),
    "used after in place": used_after_in_place,
    "view after in place": view_after_in_place,
    "base after in place on a view": base_after_in_place_on_a_view,
    "used after silu in place": used_after_silu_in_place,
    "in place by a method": in_place_method,
    "sets features": set_features,
    "fills a tensor": fills_a_tensor,
    "writes to out": writes_to_out,
    "no_grad": without_gradients,
    "detach": lambda m, x: m.last(m.h(x) * m.first(x).detach()),
    "data": lambda m, x: m.last(m.h(x) * m.first(x.data)),
    "a copy": lambda m, x: m.last(m.h(x) * copy.copy(m.h(x)).detach()),
    "item": lambda m, x: m.last(m.h(x) * x[0, 0].item()),
    "lists": lambda m, x: m.last(m.h(x)) * float(sum(map(sum, x.tolist()))),
    "numpy": lambda m, x: m.last(m.h(x) * torch.as_tensor(x.detach().numpy()[:1, :1])),
    "numpy to the left": lambda m, x: m.last(torch.from_numpy(np.arange(6.0)) * m.h(x.detach().clone())),
    "where": lambda m, x: m.last(torch.where(m.h(x) > 0, m.h(x).tanh(), m.h(x).sin())),
    "where by a constant": lambda m, x: m.last(torch.where(m.b > 1, m.h(x).tanh(), m.h(x).sin())),
    "factor by sign": lambda m, x: m.last(m.h(x) * (m.h(x) > 0)),
    "branch on a sum": lambda m, x: m.last(m.h(x) if x.sum() > 0.7 else m.h(x).sin()),
    "branch on a maximum": lambda m, x: m.last(m.h(x) if x.max() > 0.7 else m.h(x).sin()),
    "branch on equality": lambda m, x: m.last(m.h(x)) if not (x == 0).any() else 0 * x,
    "batch norm that is off": lambda m, x: m.last(m.batch.eval()(m.h(x)).sin()),
    "layer norm": lambda m, x: m.last(m.layer(m.h(x)).sin()),
    "softmax": lambda m, x: m.last(torch.softmax(m.h(x), dim=1)),
    "softmax over points": lambda m, x: m.last(torch.softmax(m.h(x), dim=0)),
    "bilinear": lambda m, x: m.bilinear(m.h(x), m.h(x)),
    "convolution": lambda m, x: m.last(m.convolution(m.h(x).unsqueeze(1)).squeeze(1).tanh()),
    "attention": lambda m, x: m.last(m.attention(*[m.h(x).unsqueeze(0)] * 3)[0].squeeze(0)),
    "reshape": lambda m, x: m.last(m.h(x).reshape(-1, 2, 3).transpose(1, 2).reshape(-1, 6).sin()),
    "transposes": lambda m, x: m.last((m.first.weight @ x.T).T.tanh()),
    "einsum": lambda m, x: torch.einsum("ni,i->n", m.h(x), m.w)[:, None],
    "points joined": lambda m, x: m.last(torch.cat([m.h(x), m.h(x)], dim=0))[: x.shape[0]],
    "columns joined": joins_columns,
    "points stacked from the end": lambda m, x: m.last(torch.stack([m.h(x), m.h(x)], dim=-3).sum(0)),
    "points flipped": lambda m, x: m.last(m.h(x).flip(0)),
    "a mean over points": lambda m, x: m.last(m.h(x - x.mean(0))),
    "a sum over points": lambda m, x: m.last(m.h(x)) + m.h(x).sum(-2)[:1],
    "one point for all": lambda m, x: m.last(m.h(x) * m.h(x)[..., 0, :]),
    "an axis before the points": lambda m, x: m.last(m.h(x)) + m.h(x)[..., None, :, :].sum(-1).T,
    "columns times rows": lambda m, x: m.last(m.h(x)) + (m.h(x)[:, :1] * m.h(x)[:, 0]).sum(1, keepdim=True),
    "columns plus rows": lambda m, x: m.last(m.h(x)) + (m.h(x)[:, :1] + m.h(x)[:, 0]).sin().sum(1, keepdim=True),
    "a vector for weights": lambda m, x: F.linear(m.h(x), m.w).unsqueeze(1).sin(),
    "two lists of indices": two_lists,
    "unrolled axes": lambda m, x: m.last(m.h(x).unsqueeze(1).flatten(1)),
    "gelu by tanh": lambda m, x: m.last(F.gelu(m.h(x), approximate="tanh")),
    "softplus of another slope": lambda m, x: m.last(F.softplus(m.h(x), beta=3)),
    "a division that rounds": lambda m, x: m.last(m.h(x) * torch.div(m.h(x), 0.1, rounding_mode="floor")),
    "an exponent a feature": lambda m, x: m.last((2 + m.h(x).tanh()) ** m.w),
    "clamp": lambda m, x: m.last(m.h(x).clamp(-0.3, 0.3).tanh()),
    "sorted": lambda m, x: m.last(m.h(x).sort(dim=1)[0].tanh()),
    "another dtype": lambda m, x: m.last(m.first(x.float().double()).tanh()),
    "weights that depend on points": lambda m, x: F.linear(m.h(x), m.last.weight * x[0, 0]),
    "its own derivative": its_own_derivative,
    "a gradient of its own": lambda m, x: m.last(Reversed.apply(m.first(x)).tanh()),
    "vmap": lambda m, x: torch.vmap(lambda p: m.last(m.second(m.first(p).tanh())))(x),
    "swallowed errors": swallows,
    "asks for an attribute": lambda m, x: m.last(m.h(x) if hasattr(x, "softmax") else m.h(x).sin()),
    "asks for gradients": lambda m, x: m.last(m.h(x) if getattr(x, "requires_grad", False) else m.h(x).sin()),
    "asks for a tensor": lambda m, x: m.last(m.h(x) if torch.is_tensor(x) else m.h(x).sin()),
    "changes its weights": changes_its_weights,
}


def numbers(function, n, plan, engine):
    """Values and parameter gradients of a fresh module, flat."""
    torch.manual_seed(1)
    network, x = Own(function).double(), torch.rand(n, 2, dtype=torch.float64)
    values = torch.cat(list(operators.derivatives(network, x, plan, engine=engine).values()))
    parameters = list(network.parameters())
    gradients = torch.autograd.grad(values.sum(), parameters, allow_unused=True, materialize_grads=True)
    return torch.cat([values.detach(), *(g.flatten() for g in gradients)])


def check(function, jets):
    for n, plan in ((1, PLANS[0]), (4, PLANS[0]), (6, PLANS[1]), (9, PLANS[1])):
        network, x = Own(function).double(), torch.rand(n, 2, dtype=torch.float64)
        assert (jet_values(network, x, plan) is not None) == jets or n == 1
        found, reference = (numbers(function, n, plan, engine) for engine in operators.ENGINES)
        torch.testing.assert_close(found, reference, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", JETS)
def test_a_module_has_jets_and_they_are_right(name):
    check(JETS[name], jets=True)


@pytest.mark.parametrize("name", REFUSED)
def test_a_module_without_jets_is_right_by_the_reference_engine(name):
    check(REFUSED[name], jets=False)


@pytest.mark.parametrize("name", sorted(rules.ELEMENTARY))
def test_every_elementary_function_has_jets(name):
    """Of affine features and of others, by torch's function and by the method; arguments where it is smooth."""
    function = getattr(torch, name, None) or getattr(F, name)
    method = (lambda h: getattr(h, name)()) if hasattr(torch.Tensor, name) else function
    check(lambda m, x: m.last(function(0.3 * m.first(x) + 1) + method(0.2 * m.h(x) + 1)), jets=True)


def test_the_first_look_is_quick_in_many_dimensions_and_along_no_points():
    network = nn.Sequential(nn.Linear(500, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    assert first_use._is_itself(network, torch.rand(2, 500, dtype=torch.float64))
    value = operators.derivatives(Own(Own.h).double(), torch.rand(0, 2, dtype=torch.float64), SIX)["r"]
    assert value.shape == (0,)


def test_summands_that_cancel_are_no_reason_to_refuse_jets(monkeypatch):
    """Two columns are alike but for 1e-14, and have coefficients of 1e14: most digits of the sum are rounding."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1)).double().requires_grad_(False)
    network[0].weight[1] = network[0].weight[0] * (1 + 1e-14)
    network[0].bias[1] = network[0].bias[0]
    network[2].weight.copy_(torch.tensor([[1e14, -1e14]]))
    network[2].bias.zero_()
    x = torch.rand(2, 2, dtype=torch.float64)
    rounding = (network(x * (1 + 1e-15)) - network(x)).abs().max() / network(x).abs().max()
    assert rounding > first_use.APART
    assert first_use._is_itself(network, x)
    monkeypatch.setattr(first_use, "ROUNDED", 0.0)
    assert not first_use._is_itself(network, x)


def test_a_random_module_has_no_jets():
    x = torch.rand(4, 2, dtype=torch.float64)
    for function in (lambda m, x: m.last(m.drop(m.h(x))), lambda m, x: m.last(m.h(x)) * torch.randn(1, 1).double()):
        assert jet_values(Own(function).double(), x, PLANS[0]) is None


def test_the_hunt_sees_a_wrong_number(monkeypatch):
    monkeypatch.setattr(rules, "_common_shape", lambda a, b: torch.broadcast_shapes(a.shape, b.shape))
    monkeypatch.setattr(operators.engine, "refuse_other_functions", lambda *_: None)
    with pytest.raises((AssertionError, ValueError)):  # of one point, another number of rows
        check(REFUSED["columns times rows"], jets=False)


@pytest.mark.parametrize("engine", operators.ENGINES)
def test_the_network_is_differentiated_anew_in_training_and_evaluation(engine):
    """A dropout that is off has jets; the same module with dropout on has none, although it was met before."""
    network, x = Own(lambda m, x: m.last(m.drop(m.h(x)))).double(), torch.rand(4, 2, dtype=torch.float64)
    assert jet_values(network.eval(), x, PLANS[0]) is not None
    assert jet_values(network.train(), x, PLANS[0]) is None


def both(points, loss):
    network = Own(lambda m, x: m.last(m.h(x).tanh() * m.first(x).sin())).double()
    plan = operators.plan({"r": "lap(u) + x*u_y*u"}, ["x", "y"], ["u"])
    return [loss(network, operators.derivatives(network, points, plan, engine=e)["r"]) for e in operators.ENGINES]


def test_results_are_differentiable_in_points_that_ask_for_it():
    x = torch.rand(5, 2, dtype=torch.float64, requires_grad=True)
    jet, reference = both(x, lambda _, r: torch.autograd.grad(r.square().sum(), x)[0])
    torch.testing.assert_close(jet, reference, rtol=1e-11, atol=1e-13)
    difference = torch.zeros_like(x)
    for k in range(2):
        step = torch.zeros(2, dtype=torch.float64)
        step[k] = 1e-5
        up, down = (both(x.detach() + s * step, lambda _, r: r.detach().square())[0] for s in (1, -1))
        difference[:, k] = (up - down) / 2e-5
    torch.testing.assert_close(jet, difference, rtol=1e-6, atol=1e-6)


def test_results_can_be_differentiated_twice():
    """As weights by the norms of gradients, or products with the Hessian, need it."""

    def gradient_of_the_gradient(network, r):
        parameters = list(network.parameters())
        options = {"create_graph": True, "allow_unused": True, "materialize_grads": True}
        gradient = torch.autograd.grad(r.square().sum(), parameters, **options)
        norm = functools.reduce(torch.add, [g.square().sum() for g in gradient])
        again = torch.autograd.grad(norm, parameters, allow_unused=True, materialize_grads=True)
        return torch.cat([g.flatten() for g in again])

    jet, reference = both(torch.rand(5, 2, dtype=torch.float64), gradient_of_the_gradient)
    torch.testing.assert_close(jet, reference, rtol=1e-10, atol=1e-10)
