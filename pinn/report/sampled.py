"""The fields, their errors and the residuals on grids: what the interactive pictures of a page show.

Shape letters: N points, D coordinates, F fields, K positions of a slice.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from contourpy import contour_generator
from scipy.ndimage import gaussian_filter, grey_dilation
from torch import Tensor

from pinn.geometry import Domain
from pinn.plots import Slice, View, edges, magnitude_range, slices, value_range, view
from pinn.references import truth

if TYPE_CHECKING:
    from pinn.problem import Problem
    from pinn.solution import Solution

NUMBERS = 450_000  # float32 on a page, more or less: 2.4 MB as text
LINE = 401  # points of a line
SIDES = (40, 128)  # least and most points along a side of a plane
FINER = 3  # so many times are the outlines of odd domains finer than the grid


def sampled(solution: Solution) -> list[dict[str, Any]]:
    """All slices with everything there is to see in them, ready for JSON; arrays as base64 of float32.

    Returns:
        A mapping a slice: `axes`, `lines` (first value, last value and number of points along each axis), `to_scale`,
        `slider` (name and values, or None), `held`, `outlines` (closed curves around what lies outside, a list a
        position), `cells` (the edges that `pinn.plots.edges` finds, a list a position; none of one network), `fields`
        and `residuals`: `values`, `range`, and of fields `error`, `error_range` where there is a truth, `estimate`,
        `estimate_range` where the error is estimated. Values are of shape (K, N) with the first axis varying fastest;
        NaN outside the domain, and where an estimate is not known.
    """
    true = truth(solution.problem)
    return [_sample(solution, true, one, _points(solution, one)) for one in slices(solution.problem.domain)]


def size(problem: Problem) -> int:
    """The number of points at which a page evaluates a solution; where its error is estimated they are fewer."""
    return sum(len(one.positions) * _count(problem, one) ** len(one.axes) for one in slices(problem.domain))


def _points(solution: Solution, one: Slice) -> int:
    return _count(solution.problem, one, solution.estimated_error is not None)


def _count(problem: Problem, one: Slice, estimated: bool = False) -> int:
    """Points along an axis of a slice."""
    if len(one.axes) == 1:
        return LINE
    equations = sum(equation.place == problem.domain.interior for equation in problem.equations.values())
    compared = bool(problem.exact) or problem.reference is not None
    arrays = len(problem.fields) * (1 + compared + estimated) + equations
    points = NUMBERS / arrays / sum(len(each.positions) for each in slices(problem.domain))
    return int(np.clip(points**0.5, *SIDES))


def _sample(solution: Solution, true: Callable | None, one: Slice, count: int) -> dict[str, Any]:
    problem = solution.problem
    domain, names = problem.domain, problem.fields
    shown = [view(domain, one.axes, one.at(k), count) for k in range(len(one.positions))]
    inside = np.stack([v.inside.numpy() for v in shown])
    x = torch.cat([v.points[v.inside] for v in shown])
    predicted = solution.predict(x)
    spread = lambda values: _on_grid(values.numpy(), inside, count)  # noqa: E731
    fields = {name: _field(spread(predicted[:, f])) for f, name in enumerate(names)}
    if true is not None:
        error = predicted - true(x)
        for f, name in enumerate(names):
            exact = spread((predicted - error)[:, f])
            fields[name]["range"] = value_range(np.stack([exact[np.isfinite(exact)]]))
            found = _field(spread(error[:, f]), symmetric=True)
            fields[name] |= {"error": found["values"], "error_range": found["range"]}
    if solution.estimated_error is not None:
        estimate = solution.estimated_error(x)
        for f, name in enumerate(names):
            values = spread(estimate[:, f])
            fields[name] |= {"estimate": _field(values)["values"], "estimate_range": magnitude_range(values)}
    residuals = solution.interior_residuals(x) if len(x) else {}
    held = {domain.names[i]: value for i, value in enumerate(one.held) if i not in (*one.axes, one.along)}
    return {
        "axes": [domain.names[i] for i in one.axes],
        "lines": [(domain.lower[i], domain.upper[i], count) for i in one.axes],
        "to_scale": shown[0].to_scale and len(one.axes) == 2,
        "slider": None if one.along is None else {"name": domain.names[one.along], "values": one.positions},
        "held": held,
        "outlines": _outlines(domain, one, inside, count),
        "cells": [] if solution.cells is None else [_edges(*solution.cells, v) for v in shown],
        "fields": fields,
        "residuals": {name: _field(spread(r.double()), symmetric=True) for name, r in residuals.items()},
    }


def _edges(lower: Tensor, upper: Tensor, shown: View) -> list[Any]:
    """Of a line numbers, of a plane x, y, x, y a segment."""
    found = edges(lower, upper, shown)
    short = np.char.mod("%.7g", found).astype(float)
    return (short if found.ndim == 1 else short.reshape(-1, 4)).tolist()


def _on_grid(values: np.ndarray, inside: np.ndarray, count: int) -> np.ndarray:
    """Values inside to (K, N), the first axis varying fastest; a ring around the domain takes its neighbours' values.

    The ring fills the cells that the outline cuts.
    """
    grid = np.full(inside.shape, np.nan)
    grid[inside] = values
    if inside.shape[1] == count:  # a line
        return grid
    grid = grid.reshape(-1, count, count)
    if not inside.all():
        low = np.where(np.isnan(grid), -np.inf, grid)
        ring = grey_dilation(low, size=(1, 3, 3))
        grid = np.where(np.isnan(grid) & np.isfinite(ring), ring, grid)
    return grid.transpose(0, 2, 1)


def _field(values: np.ndarray, *, symmetric: bool = False) -> dict[str, Any]:
    """Base64 of the values, and the range that their colours span."""
    low, high = value_range(values)
    if symmetric:
        high = max(abs(low), abs(high)) if np.isfinite(values).any() and np.nanmax(np.abs(values)) > 0 else 1.0
        low = -high
    with np.errstate(over="ignore"):  # infinite, as what is infinite already
        text = base64.b64encode(values.astype("<f4").tobytes()).decode()
    return {"values": text, "range": (low, high)}


def _outlines(domain: Domain, one: Slice, inside: np.ndarray, count: int) -> list[list[list[list[float]]]]:
    """Around what lies outside: of each position, or of the first if all are alike, closed curves as lists of x and y.

    The curves run along the middle between grid points inside and outside, on a finer grid, smoothed.
    """
    if len(one.axes) == 1 or inside.all():
        return []
    alike = bool((inside == inside[0]).all())
    return [_outline(domain, one, k, FINER * count) for k in range(1 if alike else len(inside))]


def _outline(domain: Domain, one: Slice, k: int, count: int) -> list[list[list[float]]]:
    shown = view(domain, one.axes, one.at(k), count)
    mask = np.pad(shown.inside.numpy().reshape(count, count).T.astype(float), 1, mode="edge")
    lines = [np.linspace(low, high, count) for low, high in shown.extent]
    steps = [line[1] - line[0] for line in lines]
    x, y = (np.concatenate([[line[0] - h], line, [line[-1] + h]]) for line, h in zip(lines, steps, strict=True))
    smooth = np.pad(gaussian_filter(1 - mask, 1.0), 1)  # closed at the edge of the picture
    ends = ((x[0] - steps[0], x[-1] + steps[0]), (y[0] - steps[1], y[-1] + steps[1]))
    x, y = (np.concatenate([[low], line, [high]]) for line, (low, high) in zip((x, y), ends, strict=True))
    curves = contour_generator(x, y, smooth).lines(0.5)
    return [[np.round(c, 5).tolist() for c in curve.T] for curve in map(np.asarray, curves) if len(curve) > 2]
