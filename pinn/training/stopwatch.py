"""How long the steps themselves take, without what is around them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from lightning.pytorch.plugins import Precision


class Stopwatch(Precision):
    """Steps an optimizer and nothing else: Lightning's hooks around every closure cost as much as a small network.

    Attributes:
        seconds: What was spent in steps, and in what else was done `with` it.
    """

    def __init__(self):
        super().__init__()
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._began

    def optimizer_step(self, optimizer: Any, model: Any, closure: Callable[[], Any], **kwargs: Any) -> Any:  # noqa: D102
        with self:
            return optimizer.step(closure, **kwargs)
