"""Sparse Cholesky decomposition: any graph and sizes, against the dense matrix; and an order that makes little fill."""

import itertools

import pytest
import torch
from torch import Tensor

from pinn.partition.cholesky import Cholesky, eliminate, numbers_of, plan


def graph(pairs, count: int) -> list[set[int]]:
    neighbours: list[set[int]] = [set() for _ in range(count)]
    for i, j in pairs:
        neighbours[i].add(j)
        neighbours[j].add(i)
    return neighbours


def grid(*counts: int, periodic: bool = False) -> list[set[int]]:
    """Cells that share a corner."""
    cells = list(itertools.product(*map(range, counts)))
    number = {cell: i for i, cell in enumerate(cells)}
    pairs = []
    for cell in cells:
        for step in itertools.product((-1, 0, 1), repeat=len(counts)):
            near = tuple((a + b) % n if periodic else a + b for a, b, n in zip(cell, step, counts, strict=True))
            if near in number and near != cell:
                pairs.append((number[cell], number[near]))
    return graph(pairs, len(cells))


GRAPHS = {
    "one": graph([], 1),
    "apart": graph([], 4),
    "chain": grid(12),
    "ring": grid(12, periodic=True),
    "grid": grid(5, 4),
    "torus": grid(5, 5, periodic=True),
    "cube": grid(3, 3, 3),
    "all": graph(itertools.combinations(range(6), 2), 6),
    "star and two apart": graph([(0, i) for i in range(1, 8)] + [(9, 10)], 11),
}


def dense(neighbours: list[set[int]], sizes: list[int]) -> Tensor:
    """A random matrix with the graph, whose least eigenvalue is 0.1."""
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(sum(sizes), sum(sizes), generator=generator, dtype=torch.float64)
    block = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    near = torch.eye(len(sizes), dtype=torch.bool)
    for i, js in enumerate(neighbours):
        near[i, list(js)] = True
    matrix = (matrix + matrix.mT) * near[block][:, block]
    return matrix + (0.1 - torch.linalg.eigvalsh(matrix).min()) * torch.eye(len(matrix), dtype=torch.float64)


def decomposed(matrix: Tensor, neighbours: list[set[int]], sizes: list[int]) -> Cholesky:
    ends = torch.tensor(sizes).cumsum(0).tolist()
    spans = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
    return Cholesky(lambda i, j: matrix[spans[i], spans[j]], neighbours, sizes, matrix)


@pytest.mark.parametrize("name", GRAPHS)
def test_solves_as_the_dense_matrix_does(name):
    neighbours = GRAPHS[name]
    sizes = [(2 + 3 * i) % 7 for i in range(len(neighbours))]  # some are empty
    matrix = dense(neighbours, sizes)
    x = torch.arange(float(len(matrix)), dtype=torch.float64)
    torch.testing.assert_close(decomposed(matrix, neighbours, sizes).solve(matrix @ x), x, rtol=1e-9, atol=1e-9)


def test_fronts_longer_than_a_stripe():
    neighbours, sizes = grid(3, 3), [150] * 9
    matrix = dense(neighbours, sizes)
    x = torch.arange(float(len(matrix)), dtype=torch.float64)
    torch.testing.assert_close(decomposed(matrix, neighbours, sizes).solve(matrix @ x), x, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("least", [0.0, -1e-13, -1e-11])
def test_what_rounding_left_indefinite_is_shifted(least):
    neighbours, sizes = grid(6), [4] * 6
    matrix = dense(neighbours, sizes)
    matrix += (least - 0.1) * torch.eye(len(matrix), dtype=torch.float64)
    values, vectors = torch.linalg.eigh(matrix)
    found = decomposed(matrix, neighbours, sizes).solve(matrix @ vectors[:, 5])
    assert values[0] < 1e-12
    torch.testing.assert_close(found @ vectors[:, 5], torch.tensor(1.0, dtype=torch.float64), rtol=1e-6, atol=0)


def test_a_matrix_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="not positive definite"):
        decomposed(-torch.eye(6, dtype=torch.float64), grid(3), [2] * 3)


@pytest.mark.parametrize("name", GRAPHS)
def test_every_block_is_eliminated_once_and_after_the_parts_of_its_node(name):
    nodes = plan(GRAPHS[name])
    order = [k for node in nodes for k in node.own]
    assert sorted(order) == list(range(len(GRAPHS[name])))
    for i, node in enumerate(nodes):
        assert all(part < i for part in node.parts)
        assert [order.index(k) for k in node.touched] == sorted(order.index(k) for k in node.touched)
        for k in node.own:  # what it is coupled with comes earlier, or is in its front
            later = {j for j in GRAPHS[name][k] if order.index(j) > order.index(k)}
            assert later <= {*node.own, *node.touched}


def operations(later: list[set[int]]) -> float:
    """Of the decomposition, with blocks of one size."""
    return sum(1 / 3 + len(touched) + len(touched) ** 2 for touched in later)


def test_a_chain_is_eliminated_without_fill():
    assert max(map(len, eliminate(grid(500))[1])) == 1


def test_operations_on_a_grid_grow_as_those_of_nested_dissection():
    """As n³ on n x n cells (George 1973); strips take n⁴."""
    fill = {n: operations(eliminate(grid(n, n))[1]) for n in (16, 32)}
    assert fill[32] / fill[16] < 2**3.5
    strips = [set(range(i + 1, min(i + 34, 1024))) for i in range(1024)]
    assert operations(strips) > 2 * fill[32]


@pytest.mark.parametrize("name", GRAPHS)
def test_what_it_takes_is_known_before(name):
    neighbours = GRAPHS[name]
    sizes = [3 + k % 3 for k in range(len(neighbours))]
    found = decomposed(dense(neighbours, sizes), neighbours, sizes)
    assert found.memory == 8 * numbers_of(neighbours, sizes)
