"""Weights on the way: normalisation, schemes and causality in a run, and what a checkpoint keeps of them."""

import contextlib
import copy
import re
import threading

import pytest
import torch

from pinn.app import solve
from pinn.balancing import SCHEMES, Causal
from pinn.networks import MLP, Scaled
from pinn.problem import Problem
from pinn.residuals import Residuals
from pinn.sampling import Sobol, points
from pinn.schema import ConfigError
from pinn.training.balance import Present
from pinn.training.loggers import read_history
from pinn.training.ranks import Ranks

HEAT = Problem(
    coordinates={"t": [0, 0.5], "x": [0, 1]},
    fields=["u"],
    equations={"heat": "u_t = u_xx"},
    conditions={"start": "u(t=0) = sin(pi*x)", "ends": "u(boundary) = 0"},
    enforce="soft",
    exact={"u": "exp(-pi**2*t)*sin(pi*x)"},
)
SHORT = (
    "network.width=8",
    "network.scale=2",
    "sampling.points=60",
    "sampling.boundary_points=20",
    "trainer.log_every_n_steps=1",
    "tolerance=0",
)
CAUSAL = "balancing.causal={chunks: 4, tolerance: 1.0}"


def run(*overrides, steps=4, optimizer="adam", **options):
    lines = (*SHORT, f"trainer.max_steps={steps}", *overrides)
    return solve(HEAT, *lines, optimizer=optimizer, **options)


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr("pinn.plots.pictures", lambda *_: [])
    monkeypatch.setattr("pinn.plots.history", lambda _, path: path)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_two_and_two_steps_are_four(scheme, tmp_path):
    every = ["balancing.every=3"] if scheme in ("gradient_norm", "ntk", "augmented_lagrangian") else []
    lines = [CAUSAL, *every]
    whole = run(*lines, balancing=scheme, run_dir=tmp_path / "whole")
    run(*lines, balancing=scheme, run_dir=tmp_path / "parts", steps=2)
    parts = run(*lines, balancing=scheme, run_dir=tmp_path / "parts", resume="auto")
    for a, b in zip(whole.residuals.parameters(), parts.residuals.parameters(), strict=True):
        assert torch.equal(a, b)
    histories = [read_history(tmp_path / folder / "metrics.csv") for folder in ("whole", "parts")]
    for row in sum(histories, []):
        for key in ("time/step", "time/outside", "time/points_per_second", "memory/peak"):  # of the clock
            del row[key]
    assert len(histories[0]) == 4 and histories[0] == histories[1]


@pytest.mark.parametrize("scheme", sorted(SCHEMES.keys() - {"conflict_free"}))
def test_second_order_optimizers_take_the_weights(scheme):
    every = [] if scheme == "fixed" else ["balancing.every=1"]
    chosen = {"optimizer": "least_squares_then_gauss_newton", "balancing": scheme, "steps": 8}
    assert run(*every, "network.width=20", **chosen).error["u"]["relative_l2"] < 0.2


def test_what_has_no_loss_is_refused_by_what_needs_one():
    said = "balancing=conflict_free: it makes a gradient that is no loss's, and gauss_newton asks for the loss too"
    with pytest.raises(ConfigError, match=re.escape(said)):
        run(balancing="conflict_free", optimizer="gauss_newton")


@pytest.mark.parametrize("scheme", [name for name, scheme in SCHEMES.items() if scheme.by_point])
def test_points_that_are_remembered_must_stay(scheme):
    with pytest.raises(ConfigError, match=f"balancing={scheme}: it remembers points.*resample_every=5"):
        run("sampling.resample_every=5", balancing=scheme)


def test_what_does_not_suit_the_problem_is_refused():
    still = Problem(coordinates={"x": [0, 1]}, fields=["u"], equations={"e": "u_xx = 1"},
                    conditions={"a": "u(boundary) = 0"})  # fmt: skip
    with pytest.raises(ConfigError, match="balancing=augmented_lagrangian: there is no condition for it"):
        solve(still, *SHORT, balancing="augmented_lagrangian")
    with pytest.raises(ConfigError, match="balancing=fixed: there is no time among the coordinates x"):
        solve(still, *SHORT, CAUSAL)
    with pytest.raises(ConfigError, match="balancing.memory=2.*must lie in"):
        solve(still, *SHORT, "balancing.memory=2", balancing="gradient_norm")


def weights(folder, *overrides, **options):
    run(*overrides, run_dir=folder, steps=1, **options)
    (row,) = read_history(folder / "metrics.csv")
    return {name: row[f"weight/{name}"] for name in HEAT.equations}


def test_weights_do_not_depend_on_units(tmp_path):
    """The same problem in thousandths of the length and of the time: losses and weights together are the same."""
    there = Problem(
        coordinates={"t": [0, 500], "x": [0, 1000]},
        fields=["u"],
        equations={"heat": "7*u_t = 7000*u_xx"},
        conditions={"start": "u(t=0) = sin(pi*x/1000)", "ends": "u(boundary) = 0"},
        enforce="soft",
    )
    run(run_dir=tmp_path / "here", steps=1)
    solve(there, *SHORT, "trainer.max_steps=1", optimizer="adam", run_dir=tmp_path / "there")
    (here,), (far,) = (read_history(tmp_path / folder / "metrics.csv") for folder in ("here", "there"))
    for name in HEAT.equations:
        a, b = (row[f"weight/{name}"] * row[f"loss/{name}"] for row in (here, far))
        assert a == pytest.approx(b, rel=1e-3)  # Adam's eps has a unit
    assert far["weight/heat"] > 1e3 * here["weight/heat"]


def test_given_weights_multiply_and_normalisation_can_be_left_out(tmp_path):
    plain = weights(tmp_path / "1")
    assert weights(tmp_path / "2", "+balancing.weights.ends=3") == {**plain, "ends": pytest.approx(3 * plain["ends"])}
    raw = weights(tmp_path / "3", "balancing.normalise=false", "+balancing.weights.ends=3")
    assert raw == {"heat": 1, "start": 1, "ends": 3}
    assert plain["heat"] < plain["start"]  # the operator is the larger of the two


def test_later_times_wait(tmp_path):
    causal = weights(tmp_path / "1", CAUSAL)
    plain = weights(tmp_path / "2")
    assert 0 < causal["heat"] < plain["heat"] and causal["start"] == plain["start"]


def test_multipliers_meet_the_conditions_more_closely(tmp_path):
    """Of a fit that cannot satisfy all, least squares spreads the error; multipliers move it off the conditions."""
    coarse = ("network.width=4", "balancing.normalise=false")
    plain = run(*coarse, optimizer="least_squares", steps=1)
    multipliers = run(
        *coarse, "balancing.every=1", "balancing.growth=10", optimizer="least_squares", steps=5,
        balancing="augmented_lagrangian",
    )  # fmt: skip
    assert multipliers.residual["start"] < 0.3 * plain.residual["start"]


class Together(Ranks):
    """Processes that are threads of this one."""

    def __init__(self, rank, barrier, table):
        super().__init__(rank, barrier.parties)
        self.barrier, self.table = barrier, table

    def all(self, mine):
        self.table[self.rank] = mine
        self.barrier.wait(60)
        found = [self.table[k] for k in range(self.size)]
        self.barrier.wait(60)
        return found

    def sums(self, tensors):
        return [torch.stack(parts).sum(0) for parts in zip(*self.all([t.detach() for t in tensors]), strict=True)]

    def totals(self, counts, device="cpu"):
        return [sum(parts) for parts in zip(*self.all(list(counts)), strict=True)]

    def rows(self, part):
        return torch.cat(self.all(part))


HARDER = Problem(
    coordinates={"t": [0, 0.5], "x": [0, 1]},
    fields=["u"],
    equations={"heat": "u_t = u*u_xx"},
    conditions={"start": "u(t=0) = sin(pi*x)", "size": "integral(u) = 1", "corner": "u(t=0, x=0) = 3"},
    enforce="soft",
)
NETWORK = MLP(Scaled([0.0, 0.0], [0.5, 1.0]), 1, width=6, scale=2.0).double()


def seen(ranks, scheme, count):
    """Weights after two updates, and those of causality, as one of the processes finds them."""
    network = copy.deepcopy(NETWORK)
    residuals, rule = Residuals(HARDER, network), SCHEMES[scheme](HARDER)
    kind = {"seed": 0, "step": 0, "dtype": torch.float64, "device": "cpu"}
    mine = ranks.share(points(HARDER.domain, dict.fromkeys(residuals.places, count), Sobol(), **kind))
    for factor in (1.0, 1.3):
        with torch.no_grad():
            for p in network.parameters():
                p.mul_(factor)
        present = Present(residuals, mine, dict.fromkeys(HARDER.equations, 2.0), 0, contextlib.nullcontext, ranks)
        rule.update(present)
    late = present.causal(Causal(HARDER, 3), HARDER.domain.interior)
    return {"late": late, **rule.weights, **{f"{name}/s": s for name, s in rule.shifts.items()}}


@pytest.mark.parametrize(("scheme", "count"), [*((scheme, 15) for scheme in SCHEMES), ("ntk", 700)])
def test_two_processes_find_the_weights_of_one(scheme, count):
    """Of the corner one of them has no point, and of the integral one has all; of 700 points some are taken."""
    alone = seen(Ranks(), scheme, count)
    barrier, table, found = threading.Barrier(2), {}, {}

    def process(rank):
        found[rank] = seen(Together(rank, barrier, table), scheme, count)

    threads = [threading.Thread(target=process, args=(rank,), daemon=True) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for name, expected in alone.items():
        assert torch.equal(found[0][name], found[1][name])
        torch.testing.assert_close(found[0][name], expected, rtol=1e-12, atol=0)
    assert float(alone["late"].min()) < 0.99
