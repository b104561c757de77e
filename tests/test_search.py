"""The search, with a formula in place of training: it goes on, and neither failures nor deaths stop it."""

import csv
import os
import sys

import pytest
from rich.console import Console

from pinn.app.errors import explain
from pinn.schema import ConfigError, Optuna
from pinn.search import flat, search

RANGES = {"network.scale": [0.5, 4.0], "network.width": {"log": [4, 64]}, "optimizer": {"choices": ["adam", "lbfgs"]}}


def sweep(**changed) -> Optuna:
    return Optuna(**({"name": "optuna", "ranges": RANGES, "trials": 8, "storage": "sqlite", "prune": True} | changed))


def bowl(lines, place, watch):
    """Least at scale 2."""
    values = dict(line.split("=") for line in lines)
    return 0.01 + (float(values["network.scale"]) - 2) ** 2


def rows(folder):
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("storage", ["sqlite", "journal"])
def test_it_finds_the_least_and_goes_on(storage, tmp_path):
    quiet = Console(quiet=True)
    assert search(sweep(storage=storage), 0, tmp_path, bowl, quiet) == 0
    first = rows(tmp_path)
    assert len(first) == 8 and (tmp_path / "trials.png").exists()
    assert all(type(int(row["network.width"])) is int and 4 <= int(row["network.width"]) <= 64 for row in first)
    assert search(sweep(storage=storage, trials=20), 0, tmp_path, bowl, quiet) == 0
    found = rows(tmp_path)
    assert len(found) == 20 and len({row["network.scale"] for row in found}) == 20
    assert float(found[0]["error"]) == min(float(row["error"]) for row in found) < 0.1


def test_a_failed_trial_does_not_stop_the_rest(tmp_path, capsys):
    def sometimes(lines, place, watch):
        if place.name == "1":
            raise ConfigError("wrong")
        if place.name == "2":
            raise MemoryError
        return bowl(lines, place, watch)

    assert search(sweep(trials=4), 0, tmp_path, sometimes, Console()) == 0
    ends = {row["trial"]: row["end"] for row in rows(tmp_path)}
    assert ends == {"0": "complete", "1": "failed: ConfigError: wrong", "2": "failed: MemoryError: ", "3": "complete"}
    assert "failed: ConfigError: wrong" in capsys.readouterr().out

    def never(lines, place, watch):
        raise FloatingPointError

    assert search(sweep(trials=2), 0, tmp_path / "other", never, Console(quiet=True)) == 1


def test_what_is_worse_than_the_median_is_pruned(tmp_path):
    def slow(lines, place, watch):
        error = 1.0 if int(place.name) < 6 else 5.0
        return None if any(watch(step, {"error/u": error, "loss/a": 0.0}) for step in range(3)) else error

    search(sweep(), 0, tmp_path, slow, Console(quiet=True))
    ends = {int(row["trial"]): row["end"] for row in rows(tmp_path)}
    assert [number for number, end in ends.items() if end == "pruned"] == [6, 7]


def test_a_trial_whose_process_died_is_begun_again_where_it_was(tmp_path):
    places = []
    if not (child := os.fork()):
        search(sweep(trials=3), 0, tmp_path, lambda *_: os._exit(0), Console(quiet=True))
    os.waitpid(child, 0)
    search(
        sweep(trials=3), 0, tmp_path, lambda lines, place, watch: places.append(place.name) or 1.0, Console(quiet=True)
    )
    assert places[0] == "0" and len(places) == 3


def test_ranges_may_be_nested():
    assert flat({"network": {"scale": [1, 2], "x": {"log": [1, 2]}}}) == {
        "network.scale": [1, 2],
        "network.x": {"log": [1, 2]},
    }


@pytest.mark.parametrize("wrong", [[2, 1], [1], {"log": [0, 1]}, {"choices": []}, "abc", [1, "b"]])
def test_what_is_no_range(wrong, tmp_path):
    with pytest.raises(ConfigError, match=r"sweep.ranges"):
        search(sweep(ranges={"network.scale": wrong}), 0, tmp_path, bowl, Console(quiet=True))


def test_what_is_not_installed_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"sweep=optuna needs optuna, .* pip install -e '\.\[sweep\]'"):
        search(sweep(), 0, tmp_path, bowl, Console(quiet=True))
    said = explain(ValueError("In 'launcher/slurm': Could not find 'hydra/launcher/submitit_slurm'"))
    assert "hydra-submitit-launcher" in said and ".[sweep]" in said
