"""A separable network: one body a coordinate.

Shape letters: N points, F fields, D coordinates, R rank.
"""

from torch import Tensor, nn

from pinn.networks.features import Features
from pinn.networks.layers import Activation
from pinn.networks.mlp import MLP
from pinn.optimizers.ranges import Count, Positive


class Separable(nn.Module):
    """`u_f(x) = sum_r W_fr prod_k g_kr(x_k) + b_f`: a sum of R products of functions of one coordinate each.

    Cho et al. 2023 (arXiv 2306.15969). Good for what is nearly separable in the coordinates; each body g_k is a
    multilayer perceptron of its coordinate with R outputs.

    Args:
        features: Of all coordinates; each body has those of its own.
        rank: R.
        scale: Largest first-layer weight of a body.
    """

    def __init__(
        self,
        features: Features,
        outputs: int,
        *,
        rank: Count = 64,
        width: Count = 32,
        depth: Count = 2,
        activation: Activation = "tanh",
        scale: Positive = 3.0,
        adaptive: bool = False,
        factorised: bool = False,
    ):
        super().__init__()
        options = {"width": width, "depth": depth, "activation": activation, "scale": scale}
        options |= {"adaptive": adaptive, "factorised": factorised}
        self.bodies = nn.ModuleList(MLP(features.along(k), rank, **options) for k in range(features.inputs))
        self.output = nn.Linear(rank, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, F)."""
        first, *rest = [body(x[:, k : k + 1]) for k, body in enumerate(self.bodies)]
        for g in rest:
            first = first * g
        return self.output(first)
