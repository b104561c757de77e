"""Newton's steps on a partition: against dense least squares, known solutions, and where a whole step is too long."""

import pytest
import torch
from partitions import local, partition, tiling

from pinn import Problem
from pinn.partition import Cells
from pinn.partition import newton as module
from pinn.partition.newton import newton
from pinn.partition.refine import left
from pinn.partition.system import Sampled
from pinn.residuals import Residuals
from pinn.sampling.cells import points_in_cells

LINEAR = Problem(
    coordinates={"x": [0, 2], "y": [-1, 1]}, fields=["u", "v"], enforce="soft",
    equations={"first": "lap(u) + y*v_x = x", "second": "v_y - u_x + v = 1"},
    conditions={"edge": "u(boundary) = sin(3*x)", "start": "v(y=-1) = x"},
)  # fmt: skip
BRATU = Problem(  # u'' = e^u: Bratu 1914
    coordinates={"x": [0, 2]}, fields=["u"], enforce="soft",
    equations={"bratu": "u_xx = exp(u)"},
    conditions={"left": "u(x=0) = log(2/cos(1)**2)", "right": "u(x=2) = log(2/cos(1)**2)"},
)  # fmt: skip
TURN = Problem(  # a step from 0 is twice as long as it should be
    coordinates={"x": [0, 2]}, fields=["u"], enforce="soft", equations={"turn": "atan(u - 2 - x/10) = 0"}
)


def sampled_on(problem, cells, width, rows=3.0, edge=8, seed=0):
    """Of a partition over the cells, and so many rows an unknown."""
    network = partition(cells, local(width, fields=len(problem.fields), scale=3.0), seed=seed)
    network.requires_grad_(False)
    inside = int(rows * (width + 1) * len(problem.fields))
    points, owners = {}, {}
    for place in {e.place: None for e in problem.equations.values()}:
        n = inside if place == problem.domain.interior else edge
        points[place], owners[place] = points_in_cells(problem.domain, place, cells.lower, cells.upper, n, seed=0)
    return Sampled(Residuals(problem, network), network, points, owners)


def on_line(problem, count=4, width=15, seed=0):
    return sampled_on(problem, Cells.grid([0.0], [2.0], [count]), width, seed=seed)


def zero(sampled):
    width = sampled.partition.networks[0].output.in_features + 1
    return sampled.values([torch.zeros(sampled.fields, width, dtype=torch.float64)] * len(sampled.partition))


def light(sampled):
    """The root of the size of each point's cell, by row."""
    net, dimensions = sampled.partition, sampled.partition.lower.shape[1]
    sizes = (net.upper - net.lower) / (net.upper.amax(0) - net.lower.amin(0))
    by_cell = sizes.prod(dim=1) ** (1 / (2 * dimensions)) if dimensions > 1 else torch.ones_like(sizes[:, 0])
    return torch.cat([by_cell[sampled.cells[place]] for place, _ in sampled.names])


def scaled(sampled, values, scales, weights=None):
    """The whole matrix with its rows scaled, the target, and the residuals at the values."""
    blocks, residual, target, _ = sampled.linearise(values)
    matrix = torch.zeros(sampled.rows, 0, dtype=torch.float64)
    for block in blocks:
        part = torch.zeros(sampled.rows, block.matrix.shape[1], dtype=torch.float64)
        part[block.rows] = block.matrix
        matrix = torch.cat([matrix, part], dim=1)
    by_row = [scales[place, e][sampled.cells[place]] for place, of_place in residual.items() for e in of_place]
    rows = torch.cat(by_row) * (light(sampled) if weights is None else weights)
    whole = torch.cat([r for of_place in residual.values() for r in of_place.values()])
    return rows[:, None] * matrix, rows * target, rows * whole


def of_function(found, sampled, x):
    """The solution at x (N,) of a line."""
    with torch.no_grad():
        for network, c in zip(sampled.partition.networks, found.coefficients, strict=True):
            network.output.weight.copy_(c[:, :-1])
            network.output.bias.copy_(c[:, -1])
        return sampled.partition(x[:, None])[:, 0]


def check_linear(sampled, found):
    """Every residual is that of the dense least-squares solution, of rows that are scaled alike but for `light`."""
    matrix, target, residual = scaled(sampled, found.values, found.scales)
    norms = matrix.norm(dim=0)
    best = torch.linalg.lstsq(matrix / norms, target[:, None], driver="gelsd", rcond=1e-14).solution[:, 0] / norms
    least = (matrix @ best - target).norm()
    assert least > 1e-6 * target.norm(), "the equations are to have no solution among so few features"
    own = torch.cat([c.flatten() for c in found.coefficients])
    assert (matrix @ own - target).norm() <= (1 + 1e-6) * least
    torch.testing.assert_close(residual, matrix @ own - target, rtol=1e-7, atol=1e-9 * float(target.norm()))
    assert found.loss == pytest.approx(float(residual.square().mean()), rel=1e-8)


def test_a_linear_problem_takes_one_step_to_the_least_squares_solution():
    sampled = sampled_on(LINEAR, tiling(2, 1), 12)
    found = newton(sampled, zero(sampled), 5)
    assert found.steps == 1 and found.converged
    check_linear(sampled, found)
    again = sampled.values(found.coefficients)
    for place, of_place in found.values.items():
        for name, value in of_place.items():
            assert torch.equal(value, again[place][name])


def test_the_check_of_least_squares_sees_another_solution():
    sampled = sampled_on(LINEAR, tiling(2, 1), 12)
    found = newton(sampled, zero(sampled), 5)
    found.coefficients[3][1] *= 1 + 1e-3
    found.values = sampled.values(found.coefficients)
    with pytest.raises(AssertionError):
        check_linear(sampled, found)


def test_rows_are_scaled_to_one_size_in_every_cell():
    sampled = sampled_on(LINEAR, tiling(2, 1), 12)
    found = newton(sampled, zero(sampled), 1)
    matrix, _, _ = scaled(sampled, found.values, found.scales, 1.0)
    start, width = 0, matrix.shape[1] // len(sampled.partition)
    for place, at in sampled.points.items():
        sizes = []
        for _ in sampled.residuals.plans[place].names:
            rows, cells = matrix[start : (start := start + len(at.x))], sampled.cells[place]
            own = [rows[cells == j][:, j * width : (j + 1) * width] for j in cells.unique().tolist()]
            sizes += [float(part.square().mean().sqrt()) for part in own]
        assert sizes == pytest.approx([sizes[0]] * len(sizes), rel=1e-9)
        assert sizes[0] >= 1 - 1e-9 if place.boundary or place.fixed else sizes[0] == pytest.approx(1, rel=1e-9)


def test_steps_from_what_is_solved_change_nothing():
    sampled = sampled_on(LINEAR, tiling(2, 1), 12)
    found = newton(sampled, zero(sampled), 5)
    again = newton(sampled, found.values, 5)
    assert again.steps <= 2  # rounding may let the first fall short of what it promised
    assert again.loss == pytest.approx(found.loss, rel=1e-6)
    assert found.better and (again.converged or not again.better)
    check_linear(sampled, again)


def exact(x):
    return torch.log(2 / torch.cos(x - 1) ** 2)


X = torch.linspace(0, 2, 101, dtype=torch.float64)


def test_a_nonlinear_problem_converges_from_zero():
    sampled = on_line(BRATU)
    found = newton(sampled, zero(sampled), 12)
    assert found.converged and 3 <= found.steps <= 9
    assert (of_function(found, sampled, X) - exact(X)).abs().max() < 1e-9
    few = newton(sampled, zero(sampled), 2)
    assert few.steps == 2 and not few.converged and (of_function(few, sampled, X) - exact(X)).abs().max() > 1e-6


def test_steps_go_on_from_values_of_another_partition():
    coarse, fine = on_line(BRATU, 2), on_line(BRATU, 4, seed=3)
    from_zero = newton(fine, zero(fine), 12)
    solved = newton(coarse, zero(coarse), 12)
    there = Sampled(coarse.residuals, coarse.partition, fine.points, {}).values(solved.coefficients)
    found = newton(fine, there, 12)
    assert found.converged and found.steps < from_zero.steps
    assert (of_function(found, fine, X) - exact(X)).abs().max() < 1e-9


def parts(monkeypatch):
    """The parts of the way that steps went."""
    taken, right = [], module._in_part

    def note(*args):
        taken.append(right(*args))
        return taken[-1]

    monkeypatch.setattr(module, "_in_part", note)
    return taken


def test_a_step_is_taken_in_part_where_the_whole_one_is_too_long(monkeypatch):
    sampled = on_line(TURN)
    taken = parts(monkeypatch)
    found = newton(sampled, zero(sampled), 12)
    assert found.better and found.loss < 1e-20 and taken[0][0] < 1
    assert any(part == 1 for part, _ in taken)  # the last of all is at rounding
    assert (of_function(found, sampled, X) - 2 - X / 10).abs().max() < 1e-9
    losses = [reached for _, reached in taken]
    assert losses == sorted(losses, reverse=True)


def test_a_whole_step_there_would_not_do(monkeypatch):
    monkeypatch.setattr(module, "HALVINGS", 1)
    sampled = on_line(TURN)
    found = newton(sampled, zero(sampled), 12)
    assert not found.converged and not found.better and found.steps == 1


@pytest.mark.parametrize("most", [1, 2, 3, 12])
@pytest.mark.parametrize("problem", [TURN, BRATU])
def test_what_is_found_is_of_one_piece(problem, most):
    """The values are those of the coefficients, and the loss is theirs, also when the last step went in part."""
    sampled = on_line(problem)
    found = newton(sampled, zero(sampled), most)
    again = sampled.values(found.coefficients)
    for place, of_place in found.values.items():
        for name, value in of_place.items():
            torch.testing.assert_close(value, again[place][name], rtol=1e-9, atol=1e-9)
    residual = scaled(sampled, found.values, found.scales)[2]
    assert found.loss == pytest.approx(float(residual.square().mean()), rel=1e-6, abs=1e-20)
    before = scaled(sampled, zero(sampled), found.scales)[2]
    assert found.better == bool(residual.norm() < before.norm())


def test_a_solution_of_other_cells_may_be_left_for_one_that_is_a_little_worse(monkeypatch):
    """One cell of few features cannot hold what many have found: only where that is allowed it is left."""
    fine, few = on_line(BRATU), on_line(BRATU, count=1, width=6)
    there = Sampled(fine.residuals, fine.partition, few.points, {}, keep=False)
    start = there.values(newton(fine, zero(fine), 12).coefficients)
    assert not newton(few, start, 1, foreign=True).better
    monkeypatch.setattr("pinn.partition.newton.FOREIGN", 1e30)
    assert newton(few, start, 1, foreign=True).better and not newton(few, start, 1).better


def test_an_equation_that_nothing_depends_on_at_zero_is_not_met_by_zero():
    """u**3 at u = 0 has no slope: the first step sees the conditions alone, and is not the last."""
    problem = Problem(
        coordinates={"x": [0, 2]}, fields=["u"], enforce="soft", equations={"cube": "u**3 = (1 + x)**3"},
        conditions={"left": "u(x=0) = 1", "right": "u(x=2) = 3"},
    )  # fmt: skip
    sampled = on_line(problem, count=1)
    found = newton(sampled, zero(sampled), 30)
    x = torch.linspace(0, 2, 50, dtype=torch.float64)
    assert (of_function(found, sampled, x) - 1 - x).abs().max() < 1e-6
    blind = newton(sampled, zero(sampled), 1)
    assert blind.loss < 1e-20 and not blind.converged  # nothing of the equation is in it


def test_a_slope_that_is_infinite_at_zero_does_not_stop_it():
    """A root has none at 0, where the conditions alone say which way to go."""
    problem = Problem(
        coordinates={"x": [0, 2]}, fields=["u"], enforce="soft", equations={"size": "sqrt(u**2 + u_x**2) = 2"},
        conditions={"left": "u(x=0) = 2", "right": "u(x=2) = 2"},
    )  # fmt: skip
    sampled = on_line(problem, count=1, width=2)
    _, residual, target, _ = sampled.linearise(zero(sampled))
    assert target.isfinite().all()
    assert residual[problem.domain.interior]["size"].isnan().all()
    found = newton(sampled, zero(sampled), 30)
    assert found.steps > 1 and found.loss < 1e-6
    held_out = left(sampled, found.coefficients, {key: 0 * scale for key, scale in found.scales.items()})
    assert held_out.isinf().all()  # rows that nothing could be asked of are not met


def test_rows_that_are_far_larger_than_usual_count_no_more_than_others():
    singular = Problem(coordinates={"x": [0, 2]}, fields=["u"], enforce="soft", equations={"r": "u_xx/x**4 + u = 1"})
    sampled = on_line(singular)
    linearised = sampled.linearise(zero(sampled))
    own = torch.zeros(sampled.rows, dtype=torch.float64)
    for j, block in enumerate(linearised.blocks):
        here = sampled.cells[singular.domain.interior][block.rows] == j
        own[block.rows[here]] = block.matrix[here].square().mean(dim=1).sqrt()
    _, weights = module._weights(sampled, linearised, 1.0)
    first = sampled.cells[singular.domain.interior] == 0
    own, weights = own[first], weights[first]
    most = module.LARGE * float(own.log().mean().exp())
    assert float(own.max()) > 10 * most and int((own < most).sum()) > 0
    usual = weights[own < most]
    torch.testing.assert_close(usual, usual[:1].expand_as(usual))
    torch.testing.assert_close((own * weights)[own > most], usual[:1].expand(int((own > most).sum())) * most)


def test_a_step_in_part_from_zero_is_one_of_the_fields():
    """The whole step is where the exponential function is far too large; a part of it is known as coefficients."""
    boltzmann = Problem(
        coordinates={"x": [0, 2]}, fields=["u"], enforce="soft", equations={"r": "u_xx = 40*sinh(3*u)"},
        conditions={"left": "u(x=0) = 6", "right": "u(x=2) = 0"},
    )  # fmt: skip
    sampled = on_line(boltzmann)
    first = newton(sampled, zero(sampled), 1)
    assert not first.converged and first.better
    again = sampled.values(first.coefficients)
    for place, of_place in first.values.items():
        for name, value in of_place.items():
            torch.testing.assert_close(again[place][name], value, rtol=1e-9, atol=1e-9 * float(value.abs().max()))
