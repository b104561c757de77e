import subprocess
import sys

import pytest
import torch
from scipy.stats import qmc

from pinn.geometry import Box
from pinn.sampling import Sampler, Sobol, Uniform, points

SAMPLERS = [Uniform(), Sobol()]
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


@pytest.mark.parametrize("d", [1, 2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_sobol_is_more_even_than_uniform(d, seed):
    sobol, uniform = (qmc.discrepancy(sampler.unit(512, d, seed).numpy()) for sampler in (Sobol(), Uniform()))
    assert sobol < uniform / 10


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


def test_crowded_points_lie_where_they_are_asked_for():
    box, place = Box({"t": (0, 1), "x": (-1, 3)}), Box({"t": (0, 1), "x": (-1, 3)}).interior
    kind = {"seed": 1, "step": 0, "dtype": torch.float64, "device": "cpu"}
    even = points(box, {place: 4096}, Sobol(), **kind)[place].x
    crowded = points(box, {place: 4096}, Sobol(), crowd={"x": 0}, **kind)[place].x
    assert torch.equal(crowded[:, 0], even[:, 0])  # the other coordinate stays
    near = {
        name: (x[:, 1].abs() < 0.03).double().mean().item() for name, x in {"even": even, "crowded": crowded}.items()
    }
    assert near["even"] < 0.02 and near["crowded"] > 0.15
    # the distance is the cube of a uniform number on either side, and no point leaves its side
    distance = crowded[:, 1]
    back = torch.where(distance < 0, -(distance.abs() ** (1 / 3)), (distance / 3) ** (1 / 3) * 3)
    assert (back - even[:, 1]).abs().max() < 1e-6
    with pytest.raises(ValueError, match="'y' is no coordinate"):
        points(box, {place: 4}, Sobol(), crowd={"y": 0}, **kind)
    with pytest.raises(ValueError, match="outside"):
        points(box, {place: 4}, Sobol(), crowd={"x": 5}, **kind)
