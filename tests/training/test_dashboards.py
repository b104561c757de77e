"""W&B and TensorBoard: what they are given, offline read back; no network is waited for."""

import socket
import time

import pytest
from wandb_file import records

from pinn.app import solve
from pinn.problem import Problem
from pinn.schema import ConfigError, Wandb
from pinn.training import dashboards

PROBLEM = Problem(
    coordinates={"x": [0, 1]},
    fields=["u"],
    equations={"bend": "u_xx = -pi**2*sin(pi*x)"},
    conditions={"ends": "u(boundary) = 0"},
    enforce="soft",
    exact={"u": "sin(pi*x)"},
    name="line",
)
SMALL = ("network.width=6", "sampling.points=20", "trainer.log_every_n_steps=1", "logger.pictures_every=2")
KEYS = {f"{kind}/{name}" for kind in ("loss", "weight", "residual_max", "grad_norm") for name in ("bend", "ends")}
PICTURES = {"field", "exact", "error", "residual"}


@pytest.fixture(autouse=True)
def nobody(monkeypatch, tmp_path):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep") / "0"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        solve(PROBLEM, *SMALL, "trainer.max_steps=3", logger="wandb", run_dir=folder)
        first = sorted((folder / "wandb").glob("offline-run-*"))
        solve(PROBLEM, *SMALL, "trainer.max_steps=5", logger="wandb", run_dir=folder)  # goes on
    return folder, first


def test_an_offline_run_holds_every_key(run):
    folder, (first,) = run
    (file,) = first.glob("run-*.wandb")
    found = records(file)
    assert KEYS | PICTURES | {"error/u", "time/step", "errors"} <= found["history"]
    assert {"network", "sampling", "optimizer", "plan", "latex"} <= found["config"].keys()
    assert found["config"]["processes"] == 1
    assert {"final_error/u", "status"} <= found["summary"]
    assert ("model", "config.yaml", "last.ckpt") in found["artifacts"]
    assert found["run"][1] == folder.parent.name  # the runs of a sweep are one group


def test_where_the_error_is_expected_is_among_the_pictures(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "offline")
    waves = Problem(
        coordinates={"x": [0, 1]}, fields=["u"], equations={"waves": "u_xx + 900*u = 1"},
        conditions={"ends": "u(boundary) = 0"},
    )  # fmt: skip
    solve(waves, "trainer.max_steps=2", "logger.pictures_every=2", logger="wandb", run_dir=tmp_path)
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    assert {"field", "estimate", "residual"} <= records(file)["history"]


def test_a_run_that_goes_on_is_the_same_run(run):
    folder, _ = run
    files = sorted((folder / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(files) == 2
    assert len({records(file)["run"][0] for file in files}) == 1


def test_a_service_that_stands_elsewhere_writes_into_the_run(run, monkeypatch, tmp_path):
    """That of the runs above was started where this process was then."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
    solve(PROBLEM, *SMALL, "trainer.max_steps=1", logger="wandb", run_dir="here")
    assert list(tmp_path.glob("here/wandb/offline-run-*/run-*.wandb"))


@pytest.mark.parametrize("listens", [False, True])
def test_no_network_is_waited_for(listens, monkeypatch, tmp_path, capsys):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if listens:  # and never answers
            server.listen()
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.getsockname()[1]}")
        settings = Wandb(name="wandb", project="pinn", init_timeout=5, pictures_every=0)
        start = time.monotonic()
        logger = dashboards._wandb(settings, {}, tmp_path)
        seconds = time.monotonic() - start
        logger.experiment.finish()
    assert seconds < 10
    said = [line for line in capsys.readouterr().out.splitlines() if "offline, because" in line]
    assert len(said) == 1
    assert list((tmp_path / "wandb").glob("offline-run-*"))


def test_tensorboard_holds_every_key(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    solve(PROBLEM, *SMALL, "trainer.max_steps=3", logger="tensorboard", run_dir=tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert KEYS | {"error/u", "time/step"} <= set(tags["scalars"])
    assert set(tags["images"]) >= PICTURES
    texts = {tag.partition("/")[0] for tag in tags["tensors"]}
    assert {"problem", "plan", "config", "errors"} <= texts


def test_tensorboard_that_is_not_there_is_told_how_to_get(tmp_path, monkeypatch):
    def missing(*_, **__):
        raise ModuleNotFoundError("tensorboard")

    monkeypatch.setattr(dashboards, "TensorBoardLogger", missing)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[tensorboard\]'"):
        solve(PROBLEM, *SMALL, "trainer.max_steps=1", logger="tensorboard", run_dir=tmp_path / "run")
