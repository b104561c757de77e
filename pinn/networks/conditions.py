"""A network that satisfies conditions by construction.

Shape letters: N points, D coordinates, F fields.
"""

from collections.abc import Mapping, Sequence

import sympy
import torch
from torch import Tensor, nn

from pinn.language import torch_function


class HardConditions(nn.Module):
    """`u_f = g_f + phi_f * N_f` for the fields with conditions, `u_f = N_f` for the others.

    Args:
        network: N, maps (N, D) to (N, F).
        coordinates: The symbols of the D coordinates.
        fields: Names of the F fields.
        lifts: g by field.
        factors: phi by field.
    """

    def __init__(
        self,
        network: nn.Module,
        coordinates: Sequence[sympy.Symbol],
        fields: Sequence[str],
        lifts: Mapping[str, sympy.Expr],
        factors: Mapping[str, sympy.Expr],
    ):
        super().__init__()
        self.network = network
        self.dimensions, self.outputs = len(coordinates), len(fields)
        self._lifts = {i: torch_function(coordinates, [lifts[f]]) for i, f in enumerate(fields) if lifts.get(f, 0) != 0}
        self._factors = {i: torch_function(coordinates, [factors[f]]) for i, f in enumerate(fields) if f in factors}

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, F)."""
        output = self.network(x)
        columns = [x[:, k] for k in range(self.dimensions)]
        fields = []
        for i in range(self.outputs):
            u = output[:, i]
            if i in self._factors:
                u = u * self._factors[i](*columns)[0]
            if i in self._lifts:
                u = u + self._lifts[i](*columns)[0]
            fields.append(u)
        return torch.stack(fields, dim=1)
