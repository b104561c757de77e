"""L-BFGS."""

from __future__ import annotations

import torch

from pinn.optimizers.ranges import Count, check


class LBFGS(torch.optim.LBFGS):
    """Liu, Nocedal 1989, Math. Program. 45, with a strong Wolfe line search: torch's; a step is max_iter iterations."""

    def __init__(self, params, max_iter: Count = 20, history_size: Count = 50):
        check(LBFGS, max_iter=max_iter, history_size=history_size)
        options = {"max_iter": max_iter, "history_size": history_size}
        super().__init__(params, line_search_fn="strong_wolfe", **options)
