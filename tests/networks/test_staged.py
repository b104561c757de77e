"""Networks that are added up: what counts, and their derivatives."""

import pytest
import torch

from pinn.networks import MLP, Scaled, Staged
from pinn.operators import derivatives, plan
from pinn.problem import Problem

PROBLEM = Problem(coordinates={"x": [0, 1], "y": [0, 2]}, fields=["u"], equations={"e": "lap(u) + u**2 = 0"})


@pytest.fixture
def staged():
    torch.manual_seed(0)
    return Staged([MLP(Scaled((0.0, 0.0), (1.0, 2.0)), 1, width=8, scale=2.0 + k) for k in range(3)]).double()


@pytest.fixture
def x():
    return torch.rand(7, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize(("present", "count"), [(None, 3), (0, 1), (1, 2)])
def test_stages_up_to_the_present_one_are_added(staged, x, present, count):
    staged.present = present
    expected = sum(network(x) for network in staged.networks[:count])
    assert torch.equal(staged(x), expected)
    assert staged.output is staged.networks[count - 1].output


def test_within_a_stage_it_is_the_present_one(staged):
    with staged.at(1):
        assert staged.last == 1
    assert staged.last == 2


def test_its_jets_are_its_derivatives(staged, x):
    planned = plan({e.name: e.residual for e in PROBLEM.equations.values()}, ("x", "y"), ("u",))
    jets, nested = (derivatives(staged, x, planned, engine=engine)["e"] for engine in ("jet", "autograd"))
    assert torch.allclose(jets, nested, rtol=1e-12)
    with staged.at(1):  # positive control
        assert not torch.allclose(derivatives(staged, x, planned, engine="jet")["e"], nested, rtol=1e-3)
