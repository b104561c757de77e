import subprocess
import sys

import pytest
import torch
from scipy.stats import qmc

from pinn.geometry import Ball, Box, Cuboid, Difference, Region
from pinn.sampling import Gauss, Grid, Halton, Hammersley, LatinHypercube, Sampler, Sobol, Uniform, points

SAMPLERS = [Uniform(), Sobol(), LatinHypercube(), Halton(), Hammersley()]
BOX = Box({"t": (0, 1), "x": (-1, 1), "y": (0, 2)})
PLACES = {BOX.interior: 64, BOX.boundary: 32, BOX.face({"t": 0}): 16, BOX.face({"t": 0, "x": -1, "y": 0}): 5}


def draw(sampler, seed=0, step=0, places=PLACES, dtype=torch.float64, device="cpu"):
    return points(BOX, places, sampler, seed=seed, step=step, dtype=dtype, device=device)


def same(a, b):
    return all(torch.equal(a[place].x, b[place].x) for place in a)


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
class TestEverySampler:
    def test_strictly_inside_the_cube(self, sampler):
        unit = sampler.unit(2**16, 3, seed=1)
        assert unit.dtype == torch.float64 and unit.shape == (2**16, 3)
        assert unit.min() > 0 and unit.max() < 1

    def test_uniform(self, sampler):
        n, cells = 4096, 8
        x, y = (sampler.unit(n, 2, seed=3) * cells).long().unbind(1)
        expected = n / cells**2
        chi_square = float(((torch.bincount(x * cells + y, minlength=cells**2) - expected) ** 2).sum() / expected)
        assert chi_square < 104  # 63 degrees of freedom: once in 1000 times
        crowded = torch.bincount((x // 2) * cells + y, minlength=cells**2)  # positive control
        assert float(((crowded - expected) ** 2).sum() / expected) > 1000

    def test_pure_function_of_seed_step_and_place(self, sampler):
        first = draw(sampler, seed=5, step=7)
        torch.manual_seed(0)
        before = torch.get_rng_state()
        alone = {place: draw(sampler, 5, 7, {place: n})[place] for place, n in reversed(PLACES.items())}
        assert same(first, alone)  # neither the order nor the other places matter
        assert torch.equal(torch.get_rng_state(), before)  # nor is the global state touched

    def test_seed_step_and_place_all_matter(self, sampler):
        here = draw(sampler)[BOX.interior].x
        assert not torch.equal(here, draw(sampler, step=1)[BOX.interior].x)
        assert not torch.equal(here, draw(sampler, seed=1)[BOX.interior].x)
        left, right = (BOX.face({"x": x}) for x in (-1, 1))
        both = draw(sampler, places={left: 8, right: 8})
        assert not torch.equal(both[left].x[:, [0, 2]], both[right].x[:, [0, 2]])

    def test_no_two_steps_alike(self, sampler):
        steps = torch.stack([draw(sampler, step=k, places={BOX.interior: 1})[BOX.interior].x for k in range(200)])
        assert len(steps.flatten(1).unique(dim=0)) == 200

    def test_shapes_dtype_and_device(self, sampler):
        drawn = draw(sampler, dtype=torch.float32)
        assert [len(p.x) for p in drawn.values()] == [64, 32, 16, 1]
        assert all(p.x.dtype == torch.float32 for p in drawn.values())
        torch.testing.assert_close(drawn[BOX.interior].x, draw(sampler)[BOX.interior].x.float())
        assert draw(sampler, device="meta")[BOX.boundary].normals.device.type == "meta"


@pytest.mark.parametrize("sampler", [Sobol(), Halton(), Hammersley()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("d", [1, 2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_sequences_are_more_even_than_uniform(sampler, d, seed):
    even, uniform = (qmc.discrepancy(rule.unit(512, d, seed).numpy()) for rule in (sampler, Uniform()))
    assert even < uniform / 8


def test_a_latin_hypercube_has_a_point_in_every_slice():
    unit = LatinHypercube().unit(100, 3, seed=4)
    assert all(sorted(column) == list(range(100)) for column in (unit * 100).long().T.tolist())
    assert any(sorted(column) != list(range(100)) for column in (Uniform().unit(100, 3, 4) * 100).long().T.tolist())


def test_a_grid_has_as_many_points_along_each_coordinate():
    place = BOX.interior
    for n, along in ((64, 4), (124, 4), (125, 5), (7, 1)):
        x = draw(Grid(), places={place: n})[place].x
        assert [len(column.unique()) for column in x.T] == [along] * 3 and len(x) == along**3
    face = draw(Grid(), places={BOX.face({"t": 0}): 9})[BOX.face({"t": 0})]
    assert len(face.x) == 9 and face.normals is not None
    boundary = draw(Grid(), places={BOX.boundary: 50})[BOX.boundary]
    assert len(boundary.x) == 50 and len(boundary.x.unique(dim=0)) == 50


def test_a_grid_keeps_what_lies_in_a_shape():
    box = Box({"x": (0, 1), "y": (0, 1)})
    disk = Region(Ball([0.5, 0.5], 0.25), box)
    grid = Region(Difference(Cuboid([[0, 1], [0, 1]]), Ball([0.5, 0.5], 0.25)), box)
    kind = {"seed": 0, "step": 0, "dtype": torch.float64, "device": "cpu"}
    x = points(grid, {grid.interior: 400}, Grid(), **kind)[grid.interior].x
    assert len(x) == pytest.approx(400 * (1 - torch.pi / 16), rel=0.05)
    assert ((x - 0.5).norm(dim=1) >= 0.25).all()
    with pytest.raises(ValueError, match="weights are for boxes"):
        points(grid, {grid.interior: 400}, Gauss(), **kind)
    assert len(points(disk, {disk.interior: 16}, Sobol(), **kind)[disk.interior].x) == 16


def test_gauss_points_integrate_polynomials():
    at = draw(Gauss(), places={BOX.interior: 64})[BOX.interior]  # 4 a direction: degree 7
    t, x, y = at.x.unbind(1)

    def mean(values):
        return float((at.weights * values).mean())

    assert mean(t**7 * x**6 * y**5) == pytest.approx(1 / 8 * 1 / 7 * 2**5 / 6, rel=1e-12)
    assert abs(mean(t**8) - 1 / 9) > 1e-7  # one degree too many
    half = at.to(dtype=torch.float32)[:10]
    assert half.weights is not None and half.weights.dtype == torch.float32 and len(half.weights) == 10


def test_sobol_converges_faster_than_uniform():
    def error(sampler, n):  # root mean square over seeds, integral of exp(x + y)
        means = torch.stack([sampler.unit(n, 2, seed).sum(1).exp().mean() for seed in range(16)])
        return float((means - (torch.e - 1) ** 2).square().mean().sqrt())

    assert error(Sobol(), 64) / error(Sobol(), 1024) > 12  # 1/n or better: 16
    assert error(Uniform(), 64) / error(Uniform(), 1024) < 8  # n**-0.5: 4


def test_same_points_in_another_process():
    code = (
        "import torch; from pinn.geometry import Box; from pinn.sampling import Sobol, points\n"
        "box = Box({'x': (0, 1)})\n"
        "p = points(box, {box.interior: 3}, Sobol(), seed=1, step=2, dtype=torch.float64, device='cpu')\n"
        "print(p[box.interior].x.flatten().tolist())"
    )
    # Another salt for Python's hash of a text: if the points depended on it, they would differ.
    environment = {"PYTHONHASHSEED": "1", "PYTHONPATH": ":".join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    box = Box({"x": (0, 1)})
    here = points(box, {box.interior: 3}, Sobol(), seed=1, step=2, dtype=torch.float64, device="cpu")[box.interior].x
    assert run.stdout == f"{here.flatten().tolist()}\n"


def test_a_sampler_of_ones_own_needs_one_method():
    class Middle(Sampler):
        def unit(self, n, d, seed):
            return torch.full((n, d), 0.5, dtype=torch.float64)

    assert draw(Middle(), places={BOX.interior: 1})[BOX.interior].x.tolist() == [[0.5, 0.0, 1.0]]
    with pytest.raises(TypeError):
        Sampler()
