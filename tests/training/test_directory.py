"""A run's directory: one run at a time, nobody else's files, and a checkpoint that a disk has spoilt."""

import errno
import logging
import os
import shutil
import signal

import pytest
import torch

from pinn.app import solve
from pinn.files import read_history
from pinn.problem import Problem
from pinn.schema import ConfigError
from pinn.training.files import alone

LINE = Problem(
    coordinates={"x": [0, 1]}, fields=["u"], equations={"bend": "u_xx = -sin(pi*x)"},
    conditions={"ends": "u(boundary) = 0"}, enforce="soft",
)  # fmt: skip
SMALL = ("network.width=5", "network.depth=1", "sampling.points=20", "trainer.log_every_n_steps=1", "optimizer=adam")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("pinn.plots.pictures", lambda *_: [])
    monkeypatch.setattr("pinn.plots.history", lambda _, path: path)


def flipped(path):
    """One bit in the middle of the file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


SPOILT = {
    "a flipped bit": flipped,
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "nothing": lambda path: path.write_bytes(b""),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_of_a_spoilt_checkpoint_the_one_before_is_taken_and_nothing_is_lost(kind, tmp_path, caplog):
    def run(folder, steps):
        return solve(LINE, *SMALL, f"trainer.max_steps={steps}", "checkpoint_every=0", run_dir=tmp_path / folder)

    whole = run("whole", 6)
    run("parts", 4)
    SPOILT[kind](tmp_path / "parts" / "last.ckpt")
    with caplog.at_level(logging.WARNING, "pinn"):
        parts = run("parts", 6)
    assert kind == "gone" or "parts/last.ckpt" in caplog.text and "The one before it is taken" in caplog.text
    for a, b in zip(whole.residuals.parameters(), parts.residuals.parameters(), strict=True):
        assert torch.equal(a, b)
    assert [row["step"] for row in read_history(tmp_path / "parts" / "metrics.csv")] == [1, 2, 3, 4, 5, 6]


def test_two_runs_do_not_write_into_one_directory(tmp_path):
    with alone(tmp_path), pytest.raises(ConfigError, match="another run is at work there"):
        solve(LINE, *SMALL, "trainer.max_steps=1", run_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []
    solve(LINE, *SMALL, "trainer.max_steps=1", run_dir=tmp_path)


@pytest.mark.parametrize("name", ["config.yaml", "metrics.csv", "result.json", "field.png"])
def test_files_of_somebody_else_stay(name, tmp_path):
    (tmp_path / name).write_text("mine: 1")
    with pytest.raises(ConfigError, match=f"{name} lies there and is of no run; name another directory"):
        solve(LINE, *SMALL, "trainer.max_steps=1", run_dir=tmp_path)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["mine: 1"]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminals that go")
@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_goes_leaves_a_checkpoint(ignored, tmp_path, monkeypatch):
    """With `nohup` the run goes on."""
    from pinn.training.module import PINN

    step = PINN._step

    def going(self):
        step(self)
        if self.global_step == 2:
            os.kill(os.getpid(), signal.SIGHUP)

    monkeypatch.setattr(PINN, "_step", going)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        solve(LINE, *SMALL, "trainer.max_steps=5", run_dir=tmp_path)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == (5 if ignored else 2)


def test_a_full_disk_gets_one_line_and_the_run_goes_on_when_there_is_room(tmp_path, monkeypatch):
    whole = solve(LINE, *SMALL, "trainer.max_steps=6", run_dir=tmp_path / "whole")
    save, saved = torch.save, []

    def full(checkpoint, file):
        saved.append(checkpoint["global_step"])
        if saved[-1] == 3:
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(checkpoint, file)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(ConfigError, match="No space left on device: the same command goes on from the last checkpoint"):
        solve(LINE, *SMALL, "trainer.max_steps=6", "checkpoint_every=0", run_dir=tmp_path / "parts")
    assert sorted(file.name for file in (tmp_path / "parts").glob("*.ckpt*")) == ["before.ckpt", "last.ckpt"]
    assert list((tmp_path / "parts").glob(".*")) == []
    monkeypatch.setattr(torch, "save", save)
    parts = solve(LINE, *SMALL, "trainer.max_steps=6", run_dir=tmp_path / "parts")
    for a, b in zip(whole.residuals.parameters(), parts.residuals.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_directory_that_is_removed_gets_one_line(tmp_path, monkeypatch):
    save = torch.save

    def removed(checkpoint, file):
        shutil.rmtree(tmp_path / "out")
        save(checkpoint, file)

    monkeypatch.setattr(torch, "save", removed)
    with pytest.raises(ConfigError, match="out: the directory is gone: stopped"):
        solve(LINE, *SMALL, "trainer.max_steps=6", "checkpoint_every=0", run_dir=tmp_path / "out")
