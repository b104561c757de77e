"""Every problem of the catalogue can be trained: a few steps of Adam bring its loss down."""

import csv

import catalogue
import pytest
import yaml

from pinn.app import solve
from pinn.problem import Problem

CORE = ("poisson", "burgers", "kovasznay", "heat", "biharmonic")
STEPS = 30
SMALL = (
    *("network.width=8", "network.depth=2", "network.activation=tanh", "network.scale=1"),
    *("sampling.points=64", "sampling.boundary_points=16"),
    *(f"optimizer.steps={STEPS}", "trainer.log_every_n_steps=1", "trainer.enable_progress_bar=false"),
    "derivatives.compile=false",
)


def untold(name):
    """The problem without its reference, which may take a minute and which training needs for observations alone."""
    mapping = yaml.safe_load((catalogue.PROBLEMS / f"{name}.yaml").read_text())
    if "observations" not in mapping:
        mapping.pop("reference", None)
    return Problem.from_mapping(mapping, name)


def losses(name, folder, lr):
    """The loss before each step of Adam, at the same points in float64, and after the last."""
    groups = {"optimizer": "adam", "precision": "fp64", "sampling": "sobol", "experiment": "none"}
    solve(untold(name), *SMALL, f"optimizer.lr={lr}", run_dir=folder, **groups)
    rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    return [sum(float(value) for key, value in row.items() if key.startswith("loss/")) for row in rows]


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in CORE else pytest.mark.slow) for n in catalogue.names()]
)
def test_its_loss_falls(name, tmp_path):
    found = losses(name, tmp_path / "run", 3e-3)
    assert len(found) == STEPS
    assert found[-1] < found[0]


def test_the_check_sees_a_loss_that_does_not_fall(tmp_path):
    found = losses("poisson", tmp_path / "run", 1e2)
    assert not found[-1] < found[0]
