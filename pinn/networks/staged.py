"""Networks that are added up.

Shape letters: N points, D coordinates, F fields.
"""

from torch import Tensor

from pinn.networks.parts import Parts


class Staged(Parts):
    """``u(x) = N_0(x) + N_1(x) + ...``: each network represents what those before it have left of the error.

    Wang & Lai 2024, J. Comput. Phys. 504, equation 5. Their factor before N_k, the size of that error, is in the output
    layer here, for that is found by least squares, which any scale suits.

    Args:
        networks: N_k, each (N, D) to (N, F) with a linear layer `output`; what is not begun gives zero. None
            after the present one counts.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, F)."""
        total = self.networks[0](x)
        for k in range(1, self.last + 1):
            total = total + self.networks[k](x)
        return total
