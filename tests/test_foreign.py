"""Runs and checkpoints of others, broken or made to do harm: one line, and nothing in them is executed."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch

import pinn
from pinn.app import main, solve
from pinn.problem import Problem
from pinn.report.index import write_index
from pinn.schema import ConfigError

LINE = Problem(
    coordinates={"x": [0, 1]}, fields=["u"], equations={"bend": "u_xx = 1"}, conditions={"ends": "u(boundary) = 0"},
    name="line",
)  # fmt: skip
SMALL = ("network.width=5", "network.depth=1", "sampling.points=20", "sampling.boundary_points=4")


class Call:
    """What an unpickler would execute."""

    def __reduce__(self):
        return os.system, ("touch caught",)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    solve(LINE, *SMALL, "optimizer=adam", "trainer.max_steps=2", run_dir=folder)
    return folder


def other_shape(path: Path) -> None:
    found = torch.load(path, weights_only=True)
    found["state_dict"] = {name: torch.zeros(3, 3) for name in found["state_dict"]}
    torch.save(found, path)


BROKEN = {
    "code": ("last.ckpt", lambda path: torch.save({"state_dict": Call()}, path)),
    "text": ("last.ckpt", lambda path: path.write_text("no checkpoint")),
    "half": ("last.ckpt", lambda path: path.write_bytes(path.read_bytes()[:2000])),
    "nothing": ("last.ckpt", lambda path: path.write_bytes(b"")),
    "another object": ("last.ckpt", lambda path: torch.save([1, 2], path)),
    "no tensors": ("last.ckpt", lambda path: torch.save({"state_dict": {"residuals.network": 1}}, path)),
    "other shapes": ("last.ckpt", other_shape),
    "configuration": ("config.yaml", lambda path: path.write_text("[1, 2]")),
    "configuration, torn": ("config.yaml", lambda path: path.write_text("a: {")),
    "configuration with objects": (
        "config.yaml",
        lambda path: path.write_text("a: !!python/object/apply:os.system [id]"),
    ),
}
COMMANDS = {
    "evaluate": ("evaluate", "run=broken"),
    "predict": ("predict", "run=broken"),
    "export": ("export", "run=broken"),
    "report": ("report", "broken"),
    "init": ("train", "pde=poisson", "init=broken", "dry_run=true", *SMALL, "network.scale=1", "optimizer=adam"),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_broken_run_gets_one_message_and_executes_nothing(name, kind, run, tmp_path, monkeypatch, capsys):
    shutil.copytree(run, tmp_path / "broken")
    file, breaks = BROKEN[kind]
    breaks(tmp_path / "broken" / file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pinn", *COMMANDS[name]])
    with pytest.raises(SystemExit) as end:
        main()
    error = capsys.readouterr().err
    assert end.value.code == 2 and error.startswith("error: ") and "Traceback" not in error and "broken" in error
    with pytest.raises(ConfigError, match=r"broken"):
        pinn.load(tmp_path / "broken")
    assert not (tmp_path / "caught").exists()


@pytest.mark.parametrize("text", ["no json", "[1]", '{"error": 3, "diagnosis": "x"}'])
def test_a_result_of_another_kind_gets_one_message(text, run, tmp_path, monkeypatch, capsys):
    shutil.copytree(run, tmp_path / "broken")
    (tmp_path / "broken" / "result.json").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pinn", "report", "broken"])
    with pytest.raises(SystemExit) as end:
        main()
    error = capsys.readouterr().err
    assert end.value.code == 2 and error.startswith("error: broken") and len(error.splitlines()) == 1


@pytest.mark.parametrize("name", ["result.json", "metrics.csv", "config.yaml"])
@pytest.mark.parametrize("text", [b"", b'{"err', b"[1]\n", b"\xff\xfe\n3\n"])
def test_a_broken_run_stands_in_the_index_beside_the_others(name, text, run, tmp_path):
    for number in range(3):
        shutil.copytree(run, tmp_path / f"{number}")
    (tmp_path / "1" / name).write_bytes(text)
    told = json.loads(
        write_index(tmp_path).read_text().partition('type="application/json">')[2].partition("</script>")[0]
    )
    assert [one["name"] for one in told["runs"]] == ["0", "1", "2"]
    assert [one["status"] for one in told["runs"]][::2] == ["finished", "finished"]
    if name != "metrics.csv":  # what has no whole line yet is a run that has just begun
        assert told["runs"][1]["status"].startswith("broken") or name == "result.json" and not text
