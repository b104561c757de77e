"""Two processes that divide the cells of a refinement find what one finds, and go on from what one has begun."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from cluster.levels import PROBLEMS, levels

from pinn import load, plots

SCRIPT = Path(__file__).parents[1] / "cluster" / "levels.py"
TIMEOUT = 300  # seconds
CASES = {"linear": ["trainer.max_steps=3"], "nonlinear": [], "strips": ["trainer.max_steps=8"]}
BEGUN = {"linear": ["trainer.max_steps=2"], "strips": ["trainer.max_steps=4"]}
ROUNDING = 1e-9  # of the fields, times what their equations make of it
OF_WHAT_IS_LEFT = 2e-2  # rounding, times what features that nearly depend make of it in a solution so coarse
OF_THE_CLOCK = ("seconds", "memory", "price")


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """The directories of one process and of two: whole runs, and those that two go on with."""
    folder = tmp_path_factory.mktemp("levels")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "pictures", lambda *_: [])
        patch.setattr(plots, "history", lambda _, path: path)
        levels(CASES, str(folder / "one"))
        levels(BEGUN, str(folder / "begun"))
    for name in BEGUN:
        shutil.copytree(folder / "begun" / name, folder / "two" / f"{name} gone on")
    by_two(CASES | {f"{name} gone on": CASES[name] for name in BEGUN}, folder / "two")
    return folder


def by_two(cases: dict[str, list[str]], folder: Path) -> None:
    """Solve in two processes, started as torchrun would."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = str(found.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "test"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    typed = [sys.executable, str(SCRIPT), json.dumps(cases), str(folder)]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    places = [os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(2)]
    processes = [subprocess.Popen(typed, env=place, **pipe) for place in places]
    try:
        printed = [process.communicate(timeout=TIMEOUT)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], printed


def cells(folder: Path) -> list[torch.Tensor]:
    """Their corners, and what they reach."""
    state = torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]
    return [value for key, value in sorted(state.items()) if key.endswith(("lower", "upper", "below", "above"))]


def kept(folder: Path) -> list[dict]:
    """The levels, but for the clock."""
    found = torch.load(folder / "last.ckpt", weights_only=True)["pinn"]["levels"]["levels"]
    return [{key: value for key, value in level.items() if key not in OF_THE_CLOCK} for level in found]


def fields(folder: Path, name: str) -> torch.Tensor:
    problem = PROBLEMS[name]
    low, high = (torch.tensor(ends, dtype=torch.float64) for ends in (problem.domain.lower, problem.domain.upper))
    unit = torch.rand(500, len(low), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return load(folder, problem).predict(low + unit * (high - low))


@pytest.mark.parametrize("name", [*CASES, *(f"{name} gone on" for name in BEGUN)])
def test_two_processes_find_what_one_finds(name, solved):
    one, two = solved / "one" / name.partition(" ")[0], solved / "two" / name
    corners = zip(cells(one), cells(two), strict=True)
    assert all(a.equal(b) for a, b in corners)
    assert len(kept(one)) == len(kept(two)) > 2
    for a, b in zip(kept(one), kept(two), strict=True):
        discrete = ("cells", "unknowns", "strip", "gained")  # a step more or less at rounding is none
        assert [a[key] for key in discrete] == [b[key] for key in discrete]
        assert b["residual"] == pytest.approx(a["residual"], rel=0.1, abs=1e-12)
    a, b = (fields(folder, name.partition(" ")[0]) for folder in (one, two))
    assert (a - b).norm() <= max(ROUNDING, OF_WHAT_IS_LEFT * kept(one)[-1]["residual"]) * a.norm()


def test_the_cases_are_not_trivial(solved):
    assert len(cells(solved / "one" / "linear")[0]) > 8 and len(cells(solved / "one" / "nonlinear")[0]) > 8
    assert len({tuple(level["strip"]) for level in kept(solved / "one" / "strips")}) > 1
