"""Every shape: inside, uniform points, normals, measures and level functions, against what is known from elsewhere."""

import math
import time

import numpy as np
import pytest
import sympy
import torch
from scipy.stats import chi2
from shapes import KNOWN, PERIMETER
from torch.quasirandom import SobolEngine

from pinn.geometry import Annulus, Ball, Cuboid, Cylinder, Difference, Ellipse, Intersection, Polygon, Surface
from pinn.geometry.combination import Combination
from pinn.geometry.shape import choose
from pinn.language import torch_function

EVERY = pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN.keys())
OUTLINED = {name: known for name, known in KNOWN.items() if len(known.boundary[0])}


def cube(n, d, seed=0):
    return torch.rand(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def kept(found):
    points, keep = found
    return points[keep]


def around(shape, n, seed=0):
    """Random points of a box a little larger than the shape's."""
    low, high = torch.tensor(shape.lower, dtype=torch.float64), torch.tensor(shape.upper, dtype=torch.float64)
    return low + (high - low) * (1.2 * cube(n, len(low), seed) - 0.1)


def cells(shape, x, each):
    """Which cell of a grid over the bounding box each point lies in."""
    low, high = np.array(shape.lower), np.array(shape.upper)
    index = np.clip(((x - low) / (high - low) * each).astype(int), 0, each - 1)
    return np.ravel_multi_index(index.T, (each,) * len(low))


def uneven(shape, x, reference, weights, each):
    """The probability with which points this uneven, or more, would come from the reference's distribution."""
    d = len(shape.lower)
    shares = np.bincount(cells(shape, reference, each), weights, each**d)
    counts = np.bincount(cells(shape, np.asarray(x), each), minlength=each**d)
    expected = shares / shares.sum() * len(x)
    many = expected > 5
    assert counts[expected == 0].sum() <= 2  # the reference may miss a sliver
    observed, expected = (np.append(a[many], a[~many].sum()) for a in (counts, expected))
    observed, expected = observed[expected > 0], expected[expected > 0]
    return chi2.sf(((observed - expected) ** 2 / expected).sum(), len(expected) - 1)


def interior_reference(known):
    low, high = np.array(known.shape.lower), np.array(known.shape.upper)
    n = 600 if len(low) == 2 else 80
    axes = [a + (b - a) * (np.arange(n) + 0.5) / n for a, b in zip(low, high, strict=True)]
    x = np.stack([g.ravel() for g in np.meshgrid(*axes, indexing="ij")], 1)
    x = x[known.inside(x)]
    return x, np.ones(len(x))


@EVERY
def test_inside(known):
    x = around(known.shape, 4000)
    assert (known.shape.inside(x).numpy() == known.inside(x.numpy())).all()


@EVERY
def test_measures(known):
    tolerance = 2e-3 if isinstance(known.shape, Combination) else 1e-6
    assert known.shape.measure == pytest.approx(known.measure, rel=tolerance)
    assert known.shape.boundary_measure == pytest.approx(known.boundary[1].sum(), rel=tolerance)


@pytest.mark.parametrize("name", PERIMETER)
def test_closed_forms(name):
    assert KNOWN[name].shape.boundary_measure == pytest.approx(PERIMETER[name], rel=1e-12)


@EVERY
def test_interior_points_are_uniform(known):
    x = kept(known.shape.sample(cube(6000, len(known.shape.lower))))
    assert known.inside(x.numpy()).all()
    reference = interior_reference(known)
    assert uneven(known.shape, x, *reference, each=8 if x.shape[1] == 2 else 4) > 1e-3


@pytest.mark.parametrize("name", OUTLINED)
def test_boundary_points_follow_length_and_area(name):
    known = OUTLINED[name]
    x = kept(known.shape.sample_boundary(cube(6000, len(known.shape.lower), seed=1))).x
    assert uneven(known.shape, x, *known.boundary, each=8 if x.shape[1] == 2 else 4) > 1e-3


def test_the_check_sees_uneven_points():
    u = cube(6000, 2)
    angle = 2 * torch.pi * u[:, 1]
    circle = torch.stack([angle.cos(), angle.sin()], 1)
    disk, ellipse, ball = (KNOWN[name] for name in ("disk", "ellipse", "ball"))
    crowded = torch.tensor([1.0, -2.0]) + 0.5 * u[:, :1] * circle  # uniform radius
    assert uneven(disk.shape, crowded, *interior_reference(disk), each=8) < 1e-10
    by_angle = torch.tensor([1.0, 0.0]) + torch.tensor([2.0, 0.5]) * circle  # uniform angle
    assert uneven(ellipse.shape, by_angle, *ellipse.boundary, each=8) < 1e-10
    polar = torch.pi * u[:, :1]
    poles = torch.tensor([0.0, 1.0, 2.0]) + 1.5 * torch.cat([polar.sin() * circle, polar.cos()], 1)
    assert uneven(ball.shape, poles, *ball.boundary, each=4) < 1e-10


@EVERY
def test_normals_are_outward_unit_vectors(known):
    at = kept(known.shape.sample_boundary(cube(2000, len(known.shape.lower))))
    torch.testing.assert_close(at.normals.norm(dim=1), torch.ones(len(at.x), dtype=torch.float64))
    behind, ahead = (known.inside((at.x + sign * 2e-5 * at.normals).numpy()) for sign in (-1, 1))
    assert behind.mean() > 0.999 and ahead.mean() < 0.001  # all but points next to a corner


@EVERY
def test_divergence_theorem_and_closedness(known):
    """The integral of x.n is d times the volume, that of n is zero."""
    d = len(known.shape.lower)
    found = kept(known.shape.sample_boundary(SobolEngine(d, scramble=True, seed=0).draw(2**14, dtype=torch.float64)))
    area = known.boundary[1].sum()
    flux = area * (found.x * found.normals).sum(1).mean()
    size = area * found.x.abs().max()
    assert abs(flux - d * known.measure) < 2e-3 * size
    assert (area * found.normals.mean(0)).abs().max() < 2e-3 * area
    assert abs(-flux - d * known.measure) > 2e-3 * size  # inward normals are seen


@EVERY
def test_level_functions(known):
    """Zero with slope 1 on the boundary, along its normals; positive inside and only there."""
    symbols = sympy.symbols("x y z", real=True)[: len(known.shape.lower)]
    level, factor = (torch_function(symbols, [f(symbols)]) for f in (known.shape.level, known.shape.factor))
    x = around(known.shape, 3000)
    assert ((level(*x.unbind(1))[0] > 0).numpy() == known.inside(x.numpy())).all()
    assert (factor(*kept(known.shape.sample(cube(3000, x.shape[1]))).unbind(1))[0] > 0).all()
    at = kept(known.shape.sample_boundary(cube(300, x.shape[1])))
    x = at.x.clone().requires_grad_()
    value = level(*x.unbind(1))[0]
    (gradient,) = torch.autograd.grad(value.sum(), x)
    assert value.abs().max() < 1e-12 and factor(*at.x.unbind(1))[0].abs().max() < 1e-12
    torch.testing.assert_close(gradient, -at.normals, rtol=1e-6, atol=1e-6)


@EVERY
def test_a_longer_sequence_begins_with_the_shorter_one(known):
    unit = cube(400, len(known.shape.lower))
    for sample in (known.shape.sample, lambda u: (lambda p, k: (p.x, k))(*known.shape.sample_boundary(u))):
        (short, few), (long, many) = sample(unit[:150]), sample(unit)
        assert torch.equal(short, long[:150]) and torch.equal(few, many[:150])


def test_choose_takes_pieces_by_measure():
    u = torch.tensor([0.0, 0.1, 0.2499, 0.25, 0.5, 0.9999], dtype=torch.float64)
    piece, position = choose(u, [1.0, 1.0, 2.0])
    assert piece.tolist() == [0, 0, 0, 1, 2, 2]
    torch.testing.assert_close(position, torch.tensor([0, 0.4, 0.9996, 0, 0, 0.9998], dtype=torch.float64))


@pytest.mark.parametrize("seed", range(6))
def test_level_functions_of_random_polygons(seed):
    """Star-shaped about the origin, with many reflex corners."""
    random = np.random.default_rng(seed)
    n = random.integers(3, 9)
    angle = np.sort(random.uniform(0, 2 * np.pi, n)) if n > 5 else 2 * np.pi * np.arange(n) / n
    vertices = random.uniform(0.2, 1, (n, 1)) * np.stack([np.cos(angle), np.sin(angle)], 1)
    polygon = Polygon(vertices.tolist())
    x, y = sympy.symbols("x y", real=True)
    points = around(polygon, 2000, seed)
    value = torch_function([x, y], [polygon.level([x, y])])(*points.unbind(1))[0]
    assert ((value > 0) == polygon.inside(points)).all()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Ball([0, 0], -1), "radius -1 is not positive"),
        (lambda: Ball([0, 0], float("nan")), "radius nan is not positive"),
        (lambda: Annulus([0, 0], 2, 1), "inner 2 is not below outer 1"),
        (lambda: Ellipse([0, 0], [1, 0]), "radius 0 is not positive"),
        (lambda: Cylinder(2, [0, 0], 1, [1, 0]), r"ends \[1, 0\] are in the wrong order"),
        (lambda: Cuboid([[0, 1], [1, 0]]), "ends swapped"),
        (lambda: Polygon([[0, 0], [1, 0]]), "2 corners make no polygon"),
        (lambda: Polygon([[0, 0], [1, 1], [2, 2]]), "no polygon"),
        (lambda: Polygon([[0, 0], [1, 1], [1, 0], [0, 1]]), "edges touch or cross"),
        (lambda: Intersection(Ball([0, 0], 1), Ball([5, 0], 1)), "do not meet"),
        (lambda: Surface("nowhere.stl"), "there is no file 'nowhere.stl'"),
        (lambda: Surface("part.step"), "'part.step' is no STL file"),
    ],
)  # fmt: skip
def test_wrong_shapes(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_corners_that_are_none_do_not_count():
    assert Polygon([[0, 0], [1, 0], [1, 0], [2, 0], [2, 2], [0, 2], [0, 1]]).vertices == [
        (0, 0),
        (2, 0),
        (2, 2),
        (0, 2),
    ]


@pytest.mark.parametrize("kind", ["holes", "corners"])
def test_a_level_function_of_many_parts_takes_no_time(kind):
    """Its text must not double with each part: sixteen holes did not end, a hundred corners took 24 s."""
    if kind == "holes":
        disks = [Ball((i + 0.5, k + 0.5), 0.3) for i in range(8) for k in range(8)]
        shape = Difference(Cuboid([(0, 8), (0, 8)]), *disks)
    else:
        angles = [2 * math.pi * k / 100 for k in range(100)]
        shape = Polygon([(math.cos(a), math.sin(a)) for a in angles])
    began, names = time.process_time(), sympy.symbols("x y")
    value = torch_function(names, [shape.level(names)])
    x = shape.stretch(torch.rand(500, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(value(*x.unbind(1))[0] > 0, shape.inside(x))
    assert time.process_time() - began < 60  # it may be slow, it must not hang
