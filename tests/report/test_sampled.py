"""Slices of every kind of domain, and what is sampled in them."""

import base64

import numpy as np
import pytest
import torch

from pinn.geometry import Box
from pinn.plots import slices
from pinn.plots.views import POSITIONS
from pinn.report import sampled as module
from pinn.report.sampled import sampled, size


class Swept(Box):
    """A box whose `nu` is a parameter."""

    @property
    def spatial(self):
        return tuple(i for i in super().spatial if self.names[i] != "nu")


def named(domain):
    names = domain.names
    return [
        ([names[i] for i in one.axes], None if one.along is None else names[one.along], len(one.positions))
        for one in slices(domain)
    ]


def test_slices_of_every_kind_of_domain():
    unit = lambda *names: Swept(dict.fromkeys(names, (0, 1)))  # noqa: E731
    times, through = POSITIONS
    assert named(unit("x")) == [(["x"], None, 1)]
    assert named(unit("x", "t")) == [(["t", "x"], None, 1)]
    assert named(unit("x", "y", "t")) == [(["x", "y"], "t", times)]
    assert named(unit("t", "x", "nu")) == [(["t", "x"], "nu", times)]
    assert named(unit("x", "nu")) == [(["x", "nu"], None, 1)]
    planes = [(["x", "y"], "z", through), (["x", "z"], "y", through), (["y", "z"], "x", through)]
    assert named(unit("x", "y", "z")) == planes
    assert named(unit("t", "x", "y", "z")) == [(["x", "y"], "t", times)]
    assert named(unit(*"abcde")) == [(["a", "b"], "c", through)]


def test_slices_stay_off_the_faces_of_space_and_take_both_ends_of_time():
    (still,) = slices(Box({"t": (0, 2), "x": (0, 1), "y": (0, 1)}))
    assert still.positions[0] == 0 and still.positions[-1] == 2 and still.at(0) == {0: 0.0, 1: 0.5, 2: 0.5}
    (first, *_) = slices(Box({"x": (0, 1), "y": (0, 1), "z": (0, 1)}))
    assert first.positions[0] > 0 and first.positions[-1] < 1


def numbers(entry, key="values"):
    return np.frombuffer(base64.b64decode(entry[key]), "<f4")


class Known:
    """A solution whose values are known."""

    def __init__(self, problem, estimated_error=None, cells=None):
        self.problem, self.estimated_error, self.cells = problem, estimated_error, cells

    def predict(self, x):
        return torch.stack([x.sum(1) + k for k in range(len(self.problem.fields))], dim=1)

    def interior_residuals(self, x):
        return {"momentum": x[:, 0] - 0.25}


def test_values_are_where_they_belong(stokes):
    (one,) = sampled(Known(stokes))
    (x0, x1, n), (y0, y1, _) = one["lines"]
    assert one["axes"] == ["x", "y"] and one["to_scale"] and one["slider"]["name"] == "t" and one["held"] == {}
    t = np.array(one["slider"]["values"])
    x, y = np.linspace(x0, x1, n), np.linspace(y0, y1, n)
    values = numbers(one["fields"]["v"]).reshape(len(t), n, n)
    inside = np.hypot(x[None, :] - 0.6, y[:, None] - 0.5) >= 0.2
    assert np.isnan(values[0][np.hypot(x[None, :] - 0.6, y[:, None] - 0.5) < 0.15]).all()
    expected = t[:, None, None] + x[None, None, :] + y[None, :, None] + 1
    np.testing.assert_allclose(values[:, inside], expected[:, inside], rtol=1e-6)
    assert "error" not in one["fields"]["v"]
    low, high = one["residuals"]["momentum"]["range"]
    assert low == -high == pytest.approx(0.75, rel=1e-2) or high == pytest.approx(0.75, rel=1e-2)


def test_the_outline_runs_along_the_edge(stokes):
    (one,) = sampled(Known(stokes))
    (hole,) = one["outlines"][0]
    radius = np.hypot(np.array(hole[0]) - 0.6, np.array(hole[1]) - 0.5)
    assert abs(radius - 0.2).max() < 0.02 and len(one["outlines"]) == 1


def test_the_truth_is_the_prediction_less_the_error(line):
    (one,) = sampled(Known(line))
    entry, x = one["fields"]["u"], np.linspace(0, 1, module.LINE)
    np.testing.assert_allclose(numbers(entry) - numbers(entry, "error"), np.sin(np.pi * x), atol=1e-6)
    assert one["outlines"] == [] and one["slider"] is None and not one["to_scale"]


def test_the_estimated_error_and_the_cells_are_where_they_belong(stokes, line):
    (one,) = sampled(Known(stokes))
    assert one["cells"] == [] and "estimate" not in one["fields"]["u"]
    lower, upper = (
        torch.tensor([[0.0, 0, 0], [0.5, 0, 0], [0.5, 1, 0]]),
        torch.tensor([[0.5, 2, 1], [1, 1, 1], [1, 2, 1]]),
    )
    (one,) = sampled(Known(stokes, lambda x: x[:, :1] + torch.tensor([1.0, 2.0, 3.0]), (lower, upper)))
    times = one["slider"]["values"]
    found = numbers(one["fields"]["v"], "estimate").reshape(len(times), -1)
    assert np.nanmax(found, axis=1) == pytest.approx(np.array(times) + 2, rel=1e-6)
    assert one["fields"]["v"]["estimate_range"] == pytest.approx((3e-4, 3))
    assert [cells for t, cells in zip(times, one["cells"], strict=True) if t < 0.5] == [[]] * sum(
        t < 0.5 for t in times
    )
    assert [cells for t, cells in zip(times, one["cells"], strict=True) if t > 0.5][0] == [[1, 0, 1, 1]]
    (one,) = sampled(Known(line, None, (torch.tensor([[0.0], [0.25]]), torch.tensor([[0.25], [1.0]]))))
    assert one["cells"] == [[0.25]]


def test_a_page_has_a_bounded_size(stokes, line):
    for problem, estimate in ((stokes, None), (line, None), (stokes, lambda x: x)):
        shown = sampled(Known(problem, estimate))
        keys = ["values"] if estimate is None else ["values", "estimate"]
        count = sum(numbers(entry, key).size for one in shown for entry in one["fields"].values() for key in keys)
        assert count <= module.NUMBERS


def test_the_size_of_a_page_is_the_number_of_points_of_its_grids(stokes, line):
    for problem in (stokes, line):
        (one,) = sampled(Known(problem))
        assert size(problem) == numbers(next(iter(one["fields"].values()))).size
