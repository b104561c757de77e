"""Every problem of the catalogue can be trained: a few steps of Adam bring its loss down."""

import argparse
import re
import shutil
from types import SimpleNamespace

import catalogue
import hydra
import pytest
import yaml
from benchmarks import gallery
from benchmarks.accuracy_table import read, write
from omegaconf import OmegaConf
from rich.console import Console

from pinn.app import CONFIGS
from pinn.problem import Learned, Problem
from pinn.schema import ConfigError, check
from pinn.training.build import build
from pinn.training.choice import choose
from pinn.training.module import PINN
from pinn.training.run import fit

BROKEN = ("poisson_interface",)  # along an interface, where cells end and one network does not
CORE = ("poisson", "burgers", "kovasznay", "heat", "biharmonic")
SMALL = (
    *("~pde", "experiment=none", "optimizer=adam", "optimizer.steps=30", "derivatives.compile=false"),
    *("network.width=8", "network.depth=2", "network.activation=tanh", "network.scale=1"),
    *("sampling.points=64", "sampling.boundary_points=16", "trainer.enable_progress_bar=false"),
)


def load(name):
    """The problem without its reference, which may take a minute, unless its data come from there."""
    mapping = yaml.safe_load((catalogue.PROBLEMS / f"{name}.yaml").read_text())
    if "observations" not in mapping:
        mapping.pop("reference", None)
    return Problem.from_mapping(mapping, name)


def losses(problem, lr):
    """The loss before and after the steps, at the same points in float64."""
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = check(OmegaConf.to_container(hydra.compose("train", [*SMALL, f"optimizer.lr={lr}"]), resolve=True))
    config = choose(problem, config)
    residuals = build(problem, config)
    assert {p.dtype.itemsize for p in residuals.parameters()} == {8} and config.sampling.resample_every == 0
    before = sum(PINN(residuals, problem, config, None).losses().values())
    _, status = fit(problem, config, residuals, None, Console(quiet=True))
    assert status == "finished"
    return before, sum(PINN(residuals, problem, config, None).losses().values())


SMOOTH = [name for name in catalogue.names() if name not in BROKEN]


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in CORE else pytest.mark.slow) for n in SMOOTH])
def test_its_loss_falls(name):
    before, after = losses(load(name), 3e-3)
    assert after < before


@pytest.mark.parametrize("name", BROKEN)
def test_one_network_is_refused_where_the_solution_is_broken(name):
    with pytest.raises(ConfigError, match="jumps where x - 1/2 = 0"):
        losses(load(name), 3e-3)


def test_the_check_sees_a_loss_that_does_not_fall():
    before, after = losses(load("poisson"), 1e2)
    assert not after < before


FOUND = """\
# A rod whose
# conductivity is *sought*.
coordinates: {x: [0, 1]}
fields: [u]
parameters: {k: {learn: 0.5}}
equations: {rod: k*u_xx = -1}
conditions: {ends: u(boundary) = 0}
"""
BENT = """\
# A load.
coordinates: {x: [0, 1], y: [0, 1]}
fields: [u]
functions: {q: manufactured}
equations: {bend: u_xxyy = q}
exact: {u: x**4*y**4}
"""


def test_the_page_takes_whatever_is_in_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "PROBLEMS", tmp_path)
    monkeypatch.setattr(catalogue, "PICTURES", tmp_path / "pictures")
    (tmp_path / "found.yaml").write_text(FOUND)
    (tmp_path / "bent.yaml").write_text(BENT)
    page = catalogue.page()
    bent, found = page.split("\n### ")[1:]
    assert page.index("## The plane: one field, of higher order") < page.index("## With something to be found")
    assert "> A rod whose conductivity is \\*sought\\*." in found and "k = {learn: 0.5}" in found
    assert "1 condition. Its solution is not known" in found and "![" not in found
    assert "No conditions. Exact solution: `u = x**4*y**4`" in bent and "![bent](catalogue/bent.png)" in bent
    assert catalogue.draw(catalogue.load("found")) is None
    assert catalogue.draw(catalogue.load("bent")) == tmp_path / "pictures" / "bent.png"
    assert (tmp_path / "pictures" / "bent.png").exists()


@pytest.mark.parametrize("name", catalogue.names())
def test_each_has_its_source_its_place_on_the_page_and_its_picture(name):
    mapping = yaml.safe_load((catalogue.PROBLEMS / f"{name}.yaml").read_text())
    head, page = catalogue._comment(name), catalogue.PAGE.read_text()
    assert re.search(r"\b(1[5-9]|20)\d\d\b|\b(ch|eq|art|section)\.? ?\(?\d", head), head  # a year, or a place in a book
    assert f"### {name}\n" in page and f"pde={name}`" in page
    assert all(text in page for text in mapping["equations"].values())
    if "exact" in mapping or "reference" in mapping:
        assert (catalogue.PICTURES / f"{name}.png").exists() and f"(catalogue/{name}.png)" in page


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"status": "finished"}, "Measured: error of v, the largest, 1.2e-06 in 7 s, seed 0."),
        (
            {"status": "timed out"},
            "Measured: stopped after 14 s, unfinished; error of v, the largest, 1.2e-06 by then.",
        ),
        ({"status": "failed", "error": "", "errors": ""}, "Measured: failed after 7 s."),
    ],
)
def test_the_page_says_what_the_file_says(row, text, tmp_path, monkeypatch):
    row = {
        "problem": "heat",
        "error": "1.2e-06",
        "errors": "u:1.00e-08 v:1.20e-06",
        "seconds": "7.1",
        "seed": "0",
        **row,
    }
    write(tmp_path / "results.csv", [row | {"limit": "14", "steps": "3"}])
    monkeypatch.setattr(catalogue, "MEASURED", tmp_path / "results.csv")
    assert text in catalogue.section("heat") and "Measured" not in catalogue.section("burgers")


def test_the_benchmark_writes_what_the_page_reads(tmp_path, monkeypatch):
    (tmp_path / "pde").mkdir()
    shutil.copy(catalogue.PROBLEMS / "lane_emden.yaml", tmp_path / "pde" / "polytrope.yaml")
    options = argparse.Namespace(folder=tmp_path, problems=None, seed=3, limit=60.0, keep=False, out=tmp_path)
    (row,) = gallery.run(options)
    assert row["status"] == "finished" and float(row["error"]) < 1e-6 and row["seed"] == "3" and not row["doubted"]
    assert 1 < float(row["seconds"]) < 60 and read(tmp_path / "results.csv") == [row]
    gallery.picture([row], tmp_path / "results.png")
    assert (tmp_path / "results.png").stat().st_size > 1000
    monkeypatch.setattr(gallery, "measure", lambda *_: pytest.fail("it is measured again"))
    assert gallery.run(argparse.Namespace(**{**vars(options), "keep": True})) == [row]
    with pytest.raises(SystemExit, match="no problem 'heat'"):
        gallery.run(argparse.Namespace(**{**vars(options), "problems": ["heat"]}))


def test_what_a_run_says_of_itself_is_found_in_broken_lines():
    assert gallery.is_doubted("u is not solved: 40 % of its terms are left. Do not\ntrust the solution.\n")
    assert not gallery.is_doubted("Every equation is met to 2e-11 of its size: nothing is left that is worth the time.")


def test_numbers_are_judged_by_the_deviations_that_the_run_tells():
    truths = {"a": 2.0, "b": 0.0, "c": None, "d": 1.0}
    learned = {name: Learned(1.0, truth=truth) for name, truth in truths.items()}
    problem = SimpleNamespace(learned=learned)
    found = {"a": 2.3, "b": 0.5, "c": 7.0, "d": 9.0}
    told = {"a": 0.1, "b": 0.1, "c": 0.1, "d": None}  # JSON has null for what is infinite
    assert gallery.deviations(problem, {"parameters": found, "standard_deviation": told}) == "5.0"
    assert gallery.deviations(problem, {"parameters": found}) == gallery.deviations(problem, {}) == ""


def test_a_folder_without_problems_is_told(tmp_path):
    with pytest.raises(SystemExit, match="there is no problem in .*pde: --folder"):
        gallery.run(argparse.Namespace(folder=tmp_path, problems=None, seed=0, limit=1.0, keep=False, out=tmp_path))


def test_runs_that_did_not_end_are_listed_apart():
    rows = [
        {
            "problem": name,
            "status": status,
            "error": error,
            "errors": "u:1" if error else "",
            "seconds": "9",
            "steps": "1",
        }
        for name, status, error in (("a", "finished", "1e-9"), ("b", "timed out", "0.1"), ("c", "failed", ""))
    ]
    text = gallery.table(rows)
    assert "1 of 3 runs ended by themselves." in text and text.index("| a |") < text.index("2 did not")
    assert "| b | timed out | 0.1 |" in text and "| c | failed | none |" in text
