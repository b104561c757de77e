"""Bodies from STL files, against the solids that the files were made from."""

import numpy as np
import pytest
import torch
from torch.quasirandom import SobolEngine

from pinn import LanguageError
from pinn.geometry import Box, Cuboid, Difference, Region, Surface, read_domain

trimesh = pytest.importorskip("trimesh")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stl")
    trimesh.creation.box((1, 2, 3)).export(folder / "brick.stl")
    trimesh.creation.icosphere(subdivisions=2, radius=0.8).export(folder / "ball.stl")
    inverted = trimesh.creation.box((1, 2, 3))
    inverted.invert()
    inverted.export(folder / "inverted.stl")
    open_box = trimesh.creation.box((1, 2, 3))
    open_box.update_faces(np.arange(12) > 0)
    open_box.export(folder / "open.stl")
    (folder / "broken.stl").write_text("solid nothing")
    return folder


def even(n):
    return SobolEngine(3, scramble=True, seed=0).draw(n, dtype=torch.float64)


@pytest.mark.parametrize("name", ["brick", "inverted"])
def test_a_brick(folder, name):
    brick = Surface(folder / f"{name}.stl")
    assert brick.measure == pytest.approx(6) and brick.boundary_measure == pytest.approx(22)
    x = 4 * even(2000) - 2
    half = torch.tensor([0.5, 1.0, 1.5])
    assert torch.equal(brick.inside(x), (x.abs() < half).all(1))
    points, kept = brick.sample_boundary(even(4096))
    assert kept.all() and ((points.x.abs() - half).abs().min(1).values < 1e-9).all()
    face = (points.x.abs() - half).abs().argmin(1)
    expected = torch.zeros_like(points.x)
    expected[torch.arange(4096), face] = points.x[torch.arange(4096), face].sign()
    torch.testing.assert_close(points.normals, expected)
    counts, areas = torch.bincount(face), 4096 * torch.tensor([12.0, 6.0, 4.0]) / 22
    assert ((counts - areas) ** 2 / areas).sum() < 14  # 2 degrees of freedom: once in 1000 times


def test_a_ball(folder):
    ball = Surface(folder / "ball.stl", "ball")
    assert ball.measure == pytest.approx(4 / 3 * np.pi * 0.8**3, rel=0.07)
    x, kept = ball.sample(even(4096))
    assert kept.double().mean() == pytest.approx(ball.measure / np.prod(np.subtract(ball.upper, ball.lower)), abs=0.01)
    assert x[kept].norm(dim=1).max() <= 0.8
    points, _ = ball.sample_boundary(even(4096))
    flux = ball.boundary_measure * (points.x * points.normals).sum(1).mean()
    assert flux == pytest.approx(3 * ball.measure, rel=1e-2)
    assert (points.normals.mean(0).abs() < 1e-2).all()
    upper = points.x[:, 2] > 0.4  # a quarter of a sphere's area
    assert upper.double().mean() == pytest.approx(0.25, abs=0.02)


def test_part_of_a_larger_domain(folder):
    box = Box({"x": (-1, 1), "y": (-1, 1), "z": (-1, 1), "t": (0, 1)})
    around = Region(Difference(Cuboid([[-1, 1]] * 3), Surface(folder / "ball.stl", "ball")), box)
    at = around.sample(around.part("ball"), SobolEngine(4, scramble=True, seed=0).draw(500, dtype=torch.float64))
    assert len(at.x) == 500 and ((at.x[:, :3] * at.normals[:, :3]).sum(1) < 0).all()
    with pytest.raises(ValueError, match="no level function"):
        around.level_functions(around.boundary)


@pytest.mark.parametrize(("name", "said"), [("open.stl", "is not closed"), ("broken.stl", "cannot be read|closed")])
def test_bad_files(folder, name, said):
    box = Box({"x": (-2, 2), "y": (-2, 2), "z": (-2, 2)})
    with pytest.raises(LanguageError, match=f"domain.surface: .*{said}"):
        read_domain({"surface": {"file": str(folder / name)}}, box, {})
