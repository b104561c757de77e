"""Pictures of every kind of domain."""

import math

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from matplotlib.image import imread
from plot_domains import DOMAINS
from portrait import SHADES, portrait

from pinn.geometry import Box
from pinn.plots import draw, figure, pictures
from pinn.plots.panels import DIVERGING, MAGNITUDE, SEQUENTIAL, of_magnitudes
from pinn.plots.views import views


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setitem(draw.STYLE, "savefig.dpi", 60)  # half the time


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


def test_a_figure_is_labelled_to_scale_and_in_even_colours():
    plane, made = DOMAINS["plane"], {}
    for name, to_scale in (("plane", "equal"), ("time-space", "auto")):
        made[name] = figure(DOMAINS[name], ["phi"], wave, wave).axes
        assert {panel.get_aspect() for panel in made[name]} == {1.0 if to_scale == "equal" else "auto"}
    field, exact, error = made["plane"]
    assert [panel.get_title() for panel in (field, exact)] == [r"predicted $\phi$", r"exact $\phi$"]
    assert error.get_title().startswith(r"|error of $\phi$|, largest")
    assert {(panel.get_xlabel(), panel.get_ylabel()) for panel in made["plane"]} == {("$x$", "$y$")}
    assert made["time-space"][0].get_xlabel() == "$t$"
    width, height = (upper - lower for lower, upper in zip(plane.lower, plane.upper, strict=True))
    box = field.get_position()
    inches = field.figure.get_size_inches()
    assert box.height * inches[1] / (box.width * inches[0]) == pytest.approx(height / width)


def test_colour_maps_are_perceptual():
    def lightness(name, parts=64):
        """CIE L* along a map: even steps of it look even."""
        colours = colormaps[name](np.linspace(0, 1, parts))[:, :3]
        linear = np.where(colours > 0.04045, ((colours + 0.055) / 1.055) ** 2.4, colours / 12.92)
        y = linear @ [0.2126, 0.7152, 0.0722]
        return np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)

    for name in (SEQUENTIAL, MAGNITUDE):
        assert (np.diff(lightness(name)) > 0).all()
    left, right = np.array_split(lightness(DIVERGING), 2)
    assert (np.diff(left) > -0.5).all() and (np.diff(right) < 0.5).all() and abs(left[0] - right[-1]) < 10
    assert not (np.diff(lightness("jet")) > 0).all()  # the check sees a map that is not


def test_the_estimated_error_and_the_cells_are_drawn_where_they_are_known(tmp_path):
    plane = DOMAINS["plane"]
    lower, upper = (torch.tensor([ends], dtype=torch.float64) for ends in (plane.lower, plane.upper))
    halves = torch.cat([lower, (lower + upper) / 2]), torch.cat([(lower + upper) / 2, upper])
    half = lambda x: torch.where(x[:, :1] < x[:, 0].mean(), 1e-3 * wave(x), math.nan)  # noqa: E731
    paths = pictures(plane, ["u"], wave, None, None, tmp_path / "with", half, halves)
    assert [path.name for path in paths] == ["field.png", "estimate.png"]
    estimate = imread(paths[1])[..., :3]
    height, width = estimate.shape[:2]
    dark = (estimate.min(axis=2) < 0.9)[height // 3 : height // 2].mean(axis=0)
    assert dark[int(0.25 * width)] > 0.9 and dark[int(0.6 * width)] < 0.1  # what is not known is left white
    bare = pictures(plane, ["u"], wave, None, None, tmp_path / "without")
    assert [path.name for path in bare] == ["field.png"]
    assert (imread(paths[0]) != imread(bare[0])).any()


def test_the_largest_of_what_is_known_is_told():
    shown = views(DOMAINS["line"])
    values = {"u": np.full((1, len(shown[0].points)), np.nan)}
    values["u"][0, :3] = 2e-3
    ((known,),), ((all_of_it,),) = (of_magnitudes(shown, values, "", gaps=gaps) for gaps in (True, False))
    assert "2.0" in known.title and "nan" in all_of_it.title
