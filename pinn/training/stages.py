"""Training stage by stage: each network finds what those before it have left."""

from __future__ import annotations

import copy
import math

import torch

from pinn.networks import Staged
from pinn.phases import PHASES as MAKE
from pinn.phases import Phase
from pinn.problem import Problem
from pinn.residuals import Residuals
from pinn.schema import MLP, Config
from pinn.training.network import later, network
from pinn.training.trials import Trials, step

PHASES: tuple[Phase, ...] = (MAKE["least_squares"](name="least_squares", steps=8),)  # of stages after the first


def begin(problem: Problem, config: Config, residuals: Residuals, k: int) -> float:
    """Make stage k the present one: random features that follow what is left, and nothing of them yet.

    Their scale is found by trials, as that of a first network is: the one that leaves the least where nothing was
    fitted. The frequencies of what is left do not tell it: they are those of the noise as well (Kovasznay's flow leaves
    77 radians where features up to 12 are the best). Nor do trials with fewer features: they favour what is too fast.

    Args:
        problem: What is solved.
        config: Says what the first network is, and how many points there are.
        residuals: Of the problem, on a `Staged`.
        k: Number of the stage.

    Returns:
        The scale.
    """
    staged = residuals.network
    assert isinstance(staged, Staged)
    features = later(problem, config, k)
    chosen = features.network
    assert isinstance(chosen, MLP)
    with torch.random.fork_rng(), staged.at(k - 1):
        before = copy.deepcopy(staged).cpu()
        before.present = k - 1
        trials = Trials(problem, features, before)
        width, start = chosen.width, float(chosen.scale)
        best = step(start, trials.climb(width, start))
        scale = best if math.isfinite(trials.residual(width, best)) else start
        torch.manual_seed(config.seed + k)
        drawn = network(problem, _with_scale(features, scale))
    staged.present, layer = k, staged.networks[k]
    zero = {f"output.{name}": torch.zeros_like(value) for name, value in staged.output.state_dict().items()}
    layer.load_state_dict({**drawn.state_dict(), **zero})
    return scale


def _with_scale(config: Config, scale: float) -> Config:
    return config.model_copy(update={"network": config.network.model_copy(update={"scale": scale})})
