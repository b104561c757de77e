"""`dry_run=true`: what a run would cost, and nothing else."""

import re
from pathlib import Path

import pytest

from pinn.app import solve
from pinn.problem import Problem
from pinn.schema import ConfigError

PROBLEM = Problem(
    coordinates={"x": [0, 1], "y": [0, 1]},
    fields=["u"],
    equations={"plate": "lap(lap(u)) + u*u_x = 1"},
    conditions={"edge": "u(boundary) = 0", "slope": "dn(u)(boundary) = 0"},
    enforce={"slope": "soft"},
)
SMALL = ("network.width=6", "sampling.points=30", "sampling.boundary_points=20")


def test_a_dry_run_prints_the_plan_and_trains_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    untrained = solve(PROBLEM, *SMALL, "trainer.max_steps=0")
    capsys.readouterr()
    solution = solve(PROBLEM, *SMALL, "dry_run=true")
    for a, b in zip(solution.residuals.parameters(), untrained.residuals.parameters(), strict=True):
        assert a.equal(b)
    text = capsys.readouterr().out
    assert "interior: 9 channels for u_yyyy + 2*u_xxyy + u_xxxx, u, u_x" in text
    assert "boundary: 3 channels for u_x, u_y" in text
    rows = {row[0]: row[1:] for line in text.splitlines() if (row := line.split()) and row[0].endswith(("es", "on"))}
    assert set(rows) == {"least_squares", "gauss_newton"}
    assert [row[0] for row in rows.values()] == ["20", "500"]
    assert re.search(r"[\d.]+ (ms|s|min) if no phase ends earlier, \d+ MB", text)
    count = sum(parameter.numel() for parameter in untrained.residuals.parameters())
    assert f"{count} parameters" in text and text.index("parameters") < text.index("plain steps") < text.index(
        "points/s"
    )
    assert not list(Path.cwd().iterdir())


def test_the_expected_time_is_that_of_the_steps(capsys):
    solve(PROBLEM, *SMALL, "dry_run=true", "trainer.max_steps=40", optimizer="adam")
    (row,) = (line.split() for line in capsys.readouterr().out.splitlines() if line.split()[:1] == ["adam"])
    name, steps, step, unit, plain, rate, whole, whole_unit = row
    size = {"ms": 1e-3, "s": 1.0, "min": 60.0}
    assert (name, steps) == ("adam", "40")
    step_seconds = float(step) * size[unit]
    assert float(whole) * size[whole_unit] == pytest.approx(40 * step_seconds, rel=0.05)
    assert float(rate) == pytest.approx(50 / step_seconds, rel=0.05)
    assert float(plain) > 1


def test_a_jacobian_beyond_the_budget_is_refused_before_training():
    with pytest.raises(
        ConfigError, match="memory_budget=.*gauss_newton needs about .* for the Jacobian of 50 residuals"
    ):
        solve(PROBLEM, *SMALL, "memory_budget=10KB", optimizer="gauss_newton")


def test_first_order_training_is_the_same_in_any_memory():
    short = (*SMALL, "optimizer.steps=3")
    kept = [solve(PROBLEM, *short, f"memory_budget={size}", optimizer="adam").residuals for size in ("null", "40KB")]
    for a, b in zip(*(found.parameters() for found in kept), strict=True):
        assert a.allclose(b, rtol=1e-9, atol=1e-12)
    assert min(kept[1]._at_a_time.values()) < 30 <= min(kept[0]._at_a_time.values())


def test_a_budget_that_is_none_is_quoted():
    with pytest.raises(ConfigError, match="memory_budget=much"):
        solve(PROBLEM, "memory_budget=much")


def test_no_more_steps_than_there_may_be(capsys):
    decay = Problem(
        coordinates={"t": [0, 1]},
        fields=["u"],
        equations={"decay": "u_t = -u"},
        conditions={"start": "u(t=0) = 1"},
    )
    for more, steps in (("trainer.max_steps=-1", "10"), ("trainer.max_steps=4", "4")):
        lines = ("optimizer.steps=10", "dry_run=true", more)
        solve(decay, "network.width=6", "sampling.points=30", *lines, optimizer="least_squares")
        rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.split()[:1] == ["least_squares"]]
        assert [row[1] for row in rows] == [steps]
