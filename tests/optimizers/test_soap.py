"""SOAP does not see how the two sides of a matrix are turned; Adam does."""

import pytest
import torch
from least_squares_systems import random_linear

from pinn.optimizers import SOAP, Adam
from pinn.optimizers.soap import _refresh


def turned_apart(make) -> float:
    """How far training W is from training U W V and turning it back, for a loss that sees only W."""
    left, right = (torch.linalg.qr(random_linear(n, n, seed=n)[0])[0] for n in (4, 3))
    factors, target = random_linear(5, 4, seed=1)[0], random_linear(5, 3, seed=2)[0]
    found = []
    for u, v in ((torch.eye(4).double(), torch.eye(3).double()), (left, right)):
        w = torch.nn.Parameter(u @ torch.ones(4, 3, dtype=torch.float64) @ v)
        optimizer = make([w], lr=0.01)

        def closure(w=w, u=u, v=v, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (factors @ (u.T @ w @ v.T) - target).square().sum()
            loss.backward()
            return loss.detach()

        for _ in range(25):
            optimizer.step(closure)
        found.append((u.T @ w @ v.T).detach())
    return float((found[0] - found[1]).norm())


def test_turning_the_rows_and_columns_changes_nothing():
    assert turned_apart(SOAP) < 1e-5


def test_it_changes_what_adam_does():
    assert turned_apart(Adam) > 1e-2


def test_a_vector_gets_adam():
    """With one more step, as the first only looks."""
    found = []
    for make, steps in ((SOAP, 8), (torch.optim.Adam, 7)):
        w = torch.nn.Parameter(torch.ones(5, dtype=torch.float64))
        optimizer = make([w], lr=0.1, betas=(0.95, 0.95))

        def closure(w=w, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (w - torch.arange(5)).square().sum() ** 2
            loss.backward()
            return loss.detach()

        for _ in range(steps):
            optimizer.step(closure)
        found.append(w.detach())
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("side", [0, 1])
def test_each_second_moment_stays_with_its_eigenvector(side):
    """When eigenvectors change places: here they are exact, so that `sum_i v_i q_i q_i^T` is to stay as it was."""
    shape = (4, 3)
    basis = torch.linalg.qr(random_linear(shape[side], shape[side], seed=3)[0])[0]
    sizes = torch.tensor([1.0, 4.0, 2.0, 3.0], dtype=torch.float64)[: shape[side]]
    state = {"v": random_linear(*shape, seed=4)[0].square()}
    state |= {f"basis{side}": basis, f"average{side}": basis @ sizes.diag() @ basis.T}

    def spread():
        rows = state["v"].movedim(side, 0).flatten(1)
        return torch.einsum("im,ai,bi->mab", rows, state[f"basis{side}"], state[f"basis{side}"])

    before = spread()
    _refresh(state, side)
    torch.testing.assert_close(spread(), before, rtol=1e-12, atol=1e-12)
    along = (state[f"basis{side}"] * (state[f"average{side}"] @ state[f"basis{side}"])).sum(0)
    torch.testing.assert_close(along, sizes.sort(descending=True)[0], rtol=1e-12, atol=1e-12)
