import math
from itertools import pairwise

import pytest
import torch

from pinn.geometry import Box, Place, Points

BOXES = [
    Box({"x": (-1, 2)}),
    Box({"x": (0, 1), "y": (0, 4)}),
    Box({"t": (0, 3), "x": (-1, 1)}),
    Box({"x": (0, 1), "t": (0, 5), "y": (2, 4)}),
    Box({"x": (0, 1), "y": (-1, 1), "z": (0, 5)}),
]


def cube(n, d, seed=0):
    return torch.rand(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def ks(sample, low, high):
    """Kolmogorov-Smirnov distance to the uniform distribution, times sqrt(n): above 1.95 once in 1000 times."""
    n = len(sample)
    u = ((sample - low) / (high - low)).sort().values
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    return float(torch.maximum((steps[1:] - u).max(), (u - steps[:-1]).max())) * n**0.5


def boundary_integrals(box, points):
    """Mean normal and mean x.n, times the boundary's area: 0 and (spatial dimensions) * volume."""
    sides = [high - low for low, high in zip(box.lower, box.upper, strict=True)]
    area = sum(2 * math.prod(sides) / sides[i] for i in box.spatial)
    flux = (points.x * points.normals).sum(1)
    return area * points.normals.mean(0), area * flux.mean(), len(box.spatial) * math.prod(sides), area


def test_places_have_names_dimensions_and_serve_as_keys():
    box = Box({"t": (0, 1), "x": (-1, 1), "y": (0, 0.1)})
    corner = box.face({"y": 0.1, "t": 0, "x": -1})
    assert (box.interior.name, box.boundary.name, corner.name) == ("interior", "boundary", "t=0,x=-1,y=0.1")
    assert [box.dimension(p) for p in (box.interior, box.boundary, box.face({"x": 1}), corner)] == [3, 3, 2, 0]
    assert corner == Place("t=0,x=-1,y=0.1", ((0, 0.0), (1, -1.0), (2, 0.1)))
    assert {box.face({"x": 1}): "right"}[box.face({"x": 1.0})] == "right"
    assert box.spatial == (1, 2)
    assert repr(box) == "Box(t: [0, 1], x: [-1, 1], y: [0, 0.1])"


def test_a_face_value_within_rounding_becomes_the_bound():
    box = Box({"x": (0, 0.3), "y": (-0.0, 1)})
    assert box.face({"x": 0.1 + 0.2}) == box.face({"x": 0.3})
    assert box.face({"y": 0}).name == "y=0"
    with pytest.raises(ValueError, match="lies outside"):
        box.face({"x": 0.3 + 1e-11})


def test_a_value_between_the_bounds_is_a_section():
    box = Box({"x": (0, 1), "y": (0, 2)})
    section = box.face({"x": 0.25})
    at = box.sample(section, torch.rand(7, 1, dtype=torch.float64))
    assert box.crosses(section) and not box.crosses(box.face({"x": 0}))
    assert (at.x[:, 0] == 0.25).all() and at.normals is None


def test_measures():
    box = Box({"t": (0, 3), "x": (0, 2), "y": (0, 5), "nu": (0, 0.5)}, parameters=["nu"])
    assert box.spatial == (1, 2)
    assert box.measure(box.interior) == 15 and box.measure(box.boundary) == 2 * (2 + 5) * 3 * 0.5
    assert box.measure(box.face({"t": 0})) == 5 and box.measure(box.face({"x": 2})) == 7.5


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({}, r"a box needs at least one coordinate: write, for example, {x: [0, 1]}"),
        ({"x": (1, 0)}, "coordinate x: [1, 0] has its ends swapped: write [0, 1]"),
        ({"x": (0.5, 0.5)}, "coordinate x: [0.5, 0.5] is empty: write an upper bound above the lower one"),
        ({"x": (0, math.inf)}, "coordinate x: [0, inf] has a bound that is not finite: write two finite numbers"),
        ({"x": (math.nan, 1)}, "coordinate x: [nan, 1] has a bound that is not finite: write two finite numbers"),
        ({"x": 5}, "coordinate x: 5 is no interval: write two numbers, such as [0, 1]"),
        ({"x": (0, 1, 2)}, "coordinate x: (0, 1, 2) is no interval: write two numbers, such as [0, 1]"),
        ({"x": ["a", "b"]}, "coordinate x: ['a', 'b'] is no interval: write two numbers, such as [0, 1]"),
    ],
)
def test_bad_bounds_get_one_clear_sentence(bounds, message):
    with pytest.raises(ValueError) as error:
        Box(bounds)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"x": 2}, "x=2 lies outside the box: the faces of x are x=0 and x=1"),
        ({"x": math.nan}, "x=nan lies outside the box: the faces of x are x=0 and x=1"),
        ({"z": 0}, "the box has no coordinate z: its coordinates are x, y"),
    ],
)
def test_bad_faces_get_one_clear_sentence(values, message):
    with pytest.raises(ValueError) as error:
        Box({"x": (0, 1), "y": (0, 1)}).face(values)
    assert str(error.value) == message


def test_time_alone_has_no_boundary():
    with pytest.raises(ValueError, match="time t is the only coordinate"):
        Box({"t": (0, 1)}).boundary  # noqa: B018


@pytest.mark.parametrize("box", BOXES, ids=str)
def test_interior_is_uniform(box):
    points = box.sample(box.interior, cube(5000, len(box.names)))
    assert points.normals is None
    for i, (low, high) in enumerate(zip(box.lower, box.upper, strict=True)):
        assert ks(points.x[:, i], low, high) < 1.95
        assert ks(points.x[:, i] ** 3, low**3, high**3) > 5  # positive control: an uneven sample is noticed


@pytest.mark.parametrize("box", BOXES, ids=str)
def test_boundary_follows_area_with_outward_normals(box):
    n = 20_000
    points = box.sample(box.boundary, cube(n, len(box.names)))
    sides = [high - low for low, high in zip(box.lower, box.upper, strict=True)]
    shares, chi_square = {}, 0.0
    for i in box.spatial:
        for bound, sign in ((box.lower[i], -1.0), (box.upper[i], 1.0)):
            on = points.normals[:, i] == sign
            assert (points.x[on, i] == bound).all()  # exactly on the face that the normal belongs to
            shares[i, sign] = math.prod(sides) / sides[i]
            for j in set(range(len(sides))) - {i}:  # and uniform along it
                assert ks(points.x[on, j], box.lower[j], box.upper[j]) < 1.95
    for (i, sign), share in shares.items():
        expected = n * share / sum(shares.values())
        chi_square += float(((points.normals[:, i] == sign).sum() - expected) ** 2 / expected)
    assert chi_square < 21  # at most 5 degrees of freedom: once in 1000 times
    assert (points.normals.norm(dim=1) == 1).all()
    if "t" in box.names:
        assert (points.normals[:, box.names.index("t")] == 0).all()


@pytest.mark.parametrize("box", BOXES, ids=str)
def test_boundary_is_closed(box):
    n = 40_000
    points = box.sample(box.boundary, cube(n, len(box.names)))
    normal, flux, expected, area = boundary_integrals(box, points)
    assert normal.abs().max() < 5 * area / n**0.5
    assert abs(flux - expected) < 5 * area * 5 / n**0.5
    inward = Points(points.x, -points.normals)
    assert abs(boundary_integrals(box, inward)[1] - expected) > expected  # positive control


def test_neighbours_on_the_choosing_coordinate_stay_on_one_face():
    box = Box({"x": (0, 1), "y": (0, 3)})
    last = torch.linspace(0, 1, 9, dtype=torch.float64)  # areas 3, 3, 1, 1 of 8
    points = box.sample(box.boundary, torch.stack([torch.full_like(last, 0.25), last], dim=1))
    faces = [tuple(normal) for normal in points.normals.tolist()]
    assert faces[1:3] + faces[4:6] == [(-1.0, 0.0)] * 2 + [(1.0, 0.0)] * 2
    assert sum(a != b for a, b in pairwise(faces)) == 3  # K faces, each in one piece
    assert points.x[1].tolist() == [0.0, 0.75]
    assert points.x[-1].tolist() == [0.25, 3.0]


def test_single_faces_have_normals_and_edges_do_not():
    box = Box({"t": (0, 1), "x": (-1, 1), "y": (0, 2)})
    unit = cube(10, 2)
    start, right = box.sample(box.face({"t": 0}), unit), box.sample(box.face({"x": 1}), unit)
    assert (start.x[:, 0] == 0).all() and (start.normals == torch.tensor([-1.0, 0, 0])).all()
    assert (right.x[:, 1] == 1).all() and (right.normals == torch.tensor([0, 1.0, 0])).all()
    assert torch.equal(right.x[:, [0, 2]], unit * torch.tensor([1.0, 2.0]))
    edge = box.sample(box.face({"t": 0, "y": 2}), cube(7, 1))
    assert edge.normals is None and edge.x.shape == (7, 3)


@pytest.mark.parametrize("rows", [0, 1, 8])
def test_a_corner_is_one_point(rows):
    box = Box({"x": (0, 1), "y": (0, 2)})
    points = box.sample(box.face({"x": 0, "y": 2}), torch.empty(rows, 0))
    assert points.x.tolist() == [[0.0, 2.0]] and points.normals is None


def test_an_end_of_a_line_is_one_point_with_a_normal():
    box = Box({"x": (0, 1)})
    points = box.sample(box.face({"x": 1}), torch.empty(4, 0))
    assert points.x.tolist() == [[1.0]] and points.normals.tolist() == [[1.0]]


@pytest.mark.parametrize("box", BOXES, ids=str)
def test_any_device_and_dtype(box):
    for place in (box.interior, box.boundary, box.face({"x": box.lower[box.names.index("x")]})):
        unit = cube(6, box.dimension(place))
        low = box.sample(place, unit.float())
        assert low.x.dtype == torch.float32
        torch.testing.assert_close(low.x.double(), box.sample(place, unit).x, rtol=1e-6, atol=1e-6)
        abstract = box.sample(place, unit.to("meta"))  # fails on any branch that looks at values
        assert abstract.x.device.type == "meta" and abstract.x.shape == low.x.shape


def test_points_move_with_their_normals():
    points = Points(torch.ones(2, 2), torch.ones(2, 2)).to(dtype=torch.float64)
    assert points.x.dtype == points.normals.dtype == torch.float64
    assert Points(torch.ones(2, 2)).to("meta").normals is None
