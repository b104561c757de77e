"""The system of several processes, seen from one: what a rotation may not change."""

import pytest
import torch

from pinn.geometry import Box, Points
from pinn.optimizers import GaussNewton, LeastSquares
from pinn.training.launch import first_host, launch
from pinn.training.ranks import Ranks, Together

TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "RANK": "5", "LOCAL_RANK": "1", "GROUP_RANK": "1", "WORLD_SIZE": "8"}
TORCHRUN |= {"LOCAL_WORLD_SIZE": "4", "MASTER_ADDR": "node1", "MASTER_PORT": "29500"}
SRUN = {"SLURM_JOB_ID": "77", "SLURM_PROCID": "3", "SLURM_LOCALID": "1", "SLURM_NODEID": "1", "SLURM_STEP_ID": "0"}
SRUN |= {"SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NUM_NODES": "2", "SLURM_STEP_NODELIST": "gpu[07-08,11]"}


class Exponentials:
    """r_i = a exp(b t_i) + c t_i - y_i at M points."""

    def __init__(self, rows, repeated=1):
        self.t = torch.linspace(0, 1, rows, dtype=torch.float64)
        self.y = 2 * torch.exp(-1.5 * self.t) + 0.1 * torch.cos(9 * self.t)
        self.parameters = [torch.tensor([1.0, -0.5], dtype=torch.float64), torch.tensor(0.3, dtype=torch.float64)]

    def residual(self):
        (a, b), c = self.parameters
        return a * torch.exp(b * self.t) + c * self.t - self.y

    def linearise(self):
        (a, b), _ = self.parameters
        e = torch.exp(b * self.t)
        return self.residual(), torch.stack([e, a * self.t * e, self.t], dim=1)


class Lined(Ranks):
    """Two processes in one: what the other's rows are was written down before."""

    def __init__(self, other):
        super().__init__(0, 2)
        self.other = other

    def agree(self, parameters):
        pass

    def rows(self, part):
        return torch.cat([part, self.other])


@pytest.mark.parametrize("rows", [50, 4, 3, 2])
def test_a_rotated_system_is_the_same_system(rows):
    plain = Exponentials(rows)
    rotated = Together(plain, plain.parameters, Ranks())
    r, jacobian = plain.linearise()
    short, triangle = rotated.linearise()
    assert len(short) <= min(rows, 5)
    torch.testing.assert_close(triangle.T @ triangle, jacobian.T @ jacobian, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(triangle.T @ short, jacobian.T @ r, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(short @ short, r @ r)
    plain.parameters[0] += 0.3
    elsewhere, seen = plain.residual(), rotated.residual()
    assert len(seen) == len(short)
    torch.testing.assert_close(seen @ seen, elsewhere @ elsewhere)
    torch.testing.assert_close(triangle.T @ seen, jacobian.T @ elsewhere, rtol=1e-13, atol=1e-13)
    assert rows < 5 or (seen - short)[-1] > 1e-4  # the part that no product sees is not nothing


def test_the_rows_of_two_processes_are_the_system_of_both():
    halves, whole = [Exponentials(31), Exponentials(20)], Exponentials(31)
    halves[1].t, halves[1].y = halves[1].t + 0.01, halves[1].y
    whole.t, whole.y = (torch.cat([getattr(half, name) for half in halves]) for name in ("t", "y"))
    second, its = halves[1].linearise()
    seconds = torch.cat([its, second[:, None]], dim=1)
    r, jacobian = Together(halves[0], [], Lined(seconds)).linearise()
    expected, matrix = whole.linearise()
    torch.testing.assert_close(jacobian.T @ jacobian, matrix.T @ matrix, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(jacobian.T @ r, matrix.T @ expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("method", [GaussNewton, LeastSquares])
def test_an_optimizer_takes_the_same_steps(method):
    paths = []
    for wrap in (lambda system: system, lambda system: Together(system, system.parameters, Ranks())):
        system = Exponentials(40)
        optimizer, seen = method(system.parameters), wrap(system)
        paths.append([float(optimizer.step(lambda seen=seen: seen)) for _ in range(8)])
    assert paths[0][-1] < 0.1 * paths[0][0]
    assert paths[0] == pytest.approx(paths[1], rel=1e-9)


def test_what_is_not_finite_stays_so():
    system = Exponentials(40)
    system.y[3] = torch.nan
    r, _ = Together(system, system.parameters, Ranks()).linearise()
    assert not r.isfinite().all()


def test_shares_are_all_points_once():
    box = Box({"x": (0, 1), "y": (0, 1)})
    corner, inside = box.face({"x": 0.0, "y": 0.0}), box.interior
    points = {inside: Points(torch.rand(7, 2)), corner: Points(torch.zeros(1, 2))}
    shares = [Ranks(rank, 3).share(points) for rank in range(3)]
    found = torch.cat([share[inside].x for share in shares])
    assert sorted(found.tolist()) == sorted(points[inside].x.tolist())
    assert all(share[inside].count == 7 for share in shares)
    assert [corner in share for share in shares] == [True, False, False]
    assert Ranks().share(points) is points


def test_what_started_a_process():
    assert launch({}) == launch({"SLURM_STEP_NUM_TASKS": "1"})
    found = launch(TORCHRUN)
    assert (found.rank, found.local, found.node, found.size, found.nodes, found.devices) == (5, 1, 1, 8, 2, 4)
    found = launch(SRUN)
    assert (found.rank, found.local, found.node, found.size, found.nodes, found.devices) == (3, 1, 1, 4, 2, 2)
    assert found.address == "gpu07" and found.job == "77" and found.port == launch(SRUN | {"SLURM_PROCID": "0"}).port
    assert launch({"SLURM_JOB_ID": "9", "LOCAL_RANK": "1"}).rank == 1  # Lightning's own processes within a job
    assert launch({"SLURM_ARRAY_JOB_ID": "9", "SLURM_ARRAY_TASK_ID": "2", "SLURM_JOB_ID": "11"}).job == "9_2"


@pytest.mark.parametrize(("nodes", "first"), [("a", "a"), ("a,b", "a"), ("n[07-09,12]", "n07"), ("n[3],m4", "n3")])
def test_the_first_host(nodes, first):
    assert first_host(nodes) == first
