"""Networks that are added up.

Shape letters: N points, D coordinates, F fields.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn


class Staged(nn.Module):
    """``u(x) = N_0(x) + N_1(x) + ...``: each network represents what those before it have left of the error.

    Wang & Lai 2024, J. Comput. Phys. 504, equation 5. Their factor before N_k, the size of that error, is in the output
    layer here, for that is found by least squares, which any scale suits.

    Args:
        networks: N_k, each (N, D) to (N, F) with a linear layer `output`; what is not begun gives zero.

    Attributes:
        present: The stage that is trained, none after it counts; None: all count.
    """

    def __init__(self, networks: Sequence[nn.Module]):
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.present: int | None = None

    @property
    def count(self) -> int:
        """How many stages there are."""
        return len(self.networks)

    @property
    def last(self) -> int:
        """The last stage that counts."""
        return self.count - 1 if self.present is None else self.present

    @property
    def output(self) -> nn.Module:
        """The last layer of the present stage's network, or of the last one's."""
        layer = self.networks[self.last].output
        assert isinstance(layer, nn.Module)
        return layer

    @contextmanager
    def at(self, k: int) -> Iterator[None]:
        """Within it stage k is the present one."""
        self.present, kept = k, self.present
        try:
            yield
        finally:
            self.present = kept

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, F)."""
        total = self.networks[0](x)
        for k in range(1, self.last + 1):
            total = total + self.networks[k](x)
        return total
