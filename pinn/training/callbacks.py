"""Callbacks: the checkpoint, a stop between two steps, and what the terminal shows meanwhile."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pinn.training.module import PINN

BETWEEN_CHECKPOINTS = 300.0  # seconds
BETWEEN_LINES = 10.0  # seconds, where the output is no terminal


class Checkpoint(Callback):
    """Save all that the next step depends on: every five minutes, at the end, and when something stops the run."""

    def __init__(self, path: Path):
        self.path = path
        self._saved = time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, *args: Any) -> None:  # noqa: D102
        if trainer.world_size == 1 and time.monotonic() - self._saved > BETWEEN_CHECKPOINTS:  # clocks of ranks differ
            self._save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: D102
        self._save(trainer)

    def on_exception(self, trainer: Trainer, pl_module: Any, exception: BaseException) -> None:  # noqa: D102
        # SIGTERM reaches all ranks; after another exception the others would wait for ever
        if trainer.world_size == 1 or isinstance(exception, SystemExit):
            self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self._saved = time.monotonic()


class Interrupt(Callback):
    """Ctrl-C ends the run after the present step, so that the checkpoint is exact; a second Ctrl-C ends it at once."""

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: D102
        def stop(*_: Any) -> None:
            pl_module.interrupted = True
            signal.signal(signal.SIGINT, self._before)

        self._before = signal.getsignal(signal.SIGINT)
        _on_interrupt(stop)

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: D102
        _on_interrupt(self._before)

    def on_exception(self, trainer: Trainer, pl_module: Any, exception: BaseException) -> None:  # noqa: D102
        if hasattr(self, "_before"):  # else nothing began
            _on_interrupt(self._before)


def _on_interrupt(handler: Any) -> None:
    if threading.current_thread() is threading.main_thread():  # Python lets no other set it
        signal.signal(signal.SIGINT, handler)


class Bar(Callback):
    """Optimizer, step, loss, error and time, as a bar; as a line every ten seconds where the output is no terminal."""

    def __init__(self, console: Console):
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[measured]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        self.console = console
        self.progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self.progress.add_task("", measured="")
        self._line = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: D102
        self.progress.start()

    def on_train_batch_end(self, trainer: Trainer, pl_module: PINN, *args: Any) -> None:  # noqa: D102
        phase = pl_module.turns.present
        done = phase.steps if pl_module.finished else pl_module.turns.step
        measured = _measured(pl_module)
        self.progress.update(self._task, description=phase.name, completed=done, total=phase.steps, measured=measured)
        if not self.console.is_terminal and time.monotonic() - self._line > BETWEEN_LINES:
            self.console.print(f"{phase.name} {done}/{phase.steps}  {measured}")
            self._line = time.monotonic()

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: D102
        self.progress.stop()

    def on_exception(self, trainer: Trainer, pl_module: Any, exception: BaseException) -> None:  # noqa: D102
        self.progress.stop()


def _measured(module: PINN) -> str:
    """The weighted loss and the largest error of the last measurement."""
    if not module.metrics:
        return ""
    errors = [value for key, value in module.metrics.items() if key.startswith("error/")]
    return f"loss {module.loss:.1e}" + (f"  error {max(errors):.1e}" if errors else "")
