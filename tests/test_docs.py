"""The docs site has every choice, every name and every page, and builds without a warning."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import docs
from pinn.language import RESERVED

ROOT = Path(__file__).parents[1]


def test_every_group_and_every_choice_is_there():
    text = docs.options()
    for path in (ROOT / "configs").rglob("*.yaml"):
        assert path.stem in text


def test_what_is_public_is_in_the_api():
    text = docs.api()
    for name in ("### Problem(", "### solve(", "#### Solution.integral(text)", "#### Solution.error", "### plan("):
        assert name in text


def test_the_language_page_has_every_name():
    words = set(re.findall(r"\w+", (docs.DOCS / "language.md").read_text()))
    assert set(RESERVED) <= words
    assert not {*RESERVED, "laplacian"} <= words


def run(page):
    """The Python blocks of a page, in order, as one script."""
    exec("\n".join(re.findall(r"```python\n(.*?)```", page, flags=re.S)), {})


@pytest.mark.filterwarnings("ignore:Using backward")
def test_the_page_of_higher_derivatives_is_right_and_sees_a_wrong_formula():
    page = (docs.DOCS / "derivatives.md").read_text()
    assert len(page.split("```python")) > 10
    run(page)
    for right, wrong in (
        (" - 6 * y * torch.cos(x)\n", " - 6.0001 * y * torch.cos(x)\n"),
        ("u_x + u_xx + u_xy", "u_xx"),
    ):
        assert page.count(right) == 1
        with pytest.raises(AssertionError):
            run(page.replace(right, wrong))


def test_every_page_is_in_the_navigation():
    nav = str(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"])
    pages = {path.relative_to(docs.DOCS).as_posix() for path in {*docs.DOCS.rglob("*.md"), *docs.pages()}}
    assert set(re.findall(r"[\w/]+\.md", nav)) == pages


def test_the_site_builds(tmp_path):
    for name in ("docs", "zensical.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    for path, text in docs.pages().items():
        (tmp_path / path.relative_to(ROOT)).parent.mkdir(exist_ok=True)
        (tmp_path / path.relative_to(ROOT)).write_text(text)
    command = ["zensical", "build", "--strict"]
    built = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "biharmonic" in (tmp_path / "build" / "site" / "catalogue" / "index.html").read_text()
    (tmp_path / "docs" / "index.md").write_text("[lost](nowhere.md)")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120).returncode != 0
