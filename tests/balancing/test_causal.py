"""Causal weights against sums over chunks, one by one."""

import math

import pytest
import torch

from pinn import Problem
from pinn.balancing import Causal

PROBLEM = Problem(
    coordinates={"x": [0, 1], "t": [1, 3]},
    fields=["u"],
    equations={"heat": "u_t = u_xx"},
    conditions={"start": "u(t=1) = sin(pi*x)", "ends": "u(boundary) = 0"},
    enforce="soft",
)


def by_hand(t, squares, chunks, tolerance):
    """The formula as it is written, point by point."""

    def chunk(time):
        return min(int((time - 1) / 2 * chunks), chunks - 1)

    weights = []
    for time in t.tolist():
        total = 0.0
        for k in range(chunk(time)):
            of_chunk = [s for s, other in zip(squares.tolist(), t.tolist(), strict=True) if chunk(other) == k]
            total += sum(of_chunk) / len(of_chunk) if of_chunk else 0.0
        weights.append(math.exp(-tolerance * total))
    return torch.tensor(weights, dtype=torch.float64)


@pytest.mark.parametrize(("chunks", "tolerance"), [(2, 1.0), (5, 0.3), (40, 0.1)])
def test_weights_are_those_of_the_formula(chunks, tolerance):
    torch.manual_seed(0)
    x = torch.rand(60, 2, dtype=torch.float64)
    x[:, 1] = 1 + 2 * x[:, 1]
    x[0, 1], x[1, 1] = 1.0, 3.0
    squares = torch.rand(60, dtype=torch.float64)
    found = Causal(PROBLEM, chunks, tolerance).weights(x, squares)
    expected = by_hand(x[:, 1], squares, chunks, tolerance)
    assert torch.allclose(found, expected, rtol=1e-12)
    assert not torch.allclose(found, by_hand(x[:, 1], squares, chunks, 1.1 * tolerance), rtol=1e-3)


def test_all_weights_are_one_once_it_is_solved():
    x = torch.rand(30, 2, dtype=torch.float64) + torch.tensor([0.0, 1.0])
    assert torch.equal(Causal(PROBLEM).weights(x, torch.zeros(30).double()), torch.ones(30).double())


def test_without_time_it_is_refused():
    still = Problem(coordinates={"x": [0, 1]}, fields=["u"], equations={"e": "u_xx = 1"})
    with pytest.raises(ValueError, match="no time among the coordinates x"):
        Causal(still)
