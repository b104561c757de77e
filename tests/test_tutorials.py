"""Each tutorial runs, in an empty folder, and one of its numbers is right."""

import runpy
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parents[1] / "tutorials"
CHECKS = {
    "plate": lambda found: found["error"] < 1e-9 and abs(found["volume"] - 0.25) < 1e-9 and Path("plate.pdf").exists(),
    "burgers": lambda found: abs(found["nu"] - 0.05) < 2e-3,
    "sweep": lambda found: (
        found["worst"] < 1e-9 and len(found["results"]) == 2 and "#SBATCH --partition=gpu" in found["script"]
    ),
}


def test_every_tutorial_is_checked():
    assert {path.stem for path in TUTORIALS.glob("*.py")} == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.timeout(300)
def test_a_tutorial(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = runpy.run_path(str(TUTORIALS / f"{name}.py"))
    assert CHECKS[name](found)
