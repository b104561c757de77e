"""Results of reference solvers, kept in the user's cache folder from one run to the next."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pinn.language import Opaque, parameter

if TYPE_CHECKING:
    from pinn.problem import Problem

log = logging.getLogger(__name__)

Arrays = dict[str, np.ndarray]


def cached(
    problem: Problem, solver: str, version: int, options: Mapping[str, Any], compute: Callable[[], Arrays]
) -> Arrays:
    """Return what `compute` gives, from the file of an earlier run where there is one.

    A file that cannot be read is computed anew; a folder that cannot be written to costs nothing but the time.
    Nothing is kept of a problem whose text does not say all: one with Python functions, tables or surfaces.

    Args:
        problem: What is solved: its equations, conditions, fields and domain are part of the file's name.
        solver: Name of the solver.
        version: To be raised whenever the solver gives other numbers or other arrays than before.
        options: What else the numbers depend on.
        compute: Gives the arrays.
    """
    if not _said(problem):
        return compute()
    path = folder() / f"{solver}-{fingerprint(problem, solver, version, options)}.npz"
    if path.exists():
        try:
            return _read(path)
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
            log.warning("%s cannot be read (%s) and is computed anew", path, error)
    arrays = compute()
    try:
        _write(path, arrays)
    except OSError as error:
        log.warning("%s cannot be written (%s): the next run computes it again", path, error)
    return arrays


def folder() -> Path:
    """Where the files lie: `pinn` in $XDG_CACHE_HOME, by default ~/.cache (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".cache") / "pinn"


def fingerprint(problem: Problem, solver: str, version: int, options: Mapping[str, Any]) -> str:
    """Return a hash of all that the numbers depend on: functions stand in the equations as values."""
    statements = {**problem.equations, **problem.conditions}
    text = [
        [solver, version, sorted(options.items())],
        [repr(problem.domain), str(problem.definition["domain"]), sorted(problem.parameters.items())],
        [list(problem.fields)],
        [[key, str(s.residual), s.place.name, s.place.fixed, s.place.partner] for key, s in statements.items()],
    ]
    return hashlib.sha256(json.dumps(text, default=str).encode()).hexdigest()[:24]


def _said(problem: Problem) -> bool:
    """Whether the text of a problem is all of it: of a Python function and of files it has the names alone."""
    by_values = [Opaque, *map(parameter, problem.values)]
    statements = [*problem.equations.values(), *problem.conditions.values()]
    return "surface" not in str(problem.definition["domain"]) and not any(
        s.residual.has(*by_values) for s in statements
    )


def _read(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _write(path: Path, arrays: Arrays) -> None:
    """Write to a file beside it and rename: nobody ever reads half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
        try:
            np.savez(part, allow_pickle=False, **arrays)  # pyright: ignore[reportArgumentType]
            part.close()
            os.replace(part.name, path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
