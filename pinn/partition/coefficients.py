"""The step of coefficient fields that the data make most likely, and what they leave open of them.

Numbers and coefficients of waves are what the fields of the cells follow: see `numbers`. What is left of the data, when
those have taken what they can, is linear in a step; beside it stands what is known of the fields before: see `prior`.

Shape letters: R rows, n of data; Z numbers and coefficients of waves.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from pinn.partition.evidence import Posterior, averaged, posterior
from pinn.partition.numbers import Response, taken_by_fields, turn
from pinn.partition.prior import Linear
from pinn.partition.sparse import BlockLeastSquares
from pinn.partition.system import Sampled

DRAWN = 16  # from what the data leave of coefficient fields


@dataclass
class Fields(Response):
    """A response with coefficient fields.

    Attributes:
        known: What the data are, linear in numbers and coefficients.
        posterior: Of numbers and coefficients.
        slopes: What a step of them changes of what is left of the data, (n, Z).
        left: Of the data, (n,).
        noise: Of each of the data, (n,).
        own: What noise makes of the fields of the cells with the others held, by cell, (P, S).
    """

    known: Linear
    posterior: Posterior
    slopes: Tensor
    left: Tensor
    noise: Tensor
    own: list[Tensor]

    def drawn(self) -> list[list[Tensor]]:
        """Changes of the coefficients by cell, the sum of whose squared effects is about the variance of the fields."""
        changes = self.spread @ _random(self.spread, self.spread.shape[1])
        found = [part @ changes + own for part, own in zip(self.coefficients, self.own, strict=True)]
        return [list(of) for of in zip(*(part.unbind(1) for part in found), strict=True)]

    def tell(self, sampled: Sampled) -> None:
        """Give the fields their deviations, with what is open of the processes."""
        self.posterior = averaged(self.known, self.posterior)
        self.spread = self.posterior.factor
        factor = self.spread[len(sampled.residuals.unbounded) :]
        for one, part in zip(sampled.beside, factor.split([len(w.frequencies) for w in sampled.beside]), strict=True):
            one.spread = torch.linalg.qr(part.mT, mode="r").R.mT.to(one.spread)


def fields_response(solver: BlockLeastSquares, sampled: Sampled, columns: Tensor, residual: Tensor) -> Fields:
    """The response where there are coefficient fields; without data all that is left is judged.

    Args:
        solver: Of the fields of the cells.
        sampled: The problem, with numbers and coefficients as they are.
        columns: The derivatives of the scaled residuals by them, (R, Z).
        residual: The scaled residuals, (R,).
    """
    follow, turned = turn(solver, columns, columns.norm(dim=0))
    turned = turned * columns.norm(dim=0)
    data = sampled.data or ({} if sampled.conditions(True)[0] else {"all": slice(0, len(residual))})
    taken = taken_by_fields(solver, residual, data)
    judged = [torch.arange(rows.start, rows.stop, device=residual.device) for rows in data.values()]
    rows = torch.cat([torch.zeros(0, dtype=torch.int64, device=residual.device), *judged])
    measured, of_measured = sampled.conditions(True)
    left, slopes = torch.cat([residual[rows], *measured]), torch.cat([turned[rows], *of_measured])
    ends = list(accumulate(len(part) for part in (*judged, *measured)))
    free = [max(len(part) - t, 1.0) for part, t in zip(judged, taken.values(), strict=True)]
    free += [float(len(part)) for part in measured]
    groups = [(slice(end - len(part), end), f)
              for end, part, f in zip(ends, (*judged, *measured), free, strict=True)]  # fmt: skip
    conditions, held = sampled.conditions()
    conditions, held = torch.cat([left[:0], *conditions]), torch.cat([slopes[:0], *held])
    here, numbers = sampled.numbers - guess(sampled), len(sampled.residuals.unbounded)
    known = Linear(
        slopes, slopes @ here - left, groups, held, held @ here - conditions,
        sampled.numbers[:numbers].abs().clamp(1.0),
        [one.frequencies.to(left) for one in sampled.beside], [one.dimensions for one in sampled.beside],
    )  # fmt: skip
    found = posterior(known, sampled.priors)
    sampled.priors = found.processes
    noise = torch.empty_like(left)
    for (of, _), one in zip(groups, found.noises, strict=True):
        noise[of] = one
    deviations = found.factor[:numbers].norm(dim=1) if sampled.data else None
    drawn = residual.new_zeros(len(residual), DRAWN)
    drawn[rows] = noise[: len(rows), None] * _random(noise, len(rows), 1)
    own, _ = solver.solve_all(drawn)
    part = sum(taken.values()) / max(len(rows), 1)
    return Fields(
        found.mean - here, 0.0, follow, deviations, part, found.factor, follow[0].new_zeros(len(here), 0), known, found,
        slopes, left, noise, own,
    )  # fmt: skip


def _random(like: Tensor, count: int, seed: int = 0) -> Tensor:
    """Normal numbers, (count, S), whose products with a root of a covariance have that over S."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, DRAWN, generator=generator, dtype=torch.float64).to(like) / DRAWN**0.5


def guess(sampled: Sampled) -> Tensor:
    """The mean before the data: of the numbers what they are, of a field the constant that was guessed, (Z,)."""
    parts = [sampled.numbers[: len(sampled.residuals.unbounded)]]
    for one in sampled.beside:
        waves = torch.zeros_like(one.coefficients)
        waves[-1] = one.guess
        parts.append(waves.to(parts[0]))
    return torch.cat(parts)
