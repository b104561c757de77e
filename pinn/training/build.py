"""From the problem and the configuration to what is trained. Knows neither Lightning nor Hydra."""

from __future__ import annotations

import torch

from pinn.networks import MLP
from pinn.problem import Problem
from pinn.residuals import Residuals
from pinn.schema import Config, ConfigError, did_you_mean

NETWORKS = {"mlp": MLP}


def build(problem: Problem, config: Config) -> Residuals:
    """The network with its hard conditions, the learned parameters and the residuals, in the configured precision.

    Raises:
        ConfigError: A weight is given to an equation that is none.
    """
    for name in config.balancing.weights:
        if name not in problem.equations:
            hint = did_you_mean(name, problem.equations)
            raise ConfigError(f"balancing.weights.{name}: no loss has this name. {hint}")
    torch.manual_seed(config.seed)
    options = config.network.model_dump(exclude={"name"})
    network = NETWORKS[config.network.name](problem.domain.lower, problem.domain.upper, len(problem.fields), **options)
    residuals = Residuals(problem, network.to(getattr(torch, config.precision.dtype)), config.derivatives.engine)
    torch.set_float32_matmul_precision(config.precision.matmul)
    return residuals
