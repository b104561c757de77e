"""The phases of a run, in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pinn.phases import Phase

FALL = 0.01


class Turns:
    """Whose turn it is, and when it ends.

    Attributes:
        phases: All of them.
        index: The number of the present one.
        step: How many steps of it are done.
        losses: Its last measurements, and before them the least of the earlier ones.
    """

    def __init__(self, phases: Sequence[Phase]):
        self.phases, self.index, self.step = phases, 0, 0
        self.losses: list[float] = []

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
        """End the present phase; the last one's count stays."""
        self.index += 1
        if not self.finished:
            self.step, self.losses = 0, []

    def measured(self, loss: float) -> None:
        """Remember a measurement of the loss."""
        self.losses.append(loss)
        if len(self.losses) > self.present.patience + 1:
            self.losses[:2] = [min(self.losses[:2])]

    @property
    def stalled(self) -> bool:
        """Whether the last measurements are hardly below the least one before them."""
        recent = self.losses[1:]
        return len(recent) == self.present.patience and min(recent) > (1 - FALL) * self.losses[0]

    def end(self, converged: bool, noisy: bool) -> str:
        """Why the present phase is over, in words, or nothing.

        Args:
            converged: Whether its optimizer says that nothing is left to do.
            noisy: Whether the loss is that of rounding.
        """
        phase = self.present
        if self.step >= phase.steps:
            return "all steps are done"
        if converged:
            return "nothing is left to gain"
        if phase.until == "stall" and self.stalled:
            return f"the loss has fallen by less than {FALL:.0%} in {phase.patience} measurements"
        return "the loss is that of rounding" if phase.until == "noise" and noisy else ""

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"phase": self.index, "phase_step": self.step, "losses": self.losses, "steps": self.present.steps}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept; the last phase too, if it had all its steps and has more of them now."""
        self.index, self.step, self.losses = state["phase"], state["phase_step"], state["losses"]
        if self.finished and state["steps"] <= self.step < self.present.steps:
            self.index -= 1
