"""Points of a place cell by cell, where the domain's bounding box is cut into boxes of very different sizes.

In a whole cell, and on a line: Gauss points or Sobol points. In one that a shape cuts: those of a Sobol sequence that
lie inside. On the boundary of a shape: the parts of the unit cube that `sample_boundary` maps to the cell are found by
bisection, and a Sobol sequence fills these.

Shape letters: K cells, N points, D coordinates, d unit-cube coordinates.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from itertools import product as combinations
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from pinn.geometry import Box, Domain, Place, Points, Region, Side
from pinn.sampling.bisection import Leaves
from pinn.sampling.tensor import along, legendre

MOST = 64  # draws a point that is wanted, before a cell keeps what there is
ENOUGH = 2**10  # draws: a cell in which none of so many lies is taken to miss the place
FIRST = 2**6  # draws in the first round; each further one draws as many as all before it
AT_ONCE = 2**20  # draws
MOST_GAUSS = 4  # dimensions, as for integrals
NODES = 1000  # along a coordinate, at most
ENDS = 32  # points by which the ends of intervals in a cell are found
FEW = 32  # cells, among which each is compared with each point
BITS = SobolEngine.MAXBIT  # of a unit coordinate
SAME = 2.0**-34  # of the domain: points that are one, but for rounding
SLACK = 2.0**-40  # of the domain's sides: above rounding, below any cell's size
Candidates = Callable[[Tensor, Tensor], tuple[Points, Tensor]]  # cells (N,), unit (N, d) to points, and which count
Part = tuple[Points, Tensor]  # points, and the cell of each


def points_in_cells(
    domain: Domain,
    place: Place,
    lower: Tensor,
    upper: Tensor,
    counts: Tensor | int,
    *,
    seed: int,
    rule: Literal["gauss", "sobol"] = "gauss",
    side: Side | None = None,
) -> Part:
    """About so many points of a place in each cell that it meets, evenly in each.

    The points of a cell depend on nothing but the seed, the place, the cell and its count, so that a cell that outlives
    a refinement keeps its points. What two cells share belongs to one of them: to the upper one, but in a region to the
    one on whose side the shape lies. A box's whole boundary has so many points on each face that a cell meets.

    Args:
        domain: What the place belongs to.
        place: Where the points are to lie. Observations keep their own points, whatever the counts.
        lower: Lower ends of the cells, (K, D), float64 on the CPU. They tile the domain's bounding box, or some of it.
        upper: Upper ends.
        counts: How many points each cell gets, (K,) or one number. A tensor grid has as many or a few more; a cell of
            which the place fills less than about 1/64 may have fewer, and a corner has one.
        seed: The only source of chance; Gauss points have none.
        side: Of interfaces, on which all points are to lie, and to which the cells belong.
        rule: What fills a whole cell: "gauss", a tensor grid of the nodes of Gauss and Legendre, as far as four
            dimensions; "sobol", scrambled Sobol points, exactly as many.

    Returns:
        Points in the order of the cells, with normals where `domain.sample` gives them, and the cell of each, (N,).
    """
    assert not place.integral, "an integral is over a place as a whole"
    assert lower.shape == upper.shape and lower.shape[1:] == (len(domain.names),), "a box for each cell"
    counts = torch.as_tensor(counts, dtype=torch.long).expand(len(lower))
    if place.data is not None:
        points = place.data.points if side is None else place.data.points[side.holds(place.data.points.x)]
        cells = _owner(domain, points.x, lower, upper)
        return ordered([(points[cells >= 0], cells[cells >= 0])])
    if place.interface is not None:
        return ordered(_beside(domain, place, lower, upper, counts, seed, side))
    if not place.boundary:
        return ordered(_flat(domain, place, lower, upper, counts, seed, rule, side))
    if isinstance(domain, Region):
        return ordered(_curved(domain, place, lower, upper, counts, seed, side))
    ends = [(domain.names[i], end) for i in domain.spatial for end in (domain.lower[i], domain.upper[i])]
    faces = [domain.face({name: end}) for name, end in ends]
    return ordered([p for face in faces for p in _flat(domain, face, lower, upper, counts, seed, rule, side)])


def cells_of(x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Find the cell of each point: lower <= x < upper, and at the upper end of them all x <= upper.

    Args:
        x: Points, (N, D).
        lower: Lower ends of the cells of a tiling, (K, D).
        upper: Upper ends.

    Returns:
        Their numbers, (N,); -1 in a gap of the tiling. A point beyond its ends belongs to the cell next to it.
    """
    return _search(x, *_open(lower, upper, lower.amin(0), upper.amax(0)))


def _search(x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """By cutting points and cells in two, along coordinate planes, until few cells are left."""
    found = torch.full((len(x),), -1)
    todo = [(torch.arange(len(x)), torch.arange(len(lower)))]
    while todo:
        points, cells = todo.pop()
        if not (len(points) and len(cells)):
            continue
        low, high = lower[cells], upper[cells]
        values = torch.cat([low.median(0).values, high.median(0).values])
        axes = torch.arange(len(values)) % x.shape[1]
        below, above = low[:, axes] < values, high[:, axes] > values
        larger = torch.maximum(below.sum(0), above.sum(0))
        best = int(larger.argmin())
        if len(cells) <= FEW or larger[best] == len(cells):
            at = x[points, None]
            inside, which = ((low <= at) & (at < high)).all(2).max(1)
            found[points[inside]] = cells[which[inside]]
        else:
            left = x[points, axes[best]] < values[best]
            todo += [(points[left], cells[below[:, best]]), (points[~left], cells[above[:, best]])]
    return found


def _owner(domain: Domain, x: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """The cell of each point, (N,), on the side where the shape is: a cell's border may lie on that of the shape."""
    beside = x.clone()
    if isinstance(domain, Region):
        for signs in combinations((-1.0, 1.0), repeat=len(domain.spatial)):  # the last that is inside counts: upwards
            moved = x.clone()
            moved[:, list(domain.spatial)] += x.new_tensor(signs) * _slack(domain)[list(domain.spatial)]
            beside = torch.where(domain.inside(moved)[:, None], moved, beside)
    return _search(beside, *_owned(domain, lower, upper))


def _flat(
    domain: Domain, place: Place, lower: Tensor, upper: Tensor, counts: Tensor, seed: int, rule: str, side: Side | None
) -> list[Part]:
    """In the interior and where coordinates have values: there the cells are boxes, save for what a shape cuts off."""
    start, end = _owned(domain, lower, upper)
    wanted = counts.clone()
    for i, value in place.fixed:
        if isinstance(domain, Region) and i in domain.spatial:  # its sections show the side below, as `cover` has it
            value += float(_slack(domain)[i]) * (1 if value == domain.lower[i] else -1)
        wanted[(start[:, i] > value) | (value >= end[:, i])] = 0
    free = [i for i in range(len(domain.names)) if i not in dict(place.fixed)]
    low, sides, d = lower[:, free], (upper - lower)[:, free], len(free)

    def candidates(cells: Tensor, unit: Tensor) -> Part:
        points, kept = _placed(domain, place, free, low[cells] + sides[cells] * unit)
        return points, kept if side is None else kept & side.holds(points.x)

    if not d:
        cells = (wanted > 0).nonzero()[:, 0]
        points, kept = candidates(cells, lower.new_empty(len(cells), 0))
        return [(points[kept], cells[kept])]
    parts: list[Part] = []
    of_cut = torch.zeros_like(wanted)  # so many points a line takes of which a part lies outside

    def fill(n: int, whole: bool) -> None:
        """Those of which so many are wanted, by Gauss points: whole ones, or what a cut leaves of them."""
        unit = _grid(n, d)
        for cells in (wanted == n).nonzero()[:, 0].split(max(1, AT_ONCE // len(unit))) if len(unit) else []:
            each = cells.repeat_interleave(len(unit))
            points, kept = candidates(each, unit.repeat(len(cells), 1))
            inside = kept.reshape(len(cells), -1)
            some = inside.all(1) if whole else inside.any(1)
            chosen = kept & some.repeat_interleave(len(unit))
            parts.append((points[chosen], each[chosen]))
            wanted[cells[some]] = 0
            if d == 1 and whole:  # between the last of random points and the end of an interval much would be free
                cut = inside.any(1) & ~some
                of_cut[cells[cut]] = (n / inside.double().mean(1)[cut]).ceil().long()

    if rule == "gauss" and 0 < d <= MOST_GAUSS:
        for whole in (True, False) if d == 1 else (True,):
            for n in wanted[wanted > 0].unique().tolist():
                fill(n, whole)
            wanted = torch.where((wanted > 0) & (of_cut > 0), of_cut, wanted)
    return [*parts, *_fill(f"{seed}/{place.name}", lower, upper, wanted, d, candidates)]


def _grid(n: int, d: int) -> Tensor:
    """Nodes of Gauss and Legendre in the unit cube, n or a few more; none where there would be too many along one."""
    nodes = [along(n, d)] * d
    for i in range(d):
        nodes[i] += math.prod(nodes) < n
    if max(nodes) > NODES:
        return torch.empty(0, d)
    return torch.cartesian_prod(*((legendre(k)[0] + 1) / 2 for k in nodes)).reshape(-1, d)


def _placed(domain: Domain, place: Place, free: list[int], x: Tensor) -> Part:
    """Points of the box where coordinates have values, and whether the place is there; x has the free coordinates."""
    low, high = (x.new_tensor(ends)[free] for ends in (domain.lower, domain.upper))
    unit = (x - low) / (high - low)
    box = domain if isinstance(domain, Box) else domain.box
    points = box.sample(place, unit)[: len(x)]  # a corner has a point even where none is asked for
    points.x[:, free] = x  # without the rounding of `unit`, which small cells would see
    if isinstance(domain, Box):
        kept = torch.ones(len(x), dtype=torch.bool)
    elif set(domain.spatial) <= set(free):
        kept = domain.inside(points.x)
    else:
        kept = domain.cover(place, unit)[1][: len(x)]
    return points, kept


def _beside(
    domain: Domain, place: Place, lower: Tensor, upper: Tensor, counts: Tensor, seed: int, side: Side | None
) -> list[Part]:  # fmt: skip
    """On one side of an interface, or of both one by one: the nearest to points of the cell, if they lie in it too."""
    interface, (start, end), sides = place.interface, _owned(domain, lower, upper), upper - lower

    def projected(x: Tensor) -> tuple[Points, Tensor]:
        signs = x.new_ones(len(x)) if side is None else x.new_full((len(x),), side.sign(interface))
        if side is None:
            signs[1::2] = -1
        points = interface.beside(x, signs)
        return points, domain.inside(points.x) & domain.inside(place.partners(points.x))

    def candidates(cells: Tensor, unit: Tensor) -> Part:
        points, kept = projected(lower[cells] + sides[cells] * unit)
        kept &= ((start[cells] <= points.x) & (points.x < end[cells])).all(1)
        return points, kept if side is None else kept & side.holds(points.x)

    unit = SobolEngine(lower.shape[1], scramble=True, seed=0).draw(FIRST, dtype=torch.float64)
    x = (lower[:, None] + sides[:, None] * unit).reshape(-1, lower.shape[1])
    nearest = interface.beside(x, 1.0).x.reshape(len(lower), len(unit), lower.shape[1])
    near = ((nearest >= (lower - sides)[:, None]) & (nearest <= (upper + sides)[:, None])).all(2).any(1)
    key, wanted = f"{seed}/{place.name}", torch.where(near, counts, 0)
    return _once(key, lower, upper, wanted, candidates) if len(domain.names) == 1 else _fill(
        key, lower, upper, wanted, lower.shape[1], candidates
    )  # fmt: skip


def _curved(
    domain: Region, place: Place, lower: Tensor, upper: Tensor, counts: Tensor, seed: int, side: Side | None
) -> list[Part]:  # fmt: skip
    """On the boundary of a shape, or on a named part of it."""
    space = list(domain.spatial)
    others = [i for i in range(len(domain.names)) if i not in space]
    slack, (start, end) = _slack(domain), _owned(domain, lower, upper)
    name = None if place.name == domain.boundary.name else place.name
    primitives = [p for p in domain.shape.primitives if name in (None, p.name)]
    key = f"{seed}/{place.name}"
    nowhere = torch.where(counts[:, None] > 0, 0.0, torch.inf)  # of cells that get no points
    leaves = Leaves(primitives, lower[:, space] - slack[space] + nowhere, upper[:, space] + slack[space] + nowhere)
    low, high = torch.tensor(domain.lower, dtype=lower.dtype), torch.tensor(domain.upper, dtype=lower.dtype)

    def candidates(cells: Tensor, unit: Tensor) -> Part:
        x = lower[cells][:, others] + (upper - lower)[cells][:, others] * unit[:, len(space) :]
        whole = torch.empty_like(unit)
        whole[:, space] = leaves.unit(cells, unit[:, : len(space)])
        whole[:, others] = (x - low[others]) / (high - low)[others]
        points, kept, _ = domain.cover(place, whole)
        points.x[:, others] = x
        assert points.normals is not None
        inward = points.x - slack * points.normals  # a border of cells may lie on that of the shape
        kept &= ((start[cells] <= inward) & (inward < end[cells])).all(1)
        return points, kept if side is None else kept & side.holds(inward)

    wanted = torch.where(leaves.met, counts, 0)
    if len(domain.names) == 1:
        return _once(key, lower, upper, wanted, candidates)
    return _fill(key, lower, upper, wanted, len(domain.names), candidates)


def _once(key: str, lower: Tensor, upper: Tensor, wanted: Tensor, candidates: Candidates) -> list[Part]:
    """Ends of intervals, each once."""
    points, cells = ordered(_fill(key, lower, upper, wanted.clamp(max=1) * ENDS, 1, candidates))
    same = SAME * (upper.max() - lower.min()) if len(lower) else 1.0
    _, first = np.unique((points.x / same).round().numpy(), return_index=True)
    return [(points[torch.from_numpy(first)], cells[first])]


def _fill(key: str, lower: Tensor, upper: Tensor, wanted: Tensor, d: int, candidates: Candidates) -> list[Part]:
    """So many of the candidates that count in each cell: the first in a Sobol sequence of its own.

    The sequences differ by digital shifts, which keep them as even as the one that is shifted.
    """
    left = (wanted > 0).nonzero()[:, 0]
    boxes = (torch.cat([lower, upper], dim=1)[left] + 0.0).numpy()  # + 0.0 turns -0.0 into 0.0
    shifts = torch.zeros(len(lower), d, dtype=torch.long)
    for k, box in zip(left, boxes, strict=True):
        shifts[k] = _digits(key.encode() + box.tobytes(), d)
    engine = SobolEngine(d, scramble=True, seed=int(_digits(key.encode(), 1)))
    none = torch.empty(0, dtype=torch.long)
    parts, found = [(candidates(none, lower.new_empty(0, d))[0], none)], torch.zeros_like(wanted)
    size, drawn = FIRST, 0
    while len(left):
        sequence = (engine.draw(size, dtype=torch.float64) * 2**BITS).long()
        for cells in left.split(max(1, AT_ONCE // size)):
            unit = ((sequence ^ shifts[cells, None]).double() + 0.5) / 2**BITS
            each = cells.repeat_interleave(size)
            points, kept = candidates(each, unit.reshape(-1, d))
            rank = found[cells, None] + kept.reshape(-1, size).cumsum(1)
            found[cells] = rank[:, -1]
            chosen = kept & (rank <= wanted[cells, None]).flatten()
            parts.append((points[chosen], each[chosen]))
        drawn, size = drawn + size, drawn + size
        most = torch.where(found > 0, (MOST * wanted).clamp(min=ENOUGH), ENOUGH)
        left = left[((found < wanted) & (drawn < most))[left]]
    return parts


def _digits(key: bytes, d: int) -> Tensor:
    """Random whole numbers below 2**BITS, (d,), as a function of the key."""
    return torch.from_numpy(np.frombuffer(hashlib.shake_128(key).digest(8 * d), np.int64) & (2**BITS - 1))


def ordered(parts: list[Part]) -> Part:
    """All of them, in the order of the cells."""
    cells = torch.cat([part for _, part in parts])
    order = cells.argsort(stable=True)
    normals = [points.normals for points, _ in parts if points.normals is not None]
    together = replace(parts[0][0], x=torch.cat([points.x for points, _ in parts]))
    values = {name: torch.cat([points.values[name] for points, _ in parts]) for name in together.values}
    together = replace(together, values=values, normals=torch.cat(normals) if normals else None)
    return together[order], cells[order]


def _slack(domain: Domain) -> Tensor:
    """How far two points may lie from each other by rounding, with a reserve, (D,)."""
    low, high = (torch.tensor(ends, dtype=torch.float64) for ends in (domain.lower, domain.upper))
    return SLACK * (high - low)


def _open(lower: Tensor, upper: Tensor, start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """The cells, without ends where the domain ends: what lies beyond by rounding belongs to the last one."""
    return torch.where(lower <= start, -torch.inf, lower), torch.where(upper >= end, torch.inf, upper)


def _owned(domain: Domain, lower: Tensor, upper: Tensor) -> tuple[Tensor, Tensor]:
    """The same, by the domain's ends."""
    start, end = (torch.tensor(ends, dtype=torch.float64) for ends in (domain.lower, domain.upper))
    return _open(lower, upper, start + _slack(domain), end - _slack(domain))
