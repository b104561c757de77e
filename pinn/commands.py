"""What is done with runs on the command line, each told by `key=value`: see the options of each command."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pinn.files import typed
from pinn.messages import explain
from pinn.postprocessing import EXPORTERS, NORMS, WRITERS, Frame, Measured, read_grid, write
from pinn.postprocessing import evaluate as measure
from pinn.postprocessing import export as write_network
from pinn.schema import ConfigError
from pinn.training.build import load

Some = Annotated[list[str], Field(min_length=1)]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str = Field(description="the directory of the run")


class Evaluate(_Options):
    """Measure a run: the errors of its fields, or where no truth is known the residuals."""

    quantities: Some | None = Field(None, description="what is measured, such as [u,u_x]; by default the fields")
    norms: Some = Field(["l2", "linf"], description=f"some of [{','.join(NORMS)}]")
    points: Annotated[int, Field(gt=0, le=10**8)] = Field(2**16, description="quadrature points")
    by: str | None = Field(None, description="a coordinate, to measure parts of its interval one by one")
    parts: Annotated[int, Field(gt=0, le=10**4)] = Field(4, description="how many")
    where: str | None = Field(None, description="a comparison, such as 'x < 0.5', to measure there alone")
    out: str | None = Field(None, description="a CSV file to write the table to")


class Predict(_Options):
    """Write what a run has found on a grid of points."""

    quantities: Some | None = Field(None, description="such as [u,u_xx,q]; by default the fields")
    grid: Any = Field(None, description="points: 50, [50,100], {x:50,t:[0,0.5,1]}")
    out: Some | str | None = Field(
        None, description=f"files, by their suffix {' '.join(WRITERS)}; by default <run>/prediction.npz"
    )


class Export(_Options):
    """Write the network of a run, with its conditions, to a file for other programs, and compare their values."""

    out: Some | str | None = Field(
        None, description=f"files, by their suffix {' '.join(EXPORTERS)}; by default <run>/network.pt2"
    )


Options = TypeVar("Options", bound=_Options)


def read(model: type[Options], given: Mapping[str, Any]) -> Options:
    """The options of a command.

    Raises:
        ConfigError: One is missing, misspelt or wrong; the message names all of them.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise ConfigError(explain(error, given, model, {})) from None


def usage(command: str, model: type[_Options]) -> str:
    """What `--help` prints."""
    rows = [f"  {name:<12}{field.description}" for name, field in model.model_fields.items()]
    return "\n".join([str(model.__doc__), "", f"  {command} run=PATH [key=value] ...", "", *rows]) + "\n"


def evaluate(options: Evaluate) -> int:
    """Print the table of errors."""
    solution = load(options.run)
    with _told():
        rows = measure(solution, **options.model_dump(exclude={"run", "out"}))
        if options.out:
            with Path(options.out).open("w", newline="") as file:
                csv.writer(file).writerows([[f.name for f in fields(Measured)], *(astuple(row) for row in rows)])
    Console(highlight=False).print(_table(rows))
    return 0


def predict(options: Predict) -> int:
    """Write the files and say what is in them."""
    solution = load(options.run)
    domain = solution.problem.domain
    console = Console(highlight=False, soft_wrap=True)
    with _told():
        grid, problem = read_grid(options.grid, domain), solution.problem
        texts = options.quantities or problem.fields
        values = grid.evaluate(solution, texts)
        vectors = tuple(text for text in texts if len(problem.quantity(text).components) > 1)
        frame = Frame(domain.parameters, problem.scope.calculus.system, vectors)
        for path in _paths(options, "prediction.npz"):
            files = write(path, grid, values, frame)
            console.print(f"{files[-1]}: {', '.join(values)}", markup=False)
    outside = int((~grid.inside).sum())
    console.print(" x ".join(map(str, grid.inside.shape)) + " points" + f", {outside} outside" * bool(outside))
    return 0


def export(options: Export) -> int:
    """Write the files and say how far their values are from the network's."""
    solution = load(options.run)
    for path in _paths(options, "network.pt2"):
        with _told():
            apart = write_network(solution, path)
        print(f"{path}: largest difference {apart:.1e}")
    return 0


def _paths(options: Predict | Export, usual: str) -> list[Path]:
    """What stands under `out`, or a file in the run's directory."""
    out = options.out or f"{options.run}/{usual}"
    try:
        return [typed(path) for path in ([out] if isinstance(out, str) else out)]
    except ValueError as error:
        raise ConfigError(f"out={error}.") from None


@contextmanager
def _told() -> Iterator[None]:
    """What is wrong with an option is an error of the person who typed it."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}; write a path such as out/u.csv") from error
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _table(rows: list[Measured]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False)
    parted = any(row.part for row in rows)
    related = any(row.relative is not None for row in rows)
    for title in ("quantity", *("where",) * parted, "norm", "error", *("relative",) * related):
        table.add_column(title, justify="right" if title in ("error", "relative") else "left")
    for row in rows:
        relative = "" if row.relative is None else f"{row.relative:.2e}"
        table.add_row(
            escape(row.quantity), *(escape(row.part),) * parted, row.norm, f"{row.error:.2e}", *(relative,) * related
        )
    return table
