"""The command: help, a run and what it leaves, one's own problem, sweeps; and `solve` for notebooks."""

import csv
import json
import logging
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import pinn
from pinn.app import main, solve
from pinn.app.run import process_start
from pinn.problem import Problem
from pinn.report.html import plotly_name
from pinn.schema import ConfigError

OWN = """\
coordinates: {x: [0, 1]}
fields: [u, v]
parameters: {k: {learn: 0.5}}
equations: {first: u_xx = -v, second: k*v_xx = -u}
conditions: {u_ends: u(boundary) = 0, v_ends: v(boundary) = 0}
enforce: {v_ends: soft}
"""
SMALL = ("network.width=5", "network.depth=1", "sampling.points=20", "sampling.boundary_points=4")
SHORT = (*SMALL, "trainer.log_every_n_steps=1", "trainer.max_steps=3")
LINE = Problem(
    coordinates={"x": [0, 1]},
    fields=["u"],
    equations={"bend": "u_xx = -pi**2*sin(pi*x)"},
    conditions={"ends": "u(boundary) = 0"},
    exact={"u": "sin(pi*x)"},
    name="line",
)


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Run the command in an empty folder, with a problem in `mine/pde/own.yaml`; gives back the exit status."""
    (tmp_path / "mine" / "pde").mkdir(parents=True)
    (tmp_path / "mine" / "pde" / "own.yaml").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))

    def run(*typed: str) -> int:
        monkeypatch.setattr(sys, "argv", ["train.py", *typed])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    return run


@pytest.mark.parametrize("typed", [[], ["--help"], ["train", "--help"]])
def test_help_shows_the_groups_and_what_to_type(command, capsys, typed):
    assert command(*typed) == 0
    text = capsys.readouterr().out
    for word in ("pde ", "biharmonic", "gauss_newton", "auto*", "fp64", "--config-dir=mine", "-m", "network.width=64"):
        assert word in text
    assert len(text.splitlines()) < 30


def test_help_lists_ones_own_problems(command, capsys):
    command("--config-dir=mine", "--help")
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("  pde  "))
    assert "own" in line.split()


def test_a_run_of_ones_own_problem_and_what_it_leaves(command, capsys):
    assert command("train", "--config-dir=mine", "pde=own", "run_dir=out", "seed=4", *SHORT) == 0
    files = {file.name for file in Path("out").iterdir()}
    assert files == {
        *("config.yaml", "metrics.csv", "result.json", "last.ckpt"),
        *("field.png", "residual.png", "history.png", "report.html", plotly_name()),
    }
    rows = list(csv.DictReader(Path("out/metrics.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["1", "2", "3"]
    losses = {
        f"{kind}/{name}"
        for kind in ("loss", "weight", "residual_max", "grad_norm")
        for name in ("first", "second", "v_ends")
    }
    clock = {"time/step", "time/outside", "time/points_per_second"}
    assert set(rows[0]) == {"step", *clock, "memory/peak", "parameter/k", *losses}
    result = json.loads(Path("out/result.json").read_text())
    keys = "status pde seed precision engine compiled channels unknowns steps seconds error residual loss parameters"
    assert set(result) == {
        "weighted_loss",
        "size",
        *keys.split(),
        "peak_memory_megabytes",
        "noise_floor",
        "versions",
        "command",
        "hardware",
        "diagnosis",
    }
    assert (result["status"], result["pde"], result["seed"], result["steps"]) == ("finished", "own", 4, 3)
    assert (result["precision"], result["engine"], result["error"]) == ("fp64", "jet", None)
    assert set(result["loss"]) == {"first", "second", "v_ends"}
    assert set(result["parameters"]) == {"k"}
    assert set(result["versions"]) == {"python", "torch", "lightning", "pinn"}
    assert result["seconds"] > 0
    printed = capsys.readouterr()
    for text in ("u_xx = -v", "built into the network", "float64", "held-out residual", "out/", "result.json"):
        assert text in printed.out
    assert printed.err == ""
    assert "Lightning" not in printed.out


def test_flags_may_stand_between_keys(command):
    assert command("run_dir=out", *SHORT, "--config-dir", "mine", "pde=own") == 0
    assert json.loads(Path("out/result.json").read_text())["pde"] == "own"
    assert command("pde=poisson", "-m", "seed=0,1", "run_dir=two", *SHORT, "trainer.max_steps=1") == 0
    assert Path("two/1/result.json").exists()


def test_a_run_without_a_name_gets_one_that_nobody_has(command):
    for _ in range(2):
        assert command("pde=poisson", *SHORT, "trainer.max_steps=1") == 0
    assert len(list(Path("runs/poisson").glob("20*/result.json"))) == 2


def test_a_sweep_gives_each_run_its_place_and_its_seed(command):
    assert command("-m", "pde=poisson", "seed=0,1", "run_dir=out", *SHORT, "trainer.max_steps=1") == 0
    results = [json.loads(Path(f"out/{job}/result.json").read_text()) for job in range(2)]
    assert [result["seed"] for result in results] == [0, 1]
    assert results[0]["error"] != results[1]["error"]


def test_a_run_is_not_overwritten(command, capsys):
    assert command("pde=poisson", "run_dir=out", *SHORT, "trainer.max_steps=1") == 0
    capsys.readouterr()
    assert command("pde=poisson", "run_dir=out", "resume=false", *SHORT) == 2
    assert "resume=auto" in capsys.readouterr().err
    assert command("pde=poisson", "run_dir=out", *SHORT, "network.width=6") == 2
    assert "network.width was 5, is 6" in capsys.readouterr().err


def test_divergence_is_said(command, capsys):
    typed = ("optimizer=adam", "optimizer.lr=1e14", "optimizer.steps=50", "precision=fp32")
    assert command("pde=poisson", "run_dir=out", *SHORT, *typed, "trainer.max_steps=-1") == 1
    assert "DIVERGED" in capsys.readouterr().out
    result = json.loads(Path("out/result.json").read_text())
    assert result["status"] == "diverged"
    assert result["steps"] < 50


def test_ctrl_c_before_the_first_step_ends_without_a_traceback(command, capsys, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    heard = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("pinn.training.module.PINN.on_fit_start", interrupted)
    assert command("pde=poisson", "run_dir=out", *SHORT) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted"
    assert signal.getsignal(signal.SIGINT) == heard


def test_wandb_without_an_account_writes_offline(command, capsys):
    assert command("pde=poisson", "logger=wandb", "run_dir=out", *SHORT) == 0
    assert len(list(Path("out/wandb").glob("offline-run-*/run-*.wandb"))) == 1
    assert capsys.readouterr().err == ""


def test_a_device_that_is_not_there(command, capsys):
    if torch.cuda.is_available():
        pytest.skip("it is there")
    assert command("pde=poisson", "trainer=gpu", *SHORT) == 2
    assert capsys.readouterr().err.startswith("error: trainer")


def test_the_clock_starts_with_the_process():
    import time

    assert 0 < time.time() - process_start() < 3600


def test_solve(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    solution = solve(
        LINE, "network.width=8", "sampling.points=40", "optimizer.steps=30", optimizer="gauss_newton", seed=1
    )
    assert list(tmp_path.iterdir()) == []
    assert solution.problem is LINE
    assert solution.error["u"]["relative_l2"] < 1e-4
    x = np.linspace(0, 1, 6).reshape(2, 3)
    np.testing.assert_allclose(solution(x), np.sin(np.pi * x), atol=1e-3)
    np.testing.assert_array_equal(solution(torch.tensor(x)), solution(x))
    assert solution(0.5).shape == ()
    points = x.reshape(-1, 1)
    np.testing.assert_allclose(
        solution.derivative("u_xx", points), -(np.pi**2) * np.sin(np.pi * points[:, 0]), atol=1e-2
    )
    assert solution.residual["bend"] < 1e-2
    assert len(solution.plot().axes) == 3  # field, exact, error


def test_solve_with_several_fields_and_files(tmp_path):
    problem = Problem.load(_own(tmp_path))
    solution = solve(problem, *SHORT, run_dir=tmp_path / "out")
    assert (tmp_path / "out" / "result.json").exists()
    assert solution.error is None
    assert set(solution([0.1, 0.2])) == {"u", "v"}
    assert solution.learned.keys() == {"k"}


@pytest.mark.parametrize("typed", [{"optimizer": "adma"}, {"network.widht": 3}, {"sede": 1}])
def test_solve_says_what_is_wrong(typed):
    with pytest.raises(ConfigError, match="Did you mean"):
        solve(LINE, **typed)


def _own(folder: Path) -> Path:
    path = folder / "own.yaml"
    path.write_text(OWN)
    return path


PERIODIC = "network.features={name:periodic,coordinates:[x],count:2}"


@pytest.mark.parametrize("network", [[], ["network=piratenet"], ["network=separable", PERIODIC]])
def test_a_run_can_be_loaded_again(network, command):
    assert command("--config-dir=mine", "pde=own", "run_dir=out", *SHORT, *network) == 0
    again = pinn.load("out")
    result = json.loads(Path("out/result.json").read_text())
    assert again.learned == result["parameters"] and again.residual == pytest.approx(result["residual"])
    assert again.problem.name == "own"
    with pytest.raises(ConfigError, match="no run is here"):
        pinn.load("nowhere")


def test_a_session_is_left_as_it_was_found(tmp_path):
    """Random numbers, the precision of products, the lines and warnings of Lightning are the user's own."""
    log = logging.getLogger("lightning.pytorch")
    before = torch.get_float32_matmul_precision(), log.level
    torch.set_float32_matmul_precision("medium")
    log.setLevel(logging.INFO)
    try:
        torch.manual_seed(5)
        filters = list(warnings.filters)
        solve(LINE, *SHORT, optimizer="adam", run_dir=tmp_path)
        pinn.load(tmp_path)
        assert torch.get_float32_matmul_precision() == "medium" and log.level == logging.INFO
        assert warnings.filters == filters
        drawn = torch.rand(3)
        torch.manual_seed(5)
        assert torch.equal(drawn, torch.rand(3))
    finally:
        torch.set_float32_matmul_precision(before[0])
        log.setLevel(before[1])


def test_a_word_that_is_no_command(command, capsys):
    assert command("trian", "pde=poisson") == 2
    assert capsys.readouterr().err == "error: trian: no such command. Did you mean 'train'?\n"


def test_names_are_text_in_the_terminal_and_in_pictures(command, capsys):
    """`[/]` ends a style of rich's, `$` begins matplotlib's mathematics."""
    name = r"$\frac{[/bold]$"
    text = OWN.replace("{first:", f"{{'{name}':").replace("u_ends", "'[/] $x^$'")
    Path("mine/pde/own.yaml").write_text(text)
    assert command("--config-dir=mine", "pde=own", "run_dir=out", *SHORT) == 0
    assert name in capsys.readouterr().out
    assert {"history.png", "residual.png"} <= {file.name for file in Path("out").iterdir()}
    Path("mine/pde/own.yaml").write_text(OWN.replace("{first:", '{"\\e[2J":'))
    assert command("--config-dir=mine", "pde=own", "run_dir=other", *SHORT) == 2
    assert r"'\x1b[2J' has a character that cannot be seen" in capsys.readouterr().err
