"""Some rows of experiments/accuracy, and more: a user's command reaches its accuracy from every seed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import pinn

ROOT = Path(__file__).parents[1]
BARS = {  # relative L2 error of every field
    "biharmonic": 1e-10,
    "poisson": 1e-12,
    "poisson_disk": 1e-12,
    "poisson_hole": 1e-9,
    "poisson_l_shape": 3e-7,  # from every seed; the median is below 1e-7
    "helmholtz": 1e-9,
    "heat": 1e-9,
    "kovasznay": 1e-10,
    "plate": 1e-5,
    "helmholtz_six": 1e-7,
    "wave": 1e-9,
    "burgers": 1e-7,
}
CENTRE = 0.00406235266  # Navier's series for the centre deflection in q a**4/D


def run(folder, *overrides):
    command = [
        sys.executable,
        ROOT / "scripts/train.py",
        *overrides,
        f"run_dir={folder}",
        "trainer.enable_progress_bar=false",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "result.json").read_text())


def check(name, result):
    assert result["status"] == "finished"
    for field, error in result["error"].items():
        assert error["relative_l2"] <= BARS[name], field


def test_first_light(tmp_path):
    check("biharmonic", run(tmp_path, "pde=biharmonic"))


def test_the_check_sees_a_run_that_is_not_accurate(tmp_path):
    with pytest.raises(AssertionError):
        check("biharmonic", run(tmp_path, "pde=biharmonic", "optimizer=adam", "optimizer.steps=5"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", BARS)
def test_accuracy_from_every_seed(name, seed, tmp_path):
    check(name, run(tmp_path, f"pde={name}", f"seed={seed}"))
    if name == "plate":
        assert abs(centre_deflection(tmp_path) / CENTRE - 1) <= 1e-6


def centre_deflection(folder):
    return float(pinn.load(folder)(0.5, 0.5))
