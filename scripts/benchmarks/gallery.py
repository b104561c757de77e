"""Every problem of the catalogue, or of another folder, by its text alone: `python scripts/benchmark.py catalogue`.

Each is run once and stopped when its time is over: what it has reached by then is its figure, and the row says so. The
seconds are those of the processor, so that other work on the machine changes little. docs/catalogue.md has the figures
too, by `python scripts/catalogue.py`. `--folder experiments/unseen --out experiments/unseen` takes the problems of
experiments/unseen/pde.
"""

import argparse
import json
import math
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.accuracy import code, ours, summary
from benchmarks.accuracy_table import OURS, Row, put_into, read, write
from benchmarks.watched import OUTPUT, watch

from pinn.files import RESULT
from pinn.problem import Problem, configs
from pinn.references import truth

LIMIT = 30.0  # seconds of processor time of a run
KEPT = (
    "problem", "status", "error", "errors", "deviations", "estimate", "doubted", "seconds", "steps", "unknowns", "seed",
    "limit", "code", "machine",
)  # fmt: skip
__all__ = ["add_options", "picture", "run"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Of the command line."""
    parser.add_argument("--folder", type=Path, default=configs(), help="whose pde/ has the problems")
    parser.add_argument("--problems", nargs="+", metavar="NAME", help="some of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS", help="of the processor, each run")
    parser.add_argument("--keep", action="store_true", help="keep the rows that this code has given before")


def run(options: argparse.Namespace) -> list[Row]:
    """A row a problem; results.csv is written after each, so that what was measured stays."""
    files = {file.stem: file for file in sorted((options.folder / "pde").glob("*.yaml"))}
    if not files:
        raise SystemExit(
            f"there is no problem in {options.folder / 'pde'}: --folder is a folder whose pde/ has YAML files"
        )
    for problem in options.problems or ():
        if problem not in files:
            raise SystemExit(f"there is no problem {problem!r} in {options.folder / 'pde'}: {', '.join(files)}")
    path = options.out / "results.csv"
    known = [row for row in read(path) if options.keep and row["problem"] in files]
    rows = {row["problem"]: row for row in known if row["code"] == key(files[row["problem"]])}
    for problem in options.problems or files:
        if problem in rows:
            continue
        rows[problem] = measure(files[problem], options.seed, options.limit)
        write(path, [rows[name] for name in sorted(rows)])
        print(*(f"{name}={rows[problem][name]}" for name in ("problem", "status", "errors", "seconds")), flush=True)
    found = [rows[name] for name in sorted(rows)]
    put_into(options.out / "README.md", table(found))
    return found


def measure(file: Path, seed: int, limit: float) -> Row:
    """Run the problem of a file."""
    problem = Problem.load(file)
    with suppress(ValueError):  # what cannot be found, the run refuses too, and the row says so
        truth(problem)  # where a solver of our own has to find it, its time is not the network's
    elsewhere = [] if is_ours(file) else [f"--config-dir={file.parents[1]}"]
    with tempfile.TemporaryDirectory() as out:
        command = [*ours(problem.name), f"seed={seed}", f"run_dir={out}", *elsewhere]
        watched = watch(command, Path(out), limit, of_processor=True)
        row, _ = summary(problem, OURS, seed, watched, Path(out))
        result = json.loads(told.read_text()) if (told := Path(out) / RESULT).exists() else {}
        doubted = is_doubted((Path(out) / OUTPUT).read_text(errors="replace"))
    row |= {"seconds": f"{watched.processor:.1f}", "limit": f"{limit:g}", "doubted": "yes" if doubted else ""}
    row["deviations"] = deviations(problem, result)
    return {name: row[name] for name in KEPT} | {"code": key(file)}


def deviations(problem: Problem, result: Mapping[str, Any]) -> str:
    """How far the number that is furthest from what is true is from it, in the deviations that the run tells."""
    told, found = result.get("standard_deviation") or {}, result.get("parameters") or {}
    true = {name: one.truth for name, one in problem.learned.items() if one.truth is not None and told.get(name)}
    return f"{max(abs(found[name] - value) / told[name] for name, value in true.items()):.1f}" if true else ""


def is_doubted(output: str) -> bool:
    """Whether a run has said of its solution that it is not to be trusted; its lines are broken anywhere."""
    return "Do not trust the solution" in " ".join(output.split())


def key(file: Path) -> str:
    """What the figures of a problem depend on."""
    return code(file.stem, OURS, None if is_ours(file) else file)


def is_ours(file: Path) -> bool:
    """Whether a problem is of the catalogue."""
    return file.resolve().parents[1] == configs().resolve()


def table(rows: list[Row]) -> str:
    """Markdown: what ended by itself, by its error; below it what did not."""
    done, others = ([row for row in rows if (row["status"] == "finished") is wanted] for wanted in (True, False))
    lines = [f"{len(done)} of {len(rows)} runs ended by themselves.", ""]
    heads = ("problem", "error", "of", "in deviations", "told", "seconds", "steps", "not to be trusted")
    lines += [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for row in sorted(done, key=size):
        named = (row.get(name, "") for name in ("deviations", "estimate", "seconds", "steps", "doubted"))
        cells = (row["problem"], row["error"], worst(row), *named)
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"{len(others)} did not.", ""] if others else []
    lines += ["| problem | how it ended | error by then | seconds |", "| --- | --- | --- | --- |"] if others else []
    for row in sorted(others, key=size):
        lines.append(f"| {row['problem']} | {row['status']} | {row['error'] or 'none'} | {row['seconds']} |")
    return "\n".join(lines)


def said(row: Row) -> str:
    """A sentence for the page of the problem."""
    if row["status"] == "finished":
        return f"Measured: {what(row)} {float(row['error']):.1e} in {float(row['seconds']):.0f} s, seed {row['seed']}."
    if row["status"] == "timed out" and row["error"]:
        return f"Measured: stopped after {row['limit']} s, unfinished; {what(row)} {float(row['error']):.1e} by then."
    return f"Measured: {row['status']} after {float(row['seconds']):.0f} s."


def what(row: Row) -> str:
    """Which error it is; of several fields, or numbers, the largest."""
    several = " " in row["errors"]
    return f"error of {worst(row)}, the largest," if several else f"error of {worst(row)}"


def worst(row: Row) -> str:
    """The field, or the number to be found, that is furthest from the truth."""
    found = dict(part.split(":") for part in row["errors"].split())
    return max(found, key=lambda name: float(found[name]), default="")


def size(row: Row) -> float:
    """The error, for sorting."""
    return float(row["error"]) if row["error"] else math.inf


def picture(rows: list[Row], path: Path) -> None:
    """The errors in order: full where the run ended by itself, hollow where it was stopped."""
    from matplotlib.figure import Figure

    shown = sorted((row for row in rows if math.isfinite(size(row))), key=size, reverse=True)
    page = Figure(figsize=(6.4, 0.6 + 0.17 * len(shown)), layout="constrained")
    axes = page.subplots()
    for k, row in enumerate(shown):
        axes.plot(size(row), k, "o", color="C0", ms=4.5, mfc="C0" if row["status"] == "finished" else "white")
    axes.set(xscale="log", xlabel="relative $L^2$ error", ylim=(-1, len(shown)))
    axes.set_yticks(range(len(shown)), [row["problem"].replace("_", " ") for row in shown], fontsize=7.5)
    axes.grid(alpha=0.3, lw=0.6)
    page.savefig(path, dpi=110)
