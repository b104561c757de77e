import math

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from matplotlib.image import imread

from pinn import plots
from pinn.geometry import Ball, Box, Cuboid, Difference, Region
from pinn.plots import SEQUENTIAL, SHADES, history, pictures, portrait, views

DOMAINS = {
    "line": Box({"x": (0, 1)}),
    "plane": Box({"x": (0, 2.2), "y": (0, 0.41)}),
    "time-space": Box({"x": (-1, 1), "t": (0, 1)}),
    "space": Box({"x": (0, 1), "y": (0, 1), "z": (0, 2)}),
    "time-plane": Box({"t": (0, 3), "x": (0, 1), "y": (0, 1)}),
    "hole": Region(Difference(Cuboid([[0, 1], [0, 1]]), Ball([0.5, 0.5], 0.3)), Box({"x": (0, 1), "y": (0, 1)})),
    "tube": Region(
        Difference(Cuboid([[0, 1], [0, 1]]), Ball([0.5, 0.5], 0.3)), Box({"x": (0, 1), "t": (0, 2), "y": (0, 1)})
    ),
}


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setitem(plots.STYLE, "savefig.dpi", 60)  # half the time


def wave(x):
    return torch.sin(3 * x).prod(1, keepdim=True)


def residuals(x):
    return {"momentum_x": torch.cos(x).prod(1).requires_grad_(), "continuity": 1e-9 * x[:, 0]}


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS.keys())
def test_pictures_of_every_kind_of_domain(domain, tmp_path):
    paths = pictures(domain, ["u"], lambda x: wave(x) + 1e-6, wave, residuals, tmp_path / "run")
    assert [path.name for path in paths] == ["field.png", "exact.png", "error.png", "residual.png"]
    for path in paths:
        assert imread(path)[..., :3].std() > 0.05  # something is drawn
    images = [imread(path)[..., :3] for path in paths[:3]]
    rows, columns = np.min([image.shape[:2] for image in images], axis=0)
    field, exact, error = (image[:rows, :columns] for image in images)
    assert abs(field - exact).mean() < 0.5 * abs(field - error).mean()  # truth and prediction share their colours


def test_only_what_there_is(tmp_path):
    box = DOMAINS["line"]
    assert [p.name for p in pictures(box, ["u"], wave, None, None, tmp_path)] == ["field.png"]


@pytest.mark.parametrize("value", [0.0, 1.0, math.nan, math.inf])
@pytest.mark.parametrize("domain", ["line", "plane"])
def test_odd_values_still_give_pictures(domain, value, tmp_path):
    constant = lambda x: torch.full((len(x), 1), value)  # noqa: E731
    zero = lambda x: torch.zeros(len(x), 1)  # noqa: E731
    assert len(pictures(DOMAINS[domain], ["u"], constant, zero, None, tmp_path)) == 3


def test_views_look_where_they_say():
    (plane,) = views(DOMAINS["time-space"])
    assert plane.labels == ("t", "x") and plane.caption == ""  # time to the right, whatever the order
    assert plane.points[0].tolist() == [-1.0, 0.0] and plane.points[1, 1] == 0  # columns stay in the domain's order
    (middle,) = views(DOMAINS["space"])
    assert middle.caption == "z = 1" and (middle.points[:, 2] == 1).all()
    times = views(DOMAINS["time-plane"])
    assert [view.caption for view in times] == ["t = 0", "t = 1", "t = 2", "t = 3"]
    assert [view.points[0, 0].item() for view in times] == [0.0, 1.0, 2.0, 3.0]
    for view in times:
        low, high = view.points.min(0).values, view.points.max(0).values
        assert low[1:].tolist() == [0, 0] and high[1:].tolist() == [1, 1]


class Swept(Box):
    """A box whose `nu` is a parameter."""

    @property
    def spatial(self):
        return tuple(i for i in super().spatial if self.names[i] != "nu")


def test_views_of_families_of_problems():
    (plane,) = views(Swept({"nu": (1, 9), "x": (0, 1)}))
    assert plane.labels == ("x", "nu") and not plane.to_scale
    values = views(Swept({"x": (0, 1), "nu": (1, 9), "t": (0, 2)}), (0.0, 0.5, 1.0))
    assert [view.labels for view in values] == [("t", "x")] * 3
    assert [view.caption for view in values] == ["nu = 1", "nu = 5", "nu = 9"]
    planes = views(Swept({"x": (0, 1), "y": (0, 1), "nu": (1, 9)}))
    assert [view.labels for view in planes] == [("x", "y")] * 4 and planes[0].to_scale
    moving = views(Swept({"t": (0, 3), "x": (0, 1), "y": (0, 1), "nu": (1, 9)}))
    assert [view.caption for view in moving] == [f"t = {t}, nu = 5" for t in range(4)]


def test_what_is_held_is_named_shortly():
    (view,) = views(Box(dict.fromkeys("abcefg", (0, 1))))
    assert view.caption == "c = ... = g = 0.5"
    (view,) = views(Box({"x": (0, 1), "y": (0, 1), "z": (0, 1), "v": (0, 1), "w": (0, 4)}))
    assert view.caption == "z = v = 0.5, w = 2"


def test_pictures_are_the_right_way_up(tmp_path):
    box = Box({"x": (0, 1), "y": (0, 1)})
    corner = lambda x: ((x[:, 0] > 0.6) & (x[:, 1] > 0.6)).double()[:, None]  # noqa: E731
    (path,) = pictures(box, ["u"], corner, None, None, tmp_path)
    image = imread(path)[..., :3]
    yellow = np.argwhere((image[..., 0] > 0.9) & (image[..., 1] > 0.8) & (image[..., 2] < 0.3))
    row, column = np.median(yellow, axis=0) / image.shape[:2]
    assert row < 0.4 and 0.4 < column < 0.8  # large x to the right, large y up


def test_what_lies_outside_is_neither_asked_for_nor_drawn(tmp_path):
    hole = DOMAINS["hole"]

    def radius(x):
        r = torch.hypot(x[:, 0] - 0.5, x[:, 1] - 0.5)
        assert r.min() >= 0.3
        return r[:, None]

    def middle(domain, function):
        (path,) = pictures(domain, ["u"], function, None, None, tmp_path)
        height, width, _ = (image := imread(path)).shape
        return image[height // 2 - 5 : height // 2 + 5, int(0.4 * width) : int(0.4 * width) + 10, :3]

    assert (middle(hole, radius) == 1).all()
    assert not (middle(hole.box, wave) == 1).all()  # the check sees a picture without a hole


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS.keys())
def test_portraits_are_small_files_in_even_colours(domain, tmp_path):
    path = portrait(domain, ["u", "v"], lambda x: torch.cat([wave(x), 3 * wave(x)], 1), tmp_path / "new" / "truth.png")
    assert path.stat().st_size < 25_000
    image = imread(path)[..., :3]
    assert image.std() > 0.05
    colours = np.unique(np.rint(255 * image[image.std(-1) > 0.1]), axis=0)
    mapped = np.rint(255 * colormaps[SEQUENTIAL](np.linspace(0, 1, SHADES[0]))[:, :3])
    shown = sum((colour == mapped).all(1).any() for colour in colours)
    assert shown > 0.8 * SHADES[0] if domain.names != ("x",) else shown == 0


def test_a_singularity_does_not_swallow_the_colours():
    x = torch.linspace(-1, 1, 1001, dtype=torch.float64).numpy()
    assert plots.value_range(x) == (-1, 1)
    low, high = plots.value_range(np.where(abs(x - 0.5) < 1e-3, 1e10, x))
    assert -1 <= low < -0.98 and 0.98 < high <= 1
    assert plots.value_range(np.where(abs(x) < 1e-3, 1.0, 0.0)) == (0, 1)  # a peak is all there is


@pytest.mark.parametrize(
    "rows",
    [
        [
            {"step": k, "loss/plate": 0.9**k, "loss/edge": 0.8**k, "error/u": 0.95**k, "time/step": 1.0}
            for k in range(50)
        ],
        [{"step": 0, "loss/plate": 1.0}],
        [{"step": 0, "loss/plate": 1.0, "error/u": None}, {"step": 10, "loss/plate": 0.1, "error/u": 0.5}],
        [{"step": 0, "loss/plate": 1.0, "error/u": None}],
        [{"step": 0, "loss/plate": 0.0}, {"step": 1, "loss/plate": math.nan}],
        [],
    ],
)
def test_history(rows, tmp_path):
    path = history(rows, tmp_path / "run" / "history.png")
    assert path.stat().st_size > 500
