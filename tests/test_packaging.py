"""What an installation holds, and the README's promises."""

import subprocess
import sys
import zipfile
from pathlib import Path

import catalogue
import pytest

from pinn import Problem

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
    assert 'pip install -e ".[dev]" && pytest -n auto' in lines


def missing(names, page, pictures):
    """Problems without a section, with a link to a picture that is not there, or with a picture without a link."""
    linked = {name for name in names if f"](catalogue/{name}.png)" in page}
    return {name for name in names if f"\n### {name}\n" not in page} | (linked ^ pictures)


def test_every_problem_stands_in_the_catalogue_with_its_picture():
    page, names = catalogue.PAGE.read_text(), catalogue.names()
    pictures = {path.stem for path in catalogue.PICTURES.glob("*.png")}
    assert missing(names, page, pictures) == set(), "run scripts/catalogue.py"
    assert {name for name in names if Problem.load(name).exact} <= pictures
    assert missing([*names, "new"], page, pictures) == {"new"}  # the check sees what is not there
    assert missing(names, page, pictures - {"heat"}) == {"heat"}
    assert missing(names, page, pictures | {"old"}) == {"old"}


def test_the_catalogue_says_what_the_problems_say():
    assert catalogue.PAGE.read_text() == catalogue.page(), "run scripts/catalogue.py"


def test_pictures_of_the_catalogue_are_small_files():
    assert max(path.stat().st_size for path in catalogue.PICTURES.glob("*.png")) <= 25_000


def test_the_catalogue_is_linked():
    assert "(docs/catalogue.md)" in (ROOT / "README.md").read_text()
