"""The history of a run: metrics.csv, always."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from pinn.files import read_history, write


class History(Logger):
    """A row of metrics.csv a measurement. A resumed run appends, in place of what came after its checkpoint."""

    def __init__(self, path: Path):
        super().__init__()
        self.path = path
        self._columns: list[str] = []

    @property
    def name(self) -> str:  # noqa: D102
        return "history"

    @property
    def version(self) -> str:  # noqa: D102
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """The configuration has a file of its own."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Append a row."""
        row = {"step": step, **metrics}
        if not set(row) <= set(self._columns):
            self._begin(row)
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self._columns, lineterminator="\n").writerow(row)

    def _begin(self, row: dict[str, Any]) -> None:
        """Write what came before this row anew, with its columns as well."""
        earlier = [old for old in read_history(self.path) if old["step"] < row["step"]]
        self._columns = list(dict.fromkeys(name for known in (*earlier, row) for name in known))
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({**old, "step": int(old["step"])} for old in earlier)
        write(self.path, text.getvalue())
