"""What is asked of a solution."""

from collections.abc import Mapping
from dataclasses import dataclass

import sympy

from pinn.geometry import Place


@dataclass(frozen=True)
class Quantity:
    """A number or a vector at each point of a place.

    Attributes:
        text: As it was written.
        components: Its expression; of a vector one for each coordinate of space, `<text>_x`.
        place: Where it is asked for.
    """

    text: str
    components: Mapping[str, sympy.Expr]
    place: Place
