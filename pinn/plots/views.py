"""Where to look at a domain: lines and planes through it.

Shape letters: N points, D coordinates, K positions of a slice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pinn.geometry import Domain

RESOLUTION = {1: 1001, 2: 101}  # points along each axis of a picture, by their number: a layer on a line has no corners
TIMES = (0.0, 1 / 3, 2 / 3, 1.0)  # parts of the time interval at which a plane in space is shown
POSITIONS = (11, 9)  # of a slice that moves in time or with a parameter, and through space


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


def views(domain: Domain, parts: Sequence[float] = TIMES, resolution: int | None = None) -> list[View]:
    """Choose where to look at a domain.

    The first slice, time running to the right: at several times or values of a parameter, or in the middle of space.

    Args:
        domain: What is looked at.
        parts: Which parts of the interval of time, or of the parameter, have gone by.
        resolution: Points along each axis, if not as many as is usual.
    """
    one = slices(domain)[0]
    resolution = resolution or RESOLUTION[len(one.axes)]
    held = dict(enumerate(one.held))
    if one.along is None or one.along in domain.spatial:
        return [view(domain, one.axes, held, resolution)]
    low, high = domain.lower[one.along], domain.upper[one.along]
    return [view(domain, one.axes, {**held, one.along: low + part * (high - low)}, resolution) for part in parts]


@dataclass(frozen=True)
class Slice:
    """A plane, or a line where there is one coordinate, that moves along one more coordinate where there is one.

    Attributes:
        axes: The one or two coordinates that vary, by index.
        along: The coordinate that it moves along; None for a slice that stays.
        positions: Values of that coordinate, (K,); one of no meaning if it stays.
        held: Values of all coordinates; those of `axes` and `along` have no meaning.
    """

    axes: tuple[int, ...]
    along: int | None
    positions: tuple[float, ...]
    held: tuple[float, ...]

    def at(self, k: int) -> dict[int, float]:
        """The coordinates that are held at a position."""
        held = dict(enumerate(self.held))
        return held if self.along is None else {**held, self.along: self.positions[k]}


def slices(domain: Domain) -> list[Slice]:
    """Choose slices of a domain.

    Up to two coordinates are seen whole. Of more, the plane is that of space, or of time and a single coordinate of
    space; it moves in time, else with the first parameter, else through space: then there is one plane for each pair of
    three coordinates. What is left is held in the middle.
    """
    space, names = domain.spatial, domain.names
    middle = tuple((low + high) / 2 for low, high in zip(domain.lower, domain.upper, strict=True))
    ordered = sorted(range(len(names)), key=lambda i: (names[i] != "t", i not in space))
    if len(names) < 3:
        return [Slice(tuple(ordered), None, (0.0,), middle)]
    plane = space[:2] if len(space) > 1 else tuple(ordered[:2])
    others = [i for i in ordered if i not in plane]
    moving = [i for i in others if i not in space]
    if moving:
        return [Slice(plane, moving[0], _positions(domain, moving[0], POSITIONS[0]), middle)]
    triples = [(0, 1, 2), (0, 2, 1), (1, 2, 0)] if len(space) == 3 else [(0, 1, 2)]
    return [
        Slice((space[a], space[b]), space[c], _positions(domain, space[c], POSITIONS[1]), middle) for a, b, c in triples
    ]


def _positions(domain: Domain, i: int, count: int) -> tuple[float, ...]:
    """Even ones; through space without the faces, where conditions hold."""
    low, high = domain.lower[i], domain.upper[i]
    inner = np.linspace(low, high, count + 2)[1:-1] if i in domain.spatial else np.linspace(low, high, count)
    return tuple(map(float, inner))


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
