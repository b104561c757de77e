"""A configuration and a plan in words, for the terminal and for pages."""

from __future__ import annotations

from pinn.problem import Problem
from pinn.residuals import Residuals
from pinn.schema import CHOSEN, Config, Partition

LONGEST = 60  # characters of an operator, where there are a hundred terms


def network(config: Config) -> str:
    """Kind, shape and activation."""
    chosen = config.network
    if isinstance(chosen, Partition):
        cells = "cells that are halved where the residual is large" if chosen.refined else f"cells {chosen.cells}"
        return f"partition, {cells}, each with one {chosen.local.name}"
    text = f"{chosen.name} {chosen.depth} x {chosen.width} {getattr(chosen, 'activation', '')}".rstrip()
    return text + (f" on {chosen.features.name} features" if chosen.features else "")


def choices(config: Config) -> list[str]:
    """What was chosen, with the reason, a line each; what was given instead."""
    found: dict[str, list[str]] = {}
    for key, why in config.chosen.items():
        found.setdefault(why, []).append(f"{key}={_said(config, key)}")
    lines = [f"chosen: {' '.join(values)}: {why}" for why, values in found.items()]
    given = [f"{key}={_said(config, key)}" for key in CHOSEN if key not in config.chosen and _said(config, key)]
    return [*lines, *([f"given: {' '.join(given)}"] if lines and given else [])]


def softened(problem: Problem) -> list[str]:
    """Which conditions are losses because they cannot be built into the network, a line each reason."""
    found: dict[str, list[str]] = {}
    for key, why in problem.softened.items():
        found.setdefault(why, []).append(key)
    return [f"soft: {', '.join(keys)}: {why}" for why, keys in found.items()]


def _said(config: Config, key: str) -> str:
    """The value at a key, in one word; nothing where there is none."""
    if key == "network":
        return config.network.name
    if key == "optimizer":
        return ", ".join(phase.name for phase in config.phases)
    if key == "precision":
        return config.precision.name
    group, _, name = key.partition(".")
    found = getattr(getattr(config, group), name, None) if name else getattr(config, group)
    if group == "network" and isinstance(config.network, Partition):
        return ""
    return "" if found is None else f"{found}"


def precision(config: Config) -> str:
    """What the arithmetic is."""
    names = {"float64": "float64", "float32": "true float32 (no TF32)"}
    if config.precision.autocast:
        return "float32 with bfloat16 products"
    return "float32 with TF32 products" if config.precision.matmul != "highest" else names[config.precision.dtype]


def channels(residuals: Residuals) -> dict[str, str]:
    """Of each place how many channels its operators take, and which operators those are."""
    found = {}
    for place, plan in residuals.plans.items():
        operators = [_short(operator.text(plan.coordinates)) for operator in plan.operators.values()]
        count = "1 channel" if plan.channels == 1 else f"{plan.channels} channels"
        found[place.name] = f"{count} for {', '.join(operators)}"
    return found


def duration(seconds: float) -> str:
    """With the unit that suits it."""
    if seconds < 1:
        return f"{1e3 * seconds:.1f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
