"""A level with data and learned numbers: when data count less, and when their noise hides what a level changes."""

import math
from dataclasses import replace

import pytest
import torch
from partitions import local, partition

from pinn import Problem
from pinn.networks import Waves
from pinn.partition import Cells
from pinn.partition.identify import LEAST, Knowledge, identified
from pinn.partition.system import Sampled
from pinn.references import observe
from pinn.residuals import Residuals
from pinn.sampling.cells import points_in_cells


def level(width, noise=0.01, known=None, left=0.0, **given):
    """Of a decay with a rate that is learned, on one cell with so many features."""
    problem = Problem(
        coordinates={"x": [0, 2]}, fields=["u"], enforce="soft",
        **{"parameters": {"k": {"learn": 1.0, "truth": 3}}, "equations": {"decay": "u_x = -k*u"},
           "conditions": {"start": "u(x=0) = 1"}, "exact": {"u": "exp(-k*x)"},
           "observations": {"sensors": {"points": 60, "of": ["u"], "noise": noise}}, **given},
    )  # fmt: skip
    observe(problem)
    cells = Cells.grid([0.0], [2.0], [1])
    network = partition(cells, local(width, scale=3.0)).requires_grad_(False)
    network.beside.extend(
        Waves([0.0], [2.0], guess, 40).requires_grad_(False) for guess in problem.coefficients.values()
    )
    places = {e.place: None for e in problem.equations.values()}
    drawn = {p: points_in_cells(problem.domain, p, cells.lower, cells.upper, 60, seed=0) for p in places}
    points, owners = ({p: pair[k] for p, pair in drawn.items()} for k in (0, 1))
    sampled = Sampled(Residuals(problem, network), network, points, owners)
    start = sampled.values([torch.zeros(1, width + 1, dtype=torch.float64)])
    found, known = identified(sampled, start, 10, False, None, math.inf, known or Knowledge(), left)
    return sampled, found, known


def test_noise_ends_with_little_weight_and_the_number_within_its_deviation():
    sampled, found, known = level(20)
    assert known.weight == pytest.approx(LEAST) and known.deviations is not None
    deviation = float(known.deviations)
    assert 0 < deviation < 0.2 and abs(float(sampled.numbers) - 3) < 3 * deviation
    assert found.unmet < 1e-3 * found.misfit


def test_data_keep_their_weight_on_cells_that_cannot_hold_the_solution():
    _, _, known = level(2)
    assert known.weight > 1e-2


def test_observed_quantities_count_by_their_noises():
    given = {"fine": {"points": 60, "noise": 0.001}, "coarse": {"points": 60, "noise": 0.1, "seed": 1}}
    known = None
    for _ in range(3):  # levels
        _, _, known = level(20, known=known, observations=given)
    assert known.shares["fine"] == 1 and known.shares["coarse"] == pytest.approx(0.01, rel=0.3)


def test_a_number_of_which_the_data_told_nothing_begins_anew_where_much_is_left():
    astray = Knowledge(deviations=torch.tensor([torch.inf], dtype=torch.float64))
    sampled, _, _ = level(20, known=astray, left=1.0)
    assert abs(float(sampled.numbers) - 3) < 0.3


def field(width=20, **given):
    """The same with a rate that is a field."""
    return level(width, parameters={"k": {"field": 1}}, exact={"u": "exp(-x - x**2)", "k": "1 + 2*x"}, **given)


def test_a_field_ends_with_little_weight_and_within_its_deviation():
    sampled, found, known = field()
    (waves,) = sampled.beside
    x = torch.linspace(0, 2, 50, dtype=torch.float64)[:, None]
    apart = ((waves(x).detach()[:, 0] - 1 - 2 * x[:, 0]) / waves.deviation(x)).abs()
    assert found.converged and known.weight < 2e-3 and float((apart < 3).double().mean()) > 0.95
    assert 0 < float(waves.deviation(x[:25]).max()) < 0.2 and found.unmet < found.misfit
    wrong = ((waves(x).detach()[:, 0] - 1.3 - 2 * x[:, 0]) / waves.deviation(x)).abs()
    assert float((wrong < 3).double().mean()) < 0.7


def test_a_field_that_no_step_makes_better_stays(monkeypatch):
    """Data that contradict what a step promises: its linearisation is wrong by a factor of -3."""
    from pinn.partition import coefficients

    turn = coefficients.turn
    monkeypatch.setattr(coefficients, "turn", lambda *args: (lambda a, b: (a, -b / 3))(*turn(*args)))
    sampled, found, _ = field()
    assert not found.converged
    numbers = torch.zeros_like(sampled.numbers)
    numbers[-1] = 1.0
    torch.testing.assert_close(sampled.numbers, numbers)


def test_noise_hides_a_level_that_moves_fields_by_less_than_it_leaves_open():
    _, found, known = field()
    assert known.hide(found, torch.zeros(41), {"u": 1e-8, "k": 0.1}, 0.1)
    assert not known.hide(found, torch.zeros(41), {"u": 1e-8, "k": 0.1}, 1.0)
    assert not replace(known, weight=1.0).hide(found, torch.zeros(41), {"u": 1e-8, "k": 0.1}, 0.1)


def test_noise_hides_a_small_change_and_no_large_one():
    _, found, known = level(20)
    assert known.deviations is not None
    little, much = 0.01 * known.deviations, known.deviations
    assert known.hide(found, little, {"u": 1e-8})
    assert not known.hide(found, much, {"u": 1e-8})
    assert not known.hide(found, little, {"u": 0.1})
    assert not known.hide(found, little, None)
    # numbers that have settled, and a field that no more cells make better: what it misses is the noise's
    assert known.hide(found, little, {"u": 0.1}, before={"u": 0.15})
    assert not known.hide(found, little, {"u": 0.1}, before={"u": 0.3})
    assert not known.hide(found, much, {"u": 0.1}, before={"u": 0.15})
    assert not replace(known, weight=1.0).hide(found, little, {"u": 1e-8})
