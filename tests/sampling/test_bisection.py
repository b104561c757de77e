"""Points of the boundaries of shapes, cell by cell: those of every shape, in cells of every size.

References: outlines from `shapes` (numpy, shapely), closed forms.
"""

import math

import pytest
import torch
from shapes import KNOWN, L
from tilings import at, check, shape_region, tiling

from pinn.geometry import (
    Annulus,
    Ball,
    Box,
    Cuboid,
    Cylinder,
    Difference,
    Ellipse,
    Place,
    Polygon,
    Region,
    Surface,
)  # fmt: skip
from pinn.sampling.bisection import _image, _straight
from pinn.sampling.cells import cells_of, points_in_cells
from pinn.sampling.uniform import Uniform

CENTRED = Box({"x": (-1, 1), "y": (-1, 1)})
OUTLINED = {name: known for name, known in KNOWN.items() if len(known.boundary[0])}
ROUND = 1e-11  # of the domain: how far a point of a boundary may lie outside of its cell


def errors(points, cells, reference, weights, owner, chosen):
    """Of the mean over each cell's points, in standard errors of as many independent points, (K, d)."""
    found = []
    for k in chosen:
        x, w = reference[owner == k], weights[owner == k, None] / weights[owner == k].sum()
        mean = (w * x).sum(0)
        spread = (w * (x - mean) ** 2).sum(0).sqrt()
        mine = points[cells == k]
        found.append(((mine.mean(0) - mean) / spread * len(mine) ** 0.5)[spread > 1e-9])
    return torch.cat(found)


@pytest.mark.parametrize(
    ("name", "time"), [*((n, False) for n in OUTLINED), *((n, True) for n in ("L", "hole", "ball"))]
)
def test_the_boundary_of_every_shape(name, time):
    known = OUTLINED[name]
    region = shape_region(known.shape, **({"t": (0, 1)} if time else {}))
    d, wanted = len(known.shape.lower), 64
    space = list(region.spatial)
    lower, upper = tiling(region, 3 if d == 2 and not time else 2)
    points, cells = points_in_cells(region, region.boundary, lower, upper, wanted, seed=1)
    numbers = check(points, cells, lower, upper, ROUND)
    step = 1e-6 * max(high - low for low, high in zip(known.shape.lower, known.shape.upper, strict=True))
    sides = [known.inside((points.x + sign * step * points.normals)[:, space].numpy()) for sign in (-1, 1)]
    assert sides[0].mean() > 0.999 and sides[1].mean() < 0.001  # but for corners: on the boundary, normals outward
    x, sizes = (torch.from_numpy(values[:: 4 if time and d == 3 else 1]) for values in known.boundary)
    if time:
        assert (points.normals[:, 0] == 0).all()
        middles = torch.arange(4).double().repeat_interleave(len(x))[:, None] / 4 + 1 / 8
        x, sizes = torch.cat([middles, x.repeat(4, 1)], dim=1), sizes.repeat(4)
    owner = cells_of(x, lower, upper)
    there = torch.zeros(len(lower), dtype=torch.float64).index_add(0, owner, sizes)
    parts = there / (upper - lower)[:, space].amin(1) ** (d - 1)
    assert (numbers[parts > 0.03] == wanted).all() and (parts > 0.03).sum() > 20
    reserve = 0.03 * (upper - lower)
    near = (
        ((lower - reserve)[:, None, space] <= x[:, space]) & (x[:, space] <= (upper + reserve)[:, None, space])
    ).all(2)
    assert (numbers[~near.any(1)] == 0).all()
    chosen = (parts > 0.1).nonzero()[:, 0].tolist()
    off = errors(points.x[:, space], cells, x[:, space], sizes, owner, chosen)
    assert off.square().mean().sqrt() < (0.2 if d == 2 and not time else 0.6) and off.abs().max() < 2
    if time:  # the times are those of the cells, each as often
        within = ((points.x[:, 0] - lower[cells, 0]) / (upper - lower)[cells, 0] - 0.5).split(
            numbers[numbers > 0].tolist()
        )
        late = torch.stack([u.mean() * (12 * len(u)) ** 0.5 for u in within])
        assert late.square().mean().sqrt() < 0.6 and late.abs().max() < 2


class TestTinyCells:
    """Cells that are smaller than the domain by 1e-8 and less, where no uniform point would ever fall."""

    def test_at_the_corner_of_an_l(self):
        region = Region(Polygon(L), CENTRED)
        lower, upper = tiling(region, 2, (0, 0), 26)
        sides = upper - lower
        assert sides.min() < 1e-8
        points, cells = points_in_cells(region, region.boundary, lower, upper, 40, seed=0)
        numbers = check(points, cells, lower, upper, ROUND)
        inner = (lower[:, 0] < 0) | (lower[:, 1] >= 0)  # the others lie beyond the edges at x=0 and at y=0
        edges = torch.stack([
            (upper[:, 0] == 0) & (upper[:, 1] <= 0), (lower[:, 1] == 0) & (lower[:, 0] >= 0),
            lower[:, 0] == -1, upper[:, 1] == 1, (lower[:, 1] == -1) & inner, (upper[:, 0] == 1) & inner,
        ])  # fmt: skip
        met = edges.any(0) & inner
        assert met.sum() > 50 and torch.equal(numbers, 40 * met.long())
        assert (edges[:2].any(0) & inner).sum() == 2 * 28
        for k in (edges[:2].any(0) & inner).nonzero()[:, 0].tolist():
            x, axis = points.x[cells == k], int(edges[0, k])
            normal = torch.tensor([1.0, 0.0] if axis else [0.0, -1.0], dtype=torch.float64)
            if edges[2:, k].any():
                continue
            assert (x[:, 1 - axis].abs() < 1e-15).all() and (points.normals[cells == k] == normal).all()
            along = ((x[:, axis] - lower[k, axis]) / sides[k, axis]).sort().values
            assert torch.cat([at(0), along, at(1)]).diff().max() < 2.5 / 40  # independent points: 0.1
        points, cells = points_in_cells(region, region.interior, lower, upper, 100, seed=0)
        assert torch.equal(check(points, cells, lower, upper), 100 * inner.long())

    @pytest.mark.parametrize("angle", [0.0, 1.0, math.pi / 2, 4.0])
    def test_at_a_circle(self, angle):
        hole = Difference(Cuboid([[-1, 1], [-1, 1]]), Ball([0.1, 0.2], 0.5, "hole"))
        region = Region(hole, CENTRED)
        point = (0.1 + 0.5 * math.cos(angle), 0.2 + 0.5 * math.sin(angle))
        lower, upper = tiling(region, 2, point, 24)
        points, cells = points_in_cells(region, region.part("hole"), lower, upper, 40, seed=0)
        numbers = check(points, cells, lower, upper, ROUND)
        outward = at(0.1, 0.2) - points.x
        assert ((outward.norm(dim=1) - 0.5).abs() < 1e-15).all()
        torch.testing.assert_close(points.normals, outward / 0.5, rtol=0, atol=1e-14)
        phi = torch.linspace(-6, 6, 100_001, dtype=torch.float64)  # close together at the point
        phi = angle + torch.cat([phi.sign() * 10 ** -(6 - phi.abs()) * 3, -phi.sign() * 10 ** -(12 - phi.abs())])
        circle = torch.stack([0.1 + 0.5 * phi.cos(), 0.2 + 0.5 * phi.sin()], dim=1)
        there = torch.bincount(cells_of(circle, lower, upper), minlength=len(lower)) > 20
        assert there.sum() > 30 and (numbers[there] == 40).all()
        smallest = (lower[cells] - upper[cells]).abs().amax(1) < 1e-7
        assert smallest.sum() >= 40
        for k in cells[smallest].unique().tolist():
            place = points.x[cells == k]
            turned = (place[:, 1] - 0.2).atan2(place[:, 0] - 0.1).sort().values
            gaps = turned.diff()
            assert gaps.max() < 4 * gaps.mean()

    def test_at_a_sphere_and_its_poles(self):
        box = Box({"x": (-1, 1), "y": (-1, 1), "z": (-1, 1)})
        region = Region(Ball([0, 0, 0], 0.9), box)
        for point in ((0.3, -0.2, math.sqrt(0.81 - 0.13)), (0.0, 0.0, 0.9), (0.9, 0.0, 0.0)):
            lower, upper = tiling(region, 1, point, 14)
            points, cells = points_in_cells(region, region.boundary, lower, upper, 30, seed=0)
            numbers = check(points, cells, lower, upper, ROUND)
            assert ((points.x.norm(dim=1) - 0.9).abs() < 1e-15).all()
            torch.testing.assert_close(points.normals, points.x / 0.9)
            sides = (upper - lower)[:, 0]
            fine = (torch.cartesian_prod(*[torch.arange(17)] * 3).double() / 16 * 0.9) + 0.05
            for k in range(len(lower)):  # a sphere that leaves the cell's middle on one side and corners on the other
                r = (lower[k] + sides[k] * fine).norm(dim=1) - 0.9
                assert not (r.min() < 0 < r.max()) or numbers[k] == 30
                assert numbers[k] == 0 or (r.min() < 0.1 * sides[k] and r.max() > -0.1 * sides[k])
            assert (numbers[sides < 1e-3] == 30).sum() > 20

    def test_in_time(self):
        box = Box({"x": (-1, 1), "t": (0, 4), "y": (-1, 1)})
        region = Region(Difference(Cuboid([[-1, 1], [-1, 1]]), Ball([0.1, 0.2], 0.5, "hole")), box)
        lower, upper = tiling(region, 2, (0.6, 0, 0.2), 16)
        points, cells = points_in_cells(region, region.part("hole"), lower, upper, 30, seed=0)
        numbers = check(points, cells, lower, upper, ROUND)
        assert ((points.x[:, [0, 2]] - at(0.1, 0.2)).norm(dim=1) - 0.5).abs().max() < 1e-15
        assert (points.normals[:, 1] == 0).all()
        first = (lower[:, 1] == 0) & ((upper - lower)[:, 1] < 1e-4)
        assert numbers[first].sum() >= 30 * 2
        start = region.face({"t": 0})
        points, cells = points_in_cells(region, start, lower, upper, 25, seed=0)
        numbers = check(points, cells, lower, upper)
        assert (points.x[:, 1] == 0).all() and (points.normals == torch.tensor([0.0, -1, 0])).all()
        assert region.inside(points.x).all() and (numbers[lower[:, 1] > 0] == 0).all()
        corners = torch.stack([torch.stack([x[:, 0], y[:, 2]], 1) for x in (lower, upper) for y in (lower, upper)])
        outside = ((corners - at(0.1, 0.2)).norm(dim=2) > 0.5).all(0)
        outside &= ~((lower[:, 0] < 0.1) & (upper[:, 0] > 0.1) | (lower[:, 2] < 0.2) & (upper[:, 2] > 0.2))
        assert (numbers[outside & (lower[:, 1] == 0)] == 25).all() and (outside & (lower[:, 1] == 0)).sum() > 10

    def test_a_tiny_hole_and_a_tiny_edge(self):
        box = Cuboid([[-1, 1], [-1, 1]])
        for shape in (
            Difference(box, Ball([0.3, 0.4], 1e-7, "hole")),
            Difference(box, Polygon([[0.3, 0.4], [0.3 + 1e-7, 0.4], [0.3, 0.4 + 1e-7]], "hole")),
        ):
            region = Region(shape, CENTRED)
            lower, upper = tiling(region, 1, (0.3 + 1e-8, 0.4 + 1e-8), 25)
            place = Place("hole", boundary=True)
            points, cells = points_in_cells(region, place, lower, upper, 20, seed=0)
            numbers = check(points, cells, lower, upper, ROUND)
            assert (
                (points.x - at(0.3, 0.4)).abs().max() < 1.01e-7
                and (numbers > 0).sum() > 3
                and (numbers[numbers > 0] == 20).all()
            )


SMOOTH = {
    **{name: known.shape for name, known in KNOWN.items() if len(known.shape.primitives) == 1},
    "sliver": Ellipse([0, 0], [1, 1e-3]),
    "ring": Annulus([0, 0], 1e-3, 1),
    "pin": Cylinder(0, [0, 0], 1e-3, [0, 1]),
    "needle": Polygon([[0, 0], [1, 1e-6], [1, 0]]),
}


@pytest.mark.parametrize("shape", SMOOTH.values(), ids=SMOOTH.keys())
def test_the_bounds_of_images(shape):
    """Bisection never loses a part of the boundary: the image of a box lies within its bounds, and these are close."""
    d, covered = len(shape.lower), 0.0
    for low, high, used in _straight(shape, d):
        assert len(used) == d - 1 or isinstance(shape, Cylinder)
        covered += float((high - low).prod(1).sum())
        for cut in range(6):
            bottom, top, path, _ = _image(shape, low, high, used)
            unit = Uniform().unit(500, d, cut)
            x = shape.on_boundary((low[:, None] + (high - low)[:, None] * unit).reshape(-1, d)).x.reshape(
                len(low), -1, d
            )
            assert (bottom[:, None] <= x + 1e-15).all() and (x - 1e-15 <= top[:, None]).all()
            assert ((top - bottom).amax(1) < 3 * (x.amax(1) - x.amin(1)).amax(1) + 1e-12).all()
            axis = path.amax(2).argmax(1, keepdim=True)
            high = high.scatter(1, axis, (low + high).gather(1, axis) / 2)
    assert covered == pytest.approx(1)


def test_a_surface_of_triangles(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    trimesh.creation.icosphere(subdivisions=3, radius=0.8).export(tmp_path / "ball.stl")
    ball = Surface(tmp_path / "ball.stl", "ball")
    region = Region(ball, Box({"x": (-1, 1), "y": (-1, 1), "z": (-1, 1)}))
    corner = tuple(ball._corners[0, 0].tolist())
    lower, upper = tiling(region, 1, corner, 10)
    points, cells = points_in_cells(region, region.boundary, lower, upper, 20, seed=0)
    numbers = check(points, cells, lower, upper, ROUND)
    height = ((points.x[:, None] - ball._corners[0]) * ball._across).sum(2) / ball._across.norm(dim=1)
    assert height.abs().amin(1).max() < 1e-7 and height.amax(1).max() < 1e-7  # convex: on one of the planes
    assert (numbers[((lower <= torch.tensor(corner)) & (torch.tensor(corner) <= upper)).all(1)] > 0).any()
    assert (numbers > 0).sum() > 20 and (numbers[numbers > 0] == 20).double().mean() > 0.9
