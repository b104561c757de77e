"""Refinement on problems with known solutions: where cells go, how strips of time follow, what the estimate says."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from refinements import error, pendulum, refinement, transport
from scipy.integrate import solve_ivp

from pinn.partition import Cells, Refinement, corners, gains, refine
from pinn.partition import refinement as module
from pinn.partition.system import Sampled
from pinn.problem import Problem
from pinn.solution import held_out


def refined(problem: Problem, features: int, levels: int = 30, seed: int = 0) -> Refinement:
    found = refinement(problem, features, seed=seed)
    while not found.ended and len(found.levels) < levels:
        found.advance()
    return found


def layer() -> Problem:
    """A boundary layer at x = 1, a hundredth of the domain wide, and the same at each y."""
    return Problem(
        coordinates={"x": [0, 1], "y": [0, 1]},
        fields=["u"],
        parameters={"eps": 0.01},
        functions={"f": "manufactured"},
        equations={"convection": "-eps*lap(u) + u_x = f"},
        conditions={"edge": "u(boundary) = x - exp((x - 1)/eps)"},
        enforce="soft",
        exact={"u": "x - exp((x - 1)/eps)"},
    )


def waves(k: float) -> Problem:
    return Problem(
        coordinates={"x": [0, 1], "y": [0, 1]},
        fields=["u"],
        parameters={"k": k},
        equations={"helmholtz": "lap(u) + k**2*u = 0"},
        conditions={"edge": "u(boundary) = sin(k*(0.6*x + 0.8*y))"},
        enforce="soft",
        exact={"u": "sin(k*(0.6*x + 0.8*y))"},
    )


def test_a_layer_gets_narrow_cells_along_it_alone():
    problem = layer()
    found = refined(problem, 80, levels=6)
    assert error(problem, found) < 1e-3
    cells = found.partition
    widths = cells.upper - cells.lower
    assert cells.lower[widths[:, 0].argmin(), 0] > 0.7
    assert widths[:, 0].max() >= 4 * widths[:, 0].min()
    flat = widths[:, 1] / widths[:, 0]
    assert bool((flat >= 1).all()) and float(flat.max()) >= 4


def test_cells_without_a_part_of_the_domain_are_left_out():
    disk = {"disk": {"center": [0, 0], "radius": 1}}
    problem = Problem(
        coordinates={"x": [-1, 1], "y": [-1, 1]}, domain=disk, fields=["u"], equations={"bend": "lap(u) = exp(x)"},
        conditions={"rim": "u(boundary) = exp(x)"}, enforce="soft", exact={"u": "exp(x)"},
    )  # fmt: skip
    problem = Problem(**{**problem.definition, "equations": {"bend": "lap(u) = 40*(u - exp(x)) + exp(x)"}})
    found = refinement(problem, 30)
    found.advance()
    for _ in range(3):
        found.strip.tiling, _ = found.strip.tiling.halved(torch.ones(len(found.strip.tiling), 2, dtype=torch.bool))
    found.strip.crowding = torch.ones(len(found.strip.tiling))
    found.advance()
    assert len(found.partition) < 4**4
    assert error(problem, found) < 1e-3


@pytest.mark.parametrize("k", [10.0, 25.0])
def test_the_estimate_is_about_the_error(k):
    problem = waves(k)
    found = refined(problem, 100)
    true, estimate = error(problem, found), found.estimate
    assert estimate is not None and "below" in (found.ended or "") or len(found.levels) > 2
    assert true / 10 < estimate["u"] < 100 * true


def test_the_estimate_of_a_level_that_is_wrong_is_large():
    problem = waves(25.0)
    found = refined(problem, 100, levels=2)
    assert found.estimate is not None and found.estimate["u"] > error(problem, found) / 10 > 1e-4


def test_all_seeds_solve_it():
    assert all(error(waves(10.0), refined(waves(10.0), 100, seed=seed)) < 1e-8 for seed in (1, 2))


def test_strips_of_time_follow_each_other_without_a_gap():
    found = refined(pendulum(12), 30)
    assert found.ended == "the time is over" and found.estimate is not None and found.estimate["u"] < 1e-8
    times = [strip.times for strip in [*found.done, found.strip]]
    assert times[0][0] == 0 and times[-1][1] == 12
    assert all(a[1] == b[0] for a, b in zip(times, times[1:], strict=False))
    t = np.linspace(0, 12, 241)
    true = solve_ivp(lambda _, y: [y[1], -np.sin(y[0])], (0, 12), [2, 0], rtol=1e-12, atol=1e-12, t_eval=t).y[0]
    with torch.no_grad():
        u = found.partition(torch.from_numpy(t)[:, None])[:, 0].numpy()
    assert np.linalg.norm(u - true) < 1e-9 * np.linalg.norm(true)
    for end in {b for _, b in times[:-1]}:  # one owner each, and the same value from either side
        with torch.no_grad():
            sides = found.partition(torch.tensor([[np.nextafter(end, 0)], [end]], dtype=torch.float64))
        assert float((sides[0] - sides[1]).abs()) < 1e-8


def reactor(jacket: float) -> Problem:
    """A stirred reactor with Arrhenius' law; at 280 K it is at rest, at 305 K it ignites and oscillates."""
    return Problem(
        coordinates={"t": [0, 10]}, fields=["T", "C"],
        parameters={"Tj": jacket}, functions={"k": "7.2e10*exp(-8750/T)"},
        equations={
            "energy": "T_t = 350 - T + 5e4/239*k*C + 5e4/23900*(Tj - T)",
            "mass": "C_t = 1 - C - k*C",
        },
        conditions={"T0": "T(t=0) = 324.475443431599", "C0": "C(t=0) = 0.87725294608097"}, enforce="soft",
    )  # fmt: skip


@pytest.mark.parametrize("jacket", [280.0, 305.0])
def test_a_reactor_that_ignites(jacket):
    problem, t = reactor(jacket), np.linspace(0, 10, 501)
    found = refined(problem, 30, levels=300)

    def slope(_, y):
        rate = 7.2e10 * np.exp(-8750 / y[0]) * y[1]
        return [350 - y[0] + 5e4 / 239 * rate + 5e4 / 23900 * (jacket - y[0]), 1 - y[1] - rate]

    begins = [324.475443431599, 0.87725294608097]
    true = solve_ivp(slope, (0, 10), begins, "Radau", rtol=1e-11, atol=1e-12, t_eval=t).y
    with torch.no_grad():
        values = found.partition(torch.from_numpy(t)[:, None]).numpy().T
    wrong = np.linalg.norm(values - true, axis=1) / np.linalg.norm(true, axis=1)
    assert found.ended == "the time is over" and found.converged
    assert wrong.max() < 1e-7
    assert max(*found.estimate.values(), 1e-12) > wrong.max() / 10  # or rounding


@pytest.mark.parametrize(("problem", "most"), [(pendulum(12), 30), (waves(25.0), 5)])
def test_a_state_goes_on_as_if_nothing_had_been(problem, most):
    whole, first = refinement(problem, 30), refinement(problem, 30)
    for _ in range(3):
        whole.advance()
        first.advance()
    second = refinement(problem, 30)
    second.load(first.state(), first.partition)
    while not whole.ended and len(whole.levels) < most:
        a, b = whole.advance(), second.advance()
        assert (a.strip, a.cells, a.residual) == (b.strip, b.cells, b.residual)
    assert second.ended == whole.ended
    assert all(a.equal(b) for a, b in zip(whole.partition.parameters(), second.partition.parameters(), strict=True))


def test_cells_are_idle_in_time_that_twice_as_long_would_not_be_halved():
    rough = torch.tensor([[1e-5, 1.0], [0.1, 1.0], [1e-7, 1e-6]], dtype=torch.float64)
    assert refine.idle(rough, 0).tolist() == [True, False, True]  # the last matters to nobody
    doubled = rough * torch.tensor([4.0**refine.ORDER, 1.0])
    assert not bool(refine.directions(doubled, True)[0, 0])


def test_it_ends_when_the_time_for_it_is_over():
    found = refinement(waves(60.0), 60, budget=0.0)
    found.advance()
    assert found.ended == "the next level would take too long"


@pytest.mark.parametrize(
    ("estimates", "ended"),
    [
        ([1.0, 0.1, 0.01, 1e-3, 1e-3, 9e-4, 2e-3, 8e-4, 6e-4], "4 levels have gained little"),
        ([1.0, 0.1, 0.01, 1e-3, 1e-3, 9e-4, 2e-3, 8e-4, 4e-4], None),
        ([1.0, 0.1, 0.01, 1e-3, 1e-3, 9e-4, 8e-4], None),
    ],
)
def test_levels_that_do_not_halve_the_estimate_are_the_last(estimates, ended):
    found = refinement(waves(5.0), 20)
    found.advance()
    like = replace(found.levels[0], residual=0.1)  # where the corner is, much is left at every level
    found.levels = [replace(like, estimate={"u": e}) for e in estimates]
    assert found._end(found.levels[-1]) == ended


def peaked(corner):
    """What looks at parts, where all that is left lies in a corner."""
    corner = torch.tensor(corner, dtype=torch.float64)

    def look(parts, of):
        within = ((parts.lower <= corner) & (corner < parts.upper)).all(dim=1)
        return torch.where(within, 1.0, 0.01).double()

    return look


def test_cells_are_halved_no_further_than_points_can_be_told_apart():
    """All that is left lies at one end: level by level, the cell there is halved, until it is as small as may be."""
    tiling, look = Cells.grid([0.0], [1.0], [1]), peaked([0.0])
    for _ in range(40):
        here = look(tiling, None)
        along = torch.ones(len(tiling), 1, dtype=torch.bool)
        tiling, _ = refine.refined(tiling, here, refine.marked(here), along, look)
    assert 2.0**-28 <= float(tiling.widths.min()) <= 2.0**-26


def test_a_peak_is_approached_by_many_halvings_at_once():
    tiling, parents = refine.refined(
        Cells.grid([0.0, 0.0], [1.0, 1.0], [2, 2]),
        torch.tensor([1.0, 0.5, 0.05, 0.05], dtype=torch.float64),
        torch.tensor([True, True, False, False]),
        torch.ones(4, 2, dtype=torch.bool),
        peaked([0.3, 0.2]),
    )
    smallest = tiling.widths.prod(dim=1).argmin()
    assert float(tiling.widths[smallest, 0]) == 2.0 ** -(2 + refine.DEPTH)
    assert bool((tiling.lower[smallest] <= torch.tensor([0.3, 0.2])).all())
    assert int(parents[smallest]) == 0
    far = (parents == 1) & (tiling.lower[:, 1] == 0.75)  # as much is left there, but without a peak
    assert tiling.widths[far].tolist() == [[0.25, 0.25]] * 2
    assert abs(float(tiling.widths.prod(dim=1).sum()) - 1) < 1e-12


def test_without_a_peak_cells_are_halved_once():
    tiling, _ = refine.refined(
        Cells.grid([0.0, 0.0], [1.0, 1.0], [1, 1]),
        torch.ones(1, dtype=torch.float64),
        torch.ones(1, dtype=torch.bool),
        torch.ones(1, 2, dtype=torch.bool),
        lambda parts, of: torch.ones(len(parts), dtype=torch.float64),
    )
    assert len(tiling) == 4


def test_a_slope_at_the_end_of_a_line_is_not_left_to_a_small_cell():
    """A fast coefficient, without a source: a constant solves the equation, and all there is comes from the slope."""
    problem = Problem(
        coordinates={"x": [0, 1]},
        fields=["u"],
        functions={
            "a": "2 + sin(40*x)",
            "q": "2 - sqrt(3)",
            "U": "(x + atan(q*cos(40*x)/(1 + q*sin(40*x)))/20)/sqrt(3)",
        },
        equations={"conduction": "d(a*u_x, x) = 0"},
        conditions={"left": "u(x=0) = U", "flux": "a*u_x(x=1) = 1"},
        enforce="soft",
        exact={"u": "U"},
    )
    found = refined(problem, 30)
    assert error(problem, found) < 1e-8


def test_cells_to_begin_with_are_about_as_long_as_wide():
    channel = Problem(
        coordinates={"t": [0, 1], "x": [0, 2.2], "y": [0, 0.41]},
        fields=["u"],
        equations={"heat": "u_t = lap(u)"},
        conditions={"start": "u(t=0) = 0", "edge": "u(boundary) = 0"},
        enforce="soft",
    )
    assert refinement(channel, 20).strip.tiling.widths.tolist() == [[1.0, 0.55, 0.41]] * 4


def test_the_corner_of_an_l_gets_small_cells_and_the_plane_few():
    """Mitchell 2013: u = r^(2/3) at the corner, which cells of one size would find with an error of h^(4/3)."""
    problem = Problem.load("poisson_l_shape")
    found = refined(problem, 60, levels=5)
    cells = found.partition
    widths = cells.upper - cells.lower
    smallest = widths.prod(dim=1).argmin()
    assert float(widths.min()) < 1e-3 and len(cells) < 500
    assert (cells.lower[smallest] + cells.upper[smallest]).norm() / 2 < 0.01  # the corner is at the origin
    assert error(problem, found) < 1e-5
    assert max(found.estimate.values()) < 20 * error(problem, found)


def test_where_a_wall_changes_from_held_to_insulated_cells_become_small_at_once(monkeypatch):
    """Motz 1947: u = r^(1/2) there, which spoils all the rest where that is not seen as a corner."""
    problem = Problem(
        coordinates={"x": [-1, 1], "y": [0, 1]},
        fields=["u"],
        functions={"X": "x - 3/10", "U": "sqrt((sqrt(X**2 + y**2) + X)/2)"},
        equations={"laplace": "lap(u) = 0"},
        conditions={
            "floor": "where(x < 3/10, u, u_y)(y=0) = 0",
            "right": "u(x=1) = U",
            "left": "u(x=-1) = U",
            "top": "u(y=1) = U",
        },
        enforce="soft",
        exact={"u": "U"},
    )
    found = refined(problem, 100, levels=4)
    cells, wrong = Cells.of(found.partition), error(problem, found)
    smallest = cells.centres[cells.widths.prod(dim=1).argmin()]
    assert float(cells.widths.min()) < 1e-3 and len(cells) < 200
    assert (smallest - torch.tensor([0.3, 0.0])).abs().max() < 1e-3
    assert wrong < 1e-3 and max(found.estimate.values()) > wrong / 10
    monkeypatch.setattr(refine, "AGAIN", 0)
    monkeypatch.setattr(corners, "LIGHT", 0.0)
    assert error(problem, refined(problem, 100, levels=4)) > 10 * wrong


def test_a_string_over_an_obstacle(monkeypatch):
    """It is straight to where it touches the parabola: there min(-u_xx, u - psi) becomes the other part at once."""
    problem = Problem(
        coordinates={"x": [0, 1]},
        fields=["u"],
        functions={"psi": "1/2 - 8*(x - 1/2)**2", "s": "min(x, 1 - x)", "a": "sqrt(3)/4"},
        equations={"obstacle": "min(-u_xx, u - psi) = 0"},
        conditions={"ends": "u(boundary) = 0"},
        enforce="soft",
        exact={"u": "where(s < a, 16*(1/2 - a)*s, psi)"},
    )
    found = refined(problem, 30, levels=6)
    wrong = error(problem, found)
    assert wrong < 1e-5 and wrong / 10 < found.estimate["u"] < 100 * wrong
    monkeypatch.setattr(Sampled, "weigh", lambda self, values: None)
    assert error(problem, refined(problem, 30, levels=6)) > 10 * wrong


def test_a_linear_evolution_is_cut_where_all_of_time_at_once_is_dear(monkeypatch):
    monkeypatch.setattr(module, "CHEAP", 0.1)
    problem = transport(4)
    found, again = refinement(problem, 40), refinement(problem, 40)
    while not found.ended and not found.marching:
        found.advance()
    assert 2 <= len(found.levels) < 8 and found.levels[-1].strip is None
    again.load(found.state(), found.partition)
    level, other = found.advance(), again.advance()
    assert (level.strip, level.residual) == (other.strip, other.residual)
    while not found.ended and len(found.done) < 2:
        found.advance()
    times = [strip.times for strip in found.done]
    assert times[0][0] == 0 and all(a[1] == b[0] for a, b in zip(times, times[1:], strict=False))
    x, true = held_out(problem, 2**12), problem.exact_values
    x = x[x[:, 1] < times[-1][1]]
    with torch.no_grad():
        wrong = float((found.partition(x) - true(x)).norm() / true(x).norm())
    assert wrong < 1e-4
    assert max(found.estimate.values()) > wrong / 10


def test_a_linear_evolution_that_all_of_time_at_once_holds_is_not_cut():
    found = refined(transport(1), 60)
    assert not found.marching and error(transport(1), found) < 1e-8


def test_a_linear_evolution_whose_cells_last_as_long_as_all_of_time_is_not_cut(monkeypatch):
    """Ten waves across, of which time changes the height alone: strips would be one, begun anew."""
    monkeypatch.setattr(module, "CHEAP", 0.01)
    problem = Problem(
        coordinates={"t": [0, 1], "x": [0, 1]},
        fields=["u"],
        equations={"heat": "u_t = u_xx/1000"},
        conditions={"start": "u(t=0) = sin(20*pi*x)", "ends": "u(boundary) = 0"},
        enforce="soft",
        exact={"u": "sin(20*pi*x)*exp(-(20*pi)**2/1000*t)"},
    )
    found = refinement(problem, 30)
    looked = [found._is_better_cut() for _ in range(4) if found.advance() and not found.marching]
    assert not found.marching and not any(looked)
    monkeypatch.setattr(module.Refinement, "_as_long_as_cells", lambda self: 0.5)
    cut = refinement(problem, 30)
    for _ in range(4):
        cut.advance()
    assert cut.marching


@pytest.mark.parametrize(("space", "cut"), [(("x", "y"), True), (("x",), False)])
def test_a_first_strip_that_is_dear_is_cut_where_space_has_two_coordinates(space, cut, monkeypatch):
    """Whatever has been gained: the price of cells that are halved along time as well grows faster."""
    for name in ("CHEAP", "POOR", "FALLS"):
        monkeypatch.setattr(module, name, 0.0)
    monkeypatch.setattr(module, "START", 1.0)  # a few cells hold what time begins with
    lap = " + ".join(f"u_{z}{z}" for z in space)
    problem = Problem(
        coordinates={"t": [0, 8], **{z: [0, 1] for z in space}}, fields=["u"], enforce="soft",
        equations={"fisher": f"u_t = ({lap})/50 + 8*u*(1 - u)"},
        conditions={"start": "u(t=0) = 0.1", "walls": "dn(u)(boundary) = 0"},
    )  # fmt: skip
    found = refinement(problem, 30)
    found.length = 8.0
    while not found.ended and not found.done and found.length == 8 and len(found.strip.levels) < 2:
        found.advance()
    assert (found.length < 8 and found.first is not None) is cut
    if cut:
        assert found.strip.interval == (0, found.length) and not found.strip.levels


def test_waves_known_by_values_at_a_point_are_found(monkeypatch):
    """Zero, and a bend at the point, is all that large cells can do, and smaller ones at the point do it no better."""
    problem = Problem(
        coordinates={"x": [-60, 60]},
        fields=["y"],
        equations={"ode": "y_xx/2 + y = 0"},
        conditions={"value": "y(x=0) = 1", "slope": "y_x(x=0) = 0"},
        enforce="soft",
        exact={"y": "cos(sqrt(2)*x)"},
    )
    assert error(problem, refined(problem, 30, levels=14)) < 1e-6
    monkeypatch.setattr(gains, "EASY", 0.0)
    assert error(problem, refined(problem, 30, levels=14)) > 0.1


def many(fields: int) -> Problem:
    names = [f"u{k}" for k in range(fields)]
    return Problem(
        coordinates={"x": [0, 1]}, fields=names, enforce="soft",
        equations={f"e{k}": f"{name}_xx = {name}" for k, name in enumerate(names)},
        conditions={f"left{k}": f"{name}(x=0) = 1" for k, name in enumerate(names)}
        | {f"right{k}": f"{name}(x=1) = 1" for k, name in enumerate(names)},
    )  # fmt: skip


@pytest.mark.parametrize(("memory", "seconds", "fewer"), [(1e12, 1e6, False), (2e6, 1e6, True), (1e12, 1e-3, True)])
def test_many_fields_begin_with_fewer_features_where_memory_or_time_is_little(memory, seconds, fewer):
    found = refinement(many(8), 40, budget=seconds)
    found.worth.memory = memory
    assert (found.strip.local.features < 40) == fewer and found.strip.usual == found.strip.local.features >= 10
    level = found.advance()
    assert level.unknowns == 8 * (found.strip.solved_with.features + 1)
    assert 16 * 2.5 * level.unknowns**2 <= 2 * memory


@pytest.mark.slow
def test_a_level_that_goes_astray_is_not_kept():
    """A fluid in a channel, whose viscosity is infinite in the middle, where its shear is zero."""
    problem = Problem(
        coordinates={"y": [-1, 1]}, fields=["u"], equations={"momentum": "d(sqrt(abs(u_y))*sign(u_y), y) = -1"},
        conditions={"low": "u(y=-1) = 0", "high": "u(y=1) = 0"}, enforce="soft", exact={"u": "(1 - abs(y)**3)/3"},
    )  # fmt: skip
    found = refined(problem, 30)
    assert not found.levels[-1].gained
    wrong = error(problem, found)
    assert wrong < 2e-3 and wrong / 10 < found.estimate["u"] < 100 * wrong
