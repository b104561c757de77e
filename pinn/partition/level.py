"""One level of refinement: what it has reached, and what that took."""

from __future__ import annotations

from dataclasses import dataclass, field

HOPELESS = 1e3  # what is left, over the size of the fields: no error is told of such a solution
STALLED = 0.5  # of what was left, or of the estimate, before: a level above it gains little
FINE = 1e-8  # what is left where a level that leaves as much as the one before has come to rounding


@dataclass(frozen=True)
class Level:
    """What one level has reached.

    Attributes:
        cells: How many there are.
        unknowns: Of the output layers.
        residual: Root mean square of the scaled residuals where nothing was fitted, over the size of the fields.
        spread: The same by volume.
        estimate: Of the relative error of each field; None where there is nothing to compare.
        steps: Newton's.
        converged: Whether they gained what they promised, or the last one was less than the error.
        seconds: That it took.
        memory: Bytes that it took.
        price: Seconds that such a level usually takes: see `Strip.price`.
        strip: The interval of time, in strips.
        gained: Whether it was better than the level before.
        noisy: Whether it changed less than what the noise of the data leaves unknown.
        inherited: What the error of the strip before makes of each field, relative to it.
        growth: Of that error, from the strip's beginning to its end, as a factor.
        sizes: Root mean square of each field; empty in checkpoints of before.
        finer: The largest factor by which a cell is narrower than the one before it.
    """

    cells: int
    unknowns: int
    residual: float
    spread: float
    estimate: dict[str, float] | None
    steps: int
    converged: bool
    seconds: float
    memory: int
    price: float
    strip: tuple[float, float] | None = None
    gained: bool = True
    noisy: bool = False
    inherited: dict[str, float] | None = None
    growth: float = 1.0
    sizes: dict[str, float] = field(default_factory=dict)
    finer: float = 1.0
