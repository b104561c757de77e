"""The phases of a run, in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pinn.phases import Phase


class Turns:
    """Whose turn it is, and when it ends.

    Attributes:
        phases: All of them.
        index: The number of the present one.
        step: How many steps of it are done.
    """

    def __init__(self, phases: Sequence[Phase]):
        self.phases, self.index, self.step = phases, 0, 0

    @property
    def finished(self) -> bool:
        """Whether all have had theirs."""
        return self.index == len(self.phases)

    @property
    def present(self) -> Phase:
        """The one whose turn it is; when all are done, the last."""
        return self.phases[min(self.index, len(self.phases) - 1)]

    @property
    def left(self) -> Sequence[Phase]:
        """The present one and those after it."""
        return self.phases[self.index :]

    def next(self) -> None:
        """End the present phase."""
        self.index, self.step = self.index + 1, 0

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"phase": self.index, "phase_step": self.step}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        self.index, self.step = state["phase"], state["phase_step"]
