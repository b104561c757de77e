"""Numbers from files: columns of a CSV or npz file, and functions that interpolate a table.

Shape letters: N points, R rows of a table, D coordinates.
"""

import itertools
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from pinn.language import LanguageError

FORMATS = (".csv", ".npz")


def columns(file: Any) -> dict[str, np.ndarray]:
    """The columns (R,) of a CSV file with a line of names, or the arrays of an npz file.

    Raises:
        LanguageError: There is no such file, or it holds something else.
    """
    path = Path(str(file))
    if path.suffix not in FORMATS:
        raise LanguageError(f"{str(file)!r} is neither a .csv nor an .npz file: write a path such as data.csv")
    if not os.path.isfile(path):  # no, too, of a name that no file can have
        raise LanguageError(f"there is no file {str(file)!r} in the folder of the command, nor beside the problem")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                if imaginary := [name for name in arrays.files if np.iscomplexobj(arrays[name])]:
                    raise ValueError(f"{imaginary[0]} is complex; write its real and imaginary part as two")
                return {name: np.asarray(arrays[name], dtype=float) for name in arrays.files}
        if not path.read_text(encoding="utf-8").strip():
            raise ValueError("it is empty")
        table = np.genfromtxt(path, delimiter=",", names=True, dtype=float, deletechars="", encoding="utf-8")
        names = table.dtype.names
        if names is None:
            raise ValueError("it has no line of names")
        first = [
            name.strip() for name in path.read_text(encoding="utf-8").lstrip("# \ufeff").partition("\n")[0].split(",")
        ]
        if doubled := [name for name in first if first.count(name) > 1]:
            raise ValueError(f"it has two columns {doubled[0]!r}")
        if not table.size:
            raise ValueError("it has a line of names and no rows")
        return {name: np.atleast_1d(table[name]) for name in names}
    except (ValueError, OSError, BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, MemoryError) as error:
        raise LanguageError(f"{str(file)!r} cannot be read: {str(error).partition(chr(10))[0]}") from None


def at_row(file: Any, row: int) -> str:
    """How a message speaks of a row: in a CSV file by its line, below that of the names."""
    return f"{str(file)!r}: " + (f"line {row + 2}" if Path(str(file)).suffix == ".csv" else f"row {row + 1}")


def select(found: Mapping[str, np.ndarray], wanted: Sequence[str], file: Any) -> list[np.ndarray]:
    """Some of the columns, in order.

    Raises:
        LanguageError: One is missing, or holds something that is no finite number.
    """
    for name in wanted:
        if name not in found:
            raise LanguageError(f"{str(file)!r} has no column {name!r}; it has {', '.join(found)}")
        wrong = np.argwhere(~np.isfinite(found[name]))
        if len(wrong):
            place = at_row(file, int(wrong[0][0]) if wrong.shape[1] else 0)
            value = found[name][tuple(wrong[0])]
            raise LanguageError(f"{place} has no number in the column {name}: it is {value}")
    return [found[name] for name in wanted]


def table(
    file: Any, name: str, coordinates: Sequence[str], bounds: Mapping[str, tuple[float, float]] | None = None
) -> Callable[[Tensor], Tensor]:
    """The function of the coordinates that a file tabulates on a grid, linear between the nodes, constant beyond them.

    Args:
        file: A CSV file with a line for every node, in any order; or an npz file with an axis for each coordinate and
            an array over their product. Coordinates that it lacks the function does not depend on.
        name: Of the values' column or array.
        coordinates: Of the problem, in order.
        bounds: Their intervals, of which the nodes reach some.

    Returns:
        Points (N, D) to values (N,), in the dtype and on the device of the points.

    Raises:
        LanguageError: The file is none of these, its nodes are no grid, or none is in the domain's intervals.
    """
    found = columns(file)
    names = [c for c in coordinates if c in found]
    *positions, values = select(found, [*names, name], file)
    if not names:
        raise LanguageError(
            f"{str(file)!r} has a column for none of {', '.join(coordinates)}; it has {', '.join(found)}"
        )
    axes = [np.unique(p) for p in positions]
    shape = tuple(map(len, axes))
    for c, axis in zip(names, axes, strict=True):
        low, high = (bounds or {}).get(c, (-np.inf, np.inf))
        if len(axis) and (axis[-1] < low or axis[0] > high):
            raise LanguageError(
                f"{str(file)!r}: its {c} goes from {axis[0]:g} to {axis[-1]:g}, that of the domain from {low:g} to "
                f"{high:g}: in which units?"
            )
    if values.ndim == 1 and len(values) == len(positions[0]) and (len(axes) > 1 or values.shape == shape):
        order = np.lexsort(positions[::-1])
        nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
        if len(nodes) != len(order) or not np.array_equal(np.stack(positions, 1)[order], nodes):
            raise LanguageError(
                f"{str(file)!r}: its {len(order)} lines are no grid of {' x '.join(map(str, shape))} nodes"
            )
        values = values[order].reshape(shape)
    if values.shape != shape or min(shape) < 2:
        raise LanguageError(f"{str(file)!r}: {name} has the shape {values.shape}, its axes {shape}; two nodes at least")
    return Multilinear(
        [torch.from_numpy(axis) for axis in axes], torch.from_numpy(values), [coordinates.index(c) for c in names]
    )


class Multilinear:
    """Interpolation on a grid: linear along each axis, constant beyond it.

    Args:
        axes: Nodes along each axis, increasing.
        values: At the nodes, an axis each.
        at: The columns of the points that are these coordinates.
    """

    def __init__(self, axes: list[Tensor], values: Tensor, at: list[int]):
        self.axes, self.values, self.at = axes, values, at

    def __call__(self, x: Tensor) -> Tensor:
        """Points (N, D) to values (N,)."""
        lower, shares = [], []
        for axis, k in zip(self.axes, self.at, strict=True):
            nodes = axis.to(x)
            i = torch.searchsorted(nodes, x[:, k].detach().contiguous()).clamp(1, len(nodes) - 1) - 1
            lower.append(i)
            shares.append(((x[:, k] - nodes[i]) / (nodes[i + 1] - nodes[i])).clamp(0, 1))
        values, total = self.values.to(x), torch.zeros_like(x[:, 0])
        for corner in itertools.product((0, 1), repeat=len(lower)):
            weight = torch.ones_like(total)
            for share, upper in zip(shares, corner, strict=True):
                weight = weight * (share if upper else 1 - share)
            total = total + weight * values[tuple(i + upper for i, upper in zip(lower, corner, strict=True))]
        return total
