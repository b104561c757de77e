"""A curriculum: the problem with one value of a parameter after another, each from the solution of the one before."""

from __future__ import annotations

import math

from pinn.language import LanguageError
from pinn.messages import did_you_mean
from pinn.problem import Problem
from pinn.schema import Config, ConfigError


def lessons(problem: Problem, config: Config) -> list[Problem]:
    """The problem with each value in turn, and at the end as it is; none without a curriculum.

    The network learns the easy ones first (Krishnapriyan et al. 2021, NeurIPS 34, section 4.2).

    Raises:
        ConfigError: A parameter is none of the problem's numbers, or its last value is another than the problem's.
    """
    counts = {len(values) for values in config.curriculum.values()}
    if not counts:
        return []
    if len(counts) > 1:
        raise ConfigError("curriculum: each parameter needs as many values as the others")
    if problem.learned or problem.coefficients or problem.observations:
        raise ConfigError("curriculum: data belong to one value of a parameter; leave it out")
    for name, values in config.curriculum.items():
        if name not in problem.parameters:
            raise ConfigError(f"curriculum.{name}: no number has this name. {did_you_mean(name, problem.parameters)}")
        if not math.isclose(values[-1], problem.parameters[name]):
            own = problem.parameters[name]
            raise ConfigError(f"curriculum.{name}: it ends with {values[-1]:g}, the problem's own value is {own:g}.")
    found = []
    for k in range(counts.pop() - 1):
        values = {name: of[k] for name, of in config.curriculum.items()}
        try:
            found.append(problem.at(**values))
        except LanguageError as error:
            raise ConfigError(f"curriculum: with {values}: {error}") from None
    return [*found, problem]
