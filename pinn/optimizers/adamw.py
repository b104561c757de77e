"""AdamW."""

from __future__ import annotations

import torch

from pinn.optimizers.ranges import Betas, NotNegative, Positive, check


class AdamW(torch.optim.AdamW):
    """Adam with decoupled weight decay; Loshchilov, Hutter 2019, arXiv 1711.05101: torch's."""

    def __init__(self, params, lr: Positive = 1e-3, betas: Betas = (0.9, 0.999), weight_decay: NotNegative = 1e-2):
        check(AdamW, lr=lr, betas=betas, weight_decay=weight_decay)
        super().__init__(params, lr=lr, betas=betas, weight_decay=weight_decay)
