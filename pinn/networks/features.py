"""What a network sees of the coordinates: they alone, scaled, or functions of them.

All have `inputs`, D, `size`, E, and `groups`: how many of the features are one thing to see, such as the cosine and the
sine of a period, in turn. `along` gives the same of some coordinates alone.

Shape letters: N points, D coordinates, E features.
"""

from collections.abc import Callable, Sequence

import sympy
import torch
from torch import Tensor, nn

from pinn.language import torch_function


class Scaled(nn.Module):
    """`z = (x - c)/r`, in [-1, 1] on the box with centre c and half lengths r: E = D.

    Args:
        lower: Lower ends of the box, D of them.
        upper: Upper ends.
    """

    center: Tensor
    radius: Tensor

    def __init__(self, lower: Sequence[float], upper: Sequence[float]):
        super().__init__()
        self.inputs = self.size = len(lower)
        self.groups = (1,) * self.size
        self.lower, self.upper = tuple(lower), tuple(upper)
        low, high = torch.tensor([self.lower, self.upper], dtype=torch.float64)
        self.register_buffer("center", (low + high) / 2)
        self.register_buffer("radius", (high - low) / 2)

    def along(self, k: int, count: int = 1) -> "Scaled":
        """The same of so many coordinates, from k on."""
        return Scaled(self.lower[k : k + count], self.upper[k : k + count])

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, E)."""
        return (x - self.center) / self.radius


class Fourier(nn.Module):
    """Random Fourier features: `cos(pi B z), sin(pi B z)` with B normal of standard deviation `scale`: E = 2 count.

    With z from -1 to 1, a row of B is a wave vector whose entries are numbers of waves across the box, as in Tancik et
    al. 2020 (arXiv 2006.10739, section 5), whose inputs are from 0 to 1. B is not trained.

    Args:
        lower: Lower ends of the box, D of them.
        upper: Upper ends.
        count: Number of wave vectors.
        scale: Their size: larger where the solution oscillates or is steep.
    """

    waves: Tensor

    def __init__(self, lower: Sequence[float], upper: Sequence[float], *, count: int = 64, scale: float = 1.0):
        super().__init__()
        self.scaled = Scaled(lower, upper)
        self.inputs, self.size = len(lower), 2 * count
        self.groups = (1,) * self.size
        self.count, self.scale = count, scale
        self.register_buffer("waves", torch.pi * scale * torch.randn(count, len(lower)))

    def along(self, k: int, count: int = 1) -> "Fourier":
        """As many of so many coordinates, from k on, drawn anew."""
        some = slice(k, k + count)
        return Fourier(self.scaled.lower[some], self.scaled.upper[some], count=self.count, scale=self.scale)

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, E)."""
        phase = nn.functional.linear(self.scaled(x), self.waves)
        return torch.cat([torch.cos(phase), torch.sin(phase)], dim=1)


class Periodic(nn.Module):
    """`cos(2 pi k x/L), sin(2 pi k x/L)`, k = 1..m, of each periodic coordinate; the box is L long along it.

    Whatever follows is periodic with all its derivatives, by construction: Dong & Ni 2021, J. Comput. Phys. 435 (arXiv
    2007.07442). The other coordinates are scaled to [-1, 1].

    Args:
        lower: Lower ends of the box, D of them.
        upper: Upper ends.
        periodic: Whether it is periodic, of each coordinate.
        count: m.
    """

    frequencies: Tensor

    def __init__(self, lower: Sequence[float], upper: Sequence[float], *, periodic: Sequence[bool], count: int = 1):
        super().__init__()
        self.scaled = Scaled(lower, upper)
        self.periodic, self.count = tuple(periodic), count
        self.groups = tuple(2 * count if p else 1 for p in self.periodic)
        self.inputs, self.size = len(lower), sum(self.groups)
        self.register_buffer("frequencies", torch.pi * torch.arange(1, count + 1, dtype=torch.float64))

    def along(self, k: int) -> "Periodic":
        """The same of coordinate k alone."""
        one = slice(k, k + 1)
        return Periodic(self.scaled.lower[one], self.scaled.upper[one], periodic=self.periodic[one], count=self.count)

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, E)."""
        z, parts = self.scaled(x), []
        for k, periodic in enumerate(self.periodic):
            column = z[:, k : k + 1]
            if periodic:
                phase = column * self.frequencies
                parts += [torch.cos(phase), torch.sin(phase)]
            else:
                parts.append(column)
        return torch.cat(parts, dim=1)


class Embedded(nn.Module):
    """Features of functions of single coordinates: whatever those have, such as a period, a network of them has too.

    Args:
        coordinates: The symbols of the D coordinates.
        expressions: Of each coordinate, those functions of it.
        features: Of all of them in turn.
    """

    def __init__(
        self,
        coordinates: Sequence[sympy.Symbol],
        expressions: Sequence[Sequence[sympy.Expr]],
        features: Scaled | Fourier,
    ):
        super().__init__()
        self.coordinates, self.expressions, self.features = tuple(coordinates), tuple(expressions), features
        self.inputs, self.size = len(self.coordinates), features.size
        self.groups = tuple(map(len, self.expressions)) if isinstance(features, Scaled) else features.groups
        self._functions = [torch_function([x], of) for x, of in zip(self.coordinates, self.expressions, strict=True)]

    def along(self, k: int) -> "Embedded":
        """The same of coordinate k alone."""
        before, one = sum(map(len, self.expressions[:k])), slice(k, k + 1)
        return Embedded(
            self.coordinates[one], self.expressions[one], self.features.along(before, len(self.expressions[k]))
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, E)."""
        columns = [x[:, k : k + 1] for k in range(self.inputs)]
        seen = [value for z, of in zip(columns, self._functions, strict=True) for value in of(z)]
        return self.features(torch.cat(seen, dim=1))


Features = Scaled | Fourier | Periodic | Embedded
FEATURES: dict[str, Callable[..., Features]] = {"fourier": Fourier, "periodic": Periodic}
