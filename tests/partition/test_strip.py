"""Strips of time: the cells that the next begins with, and what becomes of the error at the end of one."""

from dataclasses import replace

import pytest
import torch
from refinements import pendulum, refinement

from pinn import Problem
from pinn.partition.local import write
from pinn.partition.strip import Strip

FIRST = 0.3  # u where time begins
DOUBT = 1e-6  # of u at the end of a strip


def logistic(rate: float) -> Problem:
    return Problem(
        coordinates={"t": [0, 4]}, fields=["u"], equations={"growth": f"u_t = {rate}*u*(1 - u)"},
        conditions={"start": f"u(t=0) = {FIRST}"}, enforce="soft",
    )  # fmt: skip


def begun(rate: float) -> tuple[Strip, Strip]:
    """Two strips of time, of which the first is solved and the second is not, and the error of the first is `DOUBT`."""
    found = refinement(logistic(rate), 40)
    found.length = 2.0
    found.strip.solve()
    first = found.strip
    first.doubt = [torch.zeros_like(c) for c in first.coefficients]
    for c in first.doubt:
        c[:, -1] = DOUBT  # windows sum to one
    found.done.append(first)
    return first, found._next()


@pytest.mark.parametrize("rate", [1.5, -1.5])
def test_an_error_at_the_start_grows_and_decays_as_the_flow_says(rate):
    first, second = begun(rate)
    level = second.solve()
    assert first.times == (0, 2) and second.times == (2, 4) and level.inherited is not None
    begin, t = float(first.partition(torch.tensor([[2.0]], dtype=torch.float64))), torch.linspace(2, 4, 21).double()
    grown = (rate * (t - 2)).exp()
    expected = DOUBT * grown / (1 + begin * (grown - 1)) ** 2  # the flow's derivative by what it begins with
    u = second.partition(t[:, None])[:, 0].detach()
    write(second.partition, second.doubt)
    found = second.partition(t[:, None])[:, 0].detach()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * DOUBT)
    assert float((found / DOUBT - 1).abs().max()) > 0.5  # what is merely handed on would be seen
    assert level.inherited["u"] == pytest.approx(float(expected.norm() / u.norm()), rel=0.1)
    assert level.growth == pytest.approx(float(expected[-1] / expected[0]), rel=1e-3)


def test_without_an_error_none_is_inherited():
    first, second = begun(1.5)
    first.doubt = [torch.zeros_like(c) for c in first.doubt]
    assert second.solve().inherited == {"u": 0.0}


def test_a_strip_begins_with_as_many_cells_as_the_one_before_has_where_it_ends():
    found = refinement(logistic(1.5), 40)
    found.length = 2.0
    first = found.strip
    first.tiling, _ = first.tiling.halved(torch.ones(1, 1, dtype=torch.bool))
    first.crowding = torch.ones(2, dtype=torch.float64)
    first.solve()
    found.done.append(first)
    assert found._next().tiling.lower[:, 0].tolist() == [2, 3]


def test_steps_have_come_to_an_end_where_the_last_one_is_less_than_the_error():
    """Beside an obstacle single points change sides at every step: that is no reason for doubt, a large step is."""
    found = refinement(pendulum(3), 15)
    found.advance()
    strip = found.strip
    partition, fields = strip.partition, strip.partition(strip.compared_at(strip.partition))

    def still(part, **given):
        last = [part * c for c in strip.coefficients]
        return strip._is_still(partition, replace(strip.found, **{"last": last, **given}), fields, {"u": 1e-6})

    assert still(0.9e-6) and not still(1.1e-6)
    assert not still(0.0, last=[])  # a step from elsewhere is not known as a whole
    assert not strip._is_still(partition, replace(strip.found, last=strip.coefficients), fields, None)
    torch.testing.assert_close(partition(strip.compared_at(partition)), fields)  # it is left as it was


def test_what_a_level_takes_is_known_after_a_run_has_gone_on():
    strip = refinement(logistic(1.0), 30).strip
    strip.solve()
    strip.tiling, _ = strip.tiling.halved(torch.ones(len(strip.tiling), 1, dtype=torch.bool))
    strip.crowding = torch.ones(len(strip.tiling), dtype=torch.float64)
    found = strip.memory
    strip.found = None  # a checkpoint has none
    assert strip.levels[-1].memory < found <= 1.1 * strip.memory
