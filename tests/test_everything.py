"""Three fields, time, no box: one run, through all that follows it."""

import csv
import json
import sys
import urllib.request
from pathlib import Path
from threading import Thread

import chromium
import meshio
import numpy as np
import onnxruntime
import pytest
import torch
from scipy.io import netcdf_file
from wandb_file import records

import pinn
from pinn.app import main
from pinn.report.watch import Live, server
from pinn.training.build import restore

LINES = (
    "optimizer.steps=2",
    "network.width=30",
    "network.scale=3",
    "sampling.points=80",
    "sampling.boundary_points=20",
    "logger.pictures_every=2",
)
TRUTH = {"u": "x*exp(-t)", "v": "-y*exp(-t)", "p": "x*y*exp(-t)"}
HOLE = {"disk": {"center": [0.6, 0.5], "radius": 0.2, "name": "hole"}}
POINTS = np.array([[0.1, 0.2, 0.3], [0.5, 1.8, 0.9], [0.75, 0.9, 0.1]])


def stokes():
    """Unsteady Stokes flow around a hole whose solution is known."""
    return pinn.Problem(
        name="stokes_hole",
        coordinates={"t": [0, 1], "x": [0, 2], "y": [0, 1]},
        domain={"difference": ["box", HOLE]},
        fields=[{"U": ["u", "v"]}, "p"],
        functions={"f": "manufactured", "g": "manufactured"},
        equations={
            "x_momentum": "u_t + p_x = lap(u) + f", "y_momentum": "v_t + p_y = lap(v) + g", "continuity": "div(U) = 0",
        },
        conditions={
            "rest": "U(t=0) = (x, -y)", "edge": "U(boundary) = (x*exp(-t), -y*exp(-t))",
            "outlet": "p(x=2) = 2*y*exp(-t)",
        },
        enforce="soft",
        exact=TRUTH,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A directory that a run has left."""
    folder = tmp_path_factory.mktemp("runs") / "stokes_hole" / "now"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        pinn.solve(
            stokes(),
            *LINES,
            "optimizer.steps=2",
            optimizer="gauss_newton",
            logger="wandb",
            run_dir=folder,
        )
    return folder


def command(monkeypatch, *typed):
    monkeypatch.setattr(sys, "argv", ["pinn", *typed])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0


def test_what_the_run_leaves(run):
    result = json.loads((run / "result.json").read_text())
    assert result["status"] == "finished" and set(result["error"]) == {"u", "v", "p"}
    assert {"x_momentum", "y_momentum", "continuity"} <= set(result["diagnosis"]["misfit"])
    assert {path.name for path in run.iterdir()} >= {
        "report.html", "field.png", "exact.png", "error.png", "residual.png", "history.png", "metrics.csv", "last.ckpt",
    }  # fmt: skip


def test_wandb(run):
    (file,) = run.glob("wandb/offline-run-*/run-*.wandb")
    found = records(file)
    names = set(json.loads((run / "result.json").read_text())["residual"])
    assert {f"{kind}/{name}" for kind in ("loss", "weight") for name in names} <= found["history"]
    assert {"error/u", "error/v", "error/p", "field", "exact", "error", "residual", "errors"} <= found["history"]
    assert ("model", "config.yaml", "last.ckpt") in found["artifacts"]


def test_report_and_watch(run, monkeypatch, capsys):
    (run / "report.html").unlink()
    command(monkeypatch, "report", str(run))
    assert capsys.readouterr().out.strip() == str(run / "report.html")
    with server(Live(run, restore)) as serving:
        Thread(target=serving.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{serving.server_port}/"
        with urllib.request.urlopen(url, timeout=60) as answer:
            assert b"stokes_hole" in answer.read()
        chromium.needs_chromium()
        with chromium.browser() as driver:
            for page in (f"file://{run}/report.html", url):
                driver.get(page)
                kinds = driver.execute_script(
                    "return [...document.querySelectorAll('#solution .plot')].map(d => d.data[0].type)"
                )
                assert kinds == ["heatmap"] * 3 and chromium.errors(driver) == []
        serving.shutdown()


def test_evaluate_and_predict(run, monkeypatch, tmp_path, capsys):
    command(monkeypatch, "evaluate", f"run={run}", "norms=[l2,linf,h1]", "points=2000", "by=t", f"out={tmp_path}/e.csv")
    rows = list(csv.DictReader((tmp_path / "e.csv").read_text().splitlines()))
    assert len(rows) == 3 * 4 * 3 and all(np.isfinite(float(row["relative"])) for row in rows)
    files = [tmp_path / f"p.{kind}" for kind in ("npz", "csv", "vtu", "nc")]
    typed = ["grid={t: 3, x: 9, y: 5}", "quantities=[u,p_x,'div(U)']", f"out=[{','.join(map(str, files))}]"]
    command(monkeypatch, "predict", f"run={run}", *typed)
    solution = pinn.load(run)
    with np.load(files[0]) as found:
        t, x, y = np.meshgrid(found["t"], found["x"], found["y"], indexing="ij")
        inside = np.hypot(x - 0.6, y - 0.5) >= 0.2
        np.testing.assert_array_equal(~np.isnan(found["u"]), inside)
        np.testing.assert_allclose(found["u"][inside], solution(t, x, y)["u"][inside])
        at = np.stack([t[inside], x[inside], y[inside]], 1)
        np.testing.assert_allclose(found["p_x"][inside], solution.derivative("p_x", at))
        with netcdf_file(files[3], mmap=False) as other:
            np.testing.assert_array_equal(other.variables["u"][:], found["u"])
        table = np.array(list(csv.reader(files[1].open()))[1:], dtype=float)
        np.testing.assert_array_equal(table[:, 3], found["u"].ravel())
        mesh = meshio.read(tmp_path / "p_0002.vtu")  # the last time
        here = solution(np.ones(len(mesh.points)), *mesh.points[:, :2].T)
        np.testing.assert_allclose(mesh.point_data["u"], here["u"])


def test_export(run, monkeypatch, tmp_path):
    command(monkeypatch, "export", f"run={run}", f"out=[{tmp_path}/n.pt2,{tmp_path}/n.onnx]")
    expected = pinn.load(run).predict(torch.tensor(POINTS))
    exported = torch.export.load(tmp_path / "n.pt2").module()(torch.tensor(POINTS))
    torch.testing.assert_close(exported.detach(), expected)
    (graph,) = onnxruntime.InferenceSession(tmp_path / "n.onnx").run(None, {"points": POINTS})
    np.testing.assert_allclose(graph, expected, rtol=1e-5, atol=1e-6)


def test_in_a_notebook(run, tmp_path):
    solution = pinn.load(run)
    assert set(solution(0.5, 1.5, 0.5)) == {"u", "v", "p"} == set(solution.error)
    volume, accuracy = solution.integral("1")
    assert volume == pytest.approx(2 - np.pi * 0.2**2, abs=max(1e-3, 3 * accuracy))
    solution.plot().savefig(tmp_path / "fields.pdf")
    assert (tmp_path / "fields.pdf").stat().st_size > 10_000 and Path(solution.report()).exists()
