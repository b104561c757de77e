"""Callbacks: checkpoints and signals, and what the terminal shows meanwhile."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, Trainer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pinn.training.choice import LEVELS
from pinn.training.module import PINN
from pinn.training.notebook import NotebookBar, counted
from pinn.training.recovery import finite

SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGHUP") if hasattr(signal, name)
]
NOHUP = getattr(signal, "SIGHUP", None)  # which the command of that name has told to be ignored
BETWEEN_TALKS = 1.0  # seconds
BETWEEN_FRAMES = 0.5  # seconds, at least
DRAWN = 0.005  # of the time, at most
BETWEEN_LINES = 10.0  # seconds, where the output is no terminal


class Keeper(Callback):
    """Loses nothing: saves all that the next step depends on, so often, at the end, and when a signal ends the run.

    A signal ends it after the present step, so that the checkpoint is exact; a second Ctrl-C at once. Several processes
    hear of signals at different times, and their clocks differ: about once a second they agree what to do, all at the
    same step.

    Args:
        path: Of the checkpoint; None keeps none.
        seconds: Between two checkpoints.
    """

    def __init__(self, path: Path | None, seconds: float):
        self.path, self.seconds = path, seconds
        self._received, self._before, self._saved, self._next = 0, {}, time.monotonic(), 0
        self._kept = -1  # the step of the last checkpoint of this process

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: D102
        # instead of Lightning's own, which speak to the other processes in the middle of a step, and at every step
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None
        if threading.current_thread() is threading.main_thread():  # Python lets no other set them
            heard = [number for number in SIGNALS if number != NOHUP or signal.getsignal(number) != signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._receive) for number in heard}
        self._saved, self._next = time.monotonic(), 0

    def on_train_batch_end(self, trainer: Trainer, pl_module: PINN, *args: Any) -> None:  # noqa: D102
        ranks, step = pl_module.ranks, pl_module.global_step
        if ranks.size > 1 and step < self._next:
            return
        due = time.monotonic() - self._saved >= self.seconds
        received, due = ranks.largest([float(self._received), float(due)], pl_module.device)
        if received:
            pl_module.ended = "interrupted" if received == signal.SIGINT else "terminated"
            trainer.should_stop = True
        if received or due:  # at once: where a terminal has gone, the next line that is printed is the last
            self._save(trainer)
        seconds = pl_module.metrics.get("time/step", BETWEEN_TALKS)  # the same everywhere
        self._next = step + max(1, int(BETWEEN_TALKS / max(seconds, 1e-6)))

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: D102
        if self._kept != trainer.global_step:
            self._save(trainer)
        self._restore()

    def on_exception(self, trainer: Trainer, pl_module: Any, exception: BaseException) -> None:  # noqa: D102
        self._restore()  # and saves nothing: in the middle of a step there is no state to go on from

    def _receive(self, number: int, frame: Any) -> None:
        if number == signal.SIGINT and self._received:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._received = max(self._received, number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _save(self, trainer: Trainer) -> None:
        if self.path and finite(trainer.lightning_module.parameters()):
            trainer.save_checkpoint(self.path)
        self._saved, self._kept = time.monotonic(), trainer.global_step


class Watched(Callback):
    """Tells someone of every measurement, and ends the run when the answer is True."""

    def __init__(self, watch: Callable[[int, Mapping[str, float]], bool]):
        self.watch, self._seen = watch, None

    def on_train_batch_end(self, trainer: Trainer, pl_module: PINN, *args: Any) -> None:  # noqa: D102
        if pl_module.metrics and pl_module.metrics is not self._seen and not trainer.should_stop:
            self._seen = pl_module.metrics
            if self.watch(pl_module.global_step, pl_module.metrics):
                pl_module.ended, trainer.should_stop = "pruned", True


class Bar(Callback):
    """Optimizer, step, loss, error and time, as a bar; as a line every ten seconds where there is nowhere to draw."""

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
        self.progress = Progress(*columns, console=console, disable=not console.is_terminal, auto_refresh=False)
        self._task = self.progress.add_task("", measured="")
        self._notebook = NotebookBar() if console.is_jupyter else None
        self._line = self._next = time.monotonic()

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: D102
        self.progress.start()

    def on_train_batch_end(self, trainer: Trainer, pl_module: PINN, *args: Any) -> None:  # noqa: D102
        now = time.monotonic()
        if now < self._next and not trainer.should_stop:
            return
        phase = pl_module.turns.present
        done = pl_module.turns.step
        known = phase.steps if phase.steps < LEVELS else None  # else there are as many levels as are worth it
        total = done if pl_module.finished else known  # a bar that has ended is full
        measured = _measured(pl_module)
        if self._notebook:
            self._notebook.draw(phase.name, done, total, measured)
        else:
            shown = {"description": phase.name, "completed": done, "total": total, "measured": measured}
            self.progress.update(self._task, **shown)
            self.progress.refresh()
        took = time.monotonic() - now  # a millisecond; on a busy machine or a slow terminal many
        self._next = now + max(BETWEEN_FRAMES, took / DRAWN)
        if not (self.console.is_terminal or self._notebook) and now - self._line > BETWEEN_LINES:
            self.console.print(f"{counted(phase.name, done, known)}  {measured}")
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
