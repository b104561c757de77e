"""Processes that train together, each on its share of the same points, and what they must tell each other.

A mean over points is a sum over processes, and so are its gradient and, once it is written with orthogonal factors, the
whole least-squares problem. Nothing else of the framework knows that there is more than one process.

Shape letters: M residuals, P parameters, K = min(M, P + 1) rows of a triangle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, distributed

from pinn.geometry import Place, Points
from pinn.optimizers.system import System
from pinn.training.launch import Launch


class Ranks:
    """The processes of a run.

    Every method but `share`, `send` and `receive` is collective: all processes call it, in the same order, and get the
    same numbers.

    Args:
        rank: Which of them this one is.
        size: How many there are; with one, nothing is sent.
    """

    def __init__(self, rank: int = 0, size: int = 1):
        self.rank, self.size = rank, size

    def share(self, points: dict[Place, Points]) -> dict[Place, Points]:
        """What this process takes of the points of a step.

        The residual at a point belongs to one process. An integral is one residual, so one process takes all its
        points. Places of which nothing falls to this process are left out.
        """
        if self.size == 1:
            return points
        mine: dict[Place, Points] = {}
        for number, (place, at) in enumerate(points.items()):
            if not place.integral:
                mine[place] = at.share(self.rank, self.size)
            elif number % self.size == self.rank:
                mine[place] = at
        return {place: at for place, at in mine.items() if len(at.x)}

    def sums(self, tensors: Iterable[Tensor]) -> list[Tensor]:
        """Each tensor summed over the processes, in one message."""
        parts = list(tensors)
        if self.size == 1:
            return parts
        flat = torch.cat([part.detach().reshape(-1) for part in parts])
        distributed.all_reduce(flat)
        return [total.view_as(part) for part, total in zip(parts, flat.split([p.numel() for p in parts]), strict=True)]

    def largest(self, values: Sequence[float], device: torch.device | str = "cpu") -> list[float]:
        """The largest of each value over the processes."""
        if self.size == 1:
            return list(values)
        found = torch.tensor(values, dtype=torch.float64, device=device)
        distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return found.tolist()

    def totals(self, counts: Sequence[int], device: torch.device | str = "cpu") -> list[int]:
        """Each count summed over the processes."""
        if self.size == 1:
            return list(counts)
        found = torch.tensor(counts, dtype=torch.int64, device=device)
        distributed.all_reduce(found)
        return found.tolist()

    def part(self, x: Tensor) -> Tensor:
        """This process's part of the rows of a tensor; `rows` puts such parts together again."""
        return x.tensor_split(self.size)[self.rank]

    def rows(self, part: Tensor) -> Tensor:
        """The rows of all processes, below each other; each may have another number of them."""
        if self.size == 1:
            return part
        counts = torch.zeros(self.size, dtype=torch.int64, device=part.device)
        counts[self.rank] = len(part)
        distributed.all_reduce(counts)
        lengths = counts.tolist()
        padded = part.new_zeros(max(lengths), *part.shape[1:])
        padded[: len(part)] = part
        found = [torch.empty_like(padded) for _ in lengths]
        distributed.all_gather(found, padded)
        return torch.cat([rows[:n] for rows, n in zip(found, lengths, strict=True)])

    def whole(self, mine: Tensor) -> Tensor:
        """What `share` took apart: the rows of all processes in the order that the points had before."""
        if self.size == 1:
            return mine
        rows = self.rows(mine)
        result = torch.empty_like(rows)
        for k, part in enumerate(rows.split([len(range(k, len(rows), self.size)) for k in range(self.size)])):
            result[k :: self.size] = part
        return result

    def agree(self, parameters: Iterable[Tensor]) -> None:
        """Give the parameters the first process's values: equal but for rounding, they must not drift apart."""
        if self.size == 1:
            return
        tensors = list(parameters)
        flat = torch.cat([p.detach().reshape(-1) for p in tensors])
        distributed.broadcast(flat, 0)
        with torch.no_grad():
            for p, values in zip(tensors, flat.split([p.numel() for p in tensors]), strict=True):
                p.copy_(values.view_as(p))

    def send(self, x: Tensor, to: int) -> None:
        """Give another process a tensor; waits until it has it."""
        distributed.send(x.contiguous(), to)

    def receive(self, x: Tensor, source: int) -> None:
        """Fill a tensor with what another process sends."""
        distributed.recv(x, source)


class Together:
    """The least-squares system of all processes, in coordinates in which it is short.

    Each process takes the QR decomposition of its own rows, `(J, r) = Q R`, and the triangles R (K, P + 1), stacked,
    are the system that every process sees: an orthogonal factor in front of (J, r) changes neither JᵀJ, Jᵀr and r·r nor
    the singular values, so that every method that solves with J works as on one device, to the same precision. It is
    the first stage of TSQR (Demmel, Grigori, Hoemmen, Langou 2012, SIAM J. Sci. Comput. 34).

    A residual elsewhere is rotated by the same Q: K numbers, and the norm of the others, which no product with J sees.
    """

    def __init__(self, system: System, parameters: list[Tensor], ranks: Ranks):
        self.system, self.parameters, self.ranks = system, parameters, ranks
        self._reflectors: tuple[Tensor, Tensor] | None = None

    def linearise(self) -> tuple[Tensor, Tensor]:
        """The stacked r and J: no more than K + 1 rows a process."""
        self.ranks.agree(self.parameters)
        r, jacobian = self.system.linearise()
        rows = torch.cat([jacobian, r[:, None]], dim=1)
        if rows.shape[0] > rows.shape[1]:
            self._reflectors = factors, _ = torch.geqrf(rows)
            rows = factors[: rows.shape[1]].triu()
            rows = torch.cat([rows, torch.zeros_like(rows[:1])])  # for the norm of the others: zero here
        stacked = self.ranks.rows(rows)
        return stacked[:, -1], stacked[:, :-1]

    def residual(self) -> Tensor:
        """Return r in the coordinates of the last linearisation."""
        r = self.system.residual()
        if self._reflectors:
            factors, tau = self._reflectors
            rotated = torch.ormqr(factors, tau, r[:, None], transpose=True)[:, 0]
            r = torch.cat([rotated[: len(tau)], rotated[len(tau) :].norm()[None]])
        return self.ranks.rows(r)


class DataParallel(DDPStrategy):
    """Lightning's processes without torch's wrapper around the module: it averages over local means, for one loss."""

    def configure_ddp(self) -> None:
        """Begin with the same parameters everywhere."""
        assert self.model is not None
        Ranks(self.global_rank, self.world_size).agree(self.model.parameters())


class Outside(ClusterEnvironment):
    """Processes that torchrun, srun or submitit has started."""

    def __init__(self, launch: Launch):
        super().__init__()
        self._launch = launch

    @property
    def creates_processes_externally(self) -> bool:  # noqa: D102
        return True

    @property
    def main_address(self) -> str:  # noqa: D102
        return self._launch.address

    @property
    def main_port(self) -> int:  # noqa: D102
        return self._launch.port

    @staticmethod
    def detect() -> bool:  # noqa: D102
        return False  # it is chosen, not found

    def world_size(self) -> int:  # noqa: D102
        return self._launch.size or 1

    def set_world_size(self, size: int) -> None:  # noqa: D102
        assert size == self.world_size()

    def global_rank(self) -> int:  # noqa: D102
        return self._launch.rank

    def set_global_rank(self, rank: int) -> None:  # noqa: D102
        assert rank == self._launch.rank

    def local_rank(self) -> int:  # noqa: D102
        return self._launch.local

    def node_rank(self) -> int:  # noqa: D102
        return self._launch.node
