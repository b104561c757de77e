"""Strong and weak scaling: the same points on more processes, and as many points on each.

Each number of processes is started once, as torchrun would, one thread each, with gloo, and takes all rows. `seconds`
is a step's time, and `cpu_seconds` what the busiest process computed in it and in measuring: less than the first where
something else runs on the machine. `efficiency` is of the first, and `cpu_efficiency` of the second: what
is left of it when nobody waits.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

TIMEOUT = 600  # seconds
FORESEEN = 8, 64  # processes
KINDS = [(optimizer, kind) for optimizer in ("adam", "gauss_newton") for kind in ("strong", "weak")]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Processes, points and steps."""
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--points", type=int, default=4096)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--width", type=int, default=20)


def run(options: argparse.Namespace) -> list[dict]:
    """One row an optimizer, a kind of scaling and a number of processes."""
    rows = []
    for processes in options.processes:
        sizes = [options.points * (processes if kind == "weak" else 1) for _, kind in KINDS]
        for (optimizer, kind), points, (wall, cpu) in zip(
            KINDS, sizes, _measure(processes, sizes, options), strict=True
        ):
            row = {"optimizer": optimizer, "scaling": kind, "processes": processes, "points": points}
            first = next((r for r in rows if (r["optimizer"], r["scaling"]) == (optimizer, kind)), None)
            divided = processes / options.processes[0] if kind == "strong" else 1
            row |= {"seconds": round(wall, 5), "points_per_second": round(points / wall), "cpu_seconds": round(cpu, 5)}
            for name, key in (("efficiency", "seconds"), ("cpu_efficiency", "cpu_seconds")):
                row[name] = round((first or row)[key] / (divided if first else 1) / row[key], 3)
            rows.append(row)
            print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    for optimizer in dict.fromkeys(optimizer for optimizer, _ in KINDS):
        print(_foreseen([r for r in rows if (r["optimizer"], r["scaling"]) == (optimizer, "strong")]))
    return rows


def _foreseen(strong: list[dict]) -> str:
    """What more processes would give at the same points, if T(n) = a/n + c went on so."""
    first, last = strong[0], strong[-1]
    if first is last:
        return f"{first['optimizer']}: one number of processes foresees nothing"
    (n, t), (m, s) = ((row["processes"], row["cpu_seconds"]) for row in (first, last))
    a = (t - s) / (1 / n - 1 / m)
    c = t - a / n
    more = ", ".join(f"{k}: {1e3 * (a / k + c):.2f} ms ({t / n / (a / k + c) * n / k:.0%})" for k in FORESEEN)
    return f"{first['optimizer']}: T(n) = {1e3 * a:.2f} ms/n + {1e3 * c:.2f} ms; {more}; half at n = {a / c:.1f}"


def picture(rows: list[dict], path: Path) -> None:
    """Efficiency against the number of processes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    for name in dict.fromkeys((row["optimizer"], row["scaling"]) for row in rows):
        some = [row for row in rows if (row["optimizer"], row["scaling"]) == name]
        count, label = [row["processes"] for row in some], " ".join(name)
        (line,) = axes.plot(count, [row["efficiency"] for row in some], "o-", label=label)
        axes.plot(count, [row["cpu_efficiency"] for row in some], "o:", mfc="none", color=line.get_color())
    axes.set(xlabel="processes", ylabel="efficiency (dotted: nobody waits)", ylim=(0, None))
    axes.legend()
    figure.savefig(path, dpi=120)


def _measure(processes: int, sizes: list[int], options: argparse.Namespace) -> list[tuple[float, float]]:
    """Seconds of a step and of computing in it, by kind."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
        found.close()
        shared = {"OMP_NUM_THREADS": "1", "WORLD_SIZE": f"{processes}", "LOCAL_WORLD_SIZE": f"{processes}"}
        shared |= {"GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "scaling"} if processes > 1 else {}
        shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": f"{port}"}
        given = json.dumps([folder, sizes, options.steps, options.width])
        command = [sys.executable, "-c", "import sys; from benchmarks.scaling import work; work(sys.argv[1])", given]
        started = []
        for rank in range(processes):
            place = shared | ({"RANK": f"{rank}", "LOCAL_RANK": f"{rank}"} if processes > 1 else {})
            started.append(subprocess.Popen(command, env=os.environ | place, cwd=Path(__file__).parents[1]))
        try:
            assert [process.wait(TIMEOUT) for process in started] == [0] * processes
        finally:
            for process in started:
                process.kill()
        found = [json.loads(file.read_text()) for file in Path(folder).iterdir()]
    return [(max(wall for wall, _ in of_one), max(cpu for _, cpu in of_one)) for of_one in zip(*found, strict=True)]


def work(given: str) -> None:
    """One process: takes all kinds in turn, and writes what it measured."""
    import torch
    from rich.console import Console

    from pinn import Problem
    from pinn.app.compose import checked, compose
    from pinn.training.build import build
    from pinn.training.choice import choose
    from pinn.training.launch import launch
    from pinn.training.run import fit

    folder, sizes, steps, width = json.loads(given)
    torch.set_num_threads(1)
    problem, found = Problem.load("poisson"), []
    for (optimizer, _), points in zip(KINDS, sizes, strict=True):
        typed = ["pde=poisson", "experiment=none", "trainer=cpu", "derivatives.compile=false", "tolerance=0"]
        typed += [f"network.width={width}", "network.depth=2", f"sampling.points={points}"]
        count = steps if optimizer == "adam" else max(4, steps // 10)
        typed += [f"optimizer={optimizer}", f"optimizer.steps={count}", f"trainer.log_every_n_steps={steps // 6}"]
        config = choose(problem, checked(compose(*typed)))
        seen: list[tuple[int, float, float]] = []

        def watch(step: int, metrics: Mapping[str, float], seen: list = seen) -> bool:
            seen.append((step, metrics["time/step"], time.process_time()))
            return False

        fit(problem, config, build(problem, config), None, Console(quiet=True), watch=watch)
        later = seen[len(seen) // 2 - 1 :]  # the first steps load and look at things
        (first, _, before), (last, _, after) = later[0], later[-1]
        found.append((median(seconds for _, seconds, _ in later[1:]), (after - before) / (last - first)))
    Path(folder, f"{launch().rank}.json").write_text(json.dumps(found))
