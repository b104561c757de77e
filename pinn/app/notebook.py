"""`solve`: the command in Python."""

from __future__ import annotations

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
    from pinn.training.build import build
    from pinn.training.choice import choose
    from pinn.training.run import train
    from pinn.training.surroundings import left_as_found

    recipe = CONFIGS / "experiment" / f"{problem.name}.yaml"  # the command takes it too
    groups = {"experiment": problem.name if recipe.exists() else "none", **groups}
    lines = [*(f"{name}={'null' if value is None else value}" for name, value in groups.items()), *overrides]
    try:
        config = checked(compose("~pde", *lines))
    except USER_ERRORS as error:
        raise ConfigError(explain(error)) from None
    config = config.model_copy(update={"run_dir": run_dir and str(run_dir), "pde": _kept(problem)})
    with left_as_found():
        config = choose(problem, config, Path(run_dir) if run_dir else None)
        residuals = build(problem, config)
        return train(problem, config, residuals, directory(config, problem.name) if run_dir else None).solution


def _kept(problem: Problem) -> PDE | None:
    """What a run keeps of a problem; nothing of one with Python functions, which no file holds."""
    given = {key: value for key, value in problem.definition.items() if value is not None and key != "name"}
    return None if any(map(callable, (given.get("functions") or {}).values())) else PDE(**given)
