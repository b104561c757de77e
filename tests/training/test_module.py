"""What the LightningModule does between two steps, and what it shows."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import hydra
import pytest
import torch
from omegaconf import OmegaConf

from pinn.app import CONFIGS, solve
from pinn.app.compose import checked, compose
from pinn.operators import jets
from pinn.problem import Problem
from pinn.schema import ConfigError, check
from pinn.training.build import build
from pinn.training.choice import choose
from pinn.training.module import PINN

PROBLEM = Problem(
    coordinates={"x": [0, 1]},
    fields=["u"],
    equations={"bend": "u_xx = -sin(pi*x)"},
    conditions={"left": "u(x=0) = 0", "right": "u(x=1) = 0"},
    enforce="soft",
)
SCRIPT = Path(__file__).parents[2] / "scripts" / "train.py"


def module(*overrides: str) -> PINN:
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        composed = hydra.compose(
            "train", ["~pde", "experiment=none", "network.width=5", "sampling.points=30", *overrides]
        )
    config = choose(PROBLEM, check(OmegaConf.to_container(composed, resolve=True)))
    return PINN(build(PROBLEM, config), PROBLEM, config, None)


@pytest.mark.parametrize("choice", ["gauss_newton", "least_squares"])
def test_the_system_is_the_loss_and_its_jacobian(choice):
    pinn = module(f"optimizer={choice}", "+balancing.weights.left=3")
    (optimizer,) = pinn.configure_optimizers()
    system = pinn._closure(optimizer)()
    r, jacobian = system.linearise()
    losses = pinn.losses()
    assert torch.allclose(r @ r, losses["bend"] + 3 * losses["left"] + losses["right"], rtol=1e-12)
    assert torch.allclose(system.residual(), r, rtol=1e-12)
    parameters = optimizer.param_groups[0]["params"]
    assert jacobian.shape == (len(r), sum(p.numel() for p in parameters))
    found = dict(zip(map(id, pinn.residuals.parameters()), pinn.gradient(pinn.ranks)[1], strict=True))
    assert torch.allclose(2 * jacobian.T @ r, torch.cat([found[id(p)].flatten() for p in parameters]), rtol=1e-10)


def test_least_squares_solves_a_linear_problem_in_one_step(capsys):
    overrides = ("network.width=40", "network.depth=1", "sampling.points=200", "trainer.max_steps=1")
    solution = solve(PROBLEM, *overrides, optimizer="least_squares")
    assert abs(solution(0.5) - 1 / torch.pi**2) < 1e-5


@pytest.mark.parametrize(
    ("precision", "dtype", "matmul", "words"),
    [
        ("fp64", torch.float64, "highest", "float64"),
        ("fp32", torch.float32, "highest", "true float32"),
        ("tf32", torch.float32, "high", "TF32"),
        ("bf16", torch.float32, "highest", "bfloat16"),
    ],
)
def test_precision_is_what_was_asked_for(precision, dtype, matmul, words, capsys, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(torch, "set_float32_matmul_precision", asked.append)
    options = ("network.width=5", "sampling.points=30", "sampling.boundary_points=4", "optimizer.steps=2")
    solution = solve(PROBLEM, *options, precision=precision, optimizer="adam")
    assert next(solution.residuals.parameters()).dtype == dtype
    assert asked[0] == matmul  # what the session had comes after it
    assert words in capsys.readouterr().out


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_leaves_a_checkpoint_and_says_so(name, status, tmp_path):
    typed = ["pde=poisson", "optimizer=adam", "optimizer.steps=1000000", "sampling.points=50", "run_dir=out"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, SCRIPT, *typed], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL
    )
    history, deadline = tmp_path / "out" / "metrics.csv", time.monotonic() + 60
    while not history.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(getattr(signal, name))
    assert process.wait(60) == status
    assert (tmp_path / "out" / "last.ckpt").exists()
    assert '"steps": ' in (tmp_path / "out" / "result.json").read_text()


@pytest.mark.parametrize("rate", ["7e10*exp(-8750/u)", "log(u - 3)", "u**0.5"])
def test_engines_agree_where_a_term_is_infinite_or_no_number(rate, monkeypatch):
    line = Problem(
        coordinates={"x": [0, 1]}, fields=["u"], equations={"e": f"u_xx = {rate}"}, conditions={"b": "u(x=0) = 0"}
    )  # fmt: skip
    config = checked(compose("~pde", "experiment=none", "network.width=5", "network.scale=1", "optimizer=adam"))
    config = choose(line, config)
    build(line, config)
    right = jets.ELEMENTARY["sin"]
    monkeypatch.setitem(jets.ELEMENTARY, "sin", lambda z, order: [s * (1 + 1e-5) for s in right(z, order)])
    with pytest.raises(ConfigError, match="engines differ by"):
        build(line, config)


def test_training_is_refused_where_the_engines_disagree(monkeypatch):
    right = jets.ELEMENTARY["sin"]
    monkeypatch.setitem(jets.ELEMENTARY, "sin", lambda z, order: [s * (1 + 1e-5) for s in right(z, order)])
    with pytest.raises(ConfigError, match="engines differ by 1.0e-05"):
        module()
