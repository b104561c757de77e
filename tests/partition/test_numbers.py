"""What learned numbers do to a sparse least-squares solution: against dense linear algebra."""

import pytest
import torch

from pinn.partition.numbers import response
from pinn.partition.sparse import Block, factorise

FAR = torch.tensor([torch.inf, torch.inf], dtype=torch.float64)


def system(seed=0, rows=120, data=40):
    """Two overlapping blocks, columns of two numbers, and residuals; the last rows are those of data."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    blocks = [Block(torch.arange(0, 80), normal(80, 6)), Block(torch.arange(60, rows), normal(60, 5))]
    whole = torch.zeros(rows, 11, dtype=torch.float64)
    whole[:80, :6], whole[60:, 6:] = blocks[0].matrix, blocks[1].matrix
    columns = normal(rows, 2)
    residual = normal(rows)
    residual -= whole @ torch.linalg.lstsq(whole, residual[:, None]).solution[:, 0]
    return factorise(blocks, rows), whole, columns, residual, {"data": slice(rows - data, rows)}


def test_a_step_is_that_of_dense_variable_projection():
    solver, whole, columns, residual, data = system()
    follow = -torch.linalg.lstsq(whole, columns).solution
    turned = (columns + whole @ follow)[data["data"]]
    step = -torch.linalg.lstsq(turned, residual[data["data"], None]).solution[:, 0]
    found = response(solver, columns, residual, data, FAR)
    torch.testing.assert_close(found.change, step)
    torch.testing.assert_close(torch.cat(found.coefficients), follow)
    before, after = (r.square().sum() for r in (residual[data["data"]], residual[data["data"]] + turned @ step))
    assert found.gain == pytest.approx(float(before - after))


def test_without_data_all_residuals_are_judged():
    solver, whole, columns, residual, _ = system()
    joint = torch.linalg.lstsq(torch.cat([whole, columns], dim=1), -residual[:, None]).solution[-2:, 0]
    found = response(solver, columns, residual, {}, FAR)
    torch.testing.assert_close(found.change, joint)
    assert found.deviations is None


def test_a_step_beyond_the_stride_is_damped():
    solver, design, columns, residual, data = system()
    residual += 9 * (columns - design @ torch.linalg.lstsq(design, columns).solution).sum(dim=1)
    whole = response(solver, columns, residual, data, FAR).change
    stride = whole.abs() / 3
    damped = response(solver, columns, residual, data, stride).change
    assert (damped.abs() <= stride).all() and float(damped @ whole) > 0


def test_deviations_are_those_of_the_noise():
    """Data whose rows the fields do not touch: the covariance of linear regression."""
    generator = torch.Generator().manual_seed(1)
    equations = torch.randn(30, 4, generator=generator, dtype=torch.float64)
    design = torch.randn(400, 2, generator=generator, dtype=torch.float64)
    noise = 0.3 * torch.randn(400, generator=generator, dtype=torch.float64)
    solver = factorise([Block(torch.arange(30), equations)], 430)
    columns = torch.cat([torch.zeros(30, 2, dtype=torch.float64), design])
    residual = torch.cat([torch.zeros(30, dtype=torch.float64), noise])
    found = response(solver, columns, residual, {"data": slice(30, 430)}, FAR)
    expected = 0.3 * torch.linalg.inv(design.T @ design).diagonal().sqrt()
    assert found.deviations is not None
    torch.testing.assert_close(found.deviations, expected, rtol=0.1, atol=0)
    assert (found.deviations - expected / 2).abs().max() > 0.3 * float(expected.max())  # it is no accident


def test_what_data_do_not_tell_has_an_infinite_deviation_and_stays():
    solver, _, columns, residual, data = system()
    both = torch.stack([columns[:, 0], 2 * columns[:, 0], columns[:, 1], torch.zeros_like(columns[:, 0])], dim=1)
    found = response(solver, both, residual, data, torch.full((4,), torch.inf, dtype=torch.float64))
    assert found.deviations is not None
    assert found.deviations.isinf().tolist() == [True, True, False, True]
    assert found.change.isfinite().all() and found.change[3] == 0


def regression(*, shift: float, known: float):
    """Data that two numbers move alike but for `known`, and noise of 0.3 beside what a `shift` makes of them."""
    generator = torch.Generator().manual_seed(1)
    equations, design = (torch.randn(n, m, generator=generator, dtype=torch.float64) for n, m in ((30, 4), (400, 2)))
    noise = 0.3 * torch.randn(400, generator=generator, dtype=torch.float64)
    solver = factorise([Block(torch.arange(30), equations)], 430)
    design[:, 1] = design[:, 0] + known * design[:, 1]
    none = torch.zeros(30, 2, dtype=torch.float64)
    residual = torch.cat([none[:, 0], noise + shift * (design[:, 0] - design[:, 1])])
    stride = torch.full((2,), 2.0, dtype=torch.float64)
    return response(solver, torch.cat([none, design]), residual, {"data": slice(30, 430)}, stride)


def test_directions_that_are_lost_in_the_noise_stay_and_are_named():
    """One standard deviation of the difference of two numbers is 0.3/20/known, and each may go as far as 2."""
    found = regression(shift=0.0, known=1e-3)
    first, second = found.untold[:, 0].tolist()
    assert found.untold.shape == (2, 1) and second / first == pytest.approx(-1, rel=1e-2)
    assert float(found.change[0] - found.change[1]) == pytest.approx(0, abs=0.05)
    assert found.deviations is not None and (found.deviations > 4).all()


@pytest.mark.parametrize("case", [{"shift": 0.0, "known": 0.1}, {"shift": 500.0, "known": 1e-3}])
def test_directions_that_are_known_or_that_the_data_ask_for_are_taken(case):
    found = regression(**case)
    assert found.untold.shape == (2, 0)
    assert abs(float(found.change[0] - found.change[1])) > 0.05


def test_what_numbers_make_of_the_fields_has_their_covariance():
    """What is lost in the noise moves the fields little, however far it is open."""
    found = regression(shift=0.0, known=1e-3)
    whole = torch.stack([torch.cat([c.flatten() for c in of]) for of in found.drawn()], dim=1)
    follow = torch.cat(found.coefficients)
    torch.testing.assert_close(whole.norm(dim=1), (follow @ found.spread).norm(dim=1))
    alone = (follow * found.deviations).norm(dim=1)
    assert (whole.norm(dim=1) < alone + 1e-12).all()


def test_nothing_is_told_where_the_fit_takes_the_data():
    solver, _, columns, residual, _ = system()
    assert response(solver, columns, residual, {"few": slice(117, 120)}, FAR).deviations is None


def test_noise_that_is_a_part_of_each_value_is_told_as_well():
    """Of J in c = J g with errors of 2 % of each value: as J varies; one size of all the errors tells a fifth of it."""
    generator = torch.Generator().manual_seed(0)
    g = torch.exp(-torch.linspace(0, 14, 60, dtype=torch.float64))
    equations = torch.randn(30, 4, generator=generator, dtype=torch.float64)
    solver, found, told = factorise([Block(torch.arange(30), equations)], 90), [], []
    for _ in range(200):
        c = g * (1 + 0.02 * torch.randn(60, generator=generator, dtype=torch.float64))
        fitted = (g @ c) / (g @ g)
        residual = torch.cat([torch.zeros(30, dtype=torch.float64), fitted * g - c])
        columns = torch.cat([torch.zeros(30, dtype=torch.float64), g])[:, None]
        deviations = response(solver, columns, residual, {"data": slice(30, 90)}, FAR[:1]).deviations
        assert deviations is not None
        found.append(float(fitted))
        told.append(float(deviations))
    spread = torch.tensor(found).std()
    assert 0.6 * spread < torch.tensor(told).square().mean().sqrt() < 1.6 * spread


def test_without_data_nothing_is_said_of_what_data_tell():
    solver, _, columns, residual, _ = system()
    both = torch.stack([columns[:, 0], 2 * columns[:, 0], columns[:, 1], torch.zeros_like(columns[:, 0])], dim=1)
    assert response(solver, both, residual, {}, FAR[:1].expand(4)).untold.shape == (4, 0)


def test_an_observation_that_the_fit_takes_does_not_tell_its_own_noise():
    """One of forty is a hundred times as large as the others, so that the number follows it: nothing is left of it."""
    generator = torch.Generator().manual_seed(2)
    design = torch.randn(40, 1, generator=generator, dtype=torch.float64)
    design[0] = 100.0
    noise = 0.3 * torch.randn(40, generator=generator, dtype=torch.float64)
    left = noise - design[:, 0] * (design[:, 0] @ noise) / design.square().sum()
    equations = torch.randn(30, 4, generator=generator, dtype=torch.float64)
    solver = factorise([Block(torch.arange(30), equations)], 70)
    columns = torch.cat([torch.zeros(30, 1, dtype=torch.float64), design])
    residual = torch.cat([torch.zeros(30, dtype=torch.float64), left])
    deviations = response(solver, columns, residual, {"data": slice(30, 70)}, FAR[:1]).deviations
    assert deviations is not None
    assert 0.5 < float(deviations) / (0.3 / float(design.norm())) < 2
