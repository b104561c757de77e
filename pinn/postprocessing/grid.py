"""A solution on a grid of points.

Shape letters: N points, D coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pinn.geometry import Domain, Points
from pinn.messages import did_you_mean
from pinn.partition.memory import there_is
from pinn.solution import Solution

A_POINT = 8  # bytes a coordinate
MOST = 10**8  # points along a coordinate
POINTS, LONGEST = 10**5, 101  # of a grid, and along a coordinate, where nothing is said


@dataclass(frozen=True)
class Grid:
    """Points along each coordinate.

    Attributes:
        axes: By coordinate, in order, the values along it.
        inside: Which of the points lie in the domain, of the grid's shape.
    """

    axes: dict[str, np.ndarray]
    inside: np.ndarray

    @property
    def points(self) -> np.ndarray:
        """All of them, (N, D), the first coordinate varying slowest."""
        return np.stack(np.meshgrid(*self.axes.values(), indexing="ij"), axis=-1).reshape(-1, len(self.axes))

    def evaluate(self, solution: Solution, quantities: Sequence[str]) -> dict[str, np.ndarray]:
        """Quantities by name, of the grid's shape; NaN outside of the domain.

        Raises:
            LanguageError: A text is no expression of the language.
            ValueError: A text says where it holds: the grid does.
        """
        asked = [solution.problem.quantity(text) for text in quantities]
        for quantity in asked:
            if quantity.place != solution.problem.domain.interior:
                raise ValueError(f"quantities={quantity.text}: the grid says where; leave the brackets out")
        x = torch.from_numpy(self.points)[torch.from_numpy(self.inside.ravel())]
        found = {}
        for name, values in solution.values(asked, Points(x)).items():
            found[name] = np.full(self.inside.shape, np.nan)
            found[name][self.inside] = values.numpy()
        return found


def read_grid(given: Any, domain: Domain) -> Grid:
    """Read `50`, `[50, 100]` or `{x: 50, t: [0, 0.5, 1]}`: how many points along a coordinate, or which.

    Args:
        given: One number for all coordinates; a list with an entry a coordinate, in order; or entries by name, the
            other coordinates having as many as fit into 100,000 points, 101 at most.
        domain: Knows the coordinates and what lies inside.

    Raises:
        ValueError: It is none of these, or a point lies outside of its coordinate's interval.
    """
    usual = max(2, min(LONGEST, int(POINTS ** (1 / len(domain.names)) + 1e-9)))
    match given:
        case None | int():
            entries = dict.fromkeys(domain.names, usual if given is None else given)
        case Mapping():
            for name in given:
                if name not in domain.names:
                    raise ValueError(f"grid.{name}: no coordinate has this name. {did_you_mean(name, domain.names)}")
            entries = {name: given.get(name, usual) for name in domain.names}
        case Sequence() if not isinstance(given, str) and len(given) == len(domain.names):
            entries = dict(zip(domain.names, given, strict=True))
        case _:
            raise ValueError(
                f"grid={given}: write a number, or a list or mapping with one for {', '.join(domain.names)}"
            )
    bounds = zip(domain.lower, domain.upper, strict=True)
    axes = {name: _axis(name, entry, *ends) for (name, entry), ends in zip(entries.items(), bounds, strict=True)}
    count = math.prod(map(len, axes.values()))
    if A_POINT * (len(axes) + 2) * count > there_is(torch.device("cpu")):
        raise ValueError(f"grid={given}: {count} points are more than fit the memory that is free; take fewer")
    grid = Grid(axes, np.ones([len(axis) for axis in axes.values()], dtype=bool))
    inside = domain.inside(torch.from_numpy(grid.points)).numpy()
    return Grid(axes, inside.reshape(grid.inside.shape))


def _axis(name: str, entry: Any, low: float, high: float) -> np.ndarray:
    if isinstance(entry, int) and not isinstance(entry, bool) and 0 < entry <= MOST:
        return np.linspace(low, high, entry) if entry > 1 else np.array([(low + high) / 2])
    if isinstance(entry, Sequence) and not isinstance(entry, str) and len(entry):
        if all(isinstance(value, int | float) and low <= value <= high for value in entry):
            return np.array(entry, dtype=float)
        raise ValueError(f"grid.{name}={list(entry)}: should be numbers from {low:g} to {high:g}")
    raise ValueError(
        f"grid.{name}={entry}: should be a number of points up to {MOST}, or a list of values such as "
        f"[{low:g}, {high:g}]"
    )
