"""Evolution equations on a periodic box, or between symmetric walls, from their own text: Fourier and ETDRK4.

Shape letters: N points, D coordinates in space, F fields, K Fourier coefficients (an array over space), T frames.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pinn.language import constant
from pinn.references.cache import cached
from pinn.references.fourier import Grid, compress, evaluate, neighbours
from pinn.references.periodic import Periodic

if TYPE_CHECKING:
    from pinn.problem import Problem

VERSION = 2
FIRST_STEPS, MOST_STEPS = 64, 2**16
MOST_NODES = 2**13, 2**8  # along one coordinate, in one dimension and in two
DEGREE = 9  # of the polynomials between frames


def spectral(
    problem: Problem, *, modes: int = 64, tolerance: float | str = 1e-8, since: float | str | None = None
) -> Callable[[Tensor], Tensor]:
    """Return the solution of u_t = L u + N(u), L linear with constant coefficients, N the rest.

    The box in space is one period; conditions on its walls have to be symmetries of the equations (`symmetry.py`).
    Nodes are doubled and steps are halved until neither changes any field anywhere by more than the tolerance.

    Args:
        problem: A problem in t and one or two coordinates of space, with initial values u(t=0) = ...
        modes: Nodes along each coordinate to begin with.
        tolerance: The change that is small enough, relative to the largest absolute value of the field.
        since: The time from which on it counts; a kink of the initial values is first to be smoothed. None: the start.

    Raises:
        ValueError: The problem is of another kind, `since` lies outside its time, or the tolerance cannot be reached.
    """
    small = float(constant(tolerance))
    if modes < 8 or modes % 2 or not small > 0:
        raise ValueError(f"reference spectral: modes = {modes} must be even and >= 8, tolerance = {small:g} > 0")
    periodic = Periodic(problem, "spectral")
    settled = periodic.start if since is None else float(constant(since))
    if not periodic.start <= settled < periodic.end:
        raise ValueError(f"reference spectral: since = {settled:g} lies outside [{periodic.start:g}, {periodic.end:g})")
    share = (settled - periodic.start) / (periodic.end - periodic.start)
    options = {"modes": modes, "tolerance": small, "since": settled}
    solved = cached(problem, "spectral", VERSION, options, lambda: {"frames": converge(periodic, modes, small, share)})
    frames = solved["frames"]
    lower, period = (np.array(bounds) for bounds in (periodic.lower, periodic.period))

    def truth(points: Tensor) -> Tensor:
        values = points.detach().cpu().double().numpy()
        times = (values[:, periodic.time] - periodic.start) / (periodic.end - periodic.start)
        waves = 2 * np.pi * (values[:, periodic.space] - lower) / period
        return torch.from_numpy(at(frames, times, waves).T).to(points)

    return truth


def converge(periodic: Periodic, modes: int, tolerance: float, since: float = 0.0) -> np.ndarray:
    """March with more nodes and steps until neither matters; of the frames keep those that dense output needs.

    What happens in the first part of the time, up to the share `since`, does not count.

    Returns:
        Compressed coefficients at equispaced times, (T, F, K).

    Raises:
        ValueError: The tolerance cannot be reached.
    """
    steps, most = FIRST_STEPS, MOST_NODES[len(periodic.space) - 1]
    frames, grid, in_time, in_space = periodic.march(modes, steps), periodic.grid(modes), np.inf, np.inf
    while max(in_time, in_space) > tolerance:
        shorter = in_time > tolerance and tail(_from(frames, since), grid) <= tolerance
        modes, steps = (modes, 2 * steps) if shorter else (2 * modes, steps)
        if modes > most or steps > MOST_STEPS:
            raise ValueError(
                f"reference spectral: {grid.modes} nodes and {steps} steps are not enough for a tolerance of "
                f"{tolerance:g}: with half the steps the solution changes by {in_time:.1g}, with half the nodes by "
                f"{in_space:.1g}; take a larger tolerance, a shorter time or smoother initial values"
            )
        finer, finer_grid = periodic.march(modes, steps), periodic.grid(modes)
        difference = change(frames, grid, finer, finer_grid, since)
        if shorter or not np.isfinite(difference):
            in_time = difference
        if not shorter:
            in_space = difference
        frames, grid = finer, finer_grid
    return compress(thinned(frames, grid, tolerance, since), grid)


def tail(frames: np.ndarray, grid: Grid) -> float:
    """The largest coefficient of the last third of the wave numbers, relative to the field's largest; 0 if unstable."""
    if not np.isfinite(frames).all():
        return 0.0
    last = np.zeros(grid.kept.shape, dtype=bool)
    for k, length in zip(grid.numbers, grid.period, strict=True):
        last = last | (abs(k) * length > 2 * np.pi * grid.modes * 2 / 9)
    sizes = abs(frames).max(axis=(0, *grid.axes))
    return float((abs(frames * last).max(axis=(0, *grid.axes)) / np.where(sizes > 0, sizes, 1)).max())


def change(coarse: np.ndarray, coarse_grid: Grid, fine: np.ndarray, fine_grid: Grid, since: float = 0.0) -> float:
    """Return the largest difference of any field at the coarse nodes and the fine frames, relative to the field's size.

    Args:
        coarse: Coefficients (T, F, K), interpolated in time to the frames of the others.
        coarse_grid: Their grid.
        fine: Coefficients at as many times or more, on as many nodes or more.
        fine_grid: Their grid.
        since: The share of the time that does not count.

    Returns:
        The change; infinite if one of them is unstable.
    """
    if not (np.isfinite(coarse).all() and np.isfinite(fine).all()):
        return np.inf
    every = (..., *(slice(None, None, fine_grid.modes // coarse_grid.modes),) * len(fine_grid.period))
    times = np.linspace(0, len(coarse) - 1, len(fine))
    first, weights = neighbours(times, len(coarse), DEGREE)
    difference, size = np.zeros(fine.shape[1]), np.zeros(fine.shape[1])
    for frame, i, w in zip(*(_from(each, since) for each in (fine, first, weights)), strict=True):
        now = fine_grid.values(frame)[every]
        then = coarse_grid.values(np.tensordot(w, coarse[i : i + len(w)], 1))
        difference = np.maximum(difference, abs(now - then).max(axis=coarse_grid.axes))
        size = np.maximum(size, abs(now).max(axis=coarse_grid.axes))
    return float((difference / np.where(size > 0, size, 1)).max())


def _from(frames: np.ndarray, since: float) -> np.ndarray:
    """The frames after a share of the time."""
    return frames[int(np.ceil(since * (len(frames) - 1))) :]


def thinned(frames: np.ndarray, grid: Grid, tolerance: float, since: float = 0.0) -> np.ndarray:
    """Leave out every second frame as long as those left out are interpolated to the tolerance.

    Raises:
        ValueError: All frames are needed, so there may be too few.
    """
    fewer = frames
    while len(fewer) > 2 * DEGREE + 1 and change(fewer[::2], grid, frames, grid, since) <= tolerance:
        fewer = fewer[::2]
    if len(fewer) == len(frames):
        raise ValueError(
            f"reference spectral: between {len(frames)} times the solution changes too fast for a tolerance of "
            f"{tolerance:g}; take a larger one, or a shorter time"
        )
    return fewer


def at(frames: np.ndarray, times: np.ndarray, waves: np.ndarray) -> np.ndarray:
    """Evaluate the fields at N points.

    Args:
        frames: Compressed coefficients at equispaced times, (T, F, K).
        times: From 0 at the first frame to 1 at the last, (N,).
        waves: Angles, 2 pi a period, along each coordinate, (N, D).

    Returns:
        (F, N).
    """
    first, weights = neighbours(times * (len(frames) - 1), len(frames), DEGREE)
    result = np.empty((frames.shape[1], len(times)))
    for i in np.unique(first):
        (here,) = np.nonzero(first == i)
        values = evaluate(frames[i : i + weights.shape[1]], waves[here])
        result[:, here] = np.einsum("tfn,nt->fn", values, weights[here])
    return result
