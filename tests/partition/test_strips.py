"""When a strip of time is done, and what strips add up to."""

import math
from types import SimpleNamespace

import pytest
import torch
from refinements import pendulum, refinement, transport

from pinn.partition import Level
from pinn.partition import strips as module
from pinn.solution import held_out


def test_the_first_strip_is_taken_up_again_where_the_second_shows_that_it_is_worth_it(monkeypatch):
    found = refinement(pendulum(12), 10)
    found.length = 3.0
    monkeypatch.setattr(module, "HANDED_ON", 0.0)  # a first estimate ends a strip
    while not found.done:
        found.advance()
    assert len(found.done[0].levels) == 2
    monkeypatch.setattr(module, "HANDED_ON", 1e9)
    found.advance()
    assert not found.done and found.strip.times[0] == 0 and len(found.strip.levels) == 2
    while not found.ended:
        found.advance()
    times = [strip.times for strip in [*found.done, found.strip]]
    assert times[0][0] == 0 and times[-1][1] == 12
    assert all(a[1] == b[0] for a, b in zip(times, times[1:], strict=False))


def test_a_strip_of_a_linear_evolution_is_done_after_one_level_that_adds_little():
    """What others add for what they leave tells what it adds, and all that is told in the end is true."""
    problem = transport(1)
    found = refinement(problem, 100)
    found.marching, found.length = True, 1 / 4
    while not found.ended:
        found.advance()
    strips = [*found.done, found.strip]
    alone = [strip for strip in strips if len(strip.levels) == 1]
    assert len(alone) > len(strips) / 2
    assert all(strip.levels[0].estimate is None and strip.local.features == 150 for strip in alone)  # none fewer first
    x, true = held_out(problem, 2**12), problem.exact_values
    with torch.no_grad():
        wrong = float((found.partition(x) - true(x)).norm() / true(x).norm())
    assert 0.1 * wrong < max(found.estimate.values()) < 10 * wrong


def test_errors_of_strips_count_as_large_as_the_fields_are_there():
    """From rest a field is small at first, and an error that is large beside it is none beside what comes."""
    strips = module.Strips(["u"], (0.0, 4.0), None, True)
    for length, size, error in ((1.0, 1e-3, 1e-2), (3.0, 2.0, 1e-6)):
        level = Level(1, 31, 1e-9, 1e-9, {"u": error}, 1, True, 1.0, 1, 1.0, sizes={"u": size})
        strips.done.append(SimpleNamespace(levels=[level], length=length))
    wrong, whole = 1e-10 + 3 * 4e-12, 1e-6 + 3 * 4.0
    assert strips.estimate["u"] == pytest.approx((wrong / whole) ** 0.5, rel=1e-9)


def test_what_is_not_worth_it_is_not_handed_on():
    """A strip that is told to be dear had been prepared for a level with more features: the next has those solved."""
    found = refinement(transport(1), 40)
    found.marching, found.length = True, 1 / 8
    found.strips.is_dear = lambda: len(found.done) > 1
    while len(found.done) < 4:
        found.advance()
    for before, strip in zip(found.done[2:], [*found.done[3:], found.strip], strict=True):
        assert strip.local.features <= before.coefficients[0].shape[1] - 1


def test_where_strips_do_not_reach_the_end_nothing_is_told():
    found = refinement(transport(1), 60)
    found.marching, found.length = True, 1 / 4
    while not found.ended:
        found.advance()
        assert found.unfinished == (not found.ended) or found.strip.interval[1] == 1
        assert not found.unfinished or found.estimate == {"u": math.inf}
        told = found.strips.ratios and found.so_far["u"] < 1  # of the time that is solved, for those who watch
        assert told or not found.strips.ratios
    assert not found.unfinished and found.estimate["u"] < 1


def test_a_linear_problem_has_no_growth_until_it_is_seen():
    """What goes up and down in a wave is not carried on to the end of time."""
    for linear, grown, rate in ((True, 0.8, 0.0), (True, 3.0, 0.5), (False, 0.8, 0.2)):
        strips = module.Strips(["u"], (0.0, 100.0), None, linear)
        level = Level(
            1, 31, 1e-9, 1e-9, {"u": 1e-6}, 1, True, 1.0, 1, 1.0, inherited={"u": 1e-6}, growth=math.exp(grown)
        )
        strips.done = [SimpleNamespace(levels=[level], length=4.0, interval=(0.0, 4.0))]
        strips.present = strips.done.pop()
        strips.note_growth()
        assert strips.rate == pytest.approx(rate)


@pytest.mark.parametrize(("handed_on", "dear"), [(1.0, True), (0.1, False)])
def test_a_level_is_dear_by_what_the_strips_to_come_begin_with(handed_on, dear):
    """A hundred strips of a second each, or of a tenth of it, are worth twenty."""
    worth = SimpleNamespace(of=lambda error: 10.0, kept=lambda error: 0.0, left=1e4, too_large=lambda strip: False)
    strips = module.Strips(["u"], (0.0, 100.0), worth, True)
    level = Level(8, 31, 1e-6, 1e-6, {"u": 1e-6}, 1, True, 1.0, 1, 1.0)
    strips.present = SimpleNamespace(levels=[level], price=1.0, handed_on=handed_on, interval=(0.0, 1.0), length=1.0)
    strips.had = 1e4
    assert strips.is_dear() == dear
