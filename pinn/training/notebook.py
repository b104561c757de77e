"""A bar in a notebook: one output that changes while the cell runs."""

from __future__ import annotations

import time
from html import escape
from typing import Any


class NotebookBar:
    """Shown by IPython's display, which every notebook has; no widgets are needed."""

    def __init__(self):
        self._began, self._handle = time.monotonic(), None

    def draw(self, name: str, done: int, total: int, measured: str) -> None:
        """The first time a new output, then the same one."""
        from IPython.display import HTML, display  # pyright: ignore[reportMissingImports] - a notebook has it

        seconds = time.monotonic() - self._began
        said = escape(f"{name} {done}/{total}  {measured}  {seconds:.0f} s")
        shown: Any = HTML(f'<progress value="{done}" max="{total}"></progress> <code>{said}</code>')
        if self._handle is None:
            self._handle = display(shown, display_id=True)
        else:
            self._handle.update(shown)
