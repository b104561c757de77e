"""The docs site has every choice, every name and every page, and builds without a warning."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import docs
from pinn import LanguageError, Problem
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


def run(page, blocks=None):
    """The Python blocks of a page, or the first of them, in order, as one script; the names that it leaves."""
    names = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", page, flags=re.S)[:blocks]), names)
    return names


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


def test_the_python_of_the_readme_solves_the_plate(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run((ROOT / "README.md").read_text(), blocks=1)
    assert names["solution"].error["u"]["relative_l2"] < 1e-10 and names["u"].shape == (50, 50)
    assert (tmp_path / "plate.pdf").stat().st_size


def test_the_python_of_the_page_on_extending_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (docs.DOCS / "extend.md").read_text()
    run(page)
    with pytest.raises(AssertionError):
        run(page.replace("return 4 *", "return 4.001 *"))


def test_the_first_problem_is_one_and_is_refused_as_the_page_says():
    first, readme = (docs.DOCS / "first.md").read_text(), (ROOT / "README.md").read_text()
    problem, same = (yaml.safe_load(re.findall(r"```yaml\n(.*?)```", page, flags=re.S)[0]) for page in (first, readme))
    assert Problem.from_mapping(problem).exact and problem == same
    problem["equations"]["heat"] = problem["equations"]["heat"].replace("u_xx", "u_xz")
    with pytest.raises(LanguageError) as error:
        Problem.from_mapping(problem)
    assert str(error.value) in first


def test_every_link_leads_to_a_file_and_a_heading():
    """Building the site looks at links between its pages alone, and not at headings."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *docs.DOCS.glob("*.md")]
    assert not [(path.name, link) for path in pages for link in broken(path, path.read_text())]
    assert broken(ROOT / "README.md", "[a](docs/none.md) [b](docs/trust.md#none)") == [
        "docs/none.md",
        "docs/trust.md#none",
    ]


def broken(path, text):
    """Links to files that are neither there nor written for the site, or to headings that the page does not have."""
    found, written = [], docs.pages()
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.M) if anchor and target.is_file() else []
        if target not in written and (not target.exists() or (anchor and anchor not in map(slug, headings))):
            found.append(link)
    return found


def slug(heading):
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


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
