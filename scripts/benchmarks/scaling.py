"""Strong and weak scaling: the same points on more processes, and as many points on each.

Each row is a run of its own processes, started as torchrun would, one thread each, with gloo.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from pinn.files import read_history

SCRIPT = Path(__file__).parents[1] / "train.py"
TIMEOUT = 600  # seconds


def add_options(parser: argparse.ArgumentParser) -> None:
    """Processes, points and steps."""
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--points", type=int, default=8192)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--width", type=int, default=32)


def run(options: argparse.Namespace) -> list[dict]:
    """One row an optimizer, a kind of scaling and a number of processes."""
    rows = []
    for optimizer in ("adam", "gauss_newton"):
        for kind in ("strong", "weak"):
            for processes in options.processes:
                points = options.points * (processes if kind == "weak" else 1)
                seconds = _seconds(optimizer, points, processes, options)
                first = next((r for r in rows if (r["optimizer"], r["scaling"]) == (optimizer, kind)), None)
                ideal = (first["seconds"] if first else seconds) / (processes if kind == "strong" else 1)
                rows.append(
                    {
                        "optimizer": optimizer,
                        "scaling": kind,
                        "processes": processes,
                        "points": points,
                        "seconds": round(seconds, 5),
                        "points_per_second": round(points / seconds),
                        "efficiency": round(ideal / seconds, 3),
                    }
                )
                print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    return rows


def picture(rows: list[dict], path: Path) -> None:
    """Efficiency against the number of processes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys((row["optimizer"], row["scaling"]) for row in rows):
        some = [row for row in rows if (row["optimizer"], row["scaling"]) == name]
        axes.plot([row["processes"] for row in some], [row["efficiency"] for row in some], "o-", label=" ".join(name))
    axes.set(xlabel="processes", ylabel="efficiency", ylim=(0, None))
    axes.legend()
    figure.savefig(path, dpi=120)


def _seconds(optimizer: str, points: int, processes: int, options: argparse.Namespace) -> float:
    """A step's, the median over the second half of a run."""
    steps = options.steps if optimizer == "adam" else max(4, options.steps // 5)
    with tempfile.TemporaryDirectory() as folder, socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
        found.close()
        typed = [sys.executable, str(SCRIPT), "pde=poisson", "experiment=none", f"run_dir={folder}/run"]
        typed += [f"optimizer={optimizer}", f"optimizer.steps={steps}", f"sampling.points={points}", "tolerance=0"]
        typed += [f"network.width={options.width}", "network.depth=2", "trainer.log_every_n_steps=5"]
        typed += ["trainer.accelerator=cpu", "derivatives.compile=false"]
        shared = {"OMP_NUM_THREADS": "1"}
        if processes > 1:
            shared |= {"WORLD_SIZE": f"{processes}", "LOCAL_WORLD_SIZE": f"{processes}", "GROUP_RANK": "0"}
            shared |= {"TORCHELASTIC_RUN_ID": "scaling", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": f"{port}"}
        started = [
            subprocess.Popen(
                typed, env=os.environ | shared | {"RANK": f"{rank}", "LOCAL_RANK": f"{rank}"},
                stdout=subprocess.DEVNULL,
            )
            for rank in range(processes)
        ]  # fmt: skip
        try:
            assert [process.wait(TIMEOUT) for process in started] == [0] * processes
        finally:
            for process in started:
                process.kill()
        rows = read_history(Path(folder, "run", "metrics.csv"))
        return median(row["time/step"] for row in rows[len(rows) // 2 :])
