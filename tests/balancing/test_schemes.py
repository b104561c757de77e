"""Every scheme against weights computed by hand, from residuals by nested autograd.

Shape letters: N points, P parameters.
"""

import contextlib
import copy

import pytest
import torch

from pinn import Problem
from pinn.balancing import SCHEMES
from pinn.networks import MLP, Scaled
from pinn.problem import configs
from pinn.residuals import Residuals
from pinn.sampling import Sobol, points
from pinn.training.balance import Present
from pinn.training.ranks import Ranks

PROBLEM = Problem(
    coordinates={"x": [0, 1], "y": [0, 2]},
    fields=["u"],
    equations={"poisson": "lap(u) + u**2 = x*y"},
    conditions={"edge": "u(x=0) = y", "slope": "u_x(x=1) = 3"},
    enforce="soft",
)
SIZES = {"poisson": 2.0, "edge": 0.5, "slope": 1.0}
NAMES = list(SIZES)
OPTIONS = {
    "relobralo": {"memory": 0.7, "temperature": 0.5, "lookback": 0.0},
    "gradient_norm": {"memory": 0.6},
    "self_adaptive": {"lr": 0.1},
    "residual_attention": {"gamma": 0.8, "eta": 0.3},
    "augmented_lagrangian": {"growth": 3.0},
}


def networks():
    """Two states of training, one after the other."""
    torch.manual_seed(0)
    first = MLP(Scaled([0.0, 0.0], [1.0, 2.0]), 1, width=5, depth=2, scale=2.0).double()
    second = copy.deepcopy(first)
    with torch.no_grad():
        for p in second.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return first, second


def drawn():
    places = dict.fromkeys(Residuals(PROBLEM, networks()[0]).places, 20)
    return points(PROBLEM.domain, places, Sobol(), seed=0, step=0, dtype=torch.float64, device="cpu")


def present(network):
    return Present(Residuals(PROBLEM, network), drawn(), SIZES, 0, contextlib.nullcontext, Ranks())


class Hand:
    """Residuals over their sizes and what follows from them, with nothing but torch."""

    def __init__(self, network, wrong=False):
        inside, left, right = (
            next(at.x for place, at in drawn().items() if place.fixed == fixed).clone().requires_grad_()
            for fixed in ((), ((0, 0.0),), ((0, 1.0),))
        )
        u = network(inside)
        (slope,) = torch.autograd.grad(u.sum(), inside, create_graph=True)
        bend = [torch.autograd.grad(slope[:, k].sum(), inside, create_graph=True)[0][:, k] for k in (0, 1)]
        at_right = torch.autograd.grad(network(right).sum(), right, create_graph=True)[0][:, 0]
        residuals = [
            sum(bend) + u[:, 0] ** 2 - inside[:, 0] * inside[:, 1],
            network(left)[:, 0] - left[:, 1],
            at_right - 3,
        ]
        self.r = {name: r / SIZES[name] for name, r in zip(NAMES, residuals, strict=True)}
        if wrong:
            self.r["edge"] = self.r["edge"] * (1 + self.r["edge"])
        self.parameters = list(network.parameters())

    def flat(self, value):
        found = torch.autograd.grad(
            value, self.parameters, retain_graph=True, materialize_grads=True, allow_unused=True
        )
        return torch.cat([g.flatten() for g in found])

    @property
    def losses(self):
        return torch.stack([r.square().mean() for r in self.r.values()])

    @property
    def gradients(self):
        return torch.stack([self.flat(r.square().mean()) for r in self.r.values()])

    @property
    def traces(self):
        rows = {name: torch.stack([self.flat(value) for value in r]) for name, r in self.r.items()}
        return torch.stack([(j @ j.T).trace() / len(j) for j in rows.values()])


def by_gradient_norm(one, two):
    norms = [h.gradients.norm(dim=1) for h in (one, two)]
    w = 0.6 + 0.4 * norms[0].sum() / norms[0]
    return 0.6 * w + 0.4 * norms[1].sum() / norms[1]


def by_relobralo(one, two):
    def balance(now, before):
        e = torch.exp(now / (0.5 * before))
        return 3 * e / e.sum()

    a, b = one.losses, two.losses
    assert torch.allclose(balance(a, a), torch.ones(3).double())
    return 0.7 * balance(b, a) + 0.3 * balance(b, a)


def by_residual_attention(one, two):
    roots = {name: 0.3 * r.abs() / r.abs().max() for name, r in one.r.items()}
    return {name: (0.8 * roots[name] + 0.3 * r.abs() / r.abs().max()) ** 2 for name, r in two.r.items()}


def by_self_adaptive(one, two):
    result = {}
    for name in NAMES:
        root = torch.ones(20).double().requires_grad_()
        adam = torch.optim.Adam([root], lr=0.1, maximize=True)
        for hand in (one, two):
            (root.grad,) = torch.autograd.grad((root**2 * hand.r[name].detach() ** 2).mean(), root)
            adam.step()
        result[name] = root.detach() ** 2
    return result


def by_augmented_lagrangian(one, two):
    a, b = (h.losses[1:] for h in (one, two))
    return {name: 3.0 if y > x / 4 else 1.0 for name, x, y in zip(NAMES[1:], a, b, strict=True)}


BY_HAND = {
    "fixed": lambda one, two: {},
    "conflict_free": lambda one, two: {},
    "gradient_norm": by_gradient_norm,
    "ntk": lambda one, two: two.traces.sum() / two.traces,
    "relobralo": by_relobralo,
    "self_adaptive": by_self_adaptive,
    "residual_attention": by_residual_attention,
    "augmented_lagrangian": by_augmented_lagrangian,
}


def updated(name):
    scheme = SCHEMES[name](PROBLEM, **OPTIONS.get(name, {}))
    for network in networks():
        scheme.update(present(network))
    return scheme


def apart(found, expected):
    if isinstance(expected, torch.Tensor):
        expected = dict(zip(NAMES, expected, strict=True))
    assert found.keys() == expected.keys()
    return max([float((found[n] / expected[n] - 1).detach().abs().max()) for n in found], default=0.0)


def test_every_scheme_has_a_file_and_is_tried():
    files = {file.stem for file in (configs() / "balancing").glob("*.yaml")}
    assert SCHEMES.keys() == BY_HAND.keys() == files


@pytest.mark.parametrize("name", SCHEMES)
def test_weights_are_those_computed_by_hand(name):
    hands = [Hand(network) for network in networks()]
    assert apart(updated(name).weights, BY_HAND[name](*hands)) < 1e-10


@pytest.mark.parametrize("name", sorted(SCHEMES.keys() - {"fixed", "conflict_free", "augmented_lagrangian"}))
def test_a_wrong_residual_is_seen(name):
    hands = [Hand(network, wrong=True) for network in networks()]
    assert apart(updated(name).weights, BY_HAND[name](*hands)) > 1e-4


def test_gradients_are_each_equations_own():
    hand, found = Hand(networks()[0]), present(networks()[0]).gradients()
    own = hand.gradients
    assert torch.allclose(torch.stack([found[n] for n in NAMES]), own, rtol=1e-10, atol=1e-12)
    accumulated = own.cumsum(0)  # what `.grad` holds after one backward after another
    assert not torch.allclose(torch.stack([found[n] for n in NAMES]), accumulated, rtol=1e-2)


def test_gradient_norms_become_equal():
    scheme = SCHEMES["gradient_norm"](PROBLEM, memory=0.0)
    scheme.update(present(networks()[0]))
    gradients = present(networks()[0]).gradients()
    norms = [float(scheme.weights[n] * gradients[n].norm()) for n in NAMES]
    assert max(norms) / min(norms) == pytest.approx(1)


def test_an_equation_without_a_gradient_keeps_a_finite_weight():
    class Flat:
        def gradients(self):
            return {"poisson": torch.zeros(4), "edge": torch.ones(4), "slope": torch.ones(4)}

    scheme = SCHEMES["gradient_norm"](PROBLEM)
    scheme.update(Flat())
    assert float(scheme.weights["poisson"]) == 1 and float(scheme.weights["edge"]) == pytest.approx(1.1)


def test_relobralo_looks_back_by_chance():
    """With rho = 1 the first losses do not matter, with rho = 0 they do."""
    ones, twos = (present(network) for network in networks())
    for lookback, remembered in ((1.0, 1.0), (0.0, None)):
        scheme = SCHEMES["relobralo"](PROBLEM, memory=1.0, lookback=lookback)
        scheme.update(ones)
        scheme.update(twos)
        found = torch.stack([scheme.weights[n] for n in NAMES])
        assert (remembered is None) != torch.allclose(found, torch.ones(3).double())


def test_multipliers_are_those_of_the_augmented_lagrangian():
    """Its gradient, l c' + mu c c', is that of the shifted square; the multipliers are sums of mu c."""
    scheme = updated("augmented_lagrangian")
    hands = [Hand(network) for network in networks()]
    for name in NAMES[1:]:
        multiplier = 2 * hands[1].r[name].detach()  # mu = 2 weight = 2, and the first update only looks
        c = torch.linspace(-1, 1, 20).double().requires_grad_()
        mu = 2 * scheme.weights[name]
        (lagrangian,) = torch.autograd.grad((multiplier * c + mu / 2 * c**2).mean(), c)
        (square,) = torch.autograd.grad((scheme.weights[name] * (c + scheme.shifts[name]) ** 2).mean(), c)
        assert torch.allclose(lagrangian, square, rtol=1e-10)
        assert not torch.allclose(lagrangian, square * 1.01)


def test_the_conflict_free_step_is_equally_inclined_to_all_gradients():
    own = Hand(networks()[0]).gradients
    step = SCHEMES["conflict_free"](PROBLEM).combine(own)
    cosines = (own @ step) / own.norm(dim=1) / step.norm()
    assert torch.allclose(cosines, cosines[0].expand(3)) and cosines[0] > 0
    assert torch.isclose(step.norm(), (own @ step).sum() / step.norm())
    opposed = torch.tensor([[1.0, 0.0], [-2.0, 0.1]])
    plain = opposed @ opposed.sum(0)
    assert plain[0] < 0  # the sum would raise the first loss
    assert (opposed @ SCHEMES["conflict_free"](PROBLEM).combine(opposed) > 0).all()


def test_a_state_is_all_that_the_next_update_depends_on():
    first, second = (present(network) for network in networks())
    for name, make in SCHEMES.items():
        whole, before, after = (make(PROBLEM, **OPTIONS.get(name, {})) for _ in range(3))
        for scheme in (whole, before):
            scheme.update(first)
        after.load(before.state(), "cpu")
        for scheme in (whole, after):
            scheme.update(second)
        for part in ("weights", "shifts", "memory"):
            a, b = getattr(whole, part), getattr(after, part)
            assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a), name


def test_conditions_that_are_built_in_need_no_multipliers():
    hard = Problem(coordinates={"x": [0, 1]}, fields=["u"], equations={"e": "u_xx = 1"},
                   conditions={"a": "u(x=0) = 0"})  # fmt: skip
    with pytest.raises(ValueError, match="no condition for it"):
        SCHEMES["augmented_lagrangian"](hard)
