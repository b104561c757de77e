"""`solve`: the command in Python."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pinn.app.compose import CONFIGS, checked, compose, directory
from pinn.app.errors import USER_ERRORS, explain
from pinn.schema import PDE, ConfigError

if TYPE_CHECKING:
    from pinn.problem import Problem
    from pinn.solution import Solution


def solve(problem: Problem, *overrides: str, run_dir: str | Path | None = None, **groups: Any) -> Solution:
    """Train a network on a problem, as `scripts/train.py` does, and return the solution.

    Args:
        problem: What to solve.
        overrides: Single keys as on the command line, `"network.width=32"`.
        run_dir: Where to keep checkpoint, history and pictures; None keeps no files.
        groups: Choices of the groups and root keys: `optimizer="adam"`, `seed=1`.
    """
    from pinn.problem import Problem
    from pinn.training.build import build
    from pinn.training.choice import choose
    from pinn.training.files import fixed_directory
    from pinn.training.run import train
    from pinn.training.surroundings import left_as_found

    if not isinstance(problem, Problem):
        raise ConfigError(f"{problem!r} is no problem: take pinn.Problem.load('poisson'), or pinn.Problem(...).")
    if given := [line for line in ("pde" in groups) * ["pde"] + list(overrides) if re.match(r"[+~]*pde\b", line)]:
        raise ConfigError(f"{given[0]}: the problem is the first argument; change it by pinn.Problem(...).")
    recipe = CONFIGS / "experiment" / f"{problem.name}.yaml"  # the command takes it too
    groups = {"experiment": problem.name if recipe.exists() else "none", **groups}
    lines = [*(f"{name}={'null' if value is None else value}" for name, value in groups.items()), *overrides]
    try:
        config = checked(compose("~pde", *lines))
    except USER_ERRORS as error:
        raise ConfigError(explain(error)) from None
    except (ValueError, OSError, RecursionError) as error:  # of Hydra's parser
        raise ConfigError(f"{' '.join(lines)}: {error}") from error
    config = config.model_copy(update={"run_dir": run_dir and str(run_dir), "pde": _kept(problem)})
    with left_as_found():
        config = choose(problem, config, fixed_directory(config, problem.name, None, None))
        residuals = build(problem, config)
        with directory(config, problem.name) if run_dir else nullcontext() as place:
            return train(problem, config, residuals, place).solution


def _kept(problem: Problem) -> PDE | None:
    """What a run keeps of a problem; nothing of one with Python functions, which no file holds."""
    given = {key: value for key, value in problem.definition.items() if value is not None and key != "name"}
    return None if any(map(callable, (given.get("functions") or {}).values())) else PDE(**given)
