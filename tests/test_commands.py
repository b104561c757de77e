"""`pinn evaluate` and `pinn predict` on runs, their help and what they say of wrong options; `init=`."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

import pinn
from pinn.app import main
from pinn.postprocessing import export
from pinn.schema import ConfigError

SMALL = ("network.width=40", "sampling.points=200", "optimizer=least_squares", "trainer.enable_progress_bar=false")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which `out` is a run."""
    folder = tmp_path_factory.mktemp("runs")
    pinn.solve(pinn.Problem.load("poisson_hole"), *SMALL, run_dir=folder / "out")
    return folder


@pytest.fixture
def command(folder, monkeypatch):
    """Run a command there; gives back the exit status."""
    monkeypatch.chdir(folder)

    def run(*typed):
        monkeypatch.setattr(sys, "argv", ["pinn", *typed])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code

    return run


def test_evaluate(command, capsys):
    assert command("evaluate", "run=out", "norms=[l2,h1]", "by=x", "parts=2", "out=errors.csv", "points=4096") == 0
    rows = list(csv.DictReader(Path("errors.csv").read_text().splitlines()))
    assert [(row["norm"], row["part"]) for row in rows[:2]] == [("l2", "x in [0, 0.5]"), ("h1", "x in [0, 0.5]")]
    printed = capsys.readouterr().out
    assert all(f"{float(row['error']):.2e}" in printed for row in rows)
    whole = pinn.load("out").error["u"]["relative_l2"]
    assert 0.3 * whole < float(rows[0]["relative"]) < 3 * whole


def test_predict(command, capsys):
    typed = ("quantities=[u,u_xx,f]", "grid=[5,[0.1,0.5]]", "out=[p.npz,p.csv]")
    assert command("predict", "run=out", *typed) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "5 x 2 points, 3 outside"
    solution = pinn.load("out")
    with np.load("p.npz") as file:
        x, y = np.meshgrid(file["x"], file["y"], indexing="ij")
        inside = ~np.isnan(file["u"])
        np.testing.assert_allclose(file["u"][inside], solution(x, y)[inside], rtol=1e-12)
        points = np.stack([x[inside], y[inside]], 1)
        np.testing.assert_allclose(file["u_xx"][inside], solution.derivative("u_xx", points), rtol=1e-9)
        np.testing.assert_allclose(file["f"][inside], solution.derivative("f", points))


def test_export(command, capsys):
    assert command("export", "run=out", "out=[n.pt2,n.onnx]") == 0
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == ["n.pt2", "n.onnx"]
    points = np.array([[0.1, 0.2], [0.9, 0.9], [0.5, 0.75], [0.0, 0.3]])  # the last two where u = 0 is built in
    expected = pinn.load("out")(*points.T)
    exported = torch.export.load("n.pt2").module()(torch.tensor(points)).detach().numpy()[:, 0]
    np.testing.assert_allclose(exported, expected, rtol=1e-14)
    (graph,) = onnxruntime.InferenceSession("n.onnx").run(None, {"points": points})
    np.testing.assert_allclose(graph[:, 0], expected, rtol=1e-6, atol=1e-12)
    assert np.abs(expected[2:]).max() < 1e-15


def test_an_export_that_gives_other_values_is_refused(folder, monkeypatch, tmp_path):
    wrong = {".pt2": lambda network, x, path: network(x) * (1 + 1e-5)}
    monkeypatch.setattr(sys.modules["pinn.postprocessing.export"], "EXPORTERS", wrong)
    with pytest.raises(ValueError, match="its values differ from the network's by"):
        export(pinn.load(folder / "out"), tmp_path / "n.pt2")


def test_onnx_that_is_not_installed(folder, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ValueError, match=r"ONNX needs onnxscript: pip install -e '\.\[export\]'"):
        export(pinn.load(folder / "out"), tmp_path / "n.onnx")


@pytest.mark.parametrize("name", ["evaluate", "predict", "export"])
def test_help(name, command, capsys):
    assert command(name, "--help") == 0
    assert "run=PATH" in capsys.readouterr().out
    assert command("--help") == 0
    assert f"pinn {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("evaluate norms=[l2]", "run: this key is missing."),
        ("evaluate run=nowhere", "nowhere: no run is here: config.yaml is missing."),
        ("evaluate run=out norm=l2", "norm=l2: there is no key 'norm'. Did you mean 'norms'?"),
        ("evaluate run=out points=0", "points=0: should be greater than 0."),
        ("evaluate run=out by=z", "by=z: no coordinate has this name. There are: x, y."),
        ("evaluate run=out where=x<", "cannot read 'where=x<' as key=value."),
        ("predict run=out out=p.vtk", "out=p.vtk: files end in .npz, .csv, .vtu, .nc"),
        ("export run=out out=n.h5", "out=n.h5: files end in .pt2, .onnx"),
        ("predict run=out quantities=[u_zz]", "'u_zz'"),
    ],
)
def test_what_is_wrong_is_said(typed, said, command, capsys):
    assert command(*typed.split()) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ") and said in printed.err and printed.err.count("error:") == 1


def test_a_solution_in_a_notebook(folder, tmp_path):
    solution = pinn.load(folder / "out")
    assert solution.report() == folder / "out" / "report.html"
    shown = solution._repr_html_()
    assert "relative L2 error" in shown and f"{solution.error['u']['max']:.2e}" in shown
    figure = solution.plot()
    figure.savefig(tmp_path / "u.png", dpi=50)
    inches = [pixels / 50 for pixels in Image.open(tmp_path / "u.png").size]
    assert inches[0] > figure.get_figwidth() + 0.5 and inches[1] > figure.get_figheight() + 0.4  # labels and titles
    figure.savefig(tmp_path / "u.pdf")
    solution.directory = None
    with pytest.raises(ValueError, match="kept no files"):
        solution.report()


def test_a_run_begins_with_the_parameters_of_another(folder, command):
    first = pinn.load(folder / "out")
    again = pinn.solve(
        pinn.Problem.load("poisson_hole"), *SMALL[:2], "optimizer.steps=1", "optimizer.lr=1e-12",
        optimizer="adam", init=folder / "out", seed=5,
    )  # fmt: skip
    assert again.error["u"]["max"] == pytest.approx(first.error["u"]["max"], rel=1e-3)
    assert command("train", "pde=poisson_hole", f"init={folder}/out", "run_dir=tuned", *SMALL) == 0
    Path(folder / "out").rename(folder / "moved")  # a run that began with another is loaded without it
    assert (
        pinn.load("tuned").error["u"]["max"] == json.loads(Path("tuned/result.json").read_text())["error"]["u"]["max"]
    )
    Path(folder / "moved").rename(folder / "out")


@pytest.mark.parametrize(
    ("options", "said"),
    [(["network.width=41"], r"the network there is another: network\.hidden\.0\.bias is \(40,\), here \(41,\)"),
     (["network.depth=2"], "network.hidden.2.bias is missing, here"),
     (["init=nowhere"], "init=nowhere: no run is here")],
)  # fmt: skip
def test_another_network_is_refused(folder, options, said):
    init = () if "init" in options[0] else (f"init={folder}/out",)
    with pytest.raises(ConfigError, match=said):
        pinn.solve(pinn.Problem.load("poisson_hole"), *SMALL, *init, *options)
