"""The network and the batch that everything is measured with. Torch alone: other libraries read it too."""

import torch
from torch import nn

WIDTH, DEPTH, POINTS = 128, 4, 2048


def mlp(inputs: int, outputs: int, dtype: torch.dtype, seed: int = 0) -> nn.Module:
    """MLP D -> 128 x 4 tanh -> F."""
    torch.manual_seed(seed)
    sizes = [inputs, *[WIDTH] * DEPTH]
    hidden = [m for a, b in zip(sizes[:-1], sizes[1:], strict=True) for m in (nn.Linear(a, b), nn.Tanh())]
    return nn.Sequential(*hidden, nn.Linear(WIDTH, outputs)).to(dtype)
