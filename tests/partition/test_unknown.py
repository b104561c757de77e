"""What is unknown of fields: against many solutions with noise drawn anew, and what a level has changed over it."""

import math
from dataclasses import replace

import pytest
import torch
from partitions import local, partition

from pinn import Problem
from pinn.networks import Waves
from pinn.partition import Cells
from pinn.partition.identify import Knowledge, identified
from pinn.partition.local import write
from pinn.partition.points import CellPoints
from pinn.partition.system import Sampled
from pinn.partition.unknown import moved, unknown
from pinn.references import observe
from pinn.residuals import Residuals

AT = torch.linspace(0, 1, 200, dtype=torch.float64)[:, None]


def solved(seed, beside=True):
    """A source that is to be found, of a boundary value problem whose one end only the data tell."""
    problem = Problem(
        coordinates={"x": [0, 1]}, fields=["u"], parameters={"s": {"field": 0} if beside else {"learn": 1.0}},
        equations={"poisson": "u_xx = s"}, conditions={"left": "u(x=0) = 0"}, enforce="soft",
        observations={"sensors": {"points": 60, "of": ["u"], "noise": 0.01, "seed": seed}},
        exact={"u": "x**2 - x", "s": "2"} if beside else {"u": "x**2 - x"},
    )  # fmt: skip
    observe(problem)
    cells = Cells.grid([0.0], [1.0], [1])
    network = partition(cells, local(15, scale=3.0)).requires_grad_(False)
    network.beside.extend(
        Waves([0.0], [1.0], guess, 40).requires_grad_(False) for guess in problem.coefficients.values()
    )
    residuals = Residuals(problem, network)
    drawn = CellPoints(problem, problem.domain, 15, 0, None, network.lower).fitted(
        cells, torch.ones(1), residuals.places
    )
    sampled = Sampled(residuals, network, *drawn)
    start = sampled.values([torch.zeros(1, 16, dtype=torch.float64)])
    found, known = identified(sampled, start, 10, False, None, math.inf, Knowledge(), 0.0)
    write(network, found.coefficients)
    return network, found, known


def test_it_is_how_far_solutions_are_from_the_truth_when_noise_is_drawn_anew():
    apart, told = [], []
    for seed in range(10):
        network, found, known = solved(seed)
        fields = network(AT).detach()
        told.append(unknown(network, found, AT, fields))
        truth = torch.cat([AT**2 - AT, torch.full_like(AT, 2.0)], dim=1)
        apart.append((fields - truth).square().sum(0) / fields.square().sum(0))
        torch.testing.assert_close(network(AT).detach(), fields)  # the solution stays
    ratio = (torch.stack(apart).mean(0) / torch.stack(told).square().mean(0)).sqrt()
    assert 0.4 < float(ratio[0]) < 1.5 and 0.3 < float(ratio[1]) < 1.5


def test_of_numbers_it_is_the_response_times_the_deviation():
    network, found, known = solved(0, beside=False)
    fields = network(AT).detach()
    told = unknown(network, found, AT, fields)
    (part,), (c,) = found.response.coefficients, found.coefficients
    write(network, [part[:, 0].reshape(c.shape)])
    follows = float(known.deviations) * network(AT).detach().norm() / fields.norm()
    assert told.tolist() == [pytest.approx(float(follows))]


def test_where_nothing_is_told_nothing_is_unknown_and_every_change_is_large():
    network, found, _ = solved(0, beside=False)
    assert not len(unknown(network, replace(found, response=None), AT, network(AT)))
    assert moved(AT, AT, torch.zeros(0)) == moved(None, AT, torch.ones(1)) == math.inf


def test_a_change_is_told_over_what_is_unknown():
    before = torch.ones(10, 2, dtype=torch.float64)
    after = before * torch.tensor([1.01, 1.0])
    assert moved(before, after, torch.tensor([0.1, 1e-9], dtype=torch.float64)) == pytest.approx(0.1, rel=0.02)
    assert moved(before, after, torch.tensor([0.01, 1e-9], dtype=torch.float64)) == pytest.approx(1.0, rel=0.02)
