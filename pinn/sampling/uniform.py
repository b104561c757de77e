"""Independent uniform points."""

import torch
from torch import Tensor

from pinn.sampling.sampler import Sampler


class Uniform(Sampler):
    """Independent points, uniform in the unit cube: the mean's error falls like n**-0.5 in any dimension."""

    def unit(self, n: int, d: int, seed: int) -> Tensor:  # noqa: D102
        unit = torch.rand(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        return unit.clamp_(min=2.0**-54)  # `rand` may return 0, though never 1
