"""Several processes, a queue, and sudden ends: on the CPU, with gloo and a SLURM of one machine.

Every launch has a hard timeout, and nothing of it is left when its test ends.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
import torch
from cluster.slurm import put_on_path
from cluster.together import curves
from wandb_file import records

from pinn import Problem, plots
from pinn.app import solve
from pinn.files import read_history

FOLDER = Path(__file__).parent
SCRIPT = FOLDER.parent / "scripts" / "train.py"
TIMEOUT = 300  # seconds, of every launch
SMALL = ("network.width=5", "network.depth=1", "sampling.points=41", "trainer.accelerator=cpu")
LONG = (*SMALL, "optimizer=adam", "trainer.log_every_n_steps=10", "tolerance=0")
UNEQUAL = {"time/step", "memory/peak", "time/points_per_second", "time/outside"}  # of two machines

FIRST = ["optimizer=adam", "trainer.max_steps=3"]


def choices(group: str) -> list[str]:
    return sorted(file.stem for file in (FOLDER.parent / "configs" / group).glob("*.yaml"))


CASES = {name: [f"optimizer={name}", "trainer.max_steps=3", "sampling.points=201"] for name in choices("optimizer")}
CASES |= {f"balancing {name}": [f"balancing={name}", *FIRST] for name in choices("balancing")}
CASES |= {f"sampling {n}": [f"sampling={n}", "sampling.resample_every=2", *FIRST] for n in ("rad", "rar_d", "r3")}
CASES |= {
    "slopes": FIRST,
    "slices": ["memory_budget=200kB", *FIRST],
    "many points": ["sampling.points=700", *FIRST],
    "many points, balancing ntk": ["sampling.points=700", "balancing=ntk", *FIRST],
    "more parameters than points": ["optimizer=gauss_newton", "trainer.max_steps=3", "network.width=20"],
}
SECOND_ORDER = 1e-6  # the condition of the system multiplies rounding
CHAOTIC = {"soap": 1, "ssbroyden": 1}  # rows; on one device too another order of the points makes the later ones others
OF_FOUR = ("adam", "lbfgs", "gauss_newton", "least_squares", "sampling rad")


@pytest.fixture
def mark(monkeypatch):
    """Marks the environment of whatever a test starts; nothing that bears it may be left."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv("PINN_TEST", mark)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield mark
    deadline = time.monotonic() + 20
    while (left := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.2)
    for process in left:
        os.kill(process, signal.SIGKILL)
    assert not left


def marked(mark: str) -> list[int]:
    """The processes with this mark, but for this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            dead = "\nState:\tZ" in (folder / "status").read_text()
            if f"PINN_TEST={mark}".encode() in (folder / "environ").read_bytes() and not dead:
                found.append(int(folder.name))
        except OSError:
            continue
    return [process for process in found if process != os.getpid()]


def train(folder: Path, *typed: str, before: tuple[str, ...] = (sys.executable,), **options) -> subprocess.Popen[str]:
    """Start the command in a folder."""
    folder.mkdir(exist_ok=True)
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    pde = [] if any(text.startswith("pde=") for text in typed) else ["pde=poisson"]
    return subprocess.Popen([*before, str(SCRIPT), *pde, *typed], cwd=folder, **{**pipe, **options})


def ended(process: subprocess.Popen[str]) -> str:
    """What it printed; after the timeout it and its children are killed."""
    try:
        return process.communicate(timeout=TIMEOUT)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        raise


def until(happened, what: str) -> None:
    """Wait for something."""
    deadline = time.monotonic() + TIMEOUT
    while not happened():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)


def free_port() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return str(found.getsockname()[1])


def same(one: list[dict[str, float]], other: list[dict[str, float]], **tolerance) -> bool:
    """Whether two histories are, but for the clock."""
    assert [row.keys() for row in one] == [row.keys() for row in other]
    kept = [[{k: v for k, v in row.items() if k not in UNEQUAL} for row in rows] for rows in (one, other)]
    return kept[0] == [pytest.approx(row, **tolerance) for row in kept[1]] if tolerance else kept[0] == kept[1]


@pytest.fixture(scope="module")
def curves_of_one(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots, "pictures", lambda *_: [])
        patch.setattr(plots, "history", lambda _, path: path)
        return curves(CASES, str(tmp_path_factory.mktemp("one")))


@pytest.mark.parametrize("count", [2, 4])
def test_several_processes_train_as_one(count, curves_of_one, mark, tmp_path):
    """Points that do not divide, corners of one point, integrals, data, and a bias without gradient."""
    cases = CASES if count == 2 else {name: CASES[name] for name in OF_FOUR}
    found = by_several(count, cases, tmp_path)
    for name in cases:
        rows, rel = CHAOTIC.get(name), 1e-11 if "optimizer=adam" in cases[name] else SECOND_ORDER
        assert len(found[name]) == len(curves_of_one[name]) > 0
        assert same(found[name][:rows], curves_of_one[name][:rows], rel=rel), name


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="no two accelerators")
def test_two_accelerators_train_as_one(mark, tmp_path):
    cases = {name: [*CASES[name], "trainer.accelerator=gpu"] for name in OF_FOUR}
    one, two = curves(cases, str(tmp_path / "one")), by_several(2, cases, tmp_path)
    for name in cases:
        assert same(two[name], one[name], rel=SECOND_ORDER), name


def by_several(count: int, cases: dict[str, list[str]], folder: Path) -> dict[str, list[dict[str, float]]]:
    """The curves of some processes, started as torchrun would."""
    shared = {"WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "GROUP_RANK": 0, "TORCHELASTIC_RUN_ID": "test"}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    processes = []
    for rank in range(count):
        place = {key: str(value) for key, value in (shared | {"RANK": rank, "LOCAL_RANK": rank}).items()}
        typed = [sys.executable, str(FOLDER / "cluster" / "together.py"), json.dumps(cases), str(folder / "many")]
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        processes.append(subprocess.Popen(typed, env=os.environ | place, **pipe))
    printed = [ended(process) for process in processes]
    assert [process.returncode for process in processes] == [0] * count, printed
    return json.loads(printed[0].splitlines()[-1])


def test_the_comparison_sees_a_wrong_curve(curves_of_one):
    wrong = [dict(row) for row in curves_of_one["adam"]]
    wrong[-1]["loss/corner"] *= 1 + 1e-5
    assert not same(wrong, curves_of_one["adam"], rel=1e-7)


def test_two_devices_by_one_command_stop_and_go_on(mark, tmp_path):
    """L-BFGS, which waits for ever where one process leaves; SIGTERM reaches the first process only."""
    typed = (*SMALL, "optimizer=lbfgs", "optimizer.max_iter=4", "tolerance=0", "run_dir=out", "optimizer.steps=100000")
    first = train(tmp_path, *typed, "trainer=ddp", "trainer.devices=2")
    history = tmp_path / "out" / "metrics.csv"
    until(lambda: len(read_history(history)) > 1 or first.poll() is not None, "a row")
    first.send_signal(signal.SIGTERM)
    printed = ended(first)
    assert first.returncode == 143, printed
    assert "the same command with run_dir=out goes on" in printed
    assert printed.count("poisson  u(x, y)") == 1  # one process speaks
    steps = [row["step"] for row in read_history(history)]
    again = train(tmp_path, *typed, f"trainer.max_steps={int(steps[-1]) + 2}")  # on one device now
    assert f"goes on from step {int(steps[-1])} " in ended(again)
    assert again.returncode == 0
    assert [row["step"] for row in read_history(history)] == list(range(1, int(steps[-1]) + 3))


def test_torchrun(mark, tmp_path, monkeypatch):
    """Of two processes the first speaks to W&B, for both: one run, in the group of its problem."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("WANDB_SERVICE", raising=False)  # of another test's run
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", free_port())
    process = train(
        tmp_path,
        *LONG,
        "optimizer.steps=20",
        "logger=wandb",
        "logger.init_timeout=90",
        before=(sys.executable, *torchrun),
    )
    printed = ended(process)
    assert process.returncode == 0, printed
    (run,) = (tmp_path / "runs" / "poisson").iterdir()
    assert [row["step"] for row in read_history(run / "metrics.csv")] == [10, 20]
    (file,) = run.glob("wandb/offline-run-*/run-*.wandb")
    found = records(file)
    assert found["config"]["processes"] == 2 and found["run"][1] == "poisson"
    assert {"memory/peak", "time/step", "time/points_per_second"} <= found["history"]


@pytest.mark.parametrize(
    "what",
    [
        ("pde=poisson", "optimizer.steps=400", "sampling=rad", "sampling.resample_every=50"),
        ("pde=heat", "optimizer.steps=200", "+curriculum.alpha=[0.8,0.4]"),
    ],
    ids=["points that move", "lessons"],
)
def test_killed_at_any_moment_it_ends_as_if_it_had_not_been(what, mark, tmp_path):
    steps, chance = 400, random.Random(0)
    typed = (*LONG, *what, "run_dir=out")
    whole = train(tmp_path / "whole", *typed)
    assert "finished" in ended(whole)
    folder = tmp_path / "parts"
    history = folder / "out" / "metrics.csv"
    for part in (1, 2):
        process, seen = train(folder, *typed, "checkpoint_every=0"), len(read_history(history))
        until(lambda seen=seen: len(read_history(history)) > seen + 1, "rows")
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        process.communicate()
        assert read_history(history)[-1]["step"] < steps, part
    assert "goes on from step" in ended(train(folder, *typed))
    ends = [place / "out" for place in (tmp_path / "whole", folder)]
    assert same(*(read_history(end / "metrics.csv") for end in ends))
    states = [torch.load(end / "last.ckpt", weights_only=True)["state_dict"] for end in ends]
    assert read_history(ends[1] / "metrics.csv")[-1]["step"] == steps
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_a_queue_warns_a_job_and_starts_it_again(mark, tmp_path, monkeypatch):
    """The script that --sbatch prints, two tasks, SIGUSR1 before the end."""
    for name, value in put_on_path(tmp_path / "slurm").items():
        monkeypatch.setenv(name, value)
    state, steps = tmp_path / "slurm" / "state", 1000
    typed = (*LONG, f"optimizer.steps={steps}", "trainer=ddp", "trainer.devices=2", "launcher.gpus=0")
    script = ended(train(tmp_path, *typed, "--sbatch"))
    for line in ("--ntasks-per-node=2", "--signal=USR1@120", "--requeue", "srun"):
        assert line in script
    assert "gpus" not in script
    (tmp_path / "job.sh").write_text(script)
    subprocess.run(["sbatch", "job.sh"], cwd=tmp_path, check=True, timeout=TIMEOUT)
    history = tmp_path / "runs" / "poisson" / "1000" / "metrics.csv"
    until(lambda: len(read_history(history)) > 1, "a row")
    for task in (state / "pids").read_text().split():
        os.kill(int(task), signal.SIGUSR1)
    log = state / "log"
    until(lambda: log.exists() and log.read_text().count("ended") == 2, "the job's second end")
    printed = (state / "out.1000").read_text()
    assert log.read_text().splitlines() == ["requeue 1000", "job 1000 ended with 143", "job 1000 ended with 0"], printed
    assert printed.count("terminated") == printed.count("finished") == printed.count("goes on from step") == 1
    assert read_history(history)[-1]["step"] == steps


def test_a_sweep_in_the_queue(mark, tmp_path, monkeypatch):
    for name, value in put_on_path(tmp_path / "slurm").items():
        monkeypatch.setenv(name, value)
    queue = ("launcher=slurm", "launcher.gpus=0", "trainer.devices=2", "seed=0,1", "run_dir=out")
    process = train(tmp_path, *LONG, "optimizer.steps=10", *queue)
    assert ended(process) == "" and process.returncode == 0
    results = [json.loads((tmp_path / f"out/{job}/result.json").read_text()) for job in (0, 1)]
    assert [result["seed"] for result in results] == [0, 1]


def test_the_queues_way_without_a_queue(mark, tmp_path):
    process = train(tmp_path, *LONG, "optimizer.steps=10", "launcher=local", "trainer.devices=2", "run_dir=out")
    assert ended(process) == "" and process.returncode == 0
    assert json.loads((tmp_path / "out/0/result.json").read_text())["steps"] == 10


def test_a_sweep_side_by_side_whose_failure_stops_nothing(mark, tmp_path):
    sweep = ("launcher=joblib", "launcher.jobs=2", "optimizer.lr=1e-3,-1,1e-2", "run_dir=out", "-m")
    process = train(tmp_path, *LONG, "optimizer.steps=10", *sweep)
    printed = ended(process)
    assert process.returncode == 2, printed
    assert "optimizer.lr=-1" in printed
    assert [(tmp_path / f"out/{job}/result.json").exists() for job in range(3)] == [True, False, True]


class TestGoesOn:
    """A checkpoint of another run is refused, by what differs."""

    LINE = {"coordinates": {"x": [0, 1]}, "fields": ["u"], "equations": {"bend": "u_xx = -sin(pi*x)"}}
    LINE |= {"conditions": {"ends": "u(boundary) = 0"}}
    TYPED = (*SMALL, "optimizer=adam", "optimizer.steps=2")

    @pytest.fixture(autouse=True)
    def _plain(self, monkeypatch, capsys):
        monkeypatch.setattr(plots, "pictures", lambda *_: [])

    def test_with_another_problem(self, tmp_path):
        solve(Problem(**self.LINE), *self.TYPED, run_dir=tmp_path)
        other = self.LINE | {"equations": {"bend": "u_xx = -cos(pi*x)"}}
        with pytest.raises(ValueError, match=r"problem.equations.bend was .*sin.*, is .*cos"):
            solve(Problem(**other), *self.TYPED, run_dir=tmp_path)

    def test_of_another_version(self, tmp_path):
        solve(Problem(**self.LINE), *self.TYPED, run_dir=tmp_path)
        path = tmp_path / "last.ckpt"
        held = torch.load(path, weights_only=True)
        held["pinn"]["identity"]["format"], held["pinn"]["version"] = 0, "0.0.1"
        torch.save(held, path)
        with pytest.raises(ValueError, match=r"written by pinn 0.0.1, in format 0"):
            solve(Problem(**self.LINE), *self.TYPED, run_dir=tmp_path)
        path.write_bytes(b"half of a checkpoint")
        with pytest.raises(ValueError, match="is no checkpoint of a run"):
            solve(Problem(**self.LINE), *self.TYPED, run_dir=tmp_path)

    def test_in_another_directory(self, tmp_path):
        solve(Problem(**self.LINE), *self.TYPED, "trainer.log_every_n_steps=1", run_dir=tmp_path / "a")
        longer = (*self.TYPED, "optimizer.steps=4", "trainer.log_every_n_steps=1")
        solve(Problem(**self.LINE), *longer, run_dir=tmp_path / "b", resume=str(tmp_path / "a"))
        assert [row["step"] for row in read_history(tmp_path / "b" / "metrics.csv")] == [1, 2, 3, 4]
        assert [row["step"] for row in read_history(tmp_path / "a" / "metrics.csv")] == [1, 2]
