"""Regions: shapes times time, their places, the points drawn there, and domains read from YAML."""

import numpy as np
import pytest
import torch

from pinn import LanguageError
from pinn.geometry import (
    Ball,
    Box,
    Cuboid,
    Cylinder,
    Difference,
    Ellipse,
    Region,
    Union,
    read_domain,
)
from pinn.sampling import Sobol, Uniform, points

BOX = Box({"t": (0, 2), "x": (0, 2.2), "y": (0, 0.41)})
HOLE = Difference(Cuboid([[0, 2.2], [0, 0.41]], "channel"), Ball([0.2, 0.2], 0.05, "cylinder"))
CHANNEL = Region(HOLE, BOX)
KIND = {"seed": 0, "step": 0, "dtype": torch.float64, "device": "cpu"}


def draw(region, place, n=1000, sampler=None, **more):
    return points(region, {place: n}, sampler or Sobol(), **KIND, **more)[place]


def radius(x):
    return torch.hypot(x[:, 1] - 0.2, x[:, 2] - 0.2)


def test_the_interior_fills_space_and_time():
    at = draw(CHANNEL, CHANNEL.interior, 4096)
    assert at.normals is None and len(at.x) == 4096
    assert (radius(at.x) >= 0.05).all() and CHANNEL.inside(at.x).all()
    counts = torch.histc(at.x[:, 0], 8, 0, 2)
    assert ((counts - 512) ** 2 / 512).sum() < 24  # 7 degrees of freedom: once in 1000 times
    assert not CHANNEL.inside(torch.tensor([[1, 0.2, 0.2], [3, 1, 0.2], [1, 1, 0.5]])).any()


def test_named_parts_and_the_boundary():
    cylinder, channel, boundary = (CHANNEL.part(name) for name in ("cylinder", "channel", "boundary"))
    assert cylinder.boundary and cylinder != boundary and boundary == BOX.boundary
    at = draw(CHANNEL, cylinder)
    torch.testing.assert_close(radius(at.x), torch.full((1000,), 0.05, dtype=torch.float64))
    inward = torch.stack([torch.zeros(1000), 0.2 - at.x[:, 1], 0.2 - at.x[:, 2]], 1) / 0.05
    torch.testing.assert_close(at.normals, inward)  # out of the fluid
    assert (radius(draw(CHANNEL, channel).x) > 0.06).all()
    share = (radius(draw(CHANNEL, boundary, 4096).x) < 0.06).double().mean()
    assert share == pytest.approx(0.1 * np.pi / (0.1 * np.pi + 5.22), abs=2e-3)


def test_faces_of_the_box():
    start = CHANNEL.face({"t": 0})
    at = draw(CHANNEL, start)
    assert (at.x[:, 0] == 0).all() and (radius(at.x) >= 0.05).all() and (at.normals[:, 0] == -1).all()
    inlet = draw(CHANNEL, CHANNEL.face({"x": 0}))
    assert (inlet.x[:, 1] == 0).all() and (inlet.normals == torch.tensor([0.0, -1.0, 0.0])).all()
    corner = draw(CHANNEL, CHANNEL.face({"x": 0, "y": 0, "t": 0}))
    assert corner.x.tolist() == [[0, 0, 0]]


def test_a_face_is_what_the_shape_has_of_it():
    shape = Difference(Cuboid([[0, 1], [0, 1]]), Cuboid([[0, 0.5], [0.25, 1]], "step"))
    region = Region(shape, Box({"x": (0, 1), "y": (0, 1)}))
    assert draw(region, region.face({"x": 0})).x[:, 1].max() <= 0.25
    step = draw(region, region.part("step")).x
    assert (step[:, 0] == 0.5).any() and (step[:, 1] == 0.25).any() and not (step[:, 0] < 1e-6).any()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Region(Ball([0.5, 0.5], 0.5), Box({"x": (0, 1), "y": (0, 2)})).face({"x": 0}), "x=0 is empty"),
        (lambda: CHANNEL.part("cilinder"), r"unknown part 'cilinder'.*\(cylinder\)"),
        (lambda: CHANNEL.face({"x": 9}), "outside the box"),
        (lambda: Region(Ball([0, 0], 1), Box({"x": (0, 1), "y": (-1, 1)})), "from x=-1 to 1, beyond"),
        (lambda: Region(Difference(Ball([0, 0], 1), Ball([0, 0], 2)), Box({"x": (-1, 1), "y": (-1, 1)})), "interior"),
        (
            lambda: Region(
                Union(Ball([0, 0], 1), Ball([0, 0], 0.5, "lost")), Box({"x": (-1, 1), "y": (-1, 1)})
            ).part("lost"),
            "lost is empty",
        ),
    ],
)  # fmt: skip
def test_what_is_not_there(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_where_boundaries_coincide_points_are_drawn_once():
    two = Union(Cuboid([[0, 1], [0, 1]]), Cuboid([[0.5, 2], [0, 1]]))
    found, kept = two.sample_boundary(torch.rand(20_000, 2, dtype=torch.float64))
    bottom = found.x[kept & (found.x[:, 1] == 0)][:, 0]
    counts = torch.histc(bottom, 8, 0, 2)
    expected = len(bottom) / 8
    assert ((counts - expected) ** 2 / expected).sum() < 24
    assert not (kept & (found.x[:, 0] == 1) | kept & (found.x[:, 0] == 0.5)).any()  # nor inside


@pytest.mark.parametrize("sampler", [Sobol(), Uniform()], ids=lambda s: type(s).__name__)
def test_points_are_a_pure_function_and_begin_those_of_a_larger_number(sampler):
    shape = Difference(Ball([0, 0], 1, "rim"), Ball([0, 0], 0.95, "hub"))  # nine tenths are dropped
    ring = Region(shape, Box({"x": (-1, 1), "y": (-1, 1)}))
    for place in (ring.interior, ring.boundary, ring.part("hub")):
        few, again, many = (draw(ring, place, n, sampler) for n in (100, 100, 1000))
        assert torch.equal(few.x, again.x) and torch.equal(few.x, many.x[:100]) and len(many.x) == 1000
        torch.manual_seed(3)
        assert not torch.equal(few.x, points(ring, {place: 100}, sampler, **KIND | {"step": 1})[place].x)
        assert draw(ring, place, 10, sampler).to("meta").x.is_meta


def test_a_place_that_is_too_small_for_its_bounds_is_told():
    class Corner(Sobol):
        def unit(self, n, d, seed):
            return torch.full((n, d), 0.5, dtype=torch.float64)

    box = Box({"x": (0, 1), "y": (0, 1)})
    hollow = Region(Difference(Cuboid([[0, 1], [0, 1]]), Ball([0.5, 0.5], 0.1)), box)
    with pytest.raises(ValueError, match="interior is too small for its bounds"):
        draw(hollow, hollow.interior, 3, Corner())


BOX_2D, BOX_3D = (Box(dict.fromkeys(names, (0, 4))) for names in ("xy", "xyz"))


def test_read_domain():
    def shape(given, box=BOX_2D):
        return read_domain(given, box, {}).shape

    assert read_domain(None, BOX, {}) is BOX
    difference = shape({"difference": ["box", {"disk": {"center": [1, "1/2"], "radius": "pi/10", "name": "hole"}}]})
    whole, hole = difference.primitives
    assert (whole.lower, whole.upper) == ((0, 0), (4, 4)) and hole.name == "hole"
    assert hole.center == (1, 0.5) and hole.radius == pytest.approx(np.pi / 10)
    half = shape({"box": {"x": [0, 2]}})
    assert (half.lower, half.upper) == ((0, 0), (2, 4))
    assert shape({"ellipse": {"center": [2, 2], "radii": [2, 1]}}).radii == (2, 1)
    assert shape({"annulus": {"center": [2, 2], "inner": 1, "outer": 2}}).inner == 1
    assert shape({"polygon": {"vertices": [[0, 0], [4, 0], [0, 4]]}}).measure == 8
    pipe = shape({"cylinder": {"axis": "y", "center": [2, 2], "radius": 1}}, BOX_3D)
    assert isinstance(pipe, Cylinder) and pipe.lower == (1, 0, 1) and pipe.upper == (3, 4, 3)
    assert shape({"ball": {"center": [1, 2, 2], "radius": 1}}, BOX_3D).center == (1, 2, 2)
    assert isinstance(shape({"union": [{"box": {"x": [0, 1]}}, {"box": {"y": [0, 1]}}]}), Union)
    assert isinstance(
        shape({"intersection": ["box", {"ellipse": {"center": [2, 2], "radii": [3, 1]}}]}).parts[1], Ellipse
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("bx", ["domain: 'bx' is no shape", "write box"]),
        ({"dsk": {}}, ["domain: unknown shape 'dsk'; did you mean 'disk'?", "annulus"]),
        ({"disk": {"center": [0, 0]}}, ["domain.disk: 'radius' is missing"]),
        ({"disk": {"centre": [0, 0]}}, ["domain.disk: unknown key 'centre'; did you mean 'center'?"]),
        ({"disk": 3}, ["domain.disk: 3 is no mapping; it takes center, radius, name"]),
        ({"disk": {"center": [0], "radius": 1}}, ["domain.disk: center: [0] is no list of 2 numbers"]),
        ({"disk": {"center": [0, 0], "radius": "wide"}}, ["domain.disk: radius: unknown name 'wide'"]),
        ({"disk": {"center": [2, 2], "radius": 0}}, ["domain.disk: radius 0 is not positive"]),
        ({"disk": {"center": [2, 2], "radius": 1, "name": "boundary"}}, ["name: 'boundary' is reserved"]),
        ({"disk": {"center": [2, 2], "radius": 1, "name": "a b"}}, ["name: 'a b' is no name"]),
        ({"ball": {"center": [0, 0, 0], "radius": 1}}, ["domain.ball: it lies in 3 coordinates", "are x, y"]),
        ({"union": ["box"]}, ["domain.union: ['box'] is no list of two or more shapes"]),
        ({"difference": ["box", {"disk": {}}]}, ["domain.difference[1].disk: 'center' is missing"]),
        ({"difference": ["box", "boks"]}, ["domain.difference[1]: 'boks' is no shape"]),
        ({"box": {"z": [0, 1]}}, ["domain.box: unknown key 'z'"]),
        ({"box": {"x": [1, 0]}}, ["domain.box", "ends swapped"]),
        ({"polygon": {"vertices": 3}}, ["domain.polygon: vertices: 3 is no list of points"]),
        ({"disk": {"center": [0, 0], "radius": 1}}, ["domain: it reaches from x=-1 to 1, beyond", "{x: [0, 4]}"]),
    ],
    ids=str,
)
def test_a_wrong_domain_gets_one_message_that_quotes_it(given, said):
    with pytest.raises(LanguageError) as caught:
        read_domain(given, BOX_2D, {})
    for part in said:
        assert part in str(caught.value)


def test_an_axis_that_is_none():
    with pytest.raises(LanguageError, match="domain.cylinder: axis: 't' is no coordinate of space; they are x, y, z"):
        read_domain({"cylinder": {"axis": "t", "center": [0, 0], "radius": 1, "ends": [0, 1]}}, BOX_3D, {})
