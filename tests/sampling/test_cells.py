"""Points cell by cell: how many, where, how even, with which normals, and what they depend on.

References: outlines and areas from `shapes` (numpy, shapely), fine grids, closed forms.
"""

import math

import numpy as np
import pytest
import torch
from scipy.special import roots_legendre
from shapes import KNOWN, L
from tilings import check, shape_region, tiling

from pinn.geometry import Ball, Box, Cuboid, Difference, Ellipse, Intersection, Place, Points, Polygon, Region
from pinn.sampling.cells import cells_of, points_in_cells
from pinn.sampling.uniform import Uniform

SQUARE = Box({"x": (0, 1), "y": (0, 1)})
UNEVEN = Box({"t": (0, 2), "x": (-1, 1), "y": (0, 0.1)})
CENTRED = Box({"x": (-1, 1), "y": (-1, 1)})
ROUND = 1e-11  # of the domain: how far a point of a boundary may lie outside of its cell


class TestCellsOf:
    def test_like_one_comparison_with_each(self):
        lower, upper = tiling(UNEVEN, 3, (0.7, 0.3, 0), 20)
        x = torch.cat([
            torch.tensor([0, -1, 0]) + torch.tensor([2, 2, 0.1]) * Uniform().unit(5000, 3, 0),
            torch.tensor([0.7, 0.3, 0]) + 1e-6 * Uniform().unit(1000, 3, 1),
            lower, upper, (lower + upper) / 2,
        ])  # fmt: skip
        found = cells_of(x, lower, upper)
        inside = (lower <= x[:, None]) & ((x[:, None] < upper) | ((upper == upper.amax(0)) & (x[:, None] == upper)))
        assert (inside.all(2).sum(1) == 1).all()  # a tiling
        assert torch.equal(found, inside.all(2).long().argmax(1))
        assert torch.equal(found[6000:][: len(lower)], torch.arange(len(lower)))  # a lower end belongs to its cell
        assert len(found.unique()) == len(lower) > 200

    def test_gaps_and_ends(self):
        lower, upper = tiling(SQUARE, 1)
        some = torch.tensor([0, 3])  # x, y both below or both above 1/2
        x = torch.tensor([[0.5, 0.5], [1, 1], [1 + 1e-15, 0.9], [-1e-15, 0], [0.2, 0.7]], dtype=torch.float64)
        assert cells_of(x, lower[some], upper[some]).tolist() == [1, 1, 1, 0, -1]

    def test_a_layer_is_cut_along_the_other_coordinate(self):
        lower = torch.cartesian_prod(torch.tensor([0.0, 0.5]), torch.arange(100.0)).double()
        upper = lower + torch.tensor([0.5, 1.0])
        x = Uniform().unit(5000, 2, 0) * torch.tensor([1, 100])
        found = cells_of(x, lower, upper)
        assert torch.equal(found, 100 * (x[:, 0] >= 0.5) + x[:, 1].long())


class TestBoxes:
    def test_gauss_points_are_exact_in_every_cell(self):
        lower, upper = tiling(UNEVEN, 1, (0, 0, 0), 30)
        points, cells = points_in_cells(UNEVEN, UNEVEN.interior, lower, upper, 27, seed=0)
        assert (check(points, cells, lower, upper) == 27).all()
        _, w = roots_legendre(3)
        weights = torch.from_numpy(np.einsum("i,j,k", w, w, w).ravel() / 8)
        unit = ((points.x - lower[cells]) / (upper - lower)[cells]).reshape(len(lower), 27, 3)
        means = (weights[:, None] * unit**5).sum(1)
        torch.testing.assert_close(means, torch.full_like(means, 1 / 6), rtol=1e-9, atol=0)  # degree 5
        assert ((weights[:, None] * unit**6).sum(1) - 1 / 7).abs().min() > 1e-4  # and no more

    @pytest.mark.parametrize(
        ("count", "given"), [(1, 1), (2, 2), (4, 4), (5, 6), (6, 6), (7, 9), (17, 20), (400, 400), (20_000, 20_022)]
    )
    def test_a_grid_has_as_many_or_few_more(self, count, given):
        lower, upper = tiling(SQUARE, 1)
        points, cells = points_in_cells(SQUARE, SQUARE.interior, lower, upper, count, seed=0)
        assert check(points, cells, lower, upper).tolist() == [given] * 4

    def test_counts_of_their_own(self):
        lower, upper = tiling(SQUARE, 1)
        counts = torch.tensor([9, 0, 16, 7])
        for rule, given in (("gauss", [9, 0, 16, 9]), ("sobol", [9, 0, 16, 7])):
            points, cells = points_in_cells(SQUARE, SQUARE.interior, lower, upper, counts, seed=0, rule=rule)
            assert check(points, cells, lower, upper).tolist() == given

    def test_sobol_points_are_even_and_others_by_seed(self):
        lower, upper = tiling(SQUARE, 2, (0.3, 0.3), 20)
        draw = lambda seed: points_in_cells(SQUARE, SQUARE.interior, lower, upper, 64, seed=seed, rule="sobol")  # noqa: E731
        points, cells = draw(0)
        assert (check(points, cells, lower, upper) == 64).all()

        def eighths(x):  # how many in each eighth of a cell's side
            return torch.stack([((x * 8).long() == k).sum(1) for k in range(8)])

        unit = ((points.x - lower[cells]) / (upper - lower)[cells]).reshape(-1, 64, 2)
        assert (eighths(unit) == 8).all()  # a net
        assert (eighths(Uniform().unit(64, 2, 0)[None]) != 8).any()
        assert len(unit.reshape(len(lower), -1).unique(dim=0)) == len(lower)  # no two cells alike
        assert (draw(1)[0].x != points.x).all(1).sum() > 0.99 * len(points.x)

    def test_more_than_four_dimensions_take_sobol_points(self):
        box = Box(dict.fromkeys("abcde", (0, 1)))
        lower, upper = tiling(box, 1)
        points, cells = points_in_cells(box, box.interior, lower, upper, 33, seed=0)
        assert (check(points, cells, lower, upper) == 33).all()
        face = box.face({"a": 0})  # of which four are left
        points, cells = points_in_cells(box, face, lower, upper, 16, seed=0)
        assert (check(points, cells, lower, upper) == torch.where(lower[:, 0] == 0, 16, 0)).all()
        assert len(points.x[:, 1].unique()) == 4

    @pytest.mark.parametrize(
        "values", [{"t": 0}, {"x": 1}, {"x": 0}, {"y": 0.03}, {"x": 0.5, "t": 2}, {"x": -1, "y": 0}]
    )
    @pytest.mark.parametrize("rule", ["gauss", "sobol"])
    def test_faces_sections_and_edges(self, values, rule):
        lower, upper = tiling(UNEVEN, 2, (2, 0, 0.03), 8)
        place = UNEVEN.face(values)
        points, cells = points_in_cells(UNEVEN, place, lower, upper, 16, seed=0, rule=rule)
        numbers = check(points, cells, lower, upper)
        met = torch.ones(len(lower), dtype=torch.bool)
        for i, value in place.fixed:
            assert (points.x[:, i] == value).all()
            met &= (lower[:, i] <= value) & ((value < upper[:, i]) | (value == UNEVEN.upper[i] == upper[:, i]))
        assert torch.equal(numbers, 16 * met.long())
        assert torch.equal(cells, cells_of(points.x, lower, upper))  # a section on a border is in one of two
        usual = UNEVEN.sample(place, torch.rand(1, UNEVEN.dimension(place), dtype=torch.float64))
        assert (points.normals is None) == (usual.normals is None)
        if usual.normals is not None:
            assert (points.normals == usual.normals).all()
        measure = (upper - lower)[met][:, [i for i in range(3) if i not in dict(place.fixed)]].prod(1).sum()
        assert float(measure) == pytest.approx(UNEVEN.measure(place))  # all of the place is there, and once

    def test_a_partner_does_not_matter(self):
        lower, upper = tiling(SQUARE, 1)
        place = Place("x=0~x=1", ((0, 0.0),), partner=((0, 1.0),))
        points, cells = points_in_cells(SQUARE, place, lower, upper, 5, seed=0)
        assert (points.x[:, 0] == 0).all() and (points.normals == torch.tensor([-1.0, 0])).all()
        assert check(points, cells, lower, upper).tolist() == [5, 5, 0, 0]

    def test_the_whole_boundary(self):
        lower, upper = tiling(UNEVEN, 2)
        points, cells = points_in_cells(UNEVEN, UNEVEN.boundary, lower, upper, 9, seed=0)
        faces = sum(
            (ends[:, i] == end).long()
            for i in (1, 2)
            for ends, end in ((lower, [0, -1, 0][i]), (upper, [0, 1, 0.1][i]))
        )
        assert torch.equal(check(points, cells, lower, upper), 9 * faces) and set(faces.tolist()) == {0, 1, 2}
        low, high = torch.tensor(UNEVEN.lower, dtype=torch.float64), torch.tensor(UNEVEN.upper, dtype=torch.float64)
        assert (points.normals == (points.x == high).double() - (points.x == low).double()).all()

    def test_ends_of_time_and_of_an_interval(self):
        time, line = Box({"t": (0, 3)}), Box({"x": (0, 1)})
        for domain, place, at in (
            (time, time.face({"t": 0}), [[0.0]]),
            (line, line.boundary, [[0.0], [1.0]]),
            (line, line.face({"x": 0.5}), [[0.5]]),
        ):
            lower, upper = tiling(domain, 3)
            points, cells = points_in_cells(domain, place, lower, upper, 20, seed=0)
            assert points.x.tolist() == at and torch.equal(cells, cells_of(points.x, lower, upper))
        corner = SQUARE.face({"x": 1, "y": 0.5})
        points, cells = points_in_cells(SQUARE, corner, *tiling(SQUARE, 1), torch.tensor([5, 5, 5, 5]), seed=0)
        assert points.x.tolist() == [[1, 0.5]] and cells.tolist() == [3] and points.normals is None
        none, _ = points_in_cells(SQUARE, corner, *tiling(SQUARE, 1), torch.tensor([5, 5, 5, 0]), seed=0)
        assert none.x.shape == (0, 2)


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("rule", ["gauss", "sobol"])
def test_the_interior_of_every_shape(name, rule):
    known = KNOWN[name]
    region = shape_region(known.shape)
    d, wanted = len(region.names), 64
    lower, upper = tiling(region, 4 if d == 2 else 2)
    points, cells = points_in_cells(region, region.interior, lower, upper, wanted, seed=3, rule=rule)
    numbers = check(points, cells, lower, upper)
    assert known.inside(points.x.numpy()).all()
    fine = (torch.cartesian_prod(*[torch.arange(40 if d == 2 else 16)] * d).double() + 0.5) / (40 if d == 2 else 16)
    for k in range(len(lower)):
        x = lower[k] + (upper - lower)[k] * fine
        there = torch.from_numpy(np.asarray(known.inside(x.numpy())))
        part = float(there.double().mean())
        if part > 0.02:
            assert numbers[k] == wanted
            off = (points.x[cells == k].mean(0) - x[there].mean(0)) / (upper - lower)[k]
            assert off.abs().max() < 0.06  # independent points: a standard deviation of 0.036, twice for each of 256
        elif part == 0:
            assert numbers[k] <= 16


class TestSharedBorders:
    """The border of cells on that of the shape: what is on it belongs to the cell that has the shape."""

    LOWER, UPPER = tiling(CENTRED, 2)
    INNER = (LOWER[:, 0] < 0) | (LOWER[:, 1] >= 0)

    @pytest.mark.parametrize("turned", range(4))
    def test_the_boundary_lies_in_the_shape_s_cells(self, turned):
        turn = lambda x: [[x[:, 0], x[:, 1]], [-x[:, 1], x[:, 0]], [-x[:, 0], -x[:, 1]], [x[:, 1], -x[:, 0]]][turned]  # noqa: E731
        corners = torch.stack(turn(torch.tensor(L, dtype=torch.float64)), 1)
        region = Region(Polygon(corners.tolist()), CENTRED)
        points, cells = points_in_cells(region, region.boundary, self.LOWER, self.UPPER, 16, seed=0)
        numbers = check(points, cells, self.LOWER, self.UPPER, ROUND)
        centres = (self.LOWER + self.UPPER) / 2
        assert (numbers[~region.inside(centres)] == 0).all()
        assert (numbers > 0).sum() == 11 and (numbers[numbers > 0] == 16).all()  # all but one of 12, the one inside

    def test_borders_that_differ_by_rounding(self):
        for end in (0.3, 0.1 + 0.2):  # 0.30000000000000004
            region = Region(Cuboid([[0, end], [0, 1]]), SQUARE)
            for border in (0.3, 0.1 + 0.2):
                lower = torch.tensor([[0, 0], [border, 0]], dtype=torch.float64)
                upper = torch.tensor([[border, 1], [1, 1]], dtype=torch.float64)
                points, cells = points_in_cells(region, region.boundary, lower, upper, 64, seed=0)
                assert cells.tolist() == [0] * 64 and (points.x[:, 0] == end).sum() > 10

    def test_sections_of_a_region(self):
        region = Region(Polygon(L), CENTRED)
        for values, axis in (({"x": 0}, 0), ({"y": 0}, 1)):
            points, cells = points_in_cells(region, region.face(values), self.LOWER, self.UPPER, 16, seed=0)
            numbers = check(points, cells, self.LOWER, self.UPPER)
            assert points.normals is None and (points.x[:, axis] == 0).all()
            below = (self.UPPER[:, axis] == 0) & self.INNER  # `cover` shows what lies below a section
            assert torch.equal(numbers, 16 * below.long())
        points, cells = points_in_cells(region, region.face({"x": -1}), self.LOWER, self.UPPER, 16, seed=0)
        assert torch.equal(torch.bincount(cells, minlength=16), 16 * (self.LOWER[:, 0] == -1).long())
        assert (points.normals == torch.tensor([-1.0, 0])).all()

    def test_a_section_that_a_shape_cuts(self):
        region = Region(Ball([0, 0], 0.9), CENTRED)
        lower, upper = tiling(region, 2)
        points, cells = points_in_cells(region, region.face({"y": 0.1}), lower, upper, 33, seed=0)
        numbers = check(points, cells, lower, upper)
        assert (points.x[:, 0].abs() <= math.sqrt(0.81 - 0.01)).all()
        assert (points.x[:, 0].abs() > 0.89).any()
        assert torch.equal(numbers > 0, (lower[:, 1] < 0.1) & (upper[:, 1] > 0.1))
        assert ((numbers == 0) | (numbers >= 33) & (numbers <= 36)).all()

    @pytest.mark.parametrize("count", [20, 300])
    def test_an_interval_has_points_near_its_ends_where_a_shape_cuts_it(self, count):
        region, ends = Region(Cuboid([[-0.3, 0.7]]), Box({"x": (-1, 1)})), torch.tensor([[-1.0], [1.0]]).double()
        points, _ = points_in_cells(region, region.interior, ends[:1], ends[1:], count, seed=0)
        x = points.x[:, 0].sort().values
        assert count <= len(x) <= 1.1 * count and x[0] >= -0.3 and x[-1] <= 0.7
        points, _ = points_in_cells(region, region.interior, ends[:1] * 0.5, ends[1:] * 0.6, count, seed=0)
        assert 0.6 - float(points.x.max()) < 2 / count**2  # of the cell, as Gauss points are; random ones: 1 / count

    def test_observations(self):
        x = torch.tensor([[0, -0.5], [0.25, 0], [-0.75, 0.8], [0, 0.25], [1, 1], [0.6, -0.7]], dtype=torch.float64)
        data = type("Data", (), {"points": Points(x, values={"u": x[:, 0] + 10 * x[:, 1]})})()
        region = Region(Polygon(L), CENTRED)
        points, cells = points_in_cells(region, Place("data", data=data), self.LOWER, self.UPPER, 3, seed=0)
        assert torch.equal(points.values["u"], points.x[:, 0] + 10 * points.x[:, 1])
        assert sorted(points.x.tolist()) == sorted(x.tolist()) and (cells.diff() >= 0).all()
        owner = {
            tuple(at): (self.LOWER[k].tolist(), self.UPPER[k].tolist())
            for at, k in zip(points.x.tolist(), cells, strict=True)
        }
        assert owner[0, -0.5][1][0] == 0  # at the wall x=0: to its left lies the shape
        assert owner[0.25, 0][0] == [0, 0] or owner[0.25, 0][0] == [0.5, 0]
        assert owner[0, 0.25][0] == [0, 0]  # inside: the upper one
        assert owner[1, 1][1] == [1, 1] and owner[0.6, -0.7][0] == [0.5, -1]

    def test_the_ends_of_an_interval(self):
        line = Region(Difference(Cuboid([[0, 1]]), Cuboid([[0.25, 0.5]], "gap")), Box({"x": (0, 1)}))
        lower, upper = tiling(line, 3)
        points, cells = points_in_cells(line, line.boundary, lower, upper, 10, seed=0)
        assert points.x[:, 0].tolist() == [0, 0.25, 0.5, 1] and points.normals[:, 0].tolist() == [-1, 1, -1, 1]
        assert cells.tolist() == [0, 1, 4, 7]
        whole = points_in_cells(line, line.boundary, lower.amin(0)[None], upper.amax(0)[None], 1, seed=0)[0]
        assert whole.x[:, 0].tolist() == [0, 0.25, 0.5, 1]


class TestWhatPointsDependOn:
    HOLES = Difference(
        Cuboid([[-1, 1], [-1, 1]]), Ball([0.4, 0.4], 0.2, "hole"), Ellipse([-0.3, -0.2], [0.5, 0.1], "slot")
    )
    REGION = Region(HOLES, Box({"t": (0, 1), "x": (-1, 1), "y": (-1, 1)}))
    PLACES = [REGION.interior, REGION.boundary, REGION.part("hole"), REGION.face({"t": 0}), REGION.face({"x": 0.1})]

    @pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
    @pytest.mark.parametrize("rule", ["gauss", "sobol"])
    def test_not_on_the_other_cells(self, place, rule):
        coarse, fine = tiling(self.REGION, 2), tiling(self.REGION, 2, (0, 0.6, 0.4), 5)
        torch.manual_seed(0)
        before = torch.get_rng_state()
        numbers = torch.arange(len(coarse[0])) % 7 + 5  # the counts differ
        points, cells = points_in_cells(self.REGION, place, *coarse, numbers, seed=4, rule=rule)
        again, _ = points_in_cells(self.REGION, place, *coarse, numbers, seed=4, rule=rule)
        assert torch.equal(points.x, again.x) and torch.equal(torch.get_rng_state(), before)
        same = (coarse[0][:, None] == fine[0]).all(2) & (coarse[1][:, None] == fine[1]).all(2)
        counts = torch.where(same.any(0), numbers[same.long().argmax(0)], 30)
        order = torch.randperm(len(counts))
        after, owners = points_in_cells(
            self.REGION, place, fine[0][order], fine[1][order], counts[order], seed=4, rule=rule
        )
        kept = 0
        for old, new in same.nonzero().tolist():
            now = (order == new).nonzero()[0, 0]
            assert torch.equal(points.x[cells == old], after.x[owners == now])
            kept += int((cells == old).sum())
        assert kept > 50

    def test_on_seed_place_and_cell(self):
        lower, upper = tiling(self.REGION, 1)
        draw = lambda place, seed: points_in_cells(self.REGION, place, lower, upper, 20, seed=seed, rule="sobol")[0].x  # noqa: E731
        for place in self.PLACES:
            here, there = draw(place, 0), draw(place, 1)
            assert len(here) == len(there) and not (here == there).all(1).any()
        bottom, top = (draw(self.REGION.face({"t": t}), 0) for t in (0, 1))
        assert (bottom[:, 1:] != top[:20, 1:].repeat(len(bottom) // 20, 1)).all()

    def test_integrals_are_refused(self):
        with pytest.raises(AssertionError, match="integral"):
            points_in_cells(SQUARE, Place("interior", integral=True), *tiling(SQUARE, 1), 4, seed=0)


def test_a_cell_that_hardly_meets_the_place():
    region = Region(Intersection(Cuboid([[0, 1], [0, 1]]), Ball([0, 0], 1)), SQUARE)
    lower, upper = tiling(region, 3)
    points, cells = points_in_cells(region, region.interior, lower, upper, 100, seed=0)
    numbers = check(points, cells, lower, upper)
    assert region.inside(points.x).all()
    inner, outer = upper.norm(dim=1) <= 1, lower.norm(dim=1) >= 1
    assert (numbers[inner] == 100).all() and (numbers[outer] == 0).all() and (numbers[~inner & ~outer] > 5).all()
