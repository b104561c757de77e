"""Adaptive points: each rule by itself, and in a run that is stopped and goes on."""

import pytest
import torch

from pinn.app import solve
from pinn.problem import Problem
from pinn.sampling import R3, RAD, RARD
from pinn.schema import ConfigError

PRESENT = torch.rand(500, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
FRESH = torch.rand(20000, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


def ridge(x):
    """A residual that is ten times as large where x < 0.2."""
    return torch.where(x[:, 0] < 0.2, 10.0, 1.0)


def share(x):
    return float((x[:, 0] < 0.2).double().mean())


def expected(power, offset):
    """The share of RAD's density where x < 0.2."""
    mean = 0.2 * 10**power + 0.8
    inside, outside = (0.2 * (10**power / mean + offset), 0.8 * (1 / mean + offset))
    return inside / (inside + outside)


@pytest.mark.parametrize(("power", "offset"), [(1.0, 1.0), (2.0, 0.0), (1.0, 0.0), (2.0, 0.5)])
def test_the_density_of_rad(power, offset):
    rule = RAD(power, offset)
    x = rule.update(PRESENT, FRESH, ridge, seed=3)
    sigma = (expected(power, offset) * (1 - expected(power, offset)) / 500) ** 0.5
    assert len(x) == 500 and len(x.unique(dim=0)) == 500
    assert share(x) == pytest.approx(expected(power, offset), abs=4 * sigma + 0.02)  # 500 of 20000: hardly depleted
    assert abs(share(FRESH[:500]) - expected(power, offset)) > 4 * sigma + 0.02  # uniform points have another


def test_nothing_but_the_seed_decides():
    rule = RAD()
    first, again, other = (rule.update(PRESENT, FRESH, ridge, seed) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert rule.update(PRESENT, FRESH, lambda x: x[:, 0] * 0, 3).shape == PRESENT.shape  # where all is solved


def test_rar_d_keeps_its_points():
    x = RARD(added=50).update(PRESENT, FRESH, ridge, seed=3)
    assert torch.equal(x[:500], PRESENT) and len(x) == 550
    assert share(x[500:]) > 0.8 > 0.3 > share(PRESENT)


def test_r3_keeps_what_is_above_the_mean():
    x = R3().update(PRESENT, FRESH, ridge, seed=3)
    kept = PRESENT[PRESENT[:, 0] < 0.2]
    assert torch.equal(x[: len(kept)], kept) and len(x) == 500
    assert torch.equal(x[len(kept) :], FRESH[: 500 - len(kept)])


PROBLEM = Problem(
    coordinates={"x": [0, 1], "y": [0, 1]},
    fields=["u"],
    equations={"peak": "lap(u) = 100*exp(-200*((x - 0.3)**2 + (y - 0.3)**2))"},
    conditions={"edge": "u(boundary) = 0"},
)
OPTIONS = ("network.width=6", "sampling.points=40", "sampling.resample_every=3", "optimizer=adam")


@pytest.mark.parametrize("name", ["rad", "rar_d", "r3"])
def test_a_run_that_goes_on_has_the_same_points(name, tmp_path, monkeypatch):
    monkeypatch.setattr("pinn.plots.pictures", lambda *_: [])
    monkeypatch.setattr("pinn.plots.history", lambda _, path: path)
    lines = [
        *OPTIONS,
        f"sampling={name}",
        "sampling.candidates=200",
        *(["sampling.added=5"] if name == "rar_d" else []),
    ]

    def run(folder, steps, **options):
        return solve(PROBLEM, *lines, f"trainer.max_steps={steps}", run_dir=tmp_path / folder, **options)

    def state(folder):
        return torch.load(tmp_path / folder / "last.ckpt", weights_only=True)["pinn"]["adaptive"]["x"]

    whole = run("whole", 10)
    run("parts", 5)
    parts = run("parts", 10)
    assert torch.equal(state("whole"), state("parts"))
    assert len(state("whole")) == (40 + 3 * 5 if name == "rar_d" else 40)
    for a, b in zip(whole.residuals.parameters(), parts.residuals.parameters(), strict=True):
        assert torch.equal(a, b)
    still = solve(PROBLEM, *OPTIONS[:2], "optimizer=adam", "trainer.max_steps=10")
    assert not torch.equal(next(iter(still.residuals.parameters())), next(iter(whole.residuals.parameters())))


def test_points_gather_where_the_residual_is(tmp_path):
    sharp = ("sampling=rad", "sampling.points=200", "sampling.power=2", "sampling.offset=0", "network.scale=0.5")
    solve(PROBLEM, *OPTIONS, *sharp, "trainer.max_steps=4", run_dir=tmp_path)
    (checkpoint,) = tmp_path.glob("*.ckpt")
    x = torch.load(checkpoint, weights_only=True)["pinn"]["adaptive"]["x"]
    near = float(((x - 0.3).norm(dim=1) < 0.15).double().mean())
    assert near > 2 * torch.pi * 0.15**2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["sampling=rad", "sampling.candidates=10"], "rad draws 40 points from them"),
        (["sampling=r3", "sampling.resample_every=0"], "moves its points every so many steps"),
        (["sampling=r3", "sampling.added=3"], "sampling.added"),
    ],
)
def test_wrong_options_are_quoted(options, said):
    with pytest.raises((ConfigError, ValueError), match=said):
        solve(PROBLEM, *OPTIONS, *options)
