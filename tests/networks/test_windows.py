"""Windows: the step's polynomials, their derivatives, and what points a box has."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from partitions import partition, tiling
from scipy.special import betainc

from pinn.networks import windows
from pinn.networks.windows import Window, step_polynomials, within

SIDES = {
    "both": (0.2, 0.3),
    "below": (0.2, -0.3),
    "above": (-0.2, 0.3),
    "above, and a face of its own": (0.0, 0.3),
    "none": (-0.2, 0.0),
}


def step(m, z, order=0):
    return np.polyval(step_polynomials(m, order)[order], z)


@pytest.mark.parametrize("m", range(9))
def test_the_step_is_the_incomplete_beta_function(m):
    z = np.linspace(-1, 1, 41)
    np.testing.assert_allclose(step(m, z), betainc(m + 1, m + 1, (1 + z) / 2), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("m", "textbook"), [(0, [1, 0]), (1, [-2, 3, 0, 0]), (2, [6, -15, 10, 0, 0, 0]), (3, [-20, 70, -84, 35, *[0] * 4])]
)
def test_the_first_steps_are_those_of_textbooks(m, textbook):
    z = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(step(m, z), np.polyval(textbook, (1 + z) / 2), rtol=0, atol=1e-14)


@pytest.mark.parametrize("m", range(9))
def test_a_step_goes_from_0_to_1_alike_from_both_ends_and_is_as_smooth_as_it_says(m):
    z = np.linspace(-1, 1, 41)
    assert step(m, -1.0) == pytest.approx(0, abs=1e-13) and step(m, 1.0) == pytest.approx(1, abs=1e-13)
    np.testing.assert_allclose(step(m, z) + step(m, -z), 1, rtol=0, atol=1e-13)
    assert (np.diff(step(m, z)) > 0).all()
    for k in range(1, m + 2):
        scale = np.abs(step(m, z, k)).max()
        ends = np.abs([step(m, -1.0, k), step(m, 1.0, k)])
        assert (ends <= 1e-12 * scale).all() if k <= m else (ends > 0.1 * scale).all()


def nested(window, x, order):
    x = x.clone().requires_grad_()
    found = [window.value(x)]
    for _ in range(order):
        if found[-1].requires_grad:
            found += torch.autograd.grad(found[-1].sum(), x, create_graph=True)
        else:
            found.append(torch.zeros_like(x))
    return [f.detach() for f in found]


def check_table(window, order):
    """Where it rises, is 1, falls and is 0; not at the joints, where autograd halves what is not smooth."""
    x = torch.linspace(0.5, 2.5, 200, dtype=torch.float64)[:, None] + 1e-4
    table, reference = window.table(x, order), nested(window, x, order)
    assert len(table) == order + 1
    for one, other in zip(table, reference, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12 * max(1.0, float(other.abs().max())))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("m", [2, 4, 6])
def test_the_table_equals_nested_derivatives_of_the_value(m, side):
    for order in range(m + 1):
        check_table(Window(1.0, 2.0, *SIDES[side], m), order)


def test_the_check_of_tables_sees_a_wrong_one(monkeypatch):
    right = windows.step_polynomials
    monkeypatch.setattr(
        windows, "step_polynomials", lambda m, order: (*right(m, order)[:2], *right(m, 1)[1:] * (order - 1))
    )
    check_table(Window(1.0, 2.0, 0.2, 0.3, 4), 1)
    with pytest.raises(AssertionError):
        check_table(Window(1.0, 2.0, 0.2, 0.3, 4), 2)


@pytest.mark.parametrize("side", SIDES)
def test_a_window_is_one_half_at_its_faces_and_smooth_at_its_joints(side):
    below, above = SIDES[side]
    window = Window(1.0, 2.0, below, above, 4)
    assert window.constant == (side == "none")
    at = {0.75: below <= 0, 1.0: 0.5 if below > 0 else 1, 1.5: 1, 2.0: 0.5 if above > 0 else 1, 2.35: above <= 0}
    x = torch.tensor([list(at)], dtype=torch.float64).T
    expected = torch.tensor(list(map(float, at.values())), dtype=torch.float64)
    torch.testing.assert_close(window.value(x)[:, 0], expected)
    joints = torch.tensor([[1 - abs(below)], [1 + abs(below)], [2 - above], [2 + above]], dtype=torch.float64)
    for derivative in window.table(joints, 4)[1:]:
        assert derivative.abs().max() < 1e-7  # rounding, over below**4


def test_windows_are_smoother_than_the_equations():
    assert [partition(tiling(1), order=order).smoothness for order in (1, 2, 4)] == [3, 4, 6]


def brute(x, lower, upper):
    return [((a <= x) & (x < b)).all(1).nonzero()[:, 0] for a, b in zip(lower, upper, strict=True)]


def same(found, expected):
    return len(found) == len(expected) and all(map(torch.equal, found, expected))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.integers(1, 3), st.integers(0, 30), st.integers(0, 6))
def test_within_is_one_comparison_with_each_box(seed, dimensions, points, boxes):
    """On a coarse grid, so that points lie on faces and on one another, and boxes are empty."""
    generator = torch.Generator().manual_seed(seed)
    x, lower, wide = (
        torch.randint(0, 5, (n, dimensions), generator=generator).double() for n in (points, boxes, boxes)
    )
    found = within(x, lower, lower + wide)
    assert same(found, brute(x, lower, lower + wide))
    assert all(rows.dtype == torch.int64 for rows in found)


def test_within_has_the_lower_end_and_not_the_upper_one():
    x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    lower, upper = torch.zeros(2, 2), torch.tensor([[1.0, 1.0], [2.0, 2.0]])
    assert [rows.tolist() for rows in within(x, lower, upper)] == [[0, 3], [0, 1, 2, 3]]
    assert not same(within(x, lower, upper), brute(x, lower, upper + 1e-3))
    assert [rows.tolist() for rows in within(x[:0], lower, upper)] == [[], []]
