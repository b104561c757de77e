"""Files of values on a grid: for Python, tables, ParaView and the tools of climate and flow."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from pinn.language import TIME
from pinn.language.calculus import CARTESIAN
from pinn.postprocessing.frames import Frame
from pinn.postprocessing.grid import Grid

CELLS = {1: "line", 2: "quad", 3: "hexahedron"}
CORNERS = {1: [(0,), (1,)], 2: [(0, 0), (1, 0), (1, 1), (0, 1)]}
CORNERS[3] = [(*corner, k) for k in (0, 1) for corner in CORNERS[2]]  # VTK's order
PLAIN = Frame()
COLLECTION = """\
<VTKFile type="Collection" version="0.1"><Collection>
{entries}
</Collection></VTKFile>
"""


def write(path: Path, grid: Grid, values: Mapping[str, np.ndarray], frame: Frame = PLAIN) -> list[Path]:
    """Write a file whose kind its suffix tells: `.npz`, `.csv`, `.vtu` or `.nc`.

    Args:
        path: Where to; its folder is made if need be.
        grid: The points.
        values: By name, of the grid's shape, NaN outside of the domain.
        frame: Which coordinates are those of space, and what they mean.

    Returns:
        The files: of a VTK file of several times one a time, and one for all.

    Raises:
        ValueError: The suffix is another one, or the file cannot hold the grid.
    """
    if path.suffix not in WRITERS:
        raise ValueError(f"out={path}: files end in {', '.join(WRITERS)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return WRITERS[path.suffix](path, grid, values, frame)


def write_npz(path: Path, grid: Grid, values: Mapping[str, np.ndarray], frame: Frame) -> list[Path]:
    """Arrays by name, and the values along each coordinate: `numpy.load(path)["u"]`."""
    arrays: dict[str, Any] = {**values, **grid.axes}
    np.savez_compressed(path, **arrays)
    return [path]


def write_csv(path: Path, grid: Grid, values: Mapping[str, np.ndarray], frame: Frame) -> list[Path]:
    """A row a point, a column a coordinate and a quantity; all digits."""
    columns = [*grid.points.T, *(value.ravel() for value in values.values())]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*grid.axes, *values])
        writer.writerows(zip(*(column.tolist() for column in columns), strict=True))
    return [path]


def write_netcdf(path: Path, grid: Grid, values: Mapping[str, np.ndarray], frame: Frame) -> list[Path]:
    """A dimension a coordinate, a variable a quantity, whose text is its `long_name`; NaN is the missing value.

    Beside curvilinear coordinates stand the Cartesian ones of every point of space, `cartesian_x` and so on.
    """
    from scipy.io import netcdf_file

    taken: set[str] = set(grid.axes)
    with netcdf_file(path, "w") as file:
        file.Conventions = "CF-1.8"
        for name, axis in grid.axes.items():
            file.createDimension(name, len(axis))
            file.createVariable(name, "d", (name,))[:] = axis
        beside = _beside(file, grid, frame)
        taken |= set(beside)
        for text, value in values.items():
            variable = file.createVariable(_plain(text, taken), "d", tuple(grid.axes))
            variable.long_name, variable._FillValue = text, np.nan
            if beside:
                variable.coordinates = " ".join(beside)
            variable[:] = value
    return [path]


def _beside(file: Any, grid: Grid, frame: Frame) -> list[str]:
    """The variables with the Cartesian coordinates."""
    if frame.system == CARTESIAN:
        return []
    space = _space(grid, frame)
    x = frame.points(_spread(grid, space)).reshape(*(len(grid.axes[name]) for name in space), 3)
    names = [f"cartesian_{name}" for name in "xyz"]
    for k, name in enumerate(names):
        file.createVariable(name, "d", tuple(space))[:] = x[..., k]
    return names


def _space(grid: Grid, frame: Frame) -> list[str]:
    """The coordinates of space."""
    return [name for name in grid.axes if name != TIME and name not in frame.parameters]


def _spread(grid: Grid, names: list[str]) -> dict[str, np.ndarray]:
    """Some of the coordinates at all points of their own grid, (N,) each, the first varying slowest."""
    spread = np.meshgrid(*(grid.axes[name] for name in names), indexing="ij")
    return {name: values.ravel() for name, values in zip(names, spread, strict=True)}


def write_vtk(path: Path, grid: Grid, values: Mapping[str, np.ndarray], frame: Frame) -> list[Path]:
    """Cells of space for ParaView, without those that reach out of the domain.

    Points are Cartesian whatever the coordinates; vectors stand there whole, with Cartesian components, beside their
    components along the coordinates. Several times, or values of parameters, are a file each, and a `.pvd` that
    ParaView opens as one.
    """
    try:
        import meshio
    except ImportError:
        raise ValueError(f"out={path}: VTK is written by meshio: pip install -e '.[mesh]'") from None
    names = list(grid.axes)
    space = [names.index(name) for name in _space(grid, frame)]
    others = [k for k in range(len(names)) if k not in space]
    if not 1 <= len(space) <= 3:
        raise ValueError(f"out={path}: VTK has 1 to 3 coordinates of space, here are {len(space)}")
    at = _spread(grid, [names[k] for k in space])
    points, along = frame.points(at), frame.unit_vectors(at)
    steps = list(product(*(range(grid.inside.shape[k]) for k in others)))
    files, entries = [], []
    for number, step in enumerate(steps):
        here = tuple(dict(zip(others, step, strict=True)).get(k, slice(None)) for k in range(len(names)))
        cells, kept = _cells(grid.inside[here])
        data: dict[str, Any] = {name: value[here].ravel()[kept] for name, value in values.items()}
        for name in frame.vectors:
            data[name] = sum(data[f"{name}_{q}"][:, None] * e[kept] for q, e in along.items())
        files.append(path if len(steps) == 1 else path.with_name(f"{path.stem}_{number:04d}.vtu"))
        meshio.write_points_cells(files[-1], points[kept], [(CELLS[len(space)], cells)], point_data=data)
        time = grid.axes[TIME][step[others.index(names.index(TIME))]] if TIME in names else number
        entries.append(f'<DataSet timestep="{time:.17g}" file="{files[-1].name}"/>')
    if len(steps) > 1:
        path.with_suffix(".pvd").write_text(COLLECTION.format(entries="\n".join(entries)))
        files.append(path.with_suffix(".pvd"))
    return files


def _cells(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners of cells that lie inside, and which points of the grid those are."""
    number = np.arange(inside.size).reshape(inside.shape)
    corners = [tuple(slice(c, c - 1 or None) for c in corner) for corner in CORNERS[inside.ndim]]
    whole = np.all([inside[corner] for corner in corners], axis=0)
    cells = np.stack([number[corner][whole] for corner in corners], axis=1)
    kept = np.unique(cells)
    return np.searchsorted(kept, cells), kept


def _plain(text: str, taken: set[str]) -> str:
    """A name of letters, digits and `_` that nothing else has."""
    name = re.sub(r"[\W_]+", "_", text).strip("_") or "value"
    while name in taken:
        name += "_"
    taken.add(name)
    return name


WRITERS: dict[str, Callable[[Path, Grid, Mapping[str, np.ndarray], Frame], list[Path]]] = {
    ".npz": write_npz,
    ".csv": write_csv,
    ".vtu": write_vtk,
    ".nc": write_netcdf,
}
