"""A partition: a small network in each cell of the domain, joined by smooth windows that sum to one.

Shape letters: K cells, N points, n points of one cell, D coordinates, F fields, W features, C' wanted channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from pinn.geometry import Sides
from pinn.networks.windows import Window, within
from pinn.operators.activations import reciprocal
from pinn.operators.feature import Feature, NoJetRule, Tape
from pinn.operators.jets import Traced
from pinn.operators.kernels import Kernels, Wanted

MET = 3  # cells whose windows a point meets, about
CELLS = ("lower", "upper", "below", "above", "sides")


class Partition(nn.Module):
    """``u(x) = sum_j w_j(x) N_j(x)`` with ``w_j = b_j / sum_k b_k`` and b_j the bump of cell j, a product of `Window`.

    A partition of unity (Babuska & Melenk 1997, Int. J. Numer. Methods Eng. 40) of networks: FBPINN (Moseley, Markham,
    Nissen-Meyer 2023, Adv. Comput. Math. 49); of random features: Chen, Chi, E, Yang 2022, J. Mach. Learn. 1.

    Args:
        networks: N_j, each (n, D) to (n, F), with a linear layer `output`.
        lower: Lower corners of the cells, (K, D).
        upper: Upper corners, (K, D).
        below: How far each reaches below its lower faces, (K, D); negative where no other cell is there: then its
            window is 1 so far.
        above: How far above its upper ones.
        sides: The side of interfaces that each is on, (K,): beyond it is nothing of its window.
        smoothness: m of the windows' class C^m.
        local: Makes the network over a box: `of` a number of features, for states with other cells than these.
        beside: Networks of further fields, each (N, D) to (N, 1), that know no cells.
        divided: What tells on which side points are; None where there are no interfaces.
    """

    lower: Tensor
    upper: Tensor
    below: Tensor
    above: Tensor
    sides: Tensor

    def __init__(
        self, networks: Sequence[nn.Module], lower: Tensor, upper: Tensor, below: Tensor, above: Tensor, sides: Tensor,
        smoothness: int, local: Any, beside: Sequence[nn.Module] = (), divided: Sides | None = None,
    ):  # fmt: skip
        super().__init__()
        self.networks = nn.ModuleList(networks)
        for name, value in zip(CELLS, (lower, upper, below, above, sides), strict=True):
            self.register_buffer(name, value.clone())
        self.smoothness, self.local, self.divided = smoothness, local, divided
        self.beside = nn.ModuleList(beside)
        self._windows: list[list[Window]] | None = None

    def __len__(self) -> int:
        return len(self.networks)

    def become(self, other: Partition) -> None:
        """Take the cells and the networks of another one."""
        self.networks, self._windows = other.networks, None
        for name in CELLS:
            setattr(self, name, getattr(other, name))

    @property
    def spread(self) -> int:
        """Over how many parts points are spread that do not meet: see `pinn.operators.slices`."""
        return max(1, len(self) // MET)

    @property
    def layers(self) -> list[nn.Linear]:
        """The output layer of each cell."""
        return [cast(nn.Linear, network.output) for network in self.networks]

    @property
    def output(self) -> nn.ModuleList:
        """The same as a module, with those of the fields beside."""
        return nn.ModuleList([*self.layers, *(cast(nn.Linear, network.output) for network in self.beside)])

    def some(self, first: int, last: int) -> Partition:
        """A run of the cells, with the same networks."""
        cells = [getattr(self, name)[first:last] for name in CELLS]
        return self.like(list(self.networks)[first:last], *cells, beside=list(self.beside))

    def like(self, networks: Sequence[nn.Module], *cells: Tensor, beside: Sequence[nn.Module]) -> Partition:
        """One with other networks and cells, these as `CELLS` has them."""
        lower, upper, below, above, sides = cells
        return Partition(
            networks, lower, upper, below, above, sides, self.smoothness, self.local, beside, self.divided
        )  # fmt: skip

    def covers(self, x: Tensor) -> Tensor:
        """At which points (N, D) there is a cell, (N,): while time is solved strip by strip, not at all of them."""
        covered = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        for rows in self.members(x):
            covered[rows] = True
        # the last strip reaches beyond the time that is solved
        return covered & (x >= self.lower.amin(0)).all(dim=1) & (x <= self.upper.amax(0)).all(dim=1)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        """Take the cells of a state: as many networks as it has."""
        lower = state_dict.get(f"{prefix}lower")
        if lower is not None:
            for name in CELLS:
                setattr(self, name, state_dict[f"{prefix}{name}"].to(getattr(self, name)))
            self._windows = None
            low, high = self.lower - self.below.clamp(min=0), self.upper + self.above.clamp(min=0)
            widths = [state_dict[f"{prefix}networks.{k}.output.weight"].shape[1] for k in range(len(lower))]
            networks: list[nn.Module] = list(self.networks)[: len(widths)]
            for k, n in enumerate(widths):  # those that fit stay, as optimizers know their parameters
                if k >= len(networks) or cast(nn.Linear, networks[k].output).in_features != n:
                    made = self.local.of(n)(low[k].tolist(), high[k].tolist()).to(self.lower)
                    networks[k : k + 1] = [made]
            self.networks = nn.ModuleList(networks)
        super()._load_from_state_dict(state_dict, prefix, *args)

    @property
    def outputs(self) -> int:
        """F, without the fields beside."""
        return self.layers[0].out_features

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, F)."""
        # a jet stands for a tensor
        found: Tensor = self._of_jet(x) if isinstance(x, Feature) else self._of_points(x)  # pyright: ignore[reportAssignmentType]
        return torch.cat([found, *(network(x) for network in self.beside)], dim=1) if len(self.beside) else found

    @property
    def windows(self) -> list[list[Window]]:
        """Of each cell, along each coordinate."""
        if self._windows is None:
            tables = [t.tolist() for t in (self.lower, self.upper, self.below, self.above)]
            self._windows = [
                [Window(*numbers, self.smoothness) for numbers in zip(*of_cell, strict=True)]  # pyright: ignore[reportCallIssue]
                for of_cell in zip(*tables, strict=True)
            ]
        return self._windows

    def members(self, x: Tensor) -> list[Tensor]:
        """For each cell the numbers of the points (N, D) at which its window is not zero.

        A face at which a cell reaches nowhere is its own below, and that of another cell above.
        """
        x = x.detach()
        found = within(x, self.lower - self.below.abs(), self.upper + self.above.abs())
        if self.divided is None or not len(self.divided):
            return found
        sides = self.divided.of(x)
        return [rows[sides[rows] == side] for rows, side in zip(found, self.sides.tolist(), strict=True)]

    def _of_points(self, x: Tensor) -> Tensor:
        members = self.members(x)
        bumps = [self._bump(j, x[rows]) if len(rows) else None for j, rows in enumerate(members)]
        total, parts = x.new_zeros(len(x), 1), []
        for bump, rows in zip(bumps, members, strict=True):
            if bump is not None:
                total = total.index_add(0, rows, bump)
        for j, (bump, rows) in enumerate(zip(bumps, members, strict=True)):
            if bump is not None:
                parts.append((rows, bump * self.networks[j](x[rows])))
        result = x.new_zeros(len(x), self.outputs)
        for rows, part in parts:
            result = result.index_add(0, rows, part)
        return result / total

    def _bump(self, j: int, x: Tensor) -> Tensor:
        value = x.new_ones(len(x), 1)
        for d, window in enumerate(self.windows[j]):
            if not window.constant:
                value = value * window.value(x[:, d : d + 1])
        return value

    def _of_jet(self, x: Feature) -> Feature:
        if not x.affine or x.slopes.shape[1] != 1:
            raise NoJetRule("a partition takes the coordinates themselves")
        points, slopes, kernels = x.value, x.slopes, x.kernels
        members = self.members(points)
        outputs = self.outputs

        def compute(wanted: Wanted) -> Tensor:
            wanted_gradient = torch.is_grad_enabled()
            total = points.new_zeros(len(kernels.channels_of(wanted)), len(points), outputs)
            with torch.enable_grad():  # jets ask for it
                for j, weight in self.weights(points, slopes, kernels, members).items():
                    rows = members[j]
                    tape: Tape | None = None if x.tape is None else []
                    local = self.networks[j](_traced(points[rows], slopes, kernels, tape))
                    part = kernels.multiply(weight, local.channels, wanted)
                    for use in tape or ():
                        assert x.tape is not None
                        x.tape.append(replace(use, rows=rows))
                    total = total.index_add(1, rows, part if wanted_gradient else part.detach())
            return total

        return x.as_jet((len(points), outputs), compute)

    def weights(
        self, x: Tensor, slopes: Tensor, kernels: Kernels, members: Sequence[Tensor], some: Sequence[int] | None = None
    ) -> dict[int, Tensor]:
        """All channels of the windows that meet points, of some cells or all, (C, n, 1); all of them sum to one."""
        every = kernels.blocks.every
        count = len(kernels.channels_of(every))
        total, bumps = x.new_zeros(count, len(x), 1), {}
        for j, rows in enumerate(members):
            if len(rows):
                bumps[j] = self._bump_channels(j, x[rows], slopes, kernels, every, count)
                total.index_add_(1, rows, bumps[j])
        inverse = kernels.compose(total, reciprocal, every)
        wanted = bumps if some is None else [j for j in some if j in bumps]
        return {j: kernels.multiply(bumps[j], inverse[:, members[j]], every) for j in wanted}

    def _bump_channels(self, j: int, x: Tensor, slopes: Tensor, kernels: Kernels, every: Wanted, count: int) -> Tensor:
        value: Tensor | None = None
        for d, window in enumerate(self.windows[j]):
            if window.constant:
                continue
            one = kernels.ridge(x[:, d : d + 1], slopes[:, :, d : d + 1], window.table, every)
            value = one if value is None else kernels.multiply(value, one, every)
        if value is None:
            value = x.new_zeros(count, len(x), 1)
            value[0] = 1
        return value

    def features(self, j: int, x: Tensor, slopes: Tensor, kernels: Kernels) -> Tensor:
        """All channels of what goes into the output layer of network j, and of 1 at the end: (C, n, W + 1)."""
        return features_of(self.networks[j], x, slopes, kernels)


def features_of(network: nn.Module, x: Tensor, slopes: Tensor, kernels: Kernels) -> Tensor:
    """All channels of what goes into the output layer of a network, and of 1 at the end: (C, n, W + 1)."""
    with _without_output(network):
        hidden = network(_traced(x, slopes, kernels)).channels
    one = hidden.new_zeros(len(hidden), len(x), 1)
    one[0] = 1
    return torch.cat([hidden, one], dim=2)


def _traced(x: Tensor, slopes: Tensor, kernels: Kernels, tape: Tape | None = None) -> Traced:
    return Traced(kernels, tape, x, x.shape, value=x, slopes=slopes)


@contextmanager
def _without_output(network: nn.Module) -> Iterator[None]:
    output = network.output
    network.output = nn.Identity()
    try:
        yield
    finally:
        network.output = output
