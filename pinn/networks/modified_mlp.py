"""The modified multilayer perceptron: two encoders of the input gate every hidden layer.

Shape letters: N points, F fields, W width, E features.
"""

from torch import Tensor, nn

from pinn.networks.features import Features
from pinn.networks.layers import Activation, dense, elementwise
from pinn.optimizers.ranges import Count


class ModifiedMLP(nn.Module):
    """`H <- (1 - Z)*U + Z*V` in each hidden layer, `Z = s(W H + b)`, with the encoders `U, V = s(W_u z), s(W_v z)`.

    Wang, Teng & Perdikaris 2021, SIAM J. Sci. Comput. 43 (arXiv 2001.04536, section 2.6). The input reaches every layer
    by products with the hidden features, which loses less of the gradient than a plain network. `H = s(W_1 z + b_1)`
    at first. Weights are Glorot-normal, biases zero.

    Args:
        depth: Number of gated layers, after the first.
    """

    def __init__(
        self,
        features: Features,
        outputs: int,
        *,
        width: Count = 64,
        depth: Count = 3,
        activation: Activation = "tanh",
        adaptive: bool = False,
        factorised: bool = False,
    ):
        super().__init__()
        self.features = features
        self.activation = elementwise(activation, adaptive)
        self.u, self.v, self.first = (dense(features.size, width, factorised) for _ in range(3))
        self.gates = nn.ModuleList(dense(width, width, factorised) for _ in range(depth))
        self.output = nn.Linear(width, outputs)
        nn.init.xavier_normal_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, D) to (N, F)."""
        z = self.features(x)
        u = self.activation(self.u(z))
        difference = self.activation(self.v(z)) - u
        h = self.activation(self.first(z))
        for gate in self.gates:
            h = u + self.activation(gate(h)) * difference  # (1 - Z)*U + Z*V with one product
        return self.output(h)
