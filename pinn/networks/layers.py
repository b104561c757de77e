"""Activations and linear layers that the networks share.

Shape letters: N points, W width.
"""

from typing import Literal

import torch
from torch import Tensor, nn


class Sin(nn.Module):
    """`sin(z)` (Sitzmann et al. 2020, arXiv 2006.09661)."""

    def forward(self, z: Tensor) -> Tensor:
        """Elementwise."""
        return torch.sin(z)


Activation = Literal["tanh", "sin", "gelu", "silu", "softplus"]
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "sin": Sin,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
}


class AdaptiveActivation(nn.Module):
    """`s(n a z)` with a learned slope a, at first 1/n, so that training starts from `s(z)`.

    Jagtap, Kawaguchi & Karniadakis 2020, J. Comput. Phys. 404 (arXiv 1906.01170). The factor n makes first-order
    methods learn the slope faster; one module, used after each layer, is the slope that all layers share.

    Args:
        activation: s.
    """

    n = 10.0

    def __init__(self, activation: nn.Module):
        super().__init__()
        self.activation = activation
        self.slope = nn.Parameter(torch.tensor(1 / self.n))

    def forward(self, z: Tensor) -> Tensor:
        """Elementwise."""
        return self.activation(self.n * self.slope * z)


class FactorisedLinear(nn.Module):
    """A linear layer with the weights `W = diag(exp(s)) V`, s and V being learned: a scale of its own for each neuron.

    Random weight factorisation, Wang, Wang, Seidman & Perdikaris 2022 (arXiv 2210.01274): s is drawn from a normal
    distribution, and V such that W is what it was.

    Args:
        layer: The layer, initialised.
    """

    mean, deviation = 1.0, 0.1  # of s, as the paper recommends

    def __init__(self, layer: nn.Linear):
        super().__init__()
        s = self.mean + self.deviation * torch.randn(layer.out_features, 1, dtype=layer.weight.dtype)
        self.s = nn.Parameter(s)
        self.v = nn.Parameter(layer.weight.detach() / torch.exp(s))
        self.bias = layer.bias

    def forward(self, h: Tensor) -> Tensor:
        """(N, W_in) to (N, W_out)."""
        return nn.functional.linear(h, torch.exp(self.s) * self.v, self.bias)


def elementwise(name: str, adaptive: bool = False) -> nn.Module:
    """The activation of this name, with a learned slope where wanted.

    Raises:
        ValueError: There is none of this name.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f"activation {name!r} is unknown; the activations are {', '.join(ACTIVATIONS)}")
    return AdaptiveActivation(ACTIVATIONS[name]()) if adaptive else ACTIVATIONS[name]()


def dense(inputs: int, outputs: int, factorised: bool = False) -> nn.Module:
    """A linear layer with Glorot-normal weights (Glorot & Bengio 2010) and zero biases, factorised where wanted."""
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_normal_(layer.weight)
    nn.init.zeros_(layer.bias)
    return FactorisedLinear(layer) if factorised else layer
