"""Adam."""

from __future__ import annotations

import torch

from pinn.optimizers.ranges import Betas, Positive, check


class Adam(torch.optim.Adam):
    """Kingma, Ba 2015, arXiv 1412.6980: torch's, with the arguments that a configuration has."""

    def __init__(self, params, lr: Positive = 1e-3, betas: Betas = (0.9, 0.999)):
        check(Adam, lr=lr, betas=betas)
        super().__init__(params, lr=lr, betas=betas)
