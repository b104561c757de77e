"""Cells: what halving leaves, who is beside whom, and windows that cover all of them without a jump."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from partitions import BOX, inside, partition, tiling

from pinn.partition import Cells
from pinn.partition.cells import NARROW, OVERLAP, SMALL
from pinn.sampling.cells import cells_of

TILINGS = st.integers(1, 3), st.integers(0, 3), st.integers(0, 999)


def cells(*boxes):
    lower, upper = zip(*boxes, strict=True)
    return Cells(torch.tensor(lower, dtype=torch.float64), torch.tensor(upper, dtype=torch.float64))


def check_tiling(tiling, dimensions):
    """The volumes make up the box, and each of many points lies in one cell."""
    low, high = torch.tensor(BOX, dtype=torch.float64)[:, :dimensions]
    torch.testing.assert_close(tiling.widths.prod(1).sum(), (high - low).prod())
    x = inside(200, dimensions)[:, None]
    assert (((tiling.lower <= x) & (x < tiling.upper)).all(2).sum(1) == 1).all()


@settings(deadline=None, max_examples=40)
@given(*TILINGS)
def test_cells_over_what_follows_tile_it_and_are_as_those_at_the_end(dimensions, halvings, seed):
    before, axis = tiling(dimensions, halvings, seed), dimensions - 1
    low, high = before.lower.amin(0), before.upper.amax(0)
    begin, end = float(high[axis]), float(high[axis]) + 0.7
    after = before.over(axis, begin, end)
    torch.testing.assert_close(after.widths.prod(1).sum(), (high - low).prod() / (high - low)[axis] * 0.7)
    assert float(after.lower[:, axis].min()) == begin and float(after.upper[:, axis].max()) == pytest.approx(end)
    last = before.upper[:, axis] == high[axis]
    seen = after.lower[:, axis] == begin
    assert len(after.lower[seen]) >= int(last.sum())  # balanced ones may be halved
    shape = after.widths / (end - begin) if dimensions == 1 else after.widths
    assert float(shape[:, axis].max()) <= 1.0 and len(after) >= int(last.sum())


def test_columns_have_as_many_cells_as_would_fit():
    before = cells(([0, 0], [1, 0.25]), ([0, 0.25], [1, 0.5]), ([0, 0.5], [1, 1]), ([1, 0], [2, 1]))
    after = before.over(1, 1.0, 3.0)
    at = after.lower[:, 0] == 0
    assert sorted(after.widths[at, 1].tolist()) == [1, 1] and after.widths[~at, 1].tolist() == [2]


def test_a_grid_has_cells_of_one_size_in_their_places():
    grid = Cells.grid([0.0, -1.0, 0.5], [2.0, 1.0, 1.0], [2, 3, 1])
    assert len(grid) == 6
    check_tiling(grid, 3)
    torch.testing.assert_close(grid.widths, torch.tensor([[1, 2 / 3, 0.5]], dtype=torch.float64).expand(6, 3))
    expected = torch.tensor([[0.5, y, 0.75] for y in (-2 / 3, 0, 2 / 3)], dtype=torch.float64)
    torch.testing.assert_close(grid.centres[:3], expected)
    assert grid.lower.min(0).values.tolist() == [0, -1, 0.5] and grid.upper.max(0).values.tolist() == [2, 1, 1]
    assert Cells.grid([0.0], [1.0], [3]).upper.shape == (3, 1)


@settings(max_examples=30, deadline=None)
@given(*TILINGS)
def test_halving_keeps_a_tiling_and_knows_the_parents(dimensions, rounds, seed):
    before = tiling(dimensions, rounds, seed)
    check_tiling(before, dimensions)
    along = torch.rand(len(before), dimensions, generator=torch.Generator().manual_seed(seed)) < 0.4
    after, parents = before.halved(along)
    check_tiling(after, dimensions)
    assert torch.equal(parents.bincount(minlength=len(before)), 2 ** along.sum(1))
    assert (before.lower[parents] <= after.lower).all() and (after.upper <= before.upper[parents]).all()
    torch.testing.assert_close(after.widths, before.widths[parents] * torch.where(along, 0.5, 1.0)[parents])
    assert torch.equal(parents, cells_of(after.centres, before.lower, before.upper))
    whole = ~along.any(1)
    assert torch.equal(after[whole[parents].nonzero()[:, 0]].lower, before.lower[whole])


def test_the_check_of_tilings_sees_a_gap_and_a_lap():
    good = tiling(2)
    with pytest.raises(AssertionError):
        check_tiling(good[torch.arange(1, len(good))], 2)
    with pytest.raises(AssertionError):
        check_tiling(good[torch.tensor([0, *range(len(good))])], 2)


def brute_neighbours(tiling):
    found, lower, upper = set(), tiling.lower.tolist(), tiling.upper.tolist()
    dimensions = range(len(lower[0]))
    for i in range(len(lower)):
        for j in range(len(lower)):
            shared = [min(upper[i][d], upper[j][d]) - max(lower[i][d], lower[j][d]) for d in dimensions]
            for d in dimensions:
                face = upper[i][d] == lower[j][d]  # of halves of short numbers
                if face and all(shared[e] > 0 for e in dimensions if e != d):
                    found.add((i, j, d))
    return found


@settings(max_examples=20, deadline=None)
@given(*TILINGS)
def test_neighbours_share_a_part_of_a_face(dimensions, rounds, seed):
    some = tiling(dimensions, rounds, seed)
    found = [tuple(row) for row in some.neighbours().tolist()]
    assert len(found) == len(set(found)) and set(found) == brute_neighbours(some)


def test_faces_that_rounding_parts_are_one():
    thirds = torch.linspace(0, 1, 4, dtype=torch.float64)[1:3].tolist()
    rounded = cells(([0.0, 0.0], [thirds[0], 1.0]), ([thirds[0] + 1e-16, 1e-16], [thirds[1], 1.0 - 1e-16]))
    assert rounded.neighbours().tolist() == [[0, 1, 0]]


def reach(one, other):
    return min(OVERLAP * max(one, other), SMALL * min(one, other))


def test_cells_reach_into_each_other_as_far_as_the_smaller_one_lets_them():
    """To the left one of width 1; to the right one above two of width 1/2, of which the left one is cut in two."""
    some = cells(
        ([0, 0], [1, 1]), ([1, 0], [1.5, 0.25]), ([1, 0.25], [1.5, 0.5]), ([1.5, 0], [2, 0.5]), ([1, 0.5], [2, 1])
    )
    far, half, quarter = reach(1, 0.5), reach(0.5, 0.5), reach(0.25, 0.25)
    expected = [  # below, above, along x and y
        [[-OVERLAP, -OVERLAP], [far, -OVERLAP]],
        [[far, -OVERLAP / 4], [half, quarter]],
        [[far, quarter], [half, reach(0.25, 0.5)]],
        [[half, -OVERLAP / 2], [-OVERLAP / 2, half]],
        [[reach(1, 1), reach(0.25, 0.5)], [-OVERLAP, -OVERLAP / 2]],
    ]
    torch.testing.assert_close(torch.stack(some.reaches(), dim=1), torch.tensor(expected, dtype=torch.float64))


@settings(max_examples=20, deadline=None)
@given(*TILINGS)
def test_windows_do_not_fall_at_the_ends_of_the_box_and_rise_within_half_a_cell(dimensions, rounds, seed):
    some = tiling(dimensions, rounds, seed)
    low, high = torch.tensor(BOX, dtype=torch.float64)[:, :dimensions]
    below, above = some.reaches()
    assert torch.equal(below < 0, some.lower == low) and torch.equal(above < 0, some.upper == high)
    assert (torch.maximum(below, above) < some.widths / 2).all()
    for i, j, d in some.neighbours().tolist():  # two windows of a cell do not meet, nor those of its two neighbours
        assert max(above[i, d], below[j, d]) < min(some.widths[i, d], some.widths[j, d]) / 2


def bump(partition, j, x):
    return torch.stack([w.value(x[:, d]) for d, w in enumerate(partition.windows[j])]).prod(0)


@settings(max_examples=20, deadline=None)
@given(*TILINGS)
def test_windows_sum_to_more_than_a_power_of_a_half(dimensions, rounds, seed):
    """In its own cell each factor of a window is at least 1/2; and where they all are, others come on top."""
    whole, x = partition(tiling(dimensions, rounds, seed)), inside(300, dimensions, seed)
    total = torch.zeros(len(x), dtype=torch.float64)
    for j, rows in enumerate(whole.members(x)):
        total[rows] += bump(whole, j, x[rows])
    assert (total > 2.0**-dimensions).all()
    own = torch.tensor([bump(whole, j, x[k : k + 1]) for k, j in enumerate(owners(whole, x))])
    assert (own >= 2.0**-dimensions).all()


def owners(whole, x):
    return cells_of(x, whole.lower, whole.upper).tolist()


def jump(some, *, wrong=False):
    """The largest value of a window at the end of its reach, in other cells."""
    whole, worst = partition(some), 0.0
    if wrong:  # it does not fall where no cell has a face
        pairs = some.neighbours().tolist()
        for reach, end in ((whole.above, 0), (whole.below, 1)):
            for k, d in set(product(range(len(some)), range(2))) - {(pair[end], pair[2]) for pair in pairs}:
                reach[k, d] = -OVERLAP * some.widths[k, d]
    dimensions = some.lower.shape[1]
    generator = torch.Generator().manual_seed(0)
    low, high = some.lower - whole.below.abs(), some.upper + whole.above.abs()
    for j in range(len(some)):
        for d in range(dimensions):
            for end in (low[j, d] + 1e-6, high[j, d] - 1e-6):
                x = low[j] + (high - low)[j] * torch.rand(300, dimensions, generator=generator, dtype=torch.float64)
                x[:, d] = end
                there = ((some.lower <= x[:, None]) & (x[:, None] < some.upper)).all(2).any(1)
                worst = max(worst, *bump(whole, j, x[there]).tolist(), 0.0)
    return worst


@settings(max_examples=15, deadline=None)
@given(*TILINGS, st.floats(0, 0.6))
def test_windows_do_not_jump_where_cells_are_left_out(dimensions, rounds, seed, share):
    """As those of which nothing lies in the domain: at a corner or across a narrow gap others are there."""
    some = tiling(dimensions, rounds, seed)
    kept = torch.rand(len(some), generator=torch.Generator().manual_seed(seed)) >= share
    if len(rows := kept.nonzero()[:, 0]):
        assert jump(some[rows]) < 1e-12


def test_the_windows_of_an_l_do_not_jump():
    corner = Cells.grid([0, 0], [2, 2], [2, 2])[torch.tensor([0, 2, 3])]
    below, above = corner.reaches()
    assert (below[2] > 0).all() and (above[0] > 0).all()  # those that meet at the corner alone
    assert below[0].tolist() == [-OVERLAP] * 2 and above[2].tolist() == [-OVERLAP] * 2
    assert jump(corner) < 1e-12 and jump(corner, wrong=True) > 0.1


def test_the_windows_beside_a_slit_do_not_jump():
    """Two large cells, and between them one that is left out, narrower than they reach."""
    slit = cells(([0, 0], [1, 1]), ([1.1, 0], [2.1, 1]), ([4, 0], [5, 1]))
    below, above = slit.reaches()
    assert jump(slit) < 1e-12
    assert above[:, 0].tolist() == [OVERLAP, -OVERLAP, -OVERLAP]
    assert below[:, 0].tolist() == pytest.approx([-OVERLAP, OVERLAP, -OVERLAP])


@settings(max_examples=20, deadline=None)
@given(*TILINGS)
def test_panels_make_up_their_cells_and_are_cut_where_narrow_windows_have_fallen(dimensions, rounds, seed):
    some = tiling(dimensions, rounds, seed)
    below, above = some.reaches()
    panels, parents = some.panels(below, above)
    check_tiling(panels, dimensions)
    assert (some.lower[parents] <= panels.lower).all() and (panels.upper <= some.upper[parents]).all()
    narrow = [(reach > 0) & (reach < NARROW * some.widths) for reach in (below, above)]
    assert torch.equal(parents.bincount(), (1 + narrow[0].long() + narrow[1]).prod(1))
    for cut, at in zip(narrow, (some.lower + below, some.upper - above), strict=True):
        apart = (panels.upper <= at[parents] + 1e-12) | (panels.lower >= at[parents] - 1e-12)
        assert (apart | ~cut[parents]).all()


@settings(max_examples=20, deadline=None)
@given(*TILINGS)
def test_a_balanced_tiling_has_no_cell_twice_as_long_as_one_beyond_its_face(dimensions, rounds, seed):
    before = tiling(dimensions, rounds, seed)
    corner = (before.lower == before.lower.amin(0)).all(1)
    for _ in range(2):
        before, parents = before.halved(corner[:, None].expand(-1, dimensions))
        corner = corner[parents] & (before.lower == before.lower.amin(0)).all(1)
    after, parents = before.balanced()
    check_tiling(after, dimensions)
    assert torch.equal(parents, cells_of(after.centres, before.lower, before.upper))
    assert longest(after) < 2.1


def longest(cells):
    """How many times as long as one beyond its face a cell is, at most."""
    i, j, d = cells.neighbours().unbind(dim=1)
    return float((cells.widths[i, d] / cells.widths[j, d]).log().abs().max().exp()) if len(i) else 1.0


def test_a_small_cell_lies_among_small_ones_and_a_flat_one_among_flat_ones():
    pair = cells(([0.0, 0.0], [1.0, 1.0]), ([1.0, 0.0], [2.0, 1.0]))
    small = level = pair
    for _ in range(3):
        small, _ = small.halved(((small.upper[:, 0] == 1) & (small.lower[:, 1] == 0))[:, None].expand(-1, 2))
        level, _ = level.halved(torch.stack([level.upper[:, 0] == 1, torch.zeros(len(level), dtype=torch.bool)], 1))
    assert longest(small) > 7 and longest(level) > 7
    small, level = small.balanced()[0], level.balanced()[0]
    assert bool((small.widths[:, 0] == small.widths[:, 1]).all())
    assert bool((level.widths[:, 1] == 1).all())


def test_windows_overlap_with_those_of_the_cells_around():
    grid = Cells.grid([0.0, 0.0], [1.0, 1.0], [3, 3])
    found = grid.overlapping()
    middle = int((grid.centres - 0.5).abs().sum(dim=1).argmin())
    assert found[middle] == set(range(9)) - {middle}
    assert all(i in found[j] for i, js in enumerate(found) for j in js)
    corner = int(grid.centres.sum(dim=1).argmin())
    assert len(found[corner]) == 3


def test_cells_beside_smaller_ones_are_those():
    tiling = cells(
        ([0.0, 0.0], [2.0, 2.0]), ([2.0, 0.0], [3.0, 1.0]), ([2.0, 1.0], [3.0, 2.0]), ([3.0, 0.0], [4.0, 2.0])
    )
    assert tiling.beside_smaller.tolist() == [True, False, False, True]  # the last is as wide, but longer
    assert not Cells.grid([0.0, 0.0], [1.0, 3.0], [4, 3]).beside_smaller.any()
