"""What the next level of a strip is: a small one where a large one would be dear, and how many features it has."""

import torch
from refinements import refinement

from pinn import Problem
from pinn.partition import next_level
from pinn.partition.next_level import refine, refine_the_worst

FIRST = 0.3  # u where time begins


def logistic(rate: float) -> Problem:
    return Problem(
        coordinates={"t": [0, 4]}, fields=["u"], equations={"growth": f"u_t = {rate}*u*(1 - u)"},
        conditions={"start": f"u(t=0) = {FIRST}"}, enforce="soft",
    )  # fmt: skip


def test_where_a_level_would_be_dear_the_worst_cells_alone_are_halved():
    """Of a corner: as few as have most of what is left, and less often at the corner until the level fits."""
    strip = refinement(
        Problem(
            coordinates={"x": [-1, 1], "y": [-1, 1]},
            domain={"difference": ["box", {"box": {"x": [0, 1], "y": [0, 1]}}]},
            fields=["u"], equations={"poisson": "lap(u) = -1"}, conditions={"rim": "u(boundary) = 0"}, enforce="soft",
        ), 60,
    ).strip  # fmt: skip
    for _ in range(2):
        strip.solve()
        refine(strip)
    strip.solve()
    before = strip.cells
    refine(strip)
    whole, counts = len(strip.tiling), []
    assert refine_the_worst(strip, lambda: counts.append(len(strip.tiling)) or len(counts) > 3)
    assert len(before) < counts[3] < counts[0] <= whole and len(strip.tiling) == counts[3]
    assert counts == sorted(counts, reverse=True) and len(strip.crowding) == counts[3]
    fine = strip.tiling.widths.prod(dim=1).argmin()
    assert float(strip.tiling.centres[fine].norm()) < 0.1
    assert not refine_the_worst(strip, lambda: False)


def test_of_more_features_there_is_no_smaller_level():
    strip = refinement(logistic(1.0), 20).strip
    strip.solve()
    strip.local = strip.local.of(30)
    assert not refine_the_worst(strip, lambda: True)


def test_fewer_features_to_begin_with_do_not_come_back(monkeypatch):
    monkeypatch.setattr(next_level, "more_features_gain", lambda *given: False)
    monkeypatch.setattr(next_level, "widened_in_vain", lambda *given: True)
    strip = refinement(logistic(1.0), 30).strip
    strip.begin_with_fewer_features()
    for _ in range(2):
        strip.solve()
        refine(strip)
    assert strip.local.features == 30


def test_a_smooth_solution_in_space_gets_cells_of_one_size():
    """What is left is largest at the corners of the cube, as of every fit: they are no corners of the solution."""
    wave = "sin(6*x + 3*y + 1) + cos(3*x - 6*z)"
    strip = refinement(
        Problem(
            coordinates={"x": [0, 1], "y": [0, 1], "z": [0, 1]}, fields=["u"], equations={"waves": "lap(u) + 45*u = 0"},
            conditions={"rim": f"u(boundary) = {wave}"}, enforce="soft",
        ), 250,
    ).strip  # fmt: skip
    for _ in range(2):
        strip.solve()
        refine(strip)
    before = len(strip.cells)
    assert before > 1
    while len(strip.tiling) == before:
        strip.solve()
        refine(strip)
    assert len(strip.tiling) == 8 * before
    assert torch.equal(strip.tiling.widths, strip.tiling.widths[:1].expand(len(strip.tiling), 3))
