"""Solutions for a range of a parameter: solved at Chebyshev's nodes, interpolated between them.

Barycentric interpolation: Berrut & Trefethen 2004, SIAM Rev. 46, section 5.

Shape letters: N points, F fields, K nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

if TYPE_CHECKING:
    from pinn.problem import Problem

FEWEST, MOST = 5, 33  # nodes
PROBES = 256  # points at which the interpolants of K and 2 K - 1 nodes are compared
TOLERANCE = 1e-4  # of the largest value: that of the references themselves may be 1e-5
Truth = Callable[[Tensor], Tensor]


def family(problem: Problem, solve: Callable[[Problem], Truth]) -> Truth:
    """Return the truth of a problem one of whose parameters has a range.

    Args:
        problem: The problem.
        solve: The truth of a problem whose parameters are numbers.

    Raises:
        ValueError: Several parameters have ranges, or the solutions do not settle with more nodes.
    """
    names = problem.domain.parameters
    if len(names) != 1:
        raise ValueError(f"a reference takes one parameter with a range, here are {', '.join(names)}")
    k = problem.coordinate_names.index(names[0])
    low, high = problem.domain.lower[k], problem.domain.upper[k]
    solved: dict[float, Truth] = {}

    def interpolant(count: int) -> Truth:
        nodes = (low + high) / 2 - (high - low) / 2 * torch.cos(
            torch.pi * torch.arange(count, dtype=torch.float64) / (count - 1)
        )
        for node in nodes.double().tolist():
            at = float(f"{node:.12g}")
            if at not in solved:
                solved[at] = solve(problem.at(**{names[0]: at}))
        return lambda points: _between(points, k, sorted(solved), solved)

    unit = SobolEngine(len(problem.coordinate_names), scramble=True, seed=0).draw(PROBES, dtype=torch.float64)
    probes = problem.domain.sample(problem.domain.interior, unit).x
    count, change = FEWEST, float("inf")
    values = interpolant(count)(probes)
    while count < MOST:
        count = 2 * count - 1
        function = interpolant(count)
        finer = function(probes)
        change = float((finer - values).abs().max() / finer.abs().max())
        if change <= TOLERANCE:
            return function
        values = finer
    raise ValueError(
        f"between {count} values of {names[0]} the solution still changes by {change:.1g}: take less of it"
    )


def _between(points: Tensor, k: int, nodes: list[float], solved: dict[float, Truth]) -> Tensor:
    """The polynomial through the solutions at the nodes, (N, F)."""
    others = torch.cat([points[:, :k], points[:, k + 1 :]], dim=1)
    weights = torch.ones(len(nodes), dtype=points.dtype)
    weights[1::2] = -1
    weights[0] /= 2
    weights[-1] /= 2
    apart = points[:, k : k + 1].cpu() - torch.tensor(nodes, dtype=points.dtype)
    hit = apart == 0
    shares = torch.where(hit.any(1, keepdim=True), hit.to(weights), weights / torch.where(hit, 1, apart))
    shares = (shares / shares.sum(1, keepdim=True)).to(points)
    return torch.stack([solved[node](others) * shares[:, i : i + 1] for i, node in enumerate(nodes)]).sum(0)
