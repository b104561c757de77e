"""Domains cut into cells, and what holds for points in cells anywhere."""

import torch

from pinn.geometry import Box, Region


def tiling(domain, levels, towards=(), depth=0):
    """A tree's leaves: the domain's box cut `levels` times, then those that touch a point `depth` times more."""
    leaves = [(tuple(domain.lower), tuple(domain.upper))]
    for level in range(levels + depth):
        after = []
        for low, high in leaves:
            if level >= levels and not all(a <= x <= b for a, x, b in zip(low, towards, high, strict=True)):
                after.append((low, high))
                continue
            parts = [(low, high)]
            for i in range(len(low)):
                halves = []
                for a, b in parts:
                    middle = (a[i] + b[i]) / 2
                    halves += [(a, (*b[:i], middle, *b[i + 1 :])), ((*a[:i], middle, *a[i + 1 :]), b)]
                parts = halves
            after += parts
        leaves = after
    lower, upper = (torch.tensor(ends, dtype=torch.float64) for ends in zip(*leaves, strict=True))
    return lower, upper


def at(*x):
    return torch.tensor(x, dtype=torch.float64)


def check(points, cells, lower, upper, slack=0.0):
    """In their cells, in order, finite, normals of length 1; the number in each cell."""
    assert points.x.dtype == torch.float64 and len(points.x) == len(cells)
    assert (cells.diff() >= 0).all()
    reserve = slack * (upper.amax(0) - lower.amin(0))
    assert ((lower[cells] - reserve <= points.x) & (points.x <= upper[cells] + reserve)).all()
    if points.normals is not None:
        torch.testing.assert_close(points.normals.norm(dim=1), torch.ones(len(cells), dtype=torch.float64))
    assert len(points.x.unique(dim=0)) == len(points.x)
    return torch.bincount(cells, minlength=len(lower))


def shape_region(shape, **others):
    names = "xyz"[: len(shape.lower)]
    bounds = zip(shape.lower, shape.upper, strict=True)
    wider = [(a - 0.013 * (b - a), b + 0.017 * (b - a)) for a, b in bounds]  # so that no cell's border is special
    return Region(shape, Box({**others, **dict(zip(names, wider, strict=True))}))
