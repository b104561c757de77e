"""A bar in a notebook: one output that changes while the cell runs."""

from __future__ import annotations

import time
from html import escape
from typing import Any


def counted(name: str, done: int, total: int | None) -> str:
    """A phase and how many of its steps are done, of how many where that is known."""
    return f"{name} {done}/{total}" if total else f"{name} {done}"


class NotebookBar:
    """Shown by IPython's display, which every notebook has; no widgets are needed."""

    def __init__(self):
        self._began, self._handle = time.monotonic(), None

    def draw(self, name: str, done: int, total: int | None, measured: str) -> None:
        """The first time a new output, then the same one."""
        from IPython.display import HTML, display  # pyright: ignore[reportMissingImports] - a notebook has it

        seconds = time.monotonic() - self._began
        said = escape(f"{counted(name, done, total)}  {measured}  {seconds:.0f} s")
        part = f'value="{done}" max="{total}"' if total else ""
        shown: Any = HTML(f"<progress {part}></progress> <code>{said}</code>")
        if self._handle is None:
            self._handle = display(shown, display_id=True)
        else:
            self._handle.update(shown)
