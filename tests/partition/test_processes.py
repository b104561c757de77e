"""Cells divided among processes: whose each is, and that many find what one does, each with its part of the memory."""

import threading

import pytest
import torch
from partition.test_cholesky import GRAPHS, dense, grid
from partition.test_newton import BRATU, LINEAR, on_line, sampled_on, zero
from partition.test_refinement import refinement, waves
from partition.test_sparse import SHAPES, random_blocks
from partitions import tiling
from threads import Thread, together

from pinn import Problem
from pinn.partition import strip
from pinn.partition.cholesky import Cholesky
from pinn.partition.newton import newton
from pinn.partition.processes import Share, divided
from pinn.partition.sparse import factorise
from pinn.partition.system import Sampled

LIKE = torch.empty(0, dtype=torch.float64)
RING = Problem(  # its two ends are one: the first cell meets the last
    coordinates={"x": [0, 2]}, fields=["u"], enforce="soft", equations={"wave": "u_xx - u = sin(pi*x)*exp(cos(pi*x))"},
    conditions={"seam": "u(x=0) = u(x=2)", "slope": "u_x(x=0) = u_x(x=2)"},
)  # fmt: skip


def squares(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """What cells of a square reach."""
    corners = torch.cartesian_prod(*[torch.arange(count, dtype=torch.float64)] * 2)
    return corners - 0.3, corners + 1.3


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_cells_are_divided_by_load_and_cut_where_few_meet(size):
    loads = 1 + torch.arange(144) % 3
    owners = torch.tensor(divided(*squares(12), loads.double(), size))
    held = torch.stack([loads[owners == rank].sum() for rank in range(size)])
    assert held.max() - held.min() <= 12
    long = torch.cartesian_prod(torch.arange(20.0), torch.arange(3.0)).double()
    owners = torch.tensor(divided(long - 0.3, long + 1.3, torch.ones(60), 2))
    assert long[owners == 0, 0].max() < long[owners == 1, 0].min()  # across the short side


def test_fewer_cells_than_processes():
    lower, upper = squares(1)
    assert divided(lower, upper, torch.ones(1), 4) == [0]
    lower, upper = squares(2)
    assert sorted(divided(lower, upper, torch.ones(4), 4)) == [0, 1, 2, 3]


@pytest.mark.parametrize("size", [2, 3, 4, 7])
@pytest.mark.parametrize("name", GRAPHS)
def test_what_is_eliminated_in_one_stage_is_coupled_within_one_process(name, size):
    neighbours = GRAPHS[name]
    for owners in ([k * size // len(neighbours) for k in range(len(neighbours))], [k % size for k in range(30)]):
        share = Share(Thread(0, size, None, None, None), owners[: len(neighbours)], LIKE)
        hosts, stages = share.hosts(neighbours)
        for k, touched in enumerate(neighbours):
            assert all(hosts[i] == hosts[k] for i in touched if stages[i] == stages[k])


def solved(neighbours, sizes, matrix, x, owners, count):
    """By so many processes, each of which sees the columns of its own blocks, and of others what is sent."""
    ends = torch.tensor(sizes).cumsum(0).tolist()
    spans = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]

    def work(process):
        share = Share(process, owners, LIKE)
        return Cholesky(lambda i, j: matrix[spans[i], spans[j]], neighbours, sizes, matrix, share).solve(x)

    return together(count, work)


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("name", GRAPHS)
def test_a_matrix_is_decomposed_by_many(name, count):
    neighbours = GRAPHS[name]
    sizes = [(2 + 3 * i) % 7 for i in range(len(neighbours))]  # some are empty
    matrix = dense(neighbours, sizes)
    x = torch.arange(float(len(matrix)), dtype=torch.float64)
    for owners in ([k * count // len(sizes) for k in range(len(sizes))], [k % count for k in range(len(sizes))]):
        for found in solved(neighbours, sizes, matrix, matrix @ x, owners, count):
            torch.testing.assert_close(found, x, rtol=1e-9, atol=1e-9)


def test_many_need_as_few_operations():
    """A bisection is nested dissection, of which the order of least fill is not far."""
    neighbours = grid(16, 16)
    owners = divided(*squares(16), torch.ones(256), 2)
    sizes, memory = [6] * 256, {}
    matrix = dense(neighbours, sizes)
    for count in (1, 2):
        spans = [slice(6 * k, 6 * k + 6) for k in range(256)]

        def work(process, spans=spans):
            share = Share(process, owners if process.size > 1 else [0] * 256, LIKE)
            found = Cholesky(lambda i, j: matrix[spans[i], spans[j]], neighbours, sizes, matrix, share)
            return sum(len(f.triangle) * (len(f.triangle) + len(f.below)) for s in found.stages for f in s.fronts)

        memory[count] = together(count, work)
    assert max(memory[2]) <= 0.65 * memory[1][0]


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("shape", SHAPES)
def test_least_squares_of_many_are_those_of_one(shape, count):
    blocks, rows = random_blocks(SHAPES[shape], 7), 1 + max(int(r[-1]) for r in SHAPES[shape])
    target = torch.randn(rows, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    alone = factorise(blocks, rows)
    expected = torch.cat(alone.solve(target))

    def work(process):
        share = Share(process, [k * count // len(blocks) for k in range(len(blocks))], LIKE)
        solver = factorise([blocks[k] for k in share.mine], rows, share=share)
        return torch.cat(solver.solve(target)), solver.residual_norm, solver.converged

    for found, residual, converged in together(count, work):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
        assert converged and residual == pytest.approx(alone.residual_norm, rel=1e-10)


def systems():
    return {
        "linear": lambda: sampled_on(LINEAR, tiling(2, 1), 12),
        "nonlinear": lambda: on_line(BRATU, 5),
        "ring": lambda: on_line(RING, 6),
    }


def by_many(make, count, spoil=lambda sampled: None):
    """What each of so many finds."""
    ready = [make() for _ in range(count)]

    def work(process):
        one = ready[process.rank]
        sampled = Sampled(one.residuals, one.partition, one.points, one.cells, processes=process)
        spoil(sampled)
        return newton(sampled, zero(sampled), 12), sampled

    return together(count, work)


def same(one, other, sampled):
    """Whether two have found one solution, as far as the condition of the features lets it be seen."""
    a, b = (sampled.values(found.coefficients) for found in (one, other))
    pairs = [(a[place][name], b[place][name]) for place in a for name in a[place]]
    return all(bool((x - y).abs().max() <= 1e-8 * max(x.abs().max(), 1)) for x, y in pairs)


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("name", systems())
def test_newtons_steps_of_many_are_those_of_one(name, count):
    make = systems()[name]
    alone = make()
    expected = newton(alone, zero(alone), 12)
    for found, sampled in by_many(make, count):
        assert same(expected, found, alone)
        assert (found.steps, found.converged) == (expected.steps, expected.converged)
        assert found.loss == pytest.approx(expected.loss, rel=1e-6)
        assert 0 < len(sampled.share.mine) < len(sampled.partition)
        assert sampled.memory < 0.75 * alone.memory


def test_the_comparison_sees_points_that_one_process_has_lost():
    make = systems()["linear"]
    alone = make()
    expected = newton(alone, zero(alone), 12)

    def spoil(sampled):
        reached = sampled._members
        if sampled.processes.rank:
            sampled._members = lambda *args: [rows[:-1] for rows in reached(*args)]

    assert same(expected, by_many(make, 2)[0][0], alone)
    assert not same(expected, by_many(make, 2, spoil)[0][0], alone)


FISHER = Problem(  # in strips of time
    coordinates={"x": [0, 4], "t": [0, 2]}, fields=["u"], enforce="soft",
    equations={"growth": "u_t = u_xx + 4*u*(1 - u)"},
    conditions={"start": "u(t=0) = 0.5 + 0.3*cos(pi*x/2)", "left": "u_x(x=0) = 0", "right": "u_x(x=4) = 0"},
)  # fmt: skip


@pytest.mark.parametrize(("problem", "features", "levels"), [(waves(25.0), 60, 3), (FISHER, 100, 8)])
@pytest.mark.parametrize("count", [2, 3])
def test_refinement_of_many_is_that_of_one(problem, features, levels, count, monkeypatch):
    lock, alone_makes = threading.Lock(), strip.Strip._partition

    def one_by_one(self, waves):  # as there is one generator of numbers in a process
        with lock:
            return alone_makes(self, waves)

    monkeypatch.setattr(strip.Strip, "_partition", one_by_one)

    def work(process):
        with lock:
            found = refinement(problem, features, 600.0)
        found.processes = process
        return [found.advance() for _ in range(levels)], found.partition, found.marching and len(found.done)

    expected, cells, done = together(1, work)[0]
    x = cells.lower + (cells.upper - cells.lower) * 0.3
    for found, partition, strips in together(count, work):
        assert partition.lower.equal(cells.lower) and partition.upper.equal(cells.upper) and strips == done
        for one, other in zip(expected, found, strict=True):
            assert (one.cells, one.unknowns, one.steps, one.strip) == (
                other.cells,
                other.unknowns,
                other.steps,
                other.strip,
            )
            assert other.residual == pytest.approx(one.residual, rel=1e-3)
        assert (partition(x) - cells(x)).norm() <= 1e-8 * cells(x).norm()
    assert len(cells) > 8 and (done is False or done > 0)
    assert max(level.memory for level in expected) > 1.4 * max(level.memory for level in found)
