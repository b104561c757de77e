"""Networks that are trained one after another."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn


class Parts(nn.Module):
    """Several networks of which one is present: it alone is trained, and has the output layer.

    Args:
        networks: Each with a linear layer `output`.

    Attributes:
        present: The part that is trained; None: none is, and all count.
    """

    def __init__(self, networks: Sequence[nn.Module]):
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.present: int | None = None

    @property
    def count(self) -> int:
        """How many parts there are."""
        return len(self.networks)

    @property
    def last(self) -> int:
        """The present part, or the last one."""
        return self.count - 1 if self.present is None else self.present

    @property
    def output(self) -> nn.Module:
        """The last layer of that part's network."""
        layer = self.networks[self.last].output
        assert isinstance(layer, nn.Module)
        return layer

    @contextmanager
    def at(self, k: int) -> Iterator[None]:
        """Within it part k is the present one."""
        self.present, kept = k, self.present
        try:
            yield
        finally:
            self.present = kept
