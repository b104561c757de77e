"""A network for each slab of time."""

import pytest
import torch
from torch import nn

from pinn.networks import MLP, March, Scaled
from pinn.operators import derivatives, plan

BOX = (1.0, -1.0), (4.0, 1.0)  # t from 1 to 4, x from -1 to 1


@pytest.fixture
def march():
    torch.manual_seed(0)
    networks = [MLP(Scaled(*BOX), 3, width=5, scale=1.0) for _ in range(3)]
    starts = [[MLP(Scaled(*BOX), 3, width=5, scale=1.0) for _ in range(2)] for _ in range(3)]
    return March(networks, starts, time=0, times=(1.0, 2.0, 3.0, 4.0), powers=(2, 1, 0)).double()


def at(t, n=4):
    x = torch.linspace(-1, 1, n, dtype=torch.float64)
    return torch.stack([torch.full_like(x, t), x], dim=1)


def test_points_belong_to_the_slab_that_their_time_is_in(march):
    times = [1.0, 1.99, 2.0, 3.5, 4.0]
    assert march.slabs(torch.cat([at(t, 1) for t in times])).tolist() == [0, 0, 1, 2, 2]
    moved = march.squeezed(torch.cat([at(1.0), at(4.0)]), 1)
    assert moved[:, 0].tolist() == [2.0] * 4 + [3.0] * 4 and torch.equal(moved[:4, 1], at(1.0)[:, 1])


def test_slabs_need_not_be_equally_long(march):
    march.times = (1.0, 1.25, 3.0, 4.0)
    assert march.slabs(torch.cat([at(t, 1) for t in (1.0, 1.24, 1.25, 3.0, 4.0)])).tolist() == [0, 0, 1, 2, 2]
    assert [march.length(k) for k in range(3)] == [0.25, 1.75, 1.0]
    moved = march.squeezed(torch.cat([at(1.0), at(2.5), at(4.0)]), 1)
    assert moved[::4, 0].tolist() == [1.25, 2.125, 3.0]
    alike = (march.networks[0](at(2.5)), march.networks[1](at(2.5)))
    march.starts[0][0], march.starts[1][0] = (march.starts[2][0],) * 2
    march.starts[0][1], march.starts[1][1] = (march.starts[2][1],) * 2
    with march.at(0):
        first = march(at(1.125))
    with march.at(1):
        second = march(at(2.125))
    torch.testing.assert_close((first - second)[:, 2], (alike[0] - alike[1])[:, 2])  # p is the network alone


def test_a_slab_begins_as_its_start_says_whatever_its_network_gives(march):
    asked = plan({"u": "u", "u_t": "u_t", "v": "v", "v_t": "v_t", "p": "p"}, ["t", "x"], ["u", "v", "p"])

    def found():
        with march.at(1):
            return {name: value.detach() for name, value in derivatives(march, at(2.0), asked).items()}

    before = found()
    with torch.no_grad():
        for parameter in march.networks[1].parameters():
            parameter.add_(1.0)
    after = found()
    same = {name: torch.equal(before[name], after[name]) for name in before}
    assert same == {"u": True, "u_t": True, "v": True, "v_t": False, "p": False}
    value, slope = (network(at(1.0))[:, 0] for network in march.starts[1])
    torch.testing.assert_close(after["u"], value)
    torch.testing.assert_close(after["u_t"], slope)  # h is 1


def test_jets_within_a_slab_equal_nested_derivatives_over_all(march):
    asked = plan({"r": "u_tt - u_xx + v_t*p_x"}, ["t", "x"], ["u", "v", "p"])
    x = torch.cat([at(2.3), at(2.9)])
    with march.at(1):
        inside = derivatives(march, x, asked)["r"]
    torch.testing.assert_close(inside, derivatives(march, x, asked, engine="autograd")["r"])
    with march.at(2):
        assert (derivatives(march, x, asked)["r"] - inside).abs().max() > 1e-3  # another slab's network


def test_the_output_is_the_present_slabs(march):
    assert march.output is march.networks[2].output
    with march.at(1):
        assert march.output is march.networks[1].output and isinstance(march.output, nn.Linear)
    assert march.present is None
