"""The multilayer perceptron.

Shape letters: N points, F fields, W width, E features.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pinn.networks.features import Features
from pinn.networks.layers import Activation, FactorisedLinear, elementwise
from pinn.optimizers.ranges import Count


class MLP(nn.Module):
    """`x -> W_L s(... s(W_1 z + b_1) ...) + b_L` with z the features of x: by default x scaled to [-1, 1] on the box.

    The first layer's weights are uniform in ±scale and its biases in ±pi (±the largest scale if smaller): with
    `sin`, one hidden layer is a set of random Fourier features (Rahimi & Recht 2007) with frequencies up to `scale`.
    The weights of a group of features, such as the cosine and the sine of one coordinate, have a random direction and
    their norm is uniform, so that there are as many slow waves as fast ones. Later weights are Glorot-uniform (Glorot &
    Bengio 2010).

    Args:
        scale: Largest first-layer weight, of all features or of each of the E: larger for what oscillates or is steep,
            below 1 behind many features.
    """

    def __init__(
        self,
        features: Features,
        outputs: int,
        *,
        width: Count = 400,
        depth: Count = 1,
        activation: Activation = "sin",
        scale: float | Sequence[float] = 10.0,
        adaptive: bool = False,
        factorised: bool = False,
    ):
        super().__init__()
        self.features = features
        sizes = [features.size, *[width] * depth]
        layers = [nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True)]
        self.output = nn.Linear(width, outputs)
        _initialise([*layers, self.output], scale, features.groups)
        s = elementwise(activation, adaptive)
        hidden = [FactorisedLinear(layer) for layer in layers] if factorised else layers
        self.hidden = nn.Sequential(*(module for layer in hidden for module in (layer, s)))

    @torch.no_grad()
    def slow_down(self, factors: Sequence[float]) -> None:
        """Multiply the first layer's weights of each of the E features; the biases stay: all phases are as likely."""
        first = self.hidden[0]
        assert isinstance(first, nn.Linear)
        first.weight.mul_(first.weight.new_tensor(factors))

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, F)."""
        return self.output(self.hidden(self.features(x)))


@torch.no_grad()
def _initialise(layers: list[nn.Linear], scale: float | Sequence[float], groups: Sequence[int]) -> None:
    first, *later = layers
    scales = torch.as_tensor(scale, dtype=first.weight.dtype)
    weights = 2 * torch.rand_like(first.weight) - 1
    for group in weights.split(list(groups), dim=1):
        if group.shape[1] > 1:
            group.copy_(nn.functional.normalize(torch.randn_like(group), dim=1) * torch.rand_like(group[:, :1]))
    first.weight.copy_(scales * weights)
    shift = min(float(scales.max()), torch.pi)
    nn.init.uniform_(first.bias, -shift, shift)
    for layer in later:
        nn.init.xavier_uniform_(layer.weight)
        nn.init.uniform_(layer.bias, -0.5, 0.5)
