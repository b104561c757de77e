"""`derivatives.compile`: the same training, and no failure where there is no compiler."""

import logging
from functools import partial

import pytest
import torch

from pinn.app import solve
from pinn.problem import Problem
from pinn.schema import ConfigError

PROBLEM = Problem(
    coordinates={"x": [0, 1], "y": [0, 1]},
    fields=["u"],
    equations={"bend": "lap(u) + u**2 = x"},
    conditions={"edge": "u(boundary) = 0", "point": "u_x(x=0, y=0) = 1"},
    enforce={"point": "soft"},
)
SMALL = ("network.width=5", "sampling.points=30", "optimizer.steps=4", "trainer.log_every_n_steps=1")


def run(compile, **groups):
    return solve(PROBLEM, *SMALL, f"derivatives.compile={compile}", optimizer="adam", **groups)


@pytest.fixture
def quick(monkeypatch):
    """Everything of the compiler but the making of machine code."""
    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))


def test_compiled_training_is_the_same(quick):
    eager, compiled = run("false"), run("true")
    assert compiled.residuals.compiled and not eager.residuals.compiled
    for a, b in zip(eager.residuals.parameters(), compiled.residuals.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-12)


def test_auto_does_not_compile_for_a_few_steps(quick):
    assert not run("auto").residuals.compiled


def test_auto_compiles_for_many(quick, monkeypatch):
    monkeypatch.setattr("pinn.training.compilation.SECONDS", 0.0)
    assert run("auto").residuals.compiled


def test_without_a_compiler_training_goes_on_and_says_so(monkeypatch, caplog):
    def broken(*_, **__):
        raise RuntimeError("no compiler\nat all")

    monkeypatch.setattr(torch, "compile", broken)
    with caplog.at_level(logging.WARNING, logger="pinn"):
        assert not run("true").residuals.compiled
    (record,) = caplog.records
    assert record.getMessage() == "derivatives: not compiled, RuntimeError: no compiler"


def test_the_reference_engine_does_not_compile():
    with pytest.raises(ConfigError, match="do not compile"):
        run("true", derivatives="autograd")
