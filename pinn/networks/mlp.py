"""The multilayer perceptron.

Shape letters: N points, D coordinates, F fields, W width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Sin(nn.Module):
    """`sin(z)` (Sitzmann et al. 2020, arXiv 2006.09661)."""

    def forward(self, z: Tensor) -> Tensor:
        """Elementwise."""
        return torch.sin(z)


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "sin": Sin,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
}


class MLP(nn.Module):
    """`x -> W_L s(... s(W_1 z + b_1) ...) + b_L` with the input `z` scaled to [-1, 1] on the box.

    The first layer's weights are uniform in ±scale and its biases in ±pi (±scale if smaller): with `sin`, one hidden
    layer is a set of random Fourier features (Rahimi & Recht 2007) with frequencies up to `scale`. Later weights are
    Glorot-uniform (Glorot & Bengio 2010).

    Args:
        lower: Lower ends of the box, D of them.
        upper: Upper ends.
        outputs: F.
        width: W, of each hidden layer.
        depth: Number of hidden layers.
        activation: One of tanh, sin, gelu, silu, softplus.
        scale: Largest first-layer weight, on inputs scaled to [-1, 1]: larger for what oscillates or is steep.

    Raises:
        ValueError: Unknown activation.
    """

    center: Tensor
    radius: Tensor

    def __init__(
        self,
        lower: Sequence[float],
        upper: Sequence[float],
        outputs: int,
        *,
        width: int = 400,
        depth: int = 1,
        activation: str = "sin",
        scale: float = 10.0,
    ):
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation {activation!r} is unknown; the activations are {', '.join(ACTIVATIONS)}")
        low, high = torch.tensor([list(lower), list(upper)], dtype=torch.float64)
        self.register_buffer("center", (low + high) / 2)
        self.register_buffer("radius", (high - low) / 2)
        sizes = [len(lower), *[width] * depth]
        hidden = [
            m for a, b in zip(sizes[:-1], sizes[1:], strict=True) for m in (nn.Linear(a, b), ACTIVATIONS[activation]())
        ]
        self.hidden = nn.Sequential(*hidden)
        self.output = nn.Linear(width, outputs)
        self._initialise(scale)

    @torch.no_grad()
    def _initialise(self, scale: float) -> None:
        first, *later = [module for module in self.modules() if isinstance(module, nn.Linear)]
        nn.init.uniform_(first.weight, -scale, scale)
        nn.init.uniform_(first.bias, -min(scale, torch.pi), min(scale, torch.pi))
        for layer in later:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.uniform_(layer.bias, -0.5, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, F)."""
        return self.output(self.hidden((x - self.center) / self.radius))
