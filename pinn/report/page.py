"""The report of one run: all that it has left, on one page."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinn.files import CONFIG, HISTORY, REPORT, RESULT, read_history, read_result, write
from pinn.report import words
from pinn.report.curves import curves
from pinn.report.html import facts, frame, number, place_plotly, section, table, typed
from pinn.report.mathematics import domain_latex, latex, mathml
from pinn.report.sampled import sampled
from pinn.schema import Partition

if TYPE_CHECKING:
    from pinn.problem import Problem
    from pinn.schema import Config
    from pinn.solution import Solution

Result = Mapping[str, Any]
STATUS = {"finished": "finished", "diverged": "diverged", "interrupted": "interrupted", "terminated": "terminated"}
ANGLES = 6  # equations between which they are shown
SCRIPTS = ("plots.js", "page.js")


def write_report(directory: Path, solution: Solution, config: Config) -> Path:
    """Write report.html, which shows what the run's other files hold and what its solution looks like.

    Returns:
        The page.
    """
    path = directory / REPORT
    place_plotly(directory)
    text = page(
        solution, config, read_result(directory / RESULT), read_history(directory / HISTORY),
        settings=(directory / CONFIG).read_text(), name=str(directory), views=sampled(solution),
    )  # fmt: skip
    write(path, text)
    return path


def page(
    solution: Solution,
    config: Config,
    result: Result,
    rows: Sequence[Mapping[str, float]],
    *,
    settings: str,
    name: str,
    views: list[dict[str, Any]],
    live: str | None = None,
) -> str:
    """The page as HTML.

    Args:
        solution: Problem, network and plan.
        config: How it was trained.
        result: What result.json holds; nothing while the run goes on.
        rows: The history.
        settings: config.yaml, to be shown.
        name: Of the run.
        views: See `sampled`.
        live: Where the page is to follow the run, what identifies its present state.
    """
    problem = solution.problem
    truths = {name: learned.truth for name, learned in problem.learned.items() if learned.truth is not None}
    body = [
        f'<header data-part="head">{_head(solution, config, result, rows, name)}</header>',
        section("The problem", _problem(problem, config)),
        section("What limits this run", _diagnosis(result) and f"{_diagnosis(result)}{_panels('looks')}"),
        section("The solution", _panels("solution", '<div class="controls" id="controls"></div>')) if views else "",
        section("Where the equations are not met", _panels("residuals")) if views and views[0]["residuals"] else "",
        section("Errors", _errors(result) + _equations(solution, config, result, rows), "errors"),
        section("Training", '<div class="controls" id="clock"></div>' + _panels("curves")) if rows else "",
        section("What was learned", _learned(problem, solution, result), "learned"),
        section("Network, plan and cost", _plan(solution, config, result)),
        section("To run it again", _again(result, settings)),
        "<footer>Made by pinn. Drag in a picture to zoom, click twice to go back; svg, above it, saves it.</footer>",
    ]
    found = result.get("diagnosis") or {}
    looks = {key: found[key] for key in ("spectrum", "regions") if found.get(key)}
    data = {"views": views, "curves": curves(rows), "truths": truths, "looks": looks}
    text = json.dumps(data, separators=(",", ":"))
    attributes = "" if live is None else f'data-live data-tag="{escape(live, quote=True)}"'
    title = f"{problem.name} · {name}"
    return frame(title, "\n".join(filter(None, body)), text, SCRIPTS, attributes)


def _head(solution: Solution, config: Config, result: Result, rows: Sequence[Mapping[str, float]], name: str) -> str:
    problem, last = solution.problem, dict(rows[-1]) if rows else {}
    steps = result.get("steps", int(last.get("step", 0)))
    status = STATUS.get(result.get("status", ""), "")
    counted = escape(f"{steps} step{'s' if steps != 1 else ''}")
    said = f"{status} after {counted}" if status else f'<span class="live"></span>training, {counted} so far'
    few = problem.coordinate_names if len(problem.coordinate_names) < 7 else (*problem.coordinate_names[:3], "…")
    lead = f"{', '.join(problem.fields)} of {', '.join(few)}; {said}; seed {config.seed}."
    errors = {key.removeprefix("error/"): value for key, value in last.items() if key.startswith("error/")}
    if result.get("error"):
        errors = {field: found["relative_l2"] for field, found in result["error"].items()}
    figures: list[tuple[str, str]] = []
    if errors:
        worst = max(errors, key=lambda field: errors[field] or 0.0)
        of = f" of {escape(worst)}" if len(errors) > 1 else ""
        figures.append((f"relative L² error{of}", number(errors[worst])))
    elif residual := result.get("residual"):
        worst = max(residual, key=lambda key: residual[key] or 0.0)
        figures.append((f"held-out residual of {escape(worst)}", number(residual[worst])))
    losses = {key: value for key, value in last.items() if key.startswith("loss/")}
    if losses:
        figures.append(("loss", number(sum(losses.values()))))
    if "seconds" in result:
        figures.append(("time", words.duration(result["seconds"])))
    figures.append(
        ("parameters", f"{sum(p.numel() for p in solution.residuals.parameters()):,}".replace(",", "&#8239;"))
    )
    if result.get("peak_memory_megabytes"):
        figures.append(("memory at most", f"{float(result['peak_memory_megabytes']):g} <small>MB</small>"))
    cells = "".join(f"<div><dt>{title}</dt><dd>{value}</dd></div>" for title, value in figures)
    return (
        f'<p class="over">{escape(name)}</p><h1>{escape(problem.name)}</h1>'
        f'<p class="lead">{lead}</p><dl class="figures">{cells}</dl>'
    )


def _problem(problem: Problem, config: Config) -> str:
    found = latex(problem)
    refined = isinstance(config.network, Partition) and config.network.refined  # cells meet conditions as equations
    built_in = () if refined else problem.built_in
    built = {name for built in built_in for name in (built, built.rpartition("_")[0])}  # or a component of it
    notes = dict.fromkeys(built, "built in")
    conditions = [_statement(name, text, notes.get(name, "")) for name, text in found.get("conditions", {}).items()]
    equations = [_statement(name, text) for name, text in found["equations"].items()]
    learned = [rf"{name} \text{{ learned, from }} {known.guess:g}" for name, known in problem.learned.items()]
    blocks = {
        "Equations": [*equations, _statement("domain", domain_latex(problem))],
        "Conditions": conditions,
        "With": [_statement("", text) for text in (*found.get("where", {}).values(), *learned)],
        "Exact solution": [_statement("", text) for text in found.get("exact", {}).values()],
    }
    parts = [_block(title, lines) for title, lines in blocks.items() if lines]
    said = [] if refined else [f"{line}." for line in words.softened(problem)]
    for name, data in problem.observations.items():
        said.append(f"{name}: {len(data.points.x)} observations of {', '.join(data.quantities)}.")
    parts += [f'<p class="note wide">{escape(line)}</p>' for line in said]
    return f'<div class="problem">{"".join(parts)}</div>'


def _block(title: str, lines: Sequence[str]) -> str:
    wide = "" if title in ("Conditions", "With") else " wide"
    head = "" if title == "Equations" else f"<h3>{title}</h3>"
    return f'<div class="statements{wide}">{head}{"".join(lines)}</div>'


def _statement(name: str, text: str, note: str = "") -> str:
    said = f"<small>{escape(note)}</small>" if note else ""
    if not name:
        return f'<div class="formula">{mathml(text)}</div>'
    return f'<div class="statement"><span>{escape(name)}{said}</span><div class="formula">{mathml(text)}</div></div>'


def _panels(identity: str, before: str = "") -> str:
    return f'{before}<div class="panels" id="{identity}"></div>'


def _diagnosis(result: Result) -> str:
    found = result.get("diagnosis")
    if not found:
        return ""
    items = []
    for advice in found["advice"]:
        lines = "".join(typed(shlex.join(choice)) for choice in advice["try"])
        items.append(f"<li><div><p>{escape(advice['finding'])}</p>{lines}</div></li>")
    listed = f'<ol class="advice">{"".join(items)}</ol>' if items else ""
    return f"<p>{escape(found['summary'])}</p>{listed}{_angles(found['cosines'])}"


def _angles(cosines: Mapping[str, Mapping[str, float]]) -> str:
    """The cosines of the angles between the gradients of the losses, where there are a few."""
    if not 1 < len(cosines) <= ANGLES:
        return ""
    rows = [[escape(name), *(number(value, 2) for value in of.values())] for name, of in cosines.items()]
    note = '<p class="note">Cosines of the angles between the gradients of the losses: below zero they oppose.</p>'
    return note + table(["", *map(escape, cosines)], rows)


def _errors(result: Result) -> str:
    if not result.get("error"):
        return ""
    rows = [[escape(field), number(e["relative_l2"]), number(e["max"])] for field, e in result["error"].items()]
    note = '<p class="note">At 16 384 points that training never saw.</p>'
    return note + table(["field", "relative L²", "largest"], rows)


def _equations(solution: Solution, config: Config, result: Result, rows: Sequence[Mapping[str, float]]) -> str:
    """Of each equation what training saw, what it did not see, and what rounding makes."""
    last = _last(rows)
    if not last:
        return ""
    residual, floor = result.get("residual") or {}, result.get("noise_floor") or {}
    lines = []
    for name, equation in solution.problem.equations.items():
        place = f'<span class="note">{escape(equation.place.name)}</span>'
        values = [_root(last.get(f"loss/{name}")), residual.get(name), last.get(f"residual_max/{name}")]
        values += [_root(floor.get(name)), last.get(f"weight/{name}"), last.get(f"grad_norm/{name}")]
        lines.append([escape(name), place, *map(number, values)])
    where = '<span class="note">where</span>'
    head = ["equation", where, "residual (rms)", "held out", "largest", "of rounding", "weight", "gradient"]
    return table(head, lines)


def _root(value: float | None) -> float | None:
    return None if value is None or value < 0 else value**0.5


def _last(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The last of every measurement."""
    return {name: value for row in rows for name, value in row.items()}


def _learned(problem: Problem, solution: Solution, result: Result) -> str:
    lines, deviations = [], result.get("standard_deviation", {})
    head = ["parameter", "found", "true", "relative error", "began at"]
    for name, value in solution.learned.items():
        learned = problem.learned[name]
        off = None if learned.truth in (None, 0.0) else abs(value / learned.truth - 1)
        lines.append([escape(name), number(value, 6), number(learned.truth, 6), number(off, 2), number(learned.guess)])
        if deviations:
            lines[-1].insert(2, number(deviations.get(name), 2))
    if deviations:
        head.insert(2, "standard deviation from the data's noise")
    text = table(head, lines) if lines else ""
    if problem.coefficients:
        text += f'<p class="note">{", ".join(problem.coefficients)}: found as functions, among the fields above.</p>'
    return text


def _plan(solution: Solution, config: Config, result: Result) -> str:
    sampling, residuals = config.sampling, solution.residuals
    phases = ", then ".join(f"{phase.name} ({phase.steps} steps at most)" for phase in config.phases)
    steps, seconds = result.get("steps"), result.get("seconds")
    given = {
        "network": words.network(config), "arithmetic": words.precision(config), "optimizer": phases,
        "points": f"{sampling.points} {sampling.name} inside, {sampling.boundary_points} on each part of the boundary",
        "balancing": config.balancing.name,
        "derivatives": f"{config.derivatives.engine}{', compiled' if result.get('compiled') else ''}",
        "why": " ".join(f"{line[0].upper()}{line[1:]}." for line in words.choices(config)) or None,
        **words.channels(residuals),
        "steps": f"{steps} in {words.duration(seconds)}, start-up and pictures included" if steps and seconds else None,
    }  # fmt: skip
    return facts(given)


def _again(result: Result, settings: str) -> str:
    versions, hardware = result.get("versions") or {}, result.get("hardware") or {}
    given = {**hardware, "versions": ", ".join(f"{name} {value}" for name, value in versions.items() if value)}
    command = typed(result["command"]) if result.get("command") else ""
    whole = f"<details><summary>The whole configuration</summary><pre>{escape(settings)}</pre></details>"
    return command + facts(given) + whole
