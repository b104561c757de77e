"""What an installation holds, and the README's promises."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_wheel_holds_the_configurations_and_the_command(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    (wheel,) = tmp_path.glob("pinn-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
        assert "pinn = pinn.app:main" in archive.read(entry_points).decode()
    configs = {path.relative_to(ROOT / "configs").as_posix() for path in (ROOT / "configs").rglob("*.yaml")}
    assert {f"pinn/configs/{name}" for name in configs} <= set(names)


def test_the_two_commands_stand_in_the_readme():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert "pip install -e . && python scripts/train.py pde=biharmonic" in lines
    assert 'pip install -e ".[dev]" && pytest' in lines


def test_every_problem_stands_in_the_readmes_table():
    text = (ROOT / "README.md").read_text()
    for path in (ROOT / "configs" / "pde").glob("*.yaml"):
        assert f"| `{path.stem}` |" in text
