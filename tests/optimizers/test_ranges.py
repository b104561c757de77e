"""Ranges of options: their ends, said in their words, belong to them or do not."""

import pytest

from pinn.optimizers import least_squares, ranges

ENDS = {
    "Positive": ([5e-324, 1e300], [0.0, -1.0]),
    "NotNegative": ([0.0, 1.0], [-5e-324]),
    "Inside": ([5e-324, 1 - 1e-16], [0.0, 1.0]),
    "Part": ([0.0, 1 - 1e-16], [1.0, -5e-324]),
    "Share": ([0.0, 1.0], [-5e-324, 1 + 1e-15]),
    "Growth": ([1, 1.0, 2.0], [1 - 1e-16, 0]),
    "Count": ([1, 10**6], [0, -1]),
    "Rcond": ([None, 0.0, 1 - 1e-16], [1.0, -5e-324]),
    "Betas": ([(0.0, 0.0), (0.9, 1 - 1e-16)], [(1.0, 0.0), (0.5, 1.0), (-5e-324, 0.5)]),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_ends_of_a_range(name):
    (wanted,) = getattr(least_squares if name == "Rcond" else ranges, name).__metadata__
    inside, outside = ENDS[name]
    assert all(wanted(value) == value for value in inside)
    for value in outside:
        with pytest.raises(ValueError, match="^must "):
            wanted(value)
