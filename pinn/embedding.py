r"""Conditions by what the network sees: a function of these inputs satisfies them, whatever function it is.

Of a periodic coordinate the network sees a cosine and a sine of one period, so that it is periodic with all its
derivatives (Dong & Ni 2021, J. Comput. Phys. 435). Where only a slope is fixed it sees two polynomials without slope,
s^2 and s^3 for s = 0: every smooth function without slope there is a smooth function of these two. For both ends they
are of degree 3 and 4, and as good as s^2 and s^3 at either.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false
# pyright: reportOperatorIssue=false

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sympy

from pinn.geometry import Domain
from pinn.language import LanguageError, coordinate

LOWER, UPPER = 0, 1
Face = tuple[int, int]  # the index of a coordinate, LOWER or UPPER
Inputs = tuple[tuple[sympy.Expr, ...], ...]  # of each coordinate, with values in [-1, 1] and slopes up to 2/length


@dataclass(frozen=True)
class Flat:
    """What the inputs are to have, of one field.

    Attributes:
        periodic: Coordinates along which it is periodic.
        free: Faces where it has no slope.
    """

    periodic: frozenset[int] = field(default_factory=frozenset)
    free: frozenset[Face] = field(default_factory=frozenset)

    def beyond(self, other: "Flat") -> "Flat":
        """What this has, and the other has not."""
        return Flat(self.periodic - other.periodic, self.free - other.free)

    def faces(self, domain: Domain) -> str:
        """In words."""
        said = [f"periodic in {domain.names[k]}" for k in sorted(self.periodic)]
        ends = domain.lower, domain.upper
        said += [f"without a value on {domain.names[k]}={ends[side][k]:g}" for k, side in sorted(self.free)]
        return " and ".join(said) or "neither periodic nor fixed by its slope alone"


def common(wanted: Iterable[Flat]) -> Flat:
    """What all have."""
    flats = list(wanted)
    return Flat(
        frozenset.intersection(*(one.periodic for one in flats)), frozenset.intersection(*(one.free for one in flats))
    )


def embed(domain: Domain, wanted: Mapping[str, Flat]) -> Inputs | None:
    """The inputs of a network for fields with these wishes; None for the coordinates themselves.

    Raises:
        LanguageError: The fields, which have one network, differ in them.
    """
    (first, flat), *others = wanted.items()
    for name, other in others:
        if other != flat:
            raise LanguageError(
                f"all fields share the inputs of the network, and {first} is {flat.faces(domain)}, but {name} is "
                f"{other.faces(domain)}"
            )
    if flat == Flat():
        return None
    return tuple(_inputs(domain, k, flat) for k in range(len(domain.names)))


def _inputs(domain: Domain, k: int, flat: Flat) -> tuple[sympy.Expr, ...]:
    low, high = (sympy.Rational(repr(ends[k])) for ends in (domain.lower, domain.upper))
    s = (coordinate(domain.names[k]) - low) / (high - low)
    if k in flat.periodic:
        return sympy.cos(2 * sympy.pi * s) / sympy.pi, sympy.sin(2 * sympy.pi * s) / sympy.pi
    sides = [side for side in (LOWER, UPPER) if (k, side) in flat.free]
    w = 2 * s - 1
    if not sides:
        return (w,)
    if len(sides) == 2:
        return w * (3 - w**2) / 3, 3 * sympy.sqrt(3) / 16 * (1 - w**2) ** 2
    away = s if sides == [LOWER] else 1 - s
    return away**2, 2 * away**3 / 3


def periodic_coordinates(inputs: Inputs, names: Sequence[str]) -> list[str]:
    """Those of which the network sees a cosine and a sine."""
    return [name for name, seen in zip(names, inputs, strict=True) if seen[0].has(sympy.cos)]
