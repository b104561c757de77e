"""Checkpoints as they are read: what is not of a run is refused, and nothing in a file is executed."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch

BROKEN = (
    *(OSError, UnpicklingError, RuntimeError, EOFError, BadZipFile),
    *(KeyError, TypeError, ValueError, AttributeError, IndexError),
)
"""What reading a file that is no checkpoint may raise."""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a file holds: tensors, numbers, texts and containers of them, and nothing that would be executed.

    Raises:
        Exception: One of `BROKEN`.
    """
    with ZipFile(path) as parts:  # each has a checksum, which torch does not look at
        if (spoilt := parts.testzip()) is not None:
            raise BadZipFile(f"{spoilt} is not what was written")
    found = torch.load(path, weights_only=True, map_location="cpu", mmap=True)
    if not isinstance(found, dict):
        raise TypeError(f"{type(found).__name__} where a mapping should be")
    return found
