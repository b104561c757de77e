"""What an installation holds, and the README's promises."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import catalogue
import pytest

import pinn
from pinn import Problem

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_wheel_holds_the_configurations_and_the_command(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    (wheel,) = tmp_path.glob("pinn_partition-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert f"pinn_partition-{pinn.__version__}.dist-info/METADATA" in names
        (entry_points,) = [name for name in names if name.endswith("entry_points.txt")]
        assert "pinn = pinn.app:main" in archive.read(entry_points).decode()
    configs = {path.relative_to(ROOT / "configs").as_posix() for path in (ROOT / "configs").rglob("*.yaml")}
    assert {f"pinn/configs/{name}" for name in configs} <= set(names)


def test_the_two_commands_stand_in_the_readme():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert "pip install -e . && python scripts/train.py pde=biharmonic" in lines
    assert 'pip install -e ".[dev]" && pytest -n auto' in lines


def strangers(text: str) -> list[str]:
    """What would install the package that is called pinn on PyPI, which is somebody else's."""
    return re.findall(r"pip install[^`#\n&|]*?[\s'\"]pinn(?![\w/.-])", text)


def test_nobody_is_sent_to_the_package_of_that_name_on_pypi():
    folders = ("docs", "configs", "pinn", "scripts", "tutorials", "experiments", ".ci", ".github")
    kinds = {".md", ".py", ".yaml", ".yml", ".toml", ".sh", ""}
    inside = [p for name in folders for p in (ROOT / name).rglob("*") if p.is_file() and p.suffix in kinds]
    files = [*ROOT.glob("*.md"), ROOT / "pyproject.toml", *inside]
    assert len(files) > 300
    assert {str(p): found for p in files if (found := strangers(p.read_text()))} == {}
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    of_extras = [line for lines in named["optional-dependencies"].values() for line in lines]
    assert named["name"] != "pinn" and not [line for line in of_extras if re.match(r"pinn\b(?!-)", line)]
    for wrong in ("pip install pinn", "pip install 'pinn[mesh]'", 'pip install -U "pinn[dev]"', "pip install a pinn\n"):
        assert strangers(wrong)
    for right in ("pip install -e '.[mesh]'", "pip install pinn-partition", "pip install -e . && pinn pde=heat"):
        assert not strangers(right)


def test_there_is_one_version():
    assert f"version: {pinn.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert "version" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


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
