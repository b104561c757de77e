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
from pinn.training.trials import Trials

PHASES: tuple[Phase, ...] = (MAKE["least_squares"](name="least_squares", steps=8),)  # of stages after the first
RATIO = 1.5  # of one scale that is tried to the next


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
        scale = _climb(trials, chosen.width, float(chosen.scale))
        torch.manual_seed(config.seed + k)
        drawn = network(problem, _with_scale(features, scale))
    staged.present, layer = k, staged.networks[k]
    zero = {f"output.{name}": torch.zeros_like(value) for name, value in staged.output.state_dict().items()}
    layer.load_state_dict({**drawn.state_dict(), **zero})
    return scale


def _climb(trials: Trials, width: int, start: float) -> float:
    """From scale to scale, up or else down, while what is left where nothing was fitted falls."""

    def scale(n: int) -> float:
        return float(f"{start * RATIO**n:.2g}")

    def left(n: int) -> float:
        return trials.residual(width, scale(n))

    best = 0
    for way in (1, -1):
        while abs(best) < 8 and left(best + way) < left(best):
            best += way
        if best:
            break
    return scale(best) if math.isfinite(left(best)) else start


def _with_scale(config: Config, scale: float) -> Config:
    return config.model_copy(update={"network": config.network.model_copy(update={"scale": scale})})
