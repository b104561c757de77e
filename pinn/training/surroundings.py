"""What a run changes of the process that it is in, and leaves as it was for whoever called it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

LOGGERS = ("lightning.pytorch", "lightning.fabric")


@contextmanager
def left_as_found() -> Iterator[None]:
    """Within, the generators of torch, the precision of its products, Lightning's lines and warnings may change."""
    precision = torch.get_float32_matmul_precision()
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    with torch.random.fork_rng(range(torch.cuda.device_count())), warnings.catch_warnings():
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(precision)
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
