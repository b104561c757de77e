"""A partition of unity of networks: jets, windows, cells, states, training."""

import copy
import functools
import logging

import pytest
import torch
from partitions import BOX, Made, inside, local, moved, partition, tiling
from torch import nn

from pinn import Problem, operators
from pinn.geometry import Points
from pinn.networks import NETWORKS, Fourier, Partition, Scaled, Waves
from pinn.networks.partition import CELLS
from pinn.networks.windows import Window
from pinn.operators import derivatives, jet_values
from pinn.partition import Cells, partition_of
from pinn.residuals import Residuals

NAMES = "xyz"
OPTIONS = {
    "mlp": {"width": 5, "depth": 2, "scale": 1.0},
    "modified_mlp": {"width": 5, "depth": 2},
    "piratenet": {"width": 5, "depth": 2},
    "siren": {"width": 5, "depth": 2, "omega_0": 3.0},
    "separable": {"width": 5, "depth": 1, "rank": 4, "scale": 1.0},
    "chebyshev_kan": {"width": 3, "depth": 2, "degree": 3},
}
CASES = {
    **{name: (name, Scaled, {}) for name in NETWORKS},
    "mlp, adaptive": ("mlp", Scaled, {"adaptive": True}),
    "mlp, factorised": ("mlp", Scaled, {"factorised": True}),
    "mlp on fourier": ("mlp", functools.partial(Fourier, count=3, scale=0.3), {"adaptive": True, "factorised": True}),
    "mlp, tanh": ("mlp", Scaled, {"activation": "tanh", "depth": 1}),
}
TEXTS = {
    1: {"u": "u", "beam": "u_xxxx + u*v_xxx", "slope": "v_x"},
    2: {"plate": "lap(lap(u)) + v_xyy", "flow": "u*v_xy + v_y", "mixed": "u_xxxy"},
    3: {"heat": "lap(u)", "mixed": "v_xxyz + u*v_z", "fourth": "u_zzzz"},
}


def case(name, fields=2):
    """Makes the networks of cells."""
    kind, features, options = CASES[name]

    def make(lower, upper, **more):
        return NETWORKS[kind](features(lower, upper), fields, **OPTIONS[kind] | options | more)

    return Made(make)


def plan_of(texts, dimensions, fields="uv"):
    return operators.plan(texts, list(NAMES[:dimensions]), list(fields))


def values_and_gradients(network, x, plan, engine):
    values = torch.stack(list(derivatives(network, x, plan, engine=engine).values()))
    weights = torch.linspace(0.5, 1.5, values.numel(), dtype=values.dtype).view_as(values) / values.detach().norm(
        dim=1, keepdim=True
    )
    gradients = torch.autograd.grad(
        (weights * values).sum(), list(network.parameters()), allow_unused=True, materialize_grads=True
    )
    return values.detach(), torch.cat([g.flatten() for g in gradients])


def check_jets(network, dimensions, n=12):
    x, plan = inside(n, dimensions), plan_of(TEXTS[dimensions], dimensions)
    assert jet_values(network, x, plan) is not None, "no jet rule: the reference engine was taken"
    (jet, of_jet), (nested, of_nested) = (values_and_gradients(network, x, plan, e) for e in operators.ENGINES)
    met = sum(len(rows) for rows in network.members(x))
    assert met > 1.3 * n, "windows are to overlap at the points"
    for one, other in zip([*jet, of_jet], [*nested, of_nested], strict=True):
        assert other.norm() > 0 and (one - other).norm() <= 1e-10 * other.norm()


@pytest.mark.parametrize("name", CASES)
def test_jets_equal_nested_autograd_for_every_network_of_a_cell(name):
    network = partition(tiling(2, rounds=1), case(name), order=4)
    assert all(isinstance(output, nn.Linear) for output in network.output)
    check_jets(network, 2)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_jets_equal_nested_autograd_in_every_dimension(dimensions):
    rounds, share = {1: (3, 0.5), 2: (2, 0.3), 3: (1, 0.3)}[dimensions]
    cells = tiling(dimensions, rounds, share=share)
    assert len(cells) > 2**dimensions + 2 and len(cells.widths.unique(dim=0)) > 1
    check_jets(partition(cells, local(fields=2), order=4), dimensions)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_jets_equal_nested_autograd_with_fields_beside_the_cells(dimensions):
    cells = tiling(dimensions)
    lower, upper = (side[:dimensions] for side in BOX)
    network = partition(cells, case("mlp", fields=1))
    network.beside.append(moved(Waves(lower, upper, 1.5, 10)))
    assert network(inside(5, dimensions)).shape == (5, 2)
    check_jets(network, dimensions)


def test_some_cells_and_a_state_have_the_fields_beside():
    network, other = (partition(tiling(2), case("mlp", fields=1), seed=seed) for seed in (0, 1))
    for one in (network, other):
        one.beside.append(Waves([0.0, -1.0], [2.0, 1.0], 1.5, 10))
    network.beside[0].coefficients = torch.arange(float(len(network.beside[0].frequencies)), dtype=torch.float64)
    other.load_state_dict(network.state_dict())
    x = inside(20, 2)
    torch.testing.assert_close(other(x), network(x))
    torch.testing.assert_close(network.some(0, 1)(x)[:, 1], network(x)[:, 1])
    assert len(network.output) == len(network.layers) + 1


def test_the_check_of_jets_sees_a_wrong_window(monkeypatch):
    right = Window.table

    def wrong(self, x, order):
        return [t * (1 + 1e-8) if k == 2 else t for k, t in enumerate(right(self, x, order))]

    network = partition(tiling(2, rounds=1), local(fields=2), order=4)
    check_jets(network, 2)
    monkeypatch.setattr(Window, "table", wrong)
    with pytest.raises(AssertionError):
        check_jets(network, 2)


def of_one(network, cells, order=2):
    """A partition all of whose cells have one network."""
    return partition_of(cells, lambda *_: network, order).double()


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_windows_sum_to_one_so_that_what_all_cells_have_is_the_whole(dimensions):
    torch.manual_seed(0)
    network = moved(local(fields=2)(BOX[0][:dimensions], BOX[1][:dimensions]))
    whole = of_one(network, tiling(dimensions), order=4)
    x, plan = inside(40, dimensions), plan_of(TEXTS[dimensions], dimensions)
    torch.testing.assert_close(whole(x), network(x), rtol=1e-13, atol=1e-13)
    for name, value in derivatives(whole, x, plan).items():
        expected = derivatives(network, x, plan)[name]
        assert (value - expected).norm() <= 1e-8 * expected.norm()
    one = functools.reduce(torch.add, of_windows(whole, x, plan))
    assert (one[0] - 1).abs().max() <= 1e-14 and one[1:].abs().max() <= 1e-8 * abs_of_windows(whole, x, plan)


def of_windows(network, x, plan):
    """All channels of each window at all points, (C, N, 1)."""
    slopes = torch.eye(x.shape[1], dtype=x.dtype).unsqueeze(1)
    members, whole = network.members(x), []
    for j, weight in network.weights(x, slopes, plan.kernels, members).items():
        whole.append(x.new_zeros(len(weight), len(x), 1).index_copy(1, members[j], weight))
    return whole


def abs_of_windows(network, x, plan):
    return max(float(window.abs().max()) for window in of_windows(network, x, plan))


def test_a_window_is_positive_within_its_reach_and_nothing_beyond():
    cells = tiling(2)
    network, x = partition(cells), inside(500, 2)
    plan = plan_of({"r": "lap(u)"}, 2, "u")
    below, above = (reach.abs() for reach in cells.reaches())
    for window, low, high in zip(of_windows(network, x, plan), cells.lower - below, cells.upper + above, strict=True):
        reached = ((low < x) & (x < high)).all(1)
        assert ((window[0, :, 0] > 0) == reached).all()
        assert not window[:, ~reached].any()


def test_a_network_counts_within_the_reach_of_its_cell_alone():
    network, x = partition(tiling(2)), inside(300, 2)
    before = network(x).detach()
    with torch.no_grad():
        network.networks[3].output.bias += 1
    changed = (network(x) - before)[:, 0].abs() > 1e-15
    reached = torch.zeros(300, dtype=torch.bool)
    reached[network.members(x)[3]] = True
    assert 5 < changed.sum() < 150 and (changed <= reached).all()


@pytest.mark.parametrize("name", CASES)
def test_one_cell_is_the_network_alone_exactly(name):
    network = partition(Cells.grid(BOX[0][:2], BOX[1][:2], [1, 1]), case(name), order=4)
    alone, x, plan = network.networks[0], inside(20, 2), plan_of(TEXTS[2], 2)
    assert torch.equal(network(x), alone(x))
    for engine in operators.ENGINES:
        (found, gradient), (expected, reference) = (values_and_gradients(n, x, plan, engine) for n in (network, alone))
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13 * float(expected.abs().max()))
        assert (gradient - reference).norm() <= 1e-13 * reference.norm()


@pytest.mark.parametrize(("here", "there"), [(1, 2), (2, 1), (2, 2)])
def test_a_state_of_other_cells_loads(here, there):
    make = case("mlp on fourier")
    one, other = (partition(tiling(2, n), make, order=4, seed=k) for k, n in enumerate((here, there)))
    x, plan = inside(20, 2), plan_of(TEXTS[2], 2)
    derivatives(one, x, plan)  # its windows were used before
    assert (len(one) == len(other)) == (here == there) and not torch.allclose(one(x), other(x))
    one.load_state_dict(other.state_dict())
    assert len(one) == len(other) == len(one.output) and torch.equal(one(x), other(x))
    for name, value in derivatives(one, x, plan).items():
        assert torch.equal(value, derivatives(other, x, plan)[name])
    assert all(p.dtype == torch.float64 for p in one.parameters())


def test_a_state_of_networks_of_other_widths_loads():
    one, other = partition(tiling(2, 1)), partition(tiling(2, 2), local(9))
    x = inside(20, 2)
    for k in range(3):
        other.networks[k] = one.networks[k]
    some = partition(tiling(2, 2))
    some.load_state_dict(other.state_dict())
    assert torch.equal(some(x), other(x))
    assert [network.output.in_features for network in some.networks] == [5] * 3 + [9] * (len(other) - 3)


def test_a_state_of_the_same_cells_keeps_the_parameters():
    """Optimizers go on with them."""
    one, other = (partition(tiling(2), seed=seed) for seed in (0, 1))
    before = list(map(id, one.parameters()))
    one.load_state_dict(other.state_dict())
    assert list(map(id, one.parameters())) == before and torch.equal(one(inside(9, 2)), other(inside(9, 2)))


def test_a_state_loads_where_the_partition_is_a_part_of_a_module():
    one, other = (nn.Sequential(partition(tiling(2, rounds))) for rounds in (1, 2))
    one.load_state_dict(other.state_dict())
    assert torch.equal(one(inside(20, 2)), other(inside(20, 2)))
    with pytest.raises(RuntimeError, match="Missing"):
        one.load_state_dict({k: v for k, v in other.state_dict().items() if "networks.1.output.bias" not in k})


def test_a_copy_is_the_same_function_of_its_own():
    one, x = partition(tiling(2)), inside(20, 2)
    other = copy.deepcopy(one)
    assert torch.equal(one(x), other(x))
    with torch.no_grad():
        other.networks[0].output.weight += 1
    assert not torch.equal(one(x), other(x))


def test_to_become_another_is_to_have_its_cells_and_networks():
    one, other, x = partition(tiling(2, 1)), partition(tiling(2, 2), seed=3), inside(20, 2)
    one(x)
    one.become(other)
    assert torch.equal(one(x), other(x)) and one.networks is other.networks


def strips():
    """One partition of the box below x = 1, one above it, and both, which meet there."""
    parts = []
    for k in range(2):
        (_, *lower), (_, *upper) = (list(ends[:2]) for ends in BOX)
        cells = Cells.grid([float(k), *lower], [k + 1.0, *upper], [2, 2 + k])
        parts.append(partition(cells, order=2, seed=k))
    corners = [torch.cat([getattr(part, name) for part in parts]) for name in CELLS]
    _, _, below, above, _ = corners
    above[:4][above[:4, 0] < 0, 0] = 0.0
    below[4:][below[4:, 0] < 0, 0] = 0.0
    networks = [network for part in parts for network in part.networks]
    return *parts, Partition(networks, *corners, parts[0].smoothness, parts[0].local)


def test_strips_meet_half_open_so_that_each_point_has_one_owner():
    lower, upper, both = strips()
    y = torch.linspace(-1, 1, 9, dtype=torch.float64)
    at = {x: torch.stack([torch.full_like(y, x), y], dim=1) for x in (0.0, 1 - 1e-12, 1.0, 1 + 1e-12, 2.0)}
    plan = plan_of({"a": "u_xx", "b": "u_xy", "c": "u"}, 2, "u")
    for x, points in at.items():
        owner = lower if x < 1 else upper
        torch.testing.assert_close(both(points), owner(points), rtol=1e-14, atol=0)
        for name, value in derivatives(both, points, plan).items():
            torch.testing.assert_close(value, derivatives(owner, points, plan)[name], rtol=1e-12, atol=1e-12)
        met = [k for k, rows in enumerate(both.members(points)) if len(rows)]
        assert met and all((k < 4) == (x < 1) for k in met)
    assert (lower(at[1.0]) - upper(at[1.0])).abs().min() > 1e-3  # no two networks alike


def test_some_cells_cover_their_part():
    lower, _, both = strips()
    x = inside(200, 2)
    first = both.some(0, 4)
    assert len(first) == 4 and all(map(lambda a, b: a is b, first.networks, lower.networks))
    assert both.covers(x).all() and torch.equal(first.covers(x), x[:, 0] < 1)
    assert torch.equal(both.some(4, len(both)).covers(x), x[:, 0] >= 1)
    here = x[first.covers(x)]
    torch.testing.assert_close(first(here), both(here), rtol=1e-14, atol=0)
    assert both.covers(x[:0]).shape == (0,)
    beyond = both.upper.amax(0, keepdim=True) + 1e-3  # the windows are 1 a little further, but nothing is solved there
    assert any(len(rows) for rows in both.members(beyond)) and not both.covers(beyond).any()


@pytest.mark.parametrize("alone", [False, True])
def test_jets_without_gradients_are_the_same_numbers_and_nothing_is_said(alone, caplog):
    network = partition(tiling(2), local(fields=2), order=4)
    if alone:
        network.requires_grad_(False)
    x, plan = inside(20, 2), plan_of(TEXTS[2], 2)
    reference = derivatives(network, x, plan, engine="autograd")
    with torch.no_grad(), caplog.at_level(logging.DEBUG):
        found = derivatives(network, x, plan)
        value = network(x)
    assert caplog.records == [] and not value.requires_grad
    for name, one in found.items():
        assert not one.requires_grad
        assert (one - reference[name]).norm() <= 1e-10 * reference[name].norm()


def test_no_points_have_no_values():
    network, plan = partition(tiling(2), local(fields=2), order=4), plan_of(TEXTS[2], 2)
    assert network(inside(0, 2)).shape == (0, 2) and network.outputs == 2
    for engine in operators.ENGINES:
        assert all(v.shape == (0,) for v in derivatives(network, inside(0, 2), plan, engine=engine).values())


def test_low_precision_is_near():
    network, x, plan = partition(tiling(2)), inside(50, 2), plan_of({"r": "lap(u)"}, 2, "u")
    exact = derivatives(network, x, plan)["r"].detach()
    low = derivatives(network.float(), x.float(), plan)["r"].detach()
    assert low.dtype == torch.float32 and 1e-9 < (low - exact).norm() / exact.norm() < 3e-5


POISSON = Problem(
    coordinates={"x": [0, 2], "y": [-1, 1]},
    fields=["u"],
    equations={"r": "lap(u) = -1"},
    conditions={"edge": "u(boundary) = 0", "side": "u(x=0) = u(x=2)"},
    enforce={"edge": "hard", "side": "soft"},
)


def test_conditions_can_be_built_around_a_partition_and_points_have_partners():
    residuals = Residuals(POISSON, partition(tiling(2)))
    interior, side = residuals.places
    x = inside(9, 2)
    points = {interior: Points(x), side: Points(x * torch.tensor([0.0, 1.0]))}
    assert residuals.disagreement(points) < 1e-10


LINE = Problem(
    coordinates={"x": [-1, 1]}, fields=["u"], equations={"r": "u_xx = -sin(pi*x)"}, conditions={"e": "u(boundary) = 0"}
)


@pytest.mark.parametrize(("optimizer", "steps"), [("adam", 60), ("lbfgs", 6)])
def test_gradients_train_it(optimizer, steps):
    network = partition(Cells.grid([-1.0], [1.0], [3]), local(10))
    residuals = Residuals(LINE, network)
    points = {place: Points(torch.linspace(-1, 1, 30, dtype=torch.float64)[:, None]) for place in residuals.places}
    parameters = list(residuals.parameters())
    method = {
        "adam": lambda: torch.optim.Adam(parameters, lr=0.01),
        "lbfgs": lambda: torch.optim.LBFGS(parameters, line_search_fn="strong_wolfe"),
    }[optimizer]()

    def closure():
        losses, gradient = residuals.gradient(points, {})
        for parameter, found in zip(parameters, gradient, strict=True):
            parameter.grad = found
        return sum(losses.values())

    first = float(closure())
    for _ in range(steps):
        method.step(closure)
    assert float(closure()) < 0.3 * first and all(p.grad.any() for p in parameters)


def test_the_jacobian_in_the_parameters_is_that_row_by_row():
    """By the reference engine, which says so: a partition keeps no tape."""
    residuals = Residuals(LINE, partition(Cells.grid([-1.0], [1.0], [3]), local(4)))
    (place,) = residuals.places
    points = {place: Points(torch.linspace(-1, 1, 9, dtype=torch.float64)[:, None])}
    r, jacobian = residuals.linearise(points, {})
    losses, gradient = residuals.gradient(points, {})
    torch.testing.assert_close(2 * jacobian.T @ r, torch.cat([g.flatten() for g in gradient]))
    torch.testing.assert_close(r @ r, sum(losses.values()))
    points = {place: Points(torch.tensor([[-0.9]], dtype=torch.float64))}
    (row,) = residuals.linearise(points, {})[1]
    assert row[: len(row) // 3].any() and not row[len(row) // 3 :].any()  # of the first cell alone
