"""Where to look at a domain: lines and planes through it.

Shape letters: N points, D coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pinn.geometry import Domain

RESOLUTION = 101  # points along each axis of a picture
TIMES = (0.0, 1 / 3, 2 / 3, 1.0)  # parts of the time interval at which a plane in space is shown


@dataclass(frozen=True)
class View:
    """A line or a plane through the domain: where one panel looks.

    Attributes:
        axes: The one or two coordinates that vary, by index.
        extent: Their intervals.
        labels: Their names.
        points: Grid points, (N, D), float64, the first axis varying slowest.
        inside: Which of them lie in the domain, (N,).
        caption: The coordinates that are held, such as ``"t = 0.5"``; empty if there are none.
        to_scale: Whether both axes are drawn with one scale: those of space are.
        resolution: Points along each axis.
    """

    axes: tuple[int, ...]
    extent: tuple[tuple[float, float], ...]
    labels: tuple[str, ...]
    points: Tensor
    inside: Tensor
    caption: str
    to_scale: bool
    resolution: int


def views(domain: Domain, parts: Sequence[float] = TIMES, resolution: int = RESOLUTION) -> list[View]:
    """Choose where to look at a domain.

    One coordinate: the line. Two: the plane, time running to the right. More: the plane of the first two spatial
    coordinates, or of time and the only one, through the middle of the others; several times, if time is left, or
    several values of the first parameter that is left.

    Args:
        domain: What is looked at.
        parts: Which parts of the interval of time, or of the parameter, have gone by.
        resolution: Points along each axis.
    """
    time_first = sorted(range(len(domain.names)), key=lambda i: (domain.names[i] != "t", i not in domain.spatial))
    if len(domain.names) < 3:
        return [view(domain, tuple(time_first), {}, resolution)]
    plane = domain.spatial[:2] if len(domain.spatial) > 1 else tuple(time_first[:2])
    middle = {i: (low + high) / 2 for i, (low, high) in enumerate(zip(domain.lower, domain.upper, strict=True))}
    others = [i for i in time_first if i not in plane and i not in domain.spatial]
    if not others:
        return [view(domain, plane, middle, resolution)]
    low, high = domain.lower[others[0]], domain.upper[others[0]]
    held = [{**middle, others[0]: low + part * (high - low)} for part in parts]
    return [view(domain, plane, values, resolution) for values in held]


def view(domain: Domain, axes: tuple[int, ...], held: Mapping[int, float], resolution: int) -> View:
    """The line or plane of some coordinates, by index, through the values of the others."""
    extent = tuple((domain.lower[i], domain.upper[i]) for i in axes)
    lines = [torch.linspace(low, high, resolution, dtype=torch.float64) for low, high in extent]
    grid = torch.meshgrid(*lines, indexing="ij")
    points = torch.tensor([held.get(i, 0.0) for i in range(len(domain.names))], dtype=torch.float64)
    points = points.repeat(grid[0].numel(), 1)
    points[:, list(axes)] = torch.stack([g.flatten() for g in grid], dim=1)
    caption = _caption({domain.names[i]: value for i, value in held.items() if i not in axes})
    names = tuple(domain.names[i] for i in axes)
    to_scale = set(axes) <= set(domain.spatial)
    return View(axes, extent, names, points, domain.inside(points), caption, to_scale, resolution)


def _caption(held: Mapping[str, float]) -> str:
    """``y = 0, z = w = 1``; of more than three with one value the first and the last."""
    together: dict[str, list[str]] = {}
    for name, value in held.items():
        together.setdefault(f"{value:.3g}", []).append(name)
    short = {value: names if len(names) < 4 else [names[0], "...", names[-1]] for value, names in together.items()}
    return ", ".join(f"{' = '.join(names)} = {value}" for value, names in short.items())
