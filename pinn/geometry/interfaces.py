"""Interfaces, along which a coefficient or a source jumps or bends, and the sides of them that a domain has.

Shape letters: N points, D coordinates, E edges, R sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import sympy
import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from pinn.geometry.box import Box, Place, Points
from pinn.geometry.region import Domain
from pinn.language import coordinate, partner_name, torch_function

LOOKED_AT = 2**15  # points of the domain, by which its sides are found
TRIED = 2**10  # of them, from which an interface is reached, if it has a tangent
ASIDE = 2.0**-46, 2.0**-38, 2.0**-30  # of the domain's size: how far beside an interface its points lie, at least
STEPS = 30  # of Newton's, from near an interface to it
AT_ONCE = 2**22  # comparisons of a point's signs with those of a side


class Interface:
    """Where a function of the coordinates, the edge, is zero.

    Args:
        edge: The function.
        names: Of the coordinates.
        size: Of the domain, a length a coordinate.
    """

    def __init__(self, edge: sympy.Expr, names: Sequence[str], size: Sequence[float]):
        self.edge, self.size, self._names = edge, torch.tensor(size, dtype=torch.float64), tuple(names)
        x = [coordinate(name) for name in names]
        self._functions = torch_function(x, [edge, *(edge.diff(one) for one in x)])

    @cached_property
    def place(self) -> Place:
        """Points beside it."""
        return Place(self.name, interface=self)

    @property
    def name(self) -> str:
        """Such as `x = 1/2`."""
        match list(self.edge.free_symbols):
            case [x] if self.edge.diff(x).is_number:
                return f"{x} = {sympy.solve(self.edge, x)[0]}"
        return f"{self.edge} = 0"

    def value(self, x: Tensor) -> Tensor:
        """Of the edge at points (N, D), (N,)."""
        return x[:, 0] * 0 + self._functions(*x.unbind(1))[0]

    def mirrored(self, x: Tensor) -> Tensor:
        """From points (N, D) that are very near to those on the other side."""
        value, slopes = self._tangent(x)
        return x - 2 * value[:, None] * slopes / slopes.square().sum(1, keepdim=True)

    def beside(self, x: Tensor, sign: Tensor | float) -> Points:
        """The nearest points, on the side where the edge has that sign, with their partners' coordinates; NaN: none."""
        sign = torch.as_tensor(sign, dtype=x.dtype).expand(len(x))
        size = self.size.to(x)
        for _ in range(STEPS):
            value, slopes = self._tangent(x)
            scaled = slopes * size  # the nearest in units of the domain
            x = x - value[:, None] * scaled * size / scaled.square().sum(1, keepdim=True)
        _, slopes = self._tangent(x)
        scaled = slopes * size
        normal = sign[:, None] * torch.maximum(size, x.abs()) * scaled / scaled.norm(dim=1, keepdim=True)
        found = torch.full_like(x, torch.nan)
        for step in ASIDE:  # as near as rounding lets the sides be told apart
            aside = x + step * normal
            apart = (self.value(aside) * sign > 0) & (self.value(self.mirrored(aside)) * sign < 0)
            found = torch.where(apart[:, None] & found.isnan(), aside, found)
        there = dict(zip(map(partner_name, self._names), self.mirrored(found).unbind(1), strict=True))
        return Points(found, values=there)

    def _tangent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        value, *slopes = self._functions(*x.unbind(1))
        columns = [x[:, 0] * 0 + slope for slope in slopes]
        return x[:, 0] * 0 + value, torch.stack(columns, dim=1)


class Sides:
    """The parts into which interfaces divide a domain: those where all edges have the same signs.

    Attributes:
        interfaces: E of them.
        signs: Whether the edges are positive on each side, (R, E).

    Args:
        edges: Functions of the coordinates; those that have one sign in the domain, or no slope, divide nothing.
        domain: What is divided.
    """

    def __init__(self, edges: Sequence[sympy.Expr], domain: Domain):
        box = domain if isinstance(domain, Box) else domain.box
        low, high = (torch.tensor(ends, dtype=torch.float64) for ends in (box.lower, box.upper))
        every = [Interface(edge, domain.names, (high - low).tolist()) for edge in dict.fromkeys(edges)]
        self.interfaces: list[Interface] = []
        self.signs = torch.zeros(1, 0, dtype=torch.bool)
        if not every:
            return
        x = low + (high - low) * SobolEngine(len(low), scramble=True, seed=0).draw(LOOKED_AT, dtype=torch.float64)
        x = x[domain.inside(x)]
        signs = torch.stack([one.value(x) >= 0 for one in every], dim=1)
        crossed = [k for k in range(len(every)) if bool(signs[:, k].any()) and not bool(signs[:, k].all())]
        both = [k for k in crossed if bool(domain.inside(every[k].beside(x[:TRIED], 1.0).x).any())]
        self.interfaces = [every[k] for k in both]
        self.signs = signs[:, both].unique(dim=0) if both else self.signs

    def __len__(self) -> int:
        """R; or 0 where nothing is divided."""
        return len(self.signs) if self.interfaces else 0

    @property
    def edges(self) -> list[sympy.Expr]:
        """Of the interfaces."""
        return [one.edge for one in self.interfaces]

    @property
    def places(self) -> list[Place]:
        """Of the interfaces."""
        return [one.place for one in self.interfaces]

    def side(self, number: int) -> Side:
        """One of them."""
        return Side(self, number)

    def of(self, x: Tensor) -> Tensor:
        """The side of each point (N, D): a number below R, (N,). A side so small that it was not seen is the next."""
        if not self.interfaces:
            return torch.zeros(len(x), dtype=torch.int64, device=x.device)
        signs, known = torch.stack([one.value(x) >= 0 for one in self.interfaces], dim=1), self.signs.to(x.device)
        parts = signs.split(max(1, AT_ONCE // known.numel()))
        return torch.cat([(part[:, None] != known).sum(2).argmin(1) for part in parts])


@dataclass(frozen=True)
class Side:
    """One of the sides.

    Attributes:
        sides: All of them.
        number: Which it is.
    """

    sides: Sides
    number: int

    def holds(self, x: Tensor) -> Tensor:
        """Which of the points (N, D) are on it, (N,)."""
        return self.sides.of(x) == self.number

    def sign(self, interface: Interface) -> float:
        """Of the interface's edge."""
        return 1.0 if bool(self.sides.signs[self.number, self.sides.interfaces.index(interface)]) else -1.0
