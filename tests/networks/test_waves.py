"""Plane waves of a box: which there are, what they begin as, and their deviation against samples."""

import math

import pytest
import torch

from pinn.networks import Waves


def points(n, dimensions, seed=0):
    return torch.rand(n, dimensions, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("dimensions", "most"), [(1, 40), (2, 200), (3, 260), (4, 400)])
def test_waves_are_different_and_as_many_as_there_may_be(dimensions, most):
    network = Waves([0.0] * dimensions, [1.0] * dimensions, 0.0, most)
    x = 2 * points(3 * most, dimensions)  # the whole period
    columns = torch.cat([torch.sin(network.hidden(network.features(x))), torch.ones(len(x), 1)], dim=1)
    assert most / 2 < columns.shape[1] <= most + 1 == len(network.frequencies) + most + 1 - columns.shape[1]
    assert torch.linalg.matrix_rank(columns) == columns.shape[1]
    shortest = network.frequencies[:-1].min()
    assert float(shortest) == pytest.approx(math.pi / 2)


def test_it_begins_as_a_constant_and_has_twice_the_box_as_period():
    network = Waves([1.0, -1.0], [3.0, 0.0], 2.5, 50)
    x = points(20, 2)
    torch.testing.assert_close(network(x), torch.full_like(x[:, :1], 2.5))
    network.coefficients = torch.randn(len(network.frequencies), dtype=torch.float64)
    for period in ([4.0, 0.0], [0.0, 2.0]):
        torch.testing.assert_close(network(x), network(x + torch.tensor(period)))
    assert not torch.allclose(network(x), network(x + torch.tensor([2.0, 0.0])))


def test_it_depends_on_the_coordinates_that_it_is_given():
    network = Waves([0.0, 0.0], [1.0, 1.0], 0.0, 20, along=[1])
    network.coefficients = torch.randn(len(network.frequencies), dtype=torch.float64)
    x = points(20, 2)
    moved = x + torch.tensor([[0.3, 0.0]])
    torch.testing.assert_close(network(x), network(moved))
    assert not torch.allclose(network(x), network(moved.flip(1)))


def test_the_deviation_is_that_of_samples():
    network = Waves([0.0], [1.0], 0.0, 10)
    generator = torch.Generator().manual_seed(0)
    network.spread = torch.randn(11, 11, generator=generator, dtype=torch.float64)
    x, found = points(5, 1), []
    for _ in range(4000):
        network.coefficients = network.spread @ torch.randn(11, generator=generator, dtype=torch.float64)
        found.append(network(x).detach()[:, 0])
    torch.testing.assert_close(network.deviation(x), torch.stack(found).std(dim=0), rtol=0.05, atol=0)


def test_before_the_data_told_nothing_is_known():
    assert Waves([0.0], [1.0], 0.0, 10).deviation(points(3, 1)).isnan().all()
