"""The points of a tiling: in each cell so many that its network is determined, more where they have hidden anything.

Shape letters: K cells, N points, D coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from pinn.geometry import Domain, Place, Points, Region
from pinn.language.scope import TIME
from pinn.partition.cells import Cells
from pinn.partition.integrals import integral_points
from pinn.problem import Problem
from pinn.sampling.cells import ordered, points_in_cells

ROWS = 2.5  # equations in the interior for each unknown of a cell
EDGE = 3.0  # points on a face of a cell, for each feature along it
PANEL = 0.3  # of a cell's points: what a part of it gets at least, however narrow
LEAST_INSIDE, LEAST_ON_A_FACE = 20, 8  # points of a cell
HELD_OUT = 2**61  # added to the seed: points that nothing is fitted to
FEW = 20  # points that show whether a cell meets the domain
Drawn = tuple[dict[Place, Points], dict[Place, Tensor]]  # points, and the cell of each, by place


def of_its_own(place: Place) -> bool:
    """Whether a place says nothing of how well equations hold in a cell: data have noise, an integral has no cell."""
    return place.integral or place.data is not None


@dataclass(frozen=True)
class CellPoints:
    """Draws the points of a problem in the cells of a tiling.

    Attributes:
        problem: Says where points are needed.
        domain: Its domain, or that of an interval of time.
        features: Of a cell's network.
        seed: Of the points.
        begins: Where time begins, and when it does here; None where the problem's own conditions say so.
        like: Of whose dtype and on whose device the points are.
    """

    problem: Problem
    domain: Domain
    features: int
    seed: int
    begins: tuple[Place, float] | None
    like: Tensor

    def fitted(self, tiling: Cells, crowding: Tensor, places: Sequence[Place]) -> Drawn:
        """Points to be fitted to: Gauss points, as many as `crowding` times the usual number, (K,)."""
        return self._draw(tiling, crowding, places, "gauss", 1.0)

    def held_out(self, tiling: Cells, places: Sequence[Place], part: float) -> Drawn:
        """Points that nothing is fitted to: Sobol points, a part of the usual number; none of data or an integral."""
        places = [place for place in places if not of_its_own(place)]
        return self._draw(tiling, torch.ones(len(tiling), dtype=torch.float64), places, "sobol", part)

    def meeting(self, tiling: Cells) -> Tensor:
        """The cells that meet the domain."""
        counts = torch.full((len(tiling),), FEW)
        return self._in_cells(self.problem.domain.interior, tiling, counts, self.seed, "gauss")[1].unique()

    def _in_cells(
        self, place: Place, tiling: Cells, counts: Tensor, seed: int, rule: Literal["gauss", "sobol"]
    ) -> tuple[Points, Tensor]:  # fmt: skip
        """About so many points of a place in each cell, on the side of interfaces that it is on."""
        sides, parts = self.problem.sides, []
        for number in range(max(1, len(sides))):
            here = (tiling.sides == number).nonzero()[:, 0]
            points, cells = points_in_cells(
                self.domain, place, tiling.lower[here], tiling.upper[here], counts[here], seed=seed, rule=rule,
                side=sides.side(number) if len(sides) else None,
            )  # fmt: skip
            parts.append((points, here[cells]))
        return ordered(parts) if len(parts) > 1 else parts[0]

    def _draw(
        self, tiling: Cells, crowding: Tensor, places: Sequence[Place], rule: Literal["gauss", "sobol"], part: float
    ) -> Drawn:
        problem, interior = self.problem, self.problem.domain.interior
        dimensions, seed = len(problem.coordinate_names), self.seed + (HELD_OUT if rule == "sobol" else 0)
        equations = sum(e.place == interior for e in problem.equations.values()) or 1
        unknowns = self.features + 1
        inside = max(LEAST_INSIDE, int(part * ROWS * unknowns * len(problem.fields) / equations))
        along = int(part * EDGE * unknowns ** ((dimensions - 1) / dimensions))
        on_faces = (max(1 if dimensions == 1 else LEAST_ON_A_FACE, along) * crowding.sqrt()).ceil().long()

        def drawn(place: Place, cells: Cells, counts: Tensor) -> tuple[Points, Tensor]:
            return self._in_cells(place, cells, counts, seed, rule)

        points: dict[Place, Points] = {}
        owners: dict[Place, Tensor] = {}
        for place in places:
            if place.integral:
                points[place], owners[place] = integral_points(self.domain, place, tiling, self.features, problem.sides)
            elif place == interior:
                panels, parents = tiling.panels(*tiling.reaches())
                parts = panels.widths.prod(dim=1) / tiling.widths.prod(dim=1)[parents]
                counts = (inside * crowding[parents] * parts.clamp(min=PANEL)).ceil().long()
                points[place], of = drawn(place, panels, counts)
                owners[place] = parents[of]
            else:
                here = place
                if self.begins and place == self.begins[0]:
                    here = self.domain.face({TIME: self.begins[1]})
                points[place], owners[place] = drawn(here, tiling, on_faces)
        # between a curved boundary or an interface and random points inside the equations would be free
        beside = [self.domain.boundary] if isinstance(self.domain, Region) else []
        for place in [*beside, *problem.sides.places] if interior in points else []:
            more, of = drawn(place, tiling, on_faces)
            points[interior] = Points(torch.cat([points[interior].x, more.x]))
            owners[interior] = torch.cat([owners[interior], of])
        return (
            {place: at.to(self.like.device, self.like.dtype) for place, at in points.items()},
            {place: of.to(self.like.device) for place, of in owners.items()},
        )
