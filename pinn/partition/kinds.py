"""Equations that are another one elsewhere, such as the condition `where(x < 0, u, u_y)(y=0) = 0`.

The rows of a value and of a slope differ in size by the size of a cell, and each kind is scaled by its own.

Shape letters: N points, D coordinates.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache

import sympy
import torch
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from torch import Tensor

from pinn.language import has_field, torch_function

MOST = 3  # choices in one equation whose outcomes are told apart


class Kinds:
    """Which of several equations a text says at a point, as far as coordinates alone decide it.

    Args:
        residual: Of the equation.
        variables: The coordinates.
    """

    def __init__(self, residual: sympy.Expr, variables: Sequence[sympy.Symbol]):
        self.residual, self.variables, known = residual, variables, set(variables)
        choices = {
            choice
            for term in sympy.Add.make_args(residual) if has_field(term)
            for choice in term.atoms(Relational)
            if choice.free_symbols <= known and not choice.atoms(AppliedUndef)
        }  # fmt: skip
        self.choices = sorted(choices, key=sympy.default_sort_key)[:MOST]

    def __len__(self) -> int:
        return 2 ** len(self.choices)

    def of(self, x: Tensor) -> Tensor:
        """The number of the kind at each point (N, D), (N,)."""
        found = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        if self.choices:
            for k, outcome in enumerate(self._outcomes(*x.unbind(1))):
                found += 2**k * torch.as_tensor(outcome, device=x.device).expand(len(x)).long()
        return found

    @cached_property
    def _outcomes(self):
        ones = [sympy.Piecewise((1, choice), (0, True)) for choice in self.choices]
        return torch_function(self.variables, ones)

    @cached_property
    def orders(self) -> list[int]:
        """The highest order of a derivative in the equation of each kind."""
        found = []
        for kind in range(len(self)):
            outcome = {choice: sympy.true if kind >> k & 1 else sympy.false for k, choice in enumerate(self.choices)}
            derivatives = self.residual.xreplace(outcome).atoms(sympy.Derivative)
            found.append(max((int(d.derivative_count) for d in derivatives), default=0))
        return found


@lru_cache(maxsize=256)
def kinds(residual: sympy.Expr, variables: tuple[sympy.Symbol, ...]) -> Kinds:
    """Those of an equation."""
    return Kinds(residual, variables)
