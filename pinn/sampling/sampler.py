"""What a sampler is.

Shape letters: n points, d unit-cube coordinates.
"""

from abc import ABC, abstractmethod

from torch import Tensor


class Sampler(ABC):
    """A rule that fills the unit cube with points.

    Attributes:
        tensor: Whether they are a tensor grid, of n points or fewer.
    """

    tensor = False

    @abstractmethod
    def unit(self, n: int, d: int, seed: int) -> Tensor:
        """Draw n points strictly inside the unit cube.

        Args:
            n: Number of points.
            d: Dimension of the cube, at least 1.
            seed: The only source of chance, 0 <= seed < 2**63.

        Returns:
            Points on the CPU, float64, (n, d).
        """

    def weights(self, n: int, d: int) -> Tensor | None:
        """What the points count in a mean square, (n,) with mean 1; None where they count alike."""
        return None
