"""How many points are taken at a time: the measure of memory, and slices alike."""

import pytest
import torch
from torch import nn

from pinn import operators
from pinn.operators.slices import FEWEST, LARGEST, TEMPORARIES, bytes_a_point, even, points_in_cache


@pytest.mark.parametrize(("total", "most", "size"), [(100, 1000, 100), (1024, 300, 256), (1000, 300, 250), (7, 3, 3)])
def test_slices_are_alike_where_a_divisor_is_near(total, most, size):
    assert even(total, most) == size


def test_more_channels_mean_fewer_points():
    network = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
    cheap, dear = (operators.plan({"r": text}, ["x", "y"], ["u"]) for text in ("u_x", "lap(lap(u))"))
    assert points_in_cache(network, dear.channels) < points_in_cache(network, cheap.channels)
    assert points_in_cache(network.double(), cheap.channels) == points_in_cache(network.float(), cheap.channels) // 2
    assert points_in_cache(network.to("meta"), cheap.channels) is None


@pytest.mark.parametrize(("width", "points"), [(1000, FEWEST), (100_000, LARGEST // (4 * 100_000 * 4))])
def test_wide_networks_take_few_points_but_enough_to_be_worth_a_call(width, points):
    network = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 1))
    plan = operators.plan({"r": "lap(u)"}, ["x", "y"], ["u"])
    assert plan.channels == 4 and points_in_cache(network, plan.channels) == points


def test_the_memory_of_a_point_is_that_of_the_features_kept():
    """Of five layers the input and five results of sigmoids are kept: each is the next linear layer's input."""
    layers = nn.Sequential(*(m for _ in range(5) for m in (nn.Linear(64, 64), nn.Sigmoid())))
    one = 64 * 4  # bytes a point
    assert bytes_a_point(lambda n: layers(torch.zeros(n, 64)).sum()) == (6 + TEMPORARIES) * one
    assert bytes_a_point(lambda n: layers[:2](torch.zeros(n, 64)).sum()) == (2 + TEMPORARIES) * one


@pytest.mark.parametrize("engine", operators.ENGINES)
def test_a_step_takes_no_more_than_its_estimate(engine):
    plan = operators.plan({"r": "lap(lap(u))"}, ["x", "y"], ["u"])
    network = nn.Sequential(*(m for _ in range(3) for m in (nn.LazyLinear(64), nn.Tanh())), nn.LazyLinear(1))
    network(torch.zeros(1, 2))
    x = torch.rand(4096, 2)

    def loss(n):
        return operators.derivatives(network, x[:n], plan, engine=engine)["r"].square().mean()

    estimate = 4096 * bytes_a_point(loss)
    with torch.profiler.profile(profile_memory=True) as profile:
        torch.autograd.grad(loss(4096), list(network.parameters()), allow_unused=True)
    held = peak = 0
    for event in sorted(profile.profiler.kineto_results.events(), key=lambda e: e.start_ns()):
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    assert estimate / 4 < peak < estimate
