"""Partitions by configuration: how many cells, of which networks, and trained as an FBPINN."""

import numpy as np
import pytest
import torch

from pinn import Problem, solve
from pinn.app.compose import checked, compose
from pinn.networks import MLP, NETWORKS, Partition
from pinn.partition.local import SMOOTHER
from pinn.schema import ConfigError
from pinn.training.choice import choose
from pinn.training.network import network as network_of

LINE = Problem(
    coordinates={"x": [-1, 1]}, fields=["u"], equations={"r": "u_xx = -sin(pi*x)"}, conditions={"e": "u(boundary) = 0"}
)
SQUARE = Problem(
    coordinates={"x": [0, 2], "y": [-1, 1]}, fields=["u"], equations={"r": "lap(u) = -1"},
    conditions={"edge": "u(boundary) = 0"},
)  # fmt: skip


def built(problem, *overrides):
    """The network of a configuration, in double precision."""
    config = choose(problem, checked(compose("~pde", "experiment=none", "network=partition", *overrides)))
    torch.manual_seed(0)
    return network_of(problem, config).double()


def test_a_configuration_says_how_many_cells_there_are():
    network = built(SQUARE, "network.cells={y: 3, x: 2}", "network.local.width=7")
    assert len(network) == 6 and network.smoothness == 2 + SMOOTHER
    assert {one.output.in_features for one in network.networks} == {7}
    torch.testing.assert_close(
        network.upper - network.lower, torch.tensor([[1, 2 / 3]], dtype=torch.float64).expand(6, 2)
    )
    first = network.networks[0].features
    assert (first.lower, first.upper) == ((0, -1), pytest.approx((1.3, -1 + 2 / 3 * 1.3)))
    assert len(built(SQUARE, "network.cells=auto")) == 1


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_network_can_be_that_of_cells(kind):
    network = built(LINE, "network.cells={x: 3}", f"network@network.local={kind}", "network.local.width=5")
    assert len(network) == 3 and {type(one) for one in network.networks} == {NETWORKS[kind]}
    assert network(torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None]).isfinite().all()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("network.cells={z: 3}", r"network\.cells\.z: no coordinate has this name"),
        ("network.cells={x: 0}", "should be auto, or a number of cells by coordinate"),
        ("+network.local.features={name: periodic, coordinates: [x], count: 2}", "a cell is no period"),
    ],
)
def test_cells_that_cannot_be_are_refused(typed, said):
    with pytest.raises((ConfigError, ValueError), match=said):
        built(LINE, typed)


SMALL = ("network=partition", "network.cells={x: 3}", "network.local.width=10", "sampling.points=30")


@pytest.mark.parametrize(("optimizer", "steps", "more"), [("adam", 60, ["optimizer.lr=0.01"]), ("lbfgs", 20, [])])
def test_training_lowers_the_loss(optimizer, steps, more, capsys):
    found = [solve(LINE, *SMALL, f"optimizer.steps={n}", *more, optimizer=optimizer) for n in (1, steps)]
    first, last = (solution.residual["r"] for solution in found)
    network = found[1].residuals.network
    assert last < 0.3 * first and isinstance(network, Partition) and len(network) == 3
    assert all(isinstance(one, MLP) for one in network.networks)


def test_a_flux_that_jumps_asks_for_cells(capsys):
    wall = Problem(
        coordinates={"x": [0, 1]}, fields=["u"], equations={"heat": "d(where(x < 0.4, 1, 10)*u_x, x) = 0"},
        conditions={"left": "u(x=0) = 0", "right": "u(x=1) = 1"},
        exact={"u": "where(x < 0.4, x, 0.4 + (x - 0.4)/10)/0.46"},
    )  # fmt: skip
    cells = "network.cells={x: 4}"
    for typed, groups in (((), {"network": "mlp"}), ((), {"optimizer": "adam"}), ((cells,), {"network": "partition"})):
        with pytest.raises(ConfigError, match=r"jumps where x - 2/5 = 0.*cells end at the jump"):
            solve(wall, *typed, **groups)
    solution = solve(wall)
    x = torch.linspace(0, 1, 101, dtype=torch.float64)[:, None]
    assert np.abs(solution(x[:, 0]) - wall.exact_values(x)[:, 0].numpy()).max() < 1e-10
    assert "jump(where(x < 2/5, 1, 10)*u_x) = 0 at x = 2/5" in capsys.readouterr().out.replace("\n", "")
