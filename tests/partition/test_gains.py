"""What more cells and more features gain."""

from dataclasses import replace

import pytest

from pinn.partition import Level
from pinn.partition.gains import halving_falls_fast, more_features_gain, sees_nothing, widened_in_vain


def level_of(cells: int, residual: float, price: float) -> Level:
    return Level(cells, cells, residual, residual, None, 1, True, 1.0, 1, price)


@pytest.mark.parametrize(
    ("levels", "everywhere", "more"),
    [
        ([(1, 7e-4, 0.1)], True, True),  # seen by one cell
        ([(1, 7e-3, 0.1)], True, False),
        ([(4, 7e-3, 0.4), (14, 5e-4, 1.4)], True, True),  # more features were not tried yet
        ([(4, 7e-3, 0.4), (14, 5e-4, 1.4)], False, False),
        ([(4, 7e-3, 0.4), (14, 5e-4, 1.4), (14, 1.5e-4, 3.2)], True, False),  # they gained less than cells had
        ([(4, 7e-3, 0.4), (14, 5e-4, 1.4), (14, 4e-5, 3.2)], True, True),  # they gained more
        ([(4, 7e-3, 0.4), (14, 5e-4, 1.4), (14, 1.5e-4, 3.2), (56, 1e-5, 12.0)], True, False),
        ([(1, 5e-4, 0.1), (1, 3e-4, 0.3)], True, False),  # next to nothing
    ],
)
def test_in_space_what_levels_gained_for_their_price_decides(levels, everywhere, more):
    found = [level_of(*one) for one in levels]
    assert more_features_gain(found, everywhere, 3) is more


def test_in_the_plane_it_is_how_much_the_last_level_has_fallen():
    for left, more in ((1e-5, True), (1e-4, False)):
        assert more_features_gain([level_of(1, 1e-3, 0.1), level_of(4, left, 0.4)], True, 2) is more


def test_nothing_is_seen_where_much_is_left_and_no_less_than_before():
    levels = [level_of(2, 5.0, 0.1), level_of(4, 4.0, 0.2)]
    assert sees_nothing(levels, 1, 0.2)
    assert not sees_nothing(levels, 2, 0.2) and not sees_nothing(levels, 1, 2.0)
    assert not sees_nothing([levels[0], level_of(4, 2.0, 0.2)], 1, 0.2)
    assert not sees_nothing([level_of(2, 0.029, 0.1), level_of(4, 0.028, 0.2)], 1, 0.2)


def test_with_more_than_three_coordinates_more_features_are_tried_at_once():
    assert more_features_gain([level_of(1, 2e-1, 1.0)], True, 4)
    assert not more_features_gain([level_of(1, 2e-1, 1.0)], True, 3)


def test_features_that_gained_less_than_they_cost_are_in_vain():
    few, many = level_of(1, 2e-1, 1.0), level_of(1, 1e-1, 3.0)
    assert widened_in_vain([few, many], 3) and not widened_in_vain([few, many], 2)
    assert not widened_in_vain([few, level_of(1, 5e-2, 3.0)], 3)
    assert not widened_in_vain([few, level_of(8, 1e-1, 3.0)], 3)  # it was cells that were tried
    assert not widened_in_vain([few], 3)


def test_a_smooth_solution_shows_in_the_last_level_of_more_cells():
    few, more = level_of(1, 1e-2, 1.0), level_of(8, 1e-4, 8.0)
    assert not halving_falls_fast([few, replace(more, finer=4.0)])  # a corner, and cells that were halved again there
    assert halving_falls_fast([few, more]) and not halving_falls_fast([few, level_of(8, 1.1e-3, 8.0)])
    assert halving_falls_fast([few, more, level_of(8, 5e-5, 16.0)])  # more features say nothing of it
    assert not halving_falls_fast([few, more, level_of(64, 5e-5, 64.0)]) and not halving_falls_fast([few])
