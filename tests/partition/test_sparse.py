"""Sparse least squares of blocks of columns: against dense solutions, to the rounding of nearly dependent features."""

import gc
import itertools
import math
import weakref

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from pinn.partition.sparse import Block, BlockLeastSquares, factorise

OVERLAP = 0.3


def dense(blocks: list[Block], rows: int, long: list[Tensor] | None = None) -> Tensor:
    columns = []
    for block in blocks:
        columns.append(block.matrix.new_zeros(rows, block.matrix.shape[1]))
        columns[-1][block.rows] = block.matrix
    matrix = torch.cat(columns, dim=1)
    return matrix if long is None else torch.cat([matrix, torch.cat(long, dim=1)])


def least(matrix: Tensor, target: Tensor) -> tuple[Tensor, float]:
    """The minimiser, and the norm of the residual there, by an SVD of the columns scaled to norm 1."""
    norms = matrix.norm(dim=0)
    norms = norms.where(norms > 0, 1)
    found = torch.from_numpy(np.linalg.lstsq((matrix / norms).numpy(), target.numpy(), rcond=1e-14)[0])
    return found / norms, float((matrix @ (found / norms) - target).norm())


def check(solver: BlockLeastSquares, solution: list[Tensor], matrix: Tensor, target: Tensor):
    """That it is a least-squares solution to ten digits of the target, and that what it says of itself is true."""
    residual = float((matrix @ torch.cat(solution) - target).norm())
    assert residual <= least(matrix, target)[1] + 1e-10 * float(target.norm())
    assert abs(residual - solver.residual_norm) <= 1e-10 * float(target.norm())
    assert solver.converged


def random_blocks(touched: list[Tensor], width: int) -> list[Block]:
    generator = torch.Generator().manual_seed(0)
    return [Block(rows, torch.randn(len(rows), width, generator=generator, dtype=torch.float64)) for rows in touched]


def rows_of_chain(cells: int, rows: int = 20, periodic: bool = False) -> list[Tensor]:
    """Each cell touches a third of the rows of its neighbours."""
    reach = torch.arange(-rows // 3, rows + rows // 3)
    found = [reach + j * rows for j in range(cells)]
    if periodic:
        return [(r % (cells * rows)).sort().values for r in found]
    return [r[(r >= 0) & (r < cells * rows)] for r in found]


def rows_of_grid(cells: int, rows: int = 8) -> list[Tensor]:
    number = torch.arange((cells * rows) ** 2).view(cells * rows, -1)
    spans = [slice(max(0, j * rows - rows // 3), (j + 1) * rows + rows // 3) for j in range(cells)]
    return [number[a, b].reshape(-1) for a, b in itertools.product(spans, spans)]


SHAPES = {
    "one": [torch.arange(30)],
    "apart": [torch.arange(10), torch.arange(15, 30)],
    "chain": rows_of_chain(9),
    "ring": rows_of_chain(9, periodic=True),
    "grid": rows_of_grid(4),
}


@pytest.mark.parametrize("long_rows", [0, 1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_well_conditioned_systems_have_the_coefficients_of_the_dense_solution(shape, long_rows):
    blocks, rows = random_blocks(SHAPES[shape], 7), 1 + max(int(r[-1]) for r in SHAPES[shape])
    generator = torch.Generator().manual_seed(1)
    long = [torch.randn(long_rows, 7, generator=generator, dtype=torch.float64) for _ in blocks]
    target = torch.randn(rows + long_rows, generator=generator, dtype=torch.float64)
    solver = factorise(blocks, rows, long=long if long_rows else None)
    solution = solver.solve(target)
    matrix = dense(blocks, rows, long)
    check(solver, solution, matrix, target)
    assert solver.rank == 7 * len(blocks)
    torch.testing.assert_close(torch.cat(solution), least(matrix, target)[0], rtol=1e-9, atol=1e-9)


def test_the_check_sees_a_wrong_answer():
    blocks = random_blocks(rows_of_chain(9), 7)
    target = torch.randn(180, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    solver = factorise(blocks, 180)
    solution = solver.solve(target)
    check(solver, solution, dense(blocks, 180), target)
    solution[4] = solution[4] + 1e-3
    with pytest.raises(AssertionError):
        check(solver, solution, dense(blocks, 180), target)


def test_any_target_can_follow():
    blocks = random_blocks(rows_of_chain(9), 7)
    solver = factorise(blocks, 180)
    for seed in (1, 2):
        target = torch.randn(180, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        check(solver, solver.solve(target), dense(blocks, 180), target)
    assert all(not c.any() for c in solver.solve(torch.zeros(180, dtype=torch.float64)))
    assert solver.converged


@pytest.mark.parametrize("long_rows", [0, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_many_targets_at_once_have_the_solutions_of_each(shape, long_rows):
    touched, generator = SHAPES[shape], torch.Generator().manual_seed(1)
    rows = 1 + max(int(r[-1]) for r in touched)
    blocks = random_blocks(touched, 5)
    long = [torch.randn(long_rows, 5, generator=generator, dtype=torch.float64) for _ in blocks] if long_rows else None
    solver = factorise(blocks, rows, long=long)
    targets = torch.randn(rows + long_rows, 4, generator=generator, dtype=torch.float64)
    targets[:, 2] = 0
    targets[:, 3] *= 1e-9
    found, left = solver.solve_all(targets)
    for k in range(4):
        expected = torch.cat(solver.solve(targets[:, k]))
        size = float(targets[:, k].norm())
        torch.testing.assert_close(torch.cat(found)[:, k], expected, rtol=1e-9, atol=1e-10 * size)
        torch.testing.assert_close(left[:, k], solver.residual, rtol=1e-9, atol=1e-10 * size)
    assert not torch.allclose(torch.cat(found)[:, 0], torch.cat(found)[:, 1])


def test_less_accuracy_may_be_asked_for():
    touched = SHAPES["ring"]
    solver = factorise(random_blocks(touched, 5), 1 + max(int(r[-1]) for r in touched))
    target = torch.randn(
        1 + max(int(r[-1]) for r in touched), 1, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    expected = torch.cat(solver.solve_all(target)[0])
    found = torch.cat(solver.solve_all(target, 1e-3)[0])
    assert float((found - expected).norm()) < 1e-2 * float(expected.norm())


def step(x: Tensor) -> Tensor:
    """From 0 at -1 to 1 at 1, with four continuous derivatives."""
    t = (x.clamp(-1, 1) + 1) / 2
    return t**5 * (126 - 420 * t + 540 * t**2 - 315 * t**3 + 70 * t**4)


def features(x: Tensor, cell: tuple[int, ...], cells: tuple[int, ...], width: int, periodic: bool = False) -> Block:
    """Random sines times a window over the unit box at `cell`, and over `OVERLAP` of its neighbours, at x (N, D)."""
    generator = torch.Generator().manual_seed(hash(cell))
    weights = 8 * torch.rand(len(cell), width, generator=generator, dtype=torch.float64) - 4
    phases = 2 * math.pi * torch.rand(width, generator=generator, dtype=torch.float64)
    at = x - torch.tensor(cell) - 0.5
    if periodic:
        at = at - torch.tensor(cells) * (at / torch.tensor(cells)).round()
    rows = (at.abs() < 0.5 + OVERLAP).all(1).nonzero()[:, 0]
    at, window = at[rows], torch.ones(len(rows), dtype=torch.float64)
    for d, (j, count) in enumerate(zip(cell, cells, strict=True)):
        if periodic or j > 0:
            window = window * step((at[:, d] + 0.5) / OVERLAP)
        if periodic or j < count - 1:
            window = window * step((0.5 - at[:, d]) / OVERLAP)
    return Block(rows, window[:, None] * torch.sin(at / (0.5 + OVERLAP) @ weights + phases))


def partition(cells: tuple[int, ...], width: int, periodic: bool = False) -> tuple[list[Block], Tensor]:
    """Blocks on all cells of a grid, and their points (M, D): some 2.5 for each column."""
    per_cell = round((2.5 * width) ** (1 / len(cells)))
    lines = [(torch.arange(n * per_cell, dtype=torch.float64) + 0.5) / per_cell for n in cells]
    x = torch.cartesian_prod(*lines).reshape(-1, len(cells))
    return [features(x, cell, cells, width, periodic) for cell in itertools.product(*map(range, cells))], x


@pytest.mark.parametrize(
    ("cells", "width", "periodic", "digits"),
    [
        ((8,), 40, False, 9),
        ((8,), 40, True, 9),
        ((3, 4), 60, False, 4),
        ((4, 4), 40, True, 3),
        ((2, 2, 2), 60, False, 1),
    ],
)
def test_nearly_dependent_features_fit_a_smooth_function_as_well_as_the_dense_solution(cells, width, periodic, digits):
    blocks, x = partition(cells, width, periodic)
    target = torch.sin(2 * math.pi * x / torch.tensor(cells)).sum(1).exp()
    solver = factorise(blocks, len(x))
    solution = solver.solve(target)
    matrix = dense(blocks, len(x))
    check(solver, solution, matrix, target)
    assert len(cells) > 1 or torch.linalg.cond(matrix) > 1e15
    assert solver.residual_norm < 10**-digits * float(target.norm())
    assert solver.iterations <= 4


def test_what_depends_within_a_cell_is_dropped():
    blocks, x = partition((6,), 30)
    for block in blocks:
        block.matrix[:, 5] = 0
        block.matrix[:, 7] = 3 * block.matrix[:, 6]
    solver = factorise(blocks, len(x))
    target = torch.sin(x[:, 0])
    solution = solver.solve(target)
    check(solver, solution, dense(blocks, len(x)), target)
    assert solver.rank <= 6 * 28
    for c in solution:
        assert c[5] == 0
        assert float(c[6]) == pytest.approx(3 * float(c[7]), rel=0.05)  # the least norm divides them
    assert factorise(blocks, len(x), tolerance=1e-6).rank < 0.8 * solver.rank


def test_what_the_tolerance_suppresses_is_told():
    blocks, x = partition((6,), 30)
    target = torch.sin(x[:, 0])
    whole, part = factorise(blocks, len(x)), factorise(blocks, len(x), tolerance=1e-3)
    whole.solve(target)
    rest = target - dense(blocks, len(x)) @ torch.cat(part.solve(target))
    assert whole.suppressed == 0 and part.suppressed > 0.2
    caught = total = 0.0
    for block in blocks:
        left, sizes, _ = torch.linalg.svd(block.matrix / block.matrix.norm(dim=0), full_matrices=False)
        between = (sizes <= 1e-3 * sizes[0]) & (sizes > 2e-14 * sizes[0])
        caught += float((left[:, between].mT @ rest[block.rows]).square().sum())
        total += float(rest[block.rows].square().sum())
    assert part.suppressed == pytest.approx(caught / total, rel=1e-3)


def test_cells_that_touch_nothing_or_have_no_columns_or_only_zeros():
    blocks = random_blocks(rows_of_chain(5), 7)
    blocks[0].matrix.zero_()
    blocks[1] = Block(blocks[1].rows[:0], blocks[1].matrix[:0])
    blocks[3] = Block(blocks[3].rows, blocks[3].matrix[:, :0])
    target = torch.randn(100, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    solver = factorise(blocks, 100)
    solution = solver.solve(target)
    check(solver, solution, dense(blocks, 100), target)
    assert [len(c) for c in solution] == [7, 7, 7, 0, 7]
    assert solver.rank == 14
    assert not solution[0].any()
    assert not solution[1].any()
    nothing = factorise(blocks[:2], 100)
    assert not torch.cat(nothing.solve(target)).any()
    assert nothing.residual_norm == pytest.approx(float(target.norm()))


def test_columns_that_depend_across_cells():
    """Two cells with the same columns: the normal matrix is singular, and the residual is still the least."""
    blocks = random_blocks(rows_of_chain(6), 7)
    blocks += [Block(block.rows, block.matrix @ torch.eye(7, dtype=torch.float64).flip(0)) for block in blocks[:3]]
    target = torch.randn(120, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    solver = factorise(blocks, 120)
    check(solver, solver.solve(target), dense(blocks, 120), target)


def slopes(blocks: list[Block], x: Tensor) -> list[Block]:
    """Differences of the columns from point to point: constants are lost."""
    found = []
    for block in blocks:
        padded = block.matrix.new_zeros(len(x), block.matrix.shape[1])
        padded[block.rows] = block.matrix
        rows = (padded.diff(dim=0) != 0).any(1).nonzero()[:, 0]
        found.append(Block(rows, padded.diff(dim=0)[rows] * len(x)))
    return found


@pytest.mark.parametrize("weight", [1e-2, 1.0, 1e3])
@pytest.mark.parametrize("cells", [1, 6])
def test_a_long_row_fixes_the_constant_that_no_other_row_sees(cells, weight):
    values, x = partition((cells,), 40)
    blocks = slopes(values, x)
    u = torch.sin(2 * x[:, 0] / cells) + 5
    mean = [block.matrix.sum(0, keepdim=True) / len(x) for block in values]
    target = torch.cat([u.diff() * len(x), weight * u.mean()[None]])
    long = [weight * part for part in mean]
    solver = factorise(blocks, len(x) - 1, long=long)
    solution = solver.solve(target)
    check(solver, solution, dense(blocks, len(x) - 1, long), target)
    torch.testing.assert_close(dense(values, len(x)) @ torch.cat(solution), u, rtol=0, atol=1e-7)
    assert solver.iterations <= 8


class Largest(TorchDispatchMode):
    """The largest number of elements that any tensor made within has."""

    def __init__(self):
        super().__init__()
        self.elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(tensor, Tensor) and tensor.layout == torch.strided:
                self.elements = max(self.elements, tensor.numel())
        return made


def test_nothing_is_dense_and_blocks_are_let_go():
    with Largest() as largest:
        torch.zeros(30, 40).sum()
    assert largest.elements == 1200
    cells, width = 200, 40
    x = (torch.arange(cells * 100, dtype=torch.float64)[:, None] + 0.5) / 100
    alive = []

    def made():
        for j in range(cells):
            block = features(x, (j,), (cells,), width)
            alive.append(weakref.ref(block.matrix))
            yield block

    target = torch.sin(x[:, 0])
    with Largest() as largest:
        solver = factorise(made(), len(x))
        solution = solver.solve(target)
    gc.collect()
    assert sum(ref() is not None for ref in alive) == 0
    assert largest.elements < 10 * len(x)
    assert len(x) * cells * width > 1000 * largest.elements
    found = torch.zeros_like(target)
    for j, c in enumerate(solution):
        block = features(x, (j,), (cells,), width)
        found.index_add_(0, block.rows, block.matrix @ c)
    assert float((found - target).norm()) < 1e-12 * float(target.norm())


def test_single_precision_stays_so():
    blocks, x = partition((6,), 20)
    blocks = [Block(block.rows, block.matrix.float()) for block in blocks]
    target = torch.sin(x[:, 0]).float()
    solver = factorise(blocks, len(x))
    assert all(c.dtype == torch.float32 for c in solver.solve(target))
    assert solver.residual_norm < 1e-4 * float(target.norm())


def test_bad_input_is_named():
    (block,) = random_blocks([torch.arange(4)], 2)
    rows, matrix = block.rows, block.matrix
    for wrong in (rows[:3], rows.flip(0), rows + 97, rows - 1, torch.zeros_like(rows)):
        with pytest.raises(ValueError, match="block 1 has 4 rows"):
            factorise([block, Block(wrong, matrix)], 100)
    with pytest.raises(ValueError, match="block 0 has entries that are not finite"):
        factorise([Block(rows, matrix / 0)], 100)
    with pytest.raises(ValueError, match="1 blocks, and long rows for 2"):
        factorise([block], 100, long=[matrix, matrix])
    with pytest.raises(ValueError, match=r"should be \(100,\)"):
        factorise([block], 100).solve(torch.zeros(101, dtype=torch.float64))
