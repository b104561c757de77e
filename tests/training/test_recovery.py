"""A loss that is no number: where, back to the last good state with smaller steps, three times, and then the end."""

import logging

import pytest
import torch

from pinn.app import solve
from pinn.problem import Problem

GROWS = Problem(
    coordinates={"x": [0, 1]}, fields=["u"], equations={"a": "u_xx = exp(u**3)"},
    conditions={"b": "u(boundary) = 1"}, enforce="soft",
)  # fmt: skip
SMALL = ("network.width=20", "network.depth=1", "network.scale=1", "sampling.points=50", "optimizer=adam")
OFTEN = ("trainer.log_every_n_steps=5", "trainer.enable_progress_bar=false", "checkpoint_every=0")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("pinn.plots.pictures", lambda *_: [])
    monkeypatch.setattr("pinn.plots.history", lambda _, path: path)


def run(lr, steps, folder):
    return solve(GROWS, *SMALL, *OFTEN, f"optimizer.lr={lr}", f"trainer.max_steps={steps}", run_dir=folder)


def test_smaller_steps_from_the_last_good_state_go_on(tmp_path, caplog, capsys):
    with caplog.at_level(logging.WARNING, "pinn"):
        run(30, 30, tmp_path)
    assert "a has no finite value" in caplog.text and "with a tenth of the step (1 of 3)" in caplog.text
    assert "finished: 30 steps" in capsys.readouterr().out


def test_after_three_times_it_ends_with_what_was_good(tmp_path, caplog, capsys):
    with caplog.at_level(logging.WARNING, "pinn"):
        run(1e15, 100, tmp_path)
    assert "(3 of 3)" in caplog.text and caplog.text.rstrip().endswith("back to step 0")
    assert "DIVERGED" in capsys.readouterr().out
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    assert all(value.isfinite().all() for value in state.values())


def test_one_that_was_stopped_in_between_ends_as_if_it_had_not_been(tmp_path):
    whole = run(30, 30, tmp_path / "whole")
    run(30, 20, tmp_path / "parts")
    parts = run(30, 30, tmp_path / "parts")
    for a, b in zip(whole.residuals.parameters(), parts.residuals.parameters(), strict=True):
        assert torch.equal(a, b)
