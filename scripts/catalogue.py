"""The catalogue of problems: `python scripts/catalogue.py`, or with names of problems to draw those alone.

Draws the truth of each problem of configs/pde to docs/catalogue/<name>.png and writes docs/catalogue.md. Some
references are computed for up to a minute; they are kept in the user's cache folder.
"""

import argparse
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sympy
import yaml
from benchmarks.accuracy_table import Row, read
from benchmarks.gallery import said
from portrait import portrait

from pinn.problem import Problem, configs
from pinn.references import REFERENCES, truth

PROBLEMS = configs() / "pde"
DOCS = Path(__file__).parents[1] / "docs"
PAGE, PICTURES = DOCS / "catalogue.md", DOCS / "catalogue"
MEASURED = Path(__file__).parents[1] / "experiments" / "catalogue" / "results.csv"
LINE, EVOLUTION = "One coordinate", "Time and a line"
PLANE, MOVING_PLANE = "The plane", "Time and a plane"
KINDS = (": one field, up to second order", ": one field, of higher order", ": several fields")
GROUPS = (
    LINE,
    *(PLANE + kind for kind in KINDS),
    *(EVOLUTION + kind for kind in KINDS),
    MOVING_PLANE,
    "Three dimensions and more",
    "For a range of parameters",
    "With something to be found",
)
HEAD = """\
# The problems

Written by `python scripts/catalogue.py`: {count} problems, each a YAML file in [configs/pde](../configs/pde). The
pictures show the truth that a run is compared with: the exact solution or a reference, through the middle of what does
not fit into a plane. What is measured is `python scripts/train.py pde=NAME` and nothing else, stopped where its time
was over: [experiments/catalogue](../experiments/catalogue) has the figures in order.

| | |
| --- | --- |
"""


def names() -> list[str]:
    """Of all problems."""
    return sorted(path.stem for path in PROBLEMS.glob("*.yaml"))


def load(name: str) -> Problem:
    """One of them."""
    return Problem.load(PROBLEMS / f"{name}.yaml")


def draw(problem: Problem) -> Path | None:
    """Draw the truth, where there is one."""
    values = truth(problem)
    if values is None:
        return None
    return portrait(problem.domain, problem.fields, values, PICTURES / f"{problem.name}.png")


def page() -> str:
    """The whole page, without looking at the pictures and without solving anything."""
    groups: dict[str, list[str]] = {name: [] for name in GROUPS}
    for name in names():
        groups[group(name)].append(name)
    groups = {name: members for name, members in groups.items() if members}
    rows = [f"| {name} | {', '.join(f'[{m}](#{m})' for m in members)} |\n" for name, members in groups.items()]
    parts = [HEAD.format(count=len(names())) + "".join(rows)]
    for name, members in groups.items():
        parts += [f"## {name}\n", *map(section, members)]
    return "\n".join(parts)


def group(name: str) -> str:
    """Under which heading a problem stands."""
    problem, parameters = load(name), _mapping(name).get("parameters") or {}
    kinds = {key for value in parameters.values() if isinstance(value, Mapping) for key in value}
    if kinds & {"learn", "field"}:
        return "With something to be found"
    if "range" in kinds:
        return "For a range of parameters"
    if len(problem.coordinate_names) == 1:
        return LINE
    if len(problem.coordinate_names) > 2:
        moving = "t" in problem.coordinate_names and len(problem.coordinate_names) == 3
        return MOVING_PLANE if moving else "Three dimensions and more"
    kind = 2 if len(problem.fields) > 1 else int(_order(problem) > 2)
    return (EVOLUTION if "t" in problem.coordinate_names else PLANE) + KINDS[kind]


def section(name: str) -> str:
    """What the page says of a problem."""
    mapping = _mapping(name)
    given = {**(mapping.get("parameters") or {}), **(mapping.get("functions") or {})}
    lines = [*mapping["equations"].values(), "", *(f"{key} = {_flow(value)}" for key, value in given.items())]
    where = {
        key: mapping[key] for key in ("coordinates", "coordinate_system", "domain", "observations") if key in mapping
    }
    count = len(mapping.get("conditions") or {})
    known = "exact" in mapping or "reference" in mapping
    parts = [
        f"### {name}",
        f"> {_plain(_comment(name))}",
        "\n".join(["```", *lines, *(f"{key}: {_flow(value)}" for key, value in where.items()), "```"]),
        f"{count or 'No'} condition{'s' * (count != 1)}. {_truth(mapping)}",
        *([f"![{name}](catalogue/{name}.png)"] if known else []),
        *([said(row)] if (row := measured().get(name)) else []),
        f"`python scripts/train.py pde={name}`",
    ]
    return "\n\n".join(parts) + "\n"


def measured() -> dict[str, Row]:
    """The rows of the benchmark, by problem."""
    return {row["problem"]: row for row in read(MEASURED)}


def _truth(mapping: Mapping[str, Any]) -> str:
    if "exact" in mapping:
        return f"Exact solution: {', '.join(f'`{field} = {text}`' for field, text in mapping['exact'].items())}."
    if "reference" not in mapping:
        return "Its solution is not known, so there is no picture."
    reference = mapping["reference"]
    (name, options), *_ = reference.items() if isinstance(reference, Mapping) else [(reference, None)]
    said = (inspect.getdoc(REFERENCES[name]) or "").partition("\n")[0].removeprefix("Return ")
    return f"Reference `{name}`{f' with `{_flow(options)}`' if options else ''}: {_plain(said)}"


def _comment(name: str) -> str:
    """The comment at the head of the file: title and source."""
    head = re.match(r"(#.*\n)*", (PROBLEMS / f"{name}.yaml").read_text())
    assert head is not None
    return " ".join(line.lstrip("# ") for line in head[0].splitlines())


def _mapping(name: str) -> dict[str, Any]:
    return yaml.safe_load((PROBLEMS / f"{name}.yaml").read_text())


def _flow(value: Any) -> str:
    """A value on one line, as YAML has it."""
    if not isinstance(value, Mapping | list):
        return str(value)
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6).strip()


def _plain(text: str) -> str:
    """Text in which Markdown sees nothing."""
    return re.sub(r"([\\*_<\[`])", r"\\\1", text)


def _order(problem: Problem) -> int:
    """The highest order of a derivative in the equations."""
    found = {a for equation in problem.stated.values() for a in equation.residual.atoms(sympy.Derivative)}
    return max((int(a.derivative_count) for a in found if isinstance(a, sympy.Derivative)), default=0)


def main() -> None:
    """Draw what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="problems to draw; all of them if none is named")
    for name in parser.parse_args().names or names():
        drawn = draw(load(name))
        print(f"{name}: {drawn or 'no truth, no picture'}", flush=True)
    PAGE.write_text(page())
    print(PAGE)


if __name__ == "__main__":
    main()
