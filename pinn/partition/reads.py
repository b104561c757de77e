"""How the values of operators are read from the channels of features.

Shape letters: C' wanted channels, n points, W features.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from pinn.operators import Plan

Functional = tuple[tuple[int, float], ...]  # rows of the wanted channels and coefficients


@dataclass
class Reads:
    """How a plan's operators read from the channels of one field's features.

    Attributes:
        functionals: The different combinations of channels.
        uses: By operator, pairs of a field and the number of a functional.
    """

    functionals: list[Functional] = field(default_factory=list)
    uses: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    @staticmethod
    def of(plan: Plan) -> Reads:
        """Those of a plan."""
        reads, numbers = Reads(), {}
        for name, triples in plan.read_outs.items():
            by_field: dict[int, list[tuple[int, float]]] = {}
            for row, f, coefficient in triples:
                by_field.setdefault(f, []).append((row, coefficient))
            for f, pairs in by_field.items():
                number = numbers.setdefault(tuple(pairs), len(numbers))
                reads.uses.setdefault(name, []).append((f, number))
        reads.functionals = list(numbers)
        return reads


def combine(channels: Tensor, functional: Functional) -> Tensor:
    """A functional of channels (C', n, W), (n, W)."""
    (row, coefficient), *rest = functional
    total = channels[row] if coefficient == 1 else coefficient * channels[row]
    for row, coefficient in rest:
        total = total + coefficient * channels[row]
    return total
