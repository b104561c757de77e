"""The noise floor: what rounding alone adds to the loss, and the line that says so."""

import logging

import torch

from pinn.app import solve
from pinn.networks import MLP, Scaled
from pinn.problem import Problem
from pinn.residuals import Residuals
from pinn.sampling import Sobol, points
from pinn.training.noise import NoiseFloor

PROBLEM = Problem(
    coordinates={"x": [0, 1]},
    fields=["u"],
    equations={"beam": "u_xxxx = 1"},
    conditions={"ends": "u(boundary) = 0", "bend": "u_xx(boundary) = 0"},
    enforce={"bend": "soft"},
)


def floor(dtype, bits=None):
    torch.manual_seed(0)
    residuals = Residuals(PROBLEM, MLP(Scaled([0.0], [1.0]), 1, width=20, scale=2.0).to(dtype))
    kind = {"seed": 0, "step": 0, "dtype": dtype, "device": "cpu"}
    at = points(PROBLEM.domain, dict.fromkeys(residuals.places, 100), Sobol(), **kind)
    noise = NoiseFloor(residuals, lambda: torch.autocast("cpu", torch.bfloat16, enabled=bits == 16))
    return noise.losses(at), residuals.losses(at)


def test_the_floor_is_the_square_of_the_rounding_errors():
    single, losses = floor(torch.float32)
    double, _ = floor(torch.float64)
    half, _ = floor(torch.float32, bits=16)
    for name in PROBLEM.equations:
        assert 1e-16 < single[name] / losses[name] < 1e-9
        assert single[name] * 2.0**-58 / 30 < double[name] < single[name] * 2.0**-58 * 30
        assert half[name] > 1e4 * single[name]


def run(*overrides, **groups):
    short = ("network.width=20", "network.scale=3", "sampling.points=60", "tolerance=0", *overrides)
    return solve(PROBLEM, *short, **groups)


def said(caplog, *overrides, **groups):
    with caplog.at_level(logging.WARNING, logger="pinn"):
        run(*overrides, **groups)
    return [r.getMessage() for r in caplog.records if "noise floor" in r.getMessage()]


def test_a_run_at_its_floor_says_so_once(caplog):
    (message,) = said(caplog, "optimizer.steps=300", "optimizer.lr=0.01", optimizer="adam", precision="bf16")
    assert "in precision=bf16" in message and "precision=fp64 goes further" in message


def test_in_float64_nothing_is_left(caplog, monkeypatch):
    monkeypatch.setattr("pinn.training.module.NOISY", 1e5)  # the cut-off of small singular values comes before rounding
    (message,) = said(caplog, "optimizer.steps=6", optimizer="least_squares")
    assert message.endswith("nothing is left to gain")


def test_a_run_above_its_floor_does_not(caplog):
    assert said(caplog, "optimizer.steps=6", optimizer="adam") == []
