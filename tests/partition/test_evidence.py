"""Gaussian processes chosen by the data: against their dense covariance matrices, and by how often they are right."""

import math
from dataclasses import replace

import pytest
import torch

from pinn.networks import Waves
from pinn.partition.evidence import averaged, posterior
from pinn.partition.prior import HELD, Linear, Process

EMPTY = torch.zeros(0, dtype=torch.float64)


def waves(x, width=40):
    """The waves at points of [-1, 1], (n, W), and their frequencies."""
    network = Waves([-1.0], [1.0], 0.0, width)
    found = torch.sin(network.hidden(network.features(x[:, None]))).detach()
    return torch.cat([found, torch.ones(len(x), 1, dtype=torch.float64)], dim=1), network.frequencies


def data(truth, noise, count=60, at=(), seed=0, noises=None):
    """Values of a function at random points, and conditions at others."""
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(count, generator=generator, dtype=torch.float64) - 1
    columns, frequencies = waves(x)
    scale = torch.full((count,), noise, dtype=torch.float64) if noises is None else noises
    y = truth(x) + scale * torch.randn(count, generator=generator, dtype=torch.float64)
    ends = torch.tensor(at, dtype=torch.float64)
    conditions, _ = waves(ends)
    groups = [(slice(0, count), float(count))]
    return Linear(columns, y, groups, conditions, truth(ends), EMPTY, [frequencies], [1])


def smooth(x):
    return 1 + torch.sin(3 * x) / 2


@pytest.mark.parametrize("at", [(), (-1.0, 1.0)])
def test_mean_and_covariance_are_those_of_regression_with_dense_covariance_matrices(at):
    given = data(smooth, 0.1, at=at)
    found = posterior(given)
    prior = found.size**2 * given.spread(found.processes).square().diag()
    rows = torch.cat([given.columns, given.conditions])
    noises = torch.cat([given.target * 0 + found.noises[0], given.values * 0 + HELD * found.size])
    gain = prior @ rows.T @ torch.linalg.inv(rows @ prior @ rows.T + noises.square().diag())
    torch.testing.assert_close(found.mean, gain @ torch.cat([given.target, given.values]), rtol=1e-4, atol=1e-5)
    covariance = prior - gain @ rows @ prior
    torch.testing.assert_close(found.factor @ found.factor.T, covariance, rtol=1e-3, atol=1e-5)
    assert not torch.allclose(2 * found.factor @ found.factor.T, covariance, rtol=1e-3, atol=1e-5)


def test_the_evidence_is_the_density_of_the_data():
    given = data(smooth, 0.1)
    found = posterior(given)

    def density(process, size, noise):
        root = size * given.spread([process])
        covariance = (given.columns * root) @ (given.columns * root).T + noise**2 * torch.eye(len(given.target))
        return torch.distributions.MultivariateNormal(torch.zeros_like(given.target), covariance).log_prob(given.target)

    best = float(density(found.processes[0], found.size, found.noises[0]))
    constant = len(given.target) / 2 * (1 + math.log(2 * math.pi))
    assert found.evidence - constant == pytest.approx(best, rel=1e-6)
    for size, noise in ((2, 1), (0.5, 1), (1, 1.3), (1, 0.7)):
        assert float(density(found.processes[0], size * found.size, noise * found.noises[0])) < best
    for worse in (replace(found.processes[0], length=0.1), Process(5.0, 1.5)):
        assert float(density(worse, found.size, found.noises[0])) < best


@pytest.mark.parametrize("noise", [0.3, 0.01, 1e-6])
def test_the_truth_is_within_the_deviation(noise):
    x = torch.linspace(-1, 1, 101, dtype=torch.float64)
    apart = []
    for seed in range(8):
        found = posterior(data(smooth, noise, seed=seed))
        assert found.noises[0] == pytest.approx(noise, rel=0.5)
        rows, _ = waves(x)
        apart.append((rows @ found.mean - smooth(x)) / (rows @ found.factor).norm(dim=1))
    assert 0.3 < float(torch.cat(apart).square().mean().sqrt()) < 1.7
    assert float((torch.cat(apart).abs() < 3).double().mean()) > 0.97


@pytest.mark.parametrize("truth", [smooth, lambda x: 1 + 2 * torch.exp(-30 * (x - 0.2) ** 2), lambda x: 3 + 0 * x])
def test_the_deviation_is_right_on_the_average_where_processes_are_unknown_too(truth):
    x, square, share = torch.linspace(-1, 1, 101, dtype=torch.float64), [], []
    rows, _ = waves(x)
    for seed in range(12):
        given = data(truth, 0.3, seed=seed)
        most_likely = posterior(given)
        found = averaged(given, most_likely)
        apart = (rows @ found.mean - truth(x)) / (rows @ found.factor).norm(dim=1)
        square.append(apart.square().mean())
        share.append((apart.abs() < 3).double().mean())
        wider = (rows @ found.factor).norm() / (rows @ most_likely.factor).norm()
        assert 1 - 1e-6 < float(wider) < 2
    assert 0.6 < float(torch.stack(square).mean().sqrt()) < 1.2
    assert float(torch.stack(share).mean()) > 0.99


def test_conditions_hold_and_those_that_no_waves_can_hold_are_not_trusted():
    ends = torch.linspace(-1, 1, 50, dtype=torch.float64)
    held = posterior(data(smooth, 0.3, at=(-1.0, 0.0, 1.0)))
    rows, _ = waves(ends[[0, -1]])
    torch.testing.assert_close(rows @ held.mean, smooth(ends[[0, -1]]), rtol=0, atol=1e-4)
    rows, _ = waves(ends)
    jump = posterior(data(lambda x: (x > 0.1).double(), 0.3, at=ends.tolist()))
    assert float((rows @ jump.factor).norm(dim=1).max()) > 1e-2 > float((rows @ held.factor).norm(dim=1)[0])


def test_quantities_have_noises_of_their_own():
    noises = torch.tensor([0.01, 0.1], dtype=torch.float64).repeat_interleave(100)
    given = data(smooth, 0.0, count=200, noises=noises)
    found = posterior(replace(given, groups=[(slice(0, 100), 100.0), (slice(100, 200), 100.0)]))
    assert found.noises == [pytest.approx(0.01, rel=0.2), pytest.approx(0.1, rel=0.2)]


def test_a_number_is_free():
    given = data(smooth, 0.01)
    slope = torch.randn(60, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    columns = torch.cat([slope[:, None], given.columns], dim=1)
    found = posterior(replace(given, columns=columns, target=given.target + 700 * slope, sizes=EMPTY.new_ones(1)))
    assert abs(float(found.mean[0]) - 700) < 4 * float(found.factor[0].norm()) < 0.1


def test_two_fields_have_processes_of_their_own():
    first, second = data(smooth, 0.01), data(lambda x: 1e-2 * torch.sin(8 * x), 1e-4, seed=1)
    zero = torch.zeros_like(first.columns)
    columns = torch.cat([torch.cat([first.columns, zero], dim=1), torch.cat([zero, second.columns], dim=1)])
    both = Linear(
        columns, torch.cat([first.target, second.target]), [(slice(0, 60), 60.0), (slice(60, 120), 60.0)],
        columns[:0], EMPTY, EMPTY, first.frequencies * 2, [1, 1],
    )  # fmt: skip
    found = posterior(both)
    assert found.processes[1].share < 0.1 and found.processes[1].length < found.processes[0].length
    x = torch.linspace(-1, 1, 101, dtype=torch.float64)
    rows, _ = waves(x)
    deviation = (rows @ found.factor[41:]).norm(dim=1)
    assert float(((rows @ found.mean[41:] - 1e-2 * torch.sin(8 * x)) / deviation).abs().max()) < 4
    assert float(deviation.median()) < 3e-4
