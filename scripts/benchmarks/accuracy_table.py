"""The bars, and what is made of the rows: verdicts, the table, the picture."""

import csv
import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS, PEERS = "pinn", ("deepxde", "pina")


@dataclass(frozen=True)
class Bar:
    """What a command is to reach: an error within so many seconds."""

    error: float
    seconds: float


BARS: dict[str, tuple[Bar, ...]] = {  # the second is a stretch
    "poisson": (Bar(1e-12, 20),),
    "biharmonic": (Bar(1e-10, 30),),
    "plate_sine_load": (Bar(1e-10, 30),),
    "plate": (Bar(1e-7, 60), Bar(1e-10, 30)),
    "plate_clamped": (Bar(1e-7, 60),),
    "helmholtz": (Bar(1e-9, 60),),
    "helmholtz_six": (Bar(1e-7, 300),),
    "helmholtz_100": (Bar(1e-6, 60),),
    "laplace_holes": (Bar(1e-6, 30),),
    "heat": (Bar(1e-9, 60),),
    "wave": (Bar(1e-9, 60),),
    "kovasznay": (Bar(1e-8, 120),),
    "burgers": (Bar(1e-7, 60), Bar(8e-9, 1800)),
    "burgers_2d": (Bar(1e-5, 300),),
    "taylor_green": (Bar(1e-5, 300),),
    "allen_cahn": (Bar(1e-5, 300), Bar(1e-6, 600)),
    "cahn_hilliard": (Bar(1e-4, 120),),
    "kdv": (Bar(1e-5, 300), Bar(1e-6, 600)),
    "kdv_soliton": (Bar(1e-8, 60),),
    "sine_gordon": (Bar(1e-7, 120),),
    "schroedinger": (Bar(1e-7, 120),),
    "gray_scott": (Bar(1e-7, 120),),
    "kuramoto_sivashinsky": (Bar(1e-3, 900),),
    "lorenz": (Bar(1e-6, 120),),
    "oscillator": (Bar(1e-8, 120),),
    "monge_ampere": (Bar(1e-7, 120),),
    "poisson_interface": (Bar(1e-7, 120),),
    "poisson_balls": (Bar(1e-4, 300),),
    "elasticity_3d": (Bar(1e-4, 300),),
    "cavity": (Bar(1e-3, 300), Bar(1e-4, 120)),
    "cavity_1000": (Bar(1e-3, 600),),
    "cylinder": (Bar(1e-3, 300),),
    "stokes_cylinder": (Bar(1e-5, 120),),
    "poisson_5d": (Bar(1e-6, 600),),
    "poisson_l_shape": (Bar(1e-4, 120), Bar(1e-7, 60)),
    "burgers_viscosity": (Bar(1e-2, 120),),
    "burgers_viscosity_front": (Bar(1e-2, 120),),
    "poisson_100d": (Bar(1e-2, 600),),
}

Row = dict[str, str]


def key(row: Row) -> tuple[str, str, str]:
    """What run it is."""
    return row["problem"], row["solver"], row["seed"]


def ordered(rows: list[Row]) -> list[Row]:
    """As the table has them: by problem, solver and seed."""
    order = [OURS, *PEERS]
    return sorted(rows, key=lambda r: (list(BARS).index(r["problem"]), order.index(r["solver"]), int(r["seed"])))


def read(path: Path) -> list[Row]:
    """The rows of a CSV file; none if there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[Row]) -> None:
    """The rows as a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        if rows:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def groups(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """The runs of each problem by each solver."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row["problem"], row["solver"]), []).append(row)
    return found


def figure_of(row: Row) -> float:
    """Of a run that finished, its error; of another, infinity."""
    return float(row["error"]) if row["status"] == "finished" and row["error"] else math.inf


def verdict(runs: list[Row], bar: Bar) -> str:
    """`met`, or what is missing."""
    error, seconds = (statistics.median(map(of, runs)) for of in (figure_of, lambda row: float(row["seconds"])))
    missing = [f"error above {bar.error:.0e}"] if not error <= bar.error else []
    missing += [f"longer than {bar.seconds:g} s"] if seconds > bar.seconds else []
    return "met" if not missing else "missed: " + ", ".join(missing)


def table(rows: list[Row]) -> str:
    """Markdown: every problem against its bars, with the runs that did not finish; the peers below."""
    lines = ["| problem | at most | within | error, median (range) | told | seconds, median (range) | runs | bar |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for (problem, _), runs in groups(row for row in rows if row["solver"] == OURS).items():
        for bar in BARS[problem]:
            error, seconds = spread(runs)
            cells = [problem, f"{bar.error:.0e}", f"{bar.seconds:g} s", error, told(runs), seconds, endings(runs)]
            lines.append("| " + " | ".join([*cells, verdict(runs, bar)]) + " |")
    peers = groups(row for row in rows if row["solver"] != OURS)
    if peers:
        lines += ["", "| problem | library | error, median (range) | seconds, median (range) | runs |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        for (problem, solver), runs in peers.items():
            lines.append("| " + " | ".join([problem, solver, *spread(runs), endings(runs)]) + " |")
    return "\n".join(lines)


def spread(runs: list[Row]) -> tuple[str, str]:
    """Median and range of the error, over whatever was measured, and of the seconds."""

    def of(values: list[float], form: Callable[[float], str]) -> str:
        if not values:
            return "none"
        return f"{form(statistics.median(values))} ({form(min(values))} to {form(max(values))})"

    errors = [float(row["error"]) for row in runs if row["error"]]
    return of(errors, "{:.1e}".format), of([float(row["seconds"]) for row in runs], "{:.0f}".format)


def told(runs: list[Row]) -> str:
    """The median of the estimates that the runs have told of their error; empty where none has."""
    estimates = [float(row["estimate"]) for row in runs if row.get("estimate")]
    return f"{statistics.median(estimates):.1e}" if estimates else ""


def endings(runs: list[Row]) -> str:
    """How many ended how: `5 finished`."""
    statuses = [row["status"] for row in runs]
    return ", ".join(f"{statuses.count(status)} {status}" for status in dict.fromkeys(statuses))


BEGIN, END = "<!-- written by the command -->", "<!-- end -->"


def put_into(page: Path, answer: str) -> None:
    """Replace what stands between the two marks of the page, if there is one: figures there cannot drift."""
    if page.exists():
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n\n{answer}\n\n{END}{rest.partition(END)[2]}")


def picture(rows: list[Row], path: Path) -> None:
    """Error against seconds, a panel a problem: each run's curve, the median and range at its end, and the bars."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    curves = groups(read(path.with_name("curves.csv")))
    problems = [problem for problem in BARS if any(row["problem"] == problem for row in rows)]
    columns = min(4, len(problems))
    lines = -(-len(problems) // columns)
    page = Figure(figsize=(3.2 * columns, 2.6 * lines), layout="constrained")
    panels = page.subplots(lines, columns, squeeze=False).flat
    for axes, problem in zip(panels, problems, strict=False):
        axes.set_title(problem.replace("_", " "), fontsize=9)
        axes.set(xscale="log", yscale="log")
        axes.xaxis.set_minor_formatter(NullFormatter())
        for bar in BARS[problem]:
            axes.plot([bar.seconds / 30, bar.seconds, bar.seconds], [bar.error, bar.error, bar.error / 30], "k:", lw=1)
        for color, solver in zip(("C0", "C1", "C2"), (OURS, *PEERS), strict=True):
            runs = [row for row in rows if key(row)[:2] == (problem, solver)]
            draw(axes, runs, curves.get((problem, solver), []), color, solver)
    for axes in list(page.axes)[len(problems) :]:
        axes.set_axis_off()
    page.supxlabel("seconds from the start of the command")
    page.supylabel("error")
    named = {name: mark for axes in page.axes for mark, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    page.legend(list(named.values()), list(named), loc="outside upper right", ncols=3, frameon=False, fontsize=8)
    page.savefig(path, dpi=110)


def draw(axes: Any, runs: list[Row], curve: list[Row], color: str, name: str) -> None:
    """The runs of one solver on one problem."""
    for seed in sorted({point["seed"] for point in curve}):
        points = [(float(p["seconds"]), float(p["error"])) for p in curve if p["seed"] == seed]
        axes.plot(*zip(*points, strict=True), color=color, lw=0.7, alpha=0.5)
    ended = [(float(row["seconds"]), float(row["error"])) for row in runs if row["error"]]
    ended = [(seconds, error) for seconds, error in ended if math.isfinite(error)]
    if ended:
        (x, dx), (y, dy) = (middle(values) for values in zip(*ended, strict=True))
        axes.errorbar(x, y, xerr=dx, yerr=dy, fmt="o", color=color, ms=4, capsize=2, label=name)


def middle(values: Iterable[float]) -> tuple[float, list[list[float]]]:
    """The median, and how far the range reaches to either side."""
    values = list(values)
    centre = statistics.median(values)
    return centre, [[centre - min(values)], [max(values) - centre]]
