"""PirateNet: gated residual blocks that start as the identity.

Shape letters: N points, F fields, W width, E features.
"""

import torch
from torch import Tensor, nn

from pinn.networks.features import Features
from pinn.networks.layers import Activation, dense, elementwise
from pinn.optimizers.ranges import Count


class Block(nn.Module):
    """`x <- alpha*h + (1 - alpha)*x` with h three layers of x, of which two are gated; alpha is learned, at first 0.

    Wang, Li, Chen & Perdikaris 2024, J. Mach. Learn. Res. 25 (arXiv 2402.00326, section 4):
    `f = s(W_1 x + b_1); z = f*U + (1 - f)*V; g = s(W_2 z + b_2); z = g*U + (1 - g)*V; h = s(W_3 z + b_3)`.

    Args:
        size: E.
        width: W, of the gated layers.
        activation: s.
        factorised: Whether the weights are factorised.
    """

    def __init__(self, size: int, width: int, activation: nn.Module, factorised: bool):
        super().__init__()
        self.activation = activation
        self.first, self.second = dense(size, width, factorised), dense(width, width, factorised)
        self.last = dense(width, size, factorised)
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, v: Tensor, difference: Tensor) -> Tensor:
        """(N, E) to (N, E), with the gates V and U - V, (N, W)."""
        z = v + self.activation(self.first(x)) * difference
        z = v + self.activation(self.second(z)) * difference
        return x + self.alpha * (self.activation(self.last(z)) - x)


class PirateNet(nn.Module):
    """Residual adaptive blocks on features of the input, at first `u = W z + b`: linear in the features.

    Wang, Li, Chen & Perdikaris 2024 (arXiv 2402.00326): depth is added as training goes on, so that deep networks do
    not start with the derivatives of a bad guess. Meant for Fourier or periodic features; the gates are
    `U, V = s(W_u z), s(W_v z)`. Weights are Glorot-normal, biases zero; the paper's fit of
    the output layer to data is left to `optimizer=least_squares`, which fits it to the equation.

    Args:
        depth: Number of blocks, of three layers each.
    """

    def __init__(
        self,
        features: Features,
        outputs: int,
        *,
        width: Count = 64,
        depth: Count = 2,
        activation: Activation = "tanh",
        factorised: bool = False,
    ):
        super().__init__()
        self.features = features
        self.activation = elementwise(activation)
        self.u, self.v = dense(features.size, width, factorised), dense(features.size, width, factorised)
        self.blocks = nn.ModuleList(Block(features.size, width, self.activation, factorised) for _ in range(depth))
        self.output = nn.Linear(features.size, outputs)
        nn.init.xavier_normal_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, F)."""
        z = self.features(x)
        v = self.activation(self.v(z))
        difference = self.activation(self.u(z)) - v
        for block in self.blocks:
            z = block(z, v, difference)
        return self.output(z)
