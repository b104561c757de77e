"""Rules: each looks for one thing that may limit a run, and says what to type against it.

Gains are rough: in powers of ten of the error. They order the advice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pinn.doctor.measure import BINS, Measured
from pinn.problem import Problem, configs
from pinn.schema import Config

Rows = Sequence[Mapping[str, float]]
UNSEEN = 3.0  # so many times larger between the points: there are too few
NOISY = 10.0  # so many times the loss of rounding
UNEVEN = 10.0  # ratio of two misfits
CROWDED = 2  # bins of all that hold half of the residual
SETTLED = 0.1  # powers of ten by which the loss falls in the last third of a run that has come to its end
SMALL = 1e-11  # a misfit that is nobody's concern
SECOND_ORDER = "optimizer=least_squares_then_gauss_newton"
MANY = 20_000  # parameters: more than a dense second-order method takes


@dataclass(frozen=True)
class Case:
    """All that the rules may look at.

    Attributes:
        problem: What was solved.
        config: How.
        result: What result.json says.
        rows: The history.
        measured: What was measured at the end.
        parameters: How many numbers were trained.
    """

    problem: Problem
    config: Config
    result: Mapping[str, Any]
    rows: Rows
    measured: Measured
    parameters: int

    @property
    def weights(self) -> dict[str, float]:
        """Of the losses, at the end."""
        last = {key: value for row in self.rows for key, value in row.items()}
        return {name: last.get(f"weight/{name}", 1.0) for name in self.problem.equations}

    def loss(self, row: Mapping[str, float]) -> float:
        """The weighted loss of a measurement."""
        return sum(row.get(f"weight/{name}", 1.0) * row.get(f"loss/{name}", 0.0) for name in self.problem.equations)

    @property
    def first_order(self) -> bool:
        """Whether only gradients were used."""
        return all(phase.method.closure == "gradient" for phase in self.config.phases)

    @property
    def settled(self) -> bool:
        """Whether the loss had stopped falling."""
        losses = [self.loss(row) for row in self.rows]
        tail = [value for value in losses[-max(2, len(losses) // 3) :] if value > 0]
        return len(tail) < 2 or math.log10(tail[0] / tail[-1]) < SETTLED

    def training(self, name: str) -> float:
        """Root mean square of an equation's residual at the points of training."""
        return math.sqrt(max(self.result["loss"].get(name) or 0.0, 0.0))

    @property
    def worst(self) -> str:
        """The equation with the largest misfit."""
        return max(self.measured.misfit, key=lambda name: self.measured.misfit[name])

    def of_interior(self, name: str) -> bool:
        """Whether an equation holds in the interior, everywhere alike."""
        return self.problem.equations[name].place == self.problem.domain.interior


@dataclass(frozen=True)
class Advice:
    """What was found, and what to try.

    Attributes:
        finding: In plain words.
        tries: Overrides to type; of several the first is the best.
        gain: Expected, in powers of ten of the error.
    """

    finding: str
    tries: tuple[tuple[str, ...], ...]
    gain: float


def diverged(case: Case) -> Iterator[Advice]:
    """The loss is no number any more."""
    if case.result["status"] == "diverged":
        rates = [getattr(phase, "lr", None) for phase in case.config.phases]
        slower = [(f"optimizer.lr={rate / 10:g}",) for rate in rates if rate and len(rates) == 1]
        yield Advice("The steps were too large: the loss is no longer a number.", ((SECOND_ORDER,), *slower), 9.0)


def too_few_points(case: Case) -> Iterator[Advice]:
    """The residual is small at the points of training and large between them."""
    sampling = case.config.sampling
    found = {name: case.result["residual"][name] / max(case.training(name), 1e-300) for name in case.measured.misfit}
    found = {name: ratio for name, ratio in found.items() if case.measured.misfit[name] > SMALL and ratio > UNSEEN}
    found = {name: ratio for name, ratio in found.items() if case.problem.equations[name].place.data is None}
    inside = [name for name in found if not _on_a_face(case, name)]
    for names, key, points in (
        (inside, "points", sampling.points),
        ([name for name in found if name not in inside], "boundary_points", sampling.boundary_points),
    ):
        if names:
            worst = max(names, key=lambda name: found[name])
            equations = sum(case.of_interior(name) for name in case.problem.equations)
            wanted = max(2 * points, 4 * case.parameters // max(equations, 1)) if key == "points" else 4 * points
            yield Advice(
                f"Between its points {worst} is {found[worst]:.0f} times worse than at them: {points} points are too "
                f"few for {case.parameters} parameters.",
                ((f"sampling.{key}={_round(wanted)}",), ("sampling.resample_every=100",)),
                min(math.log10(found[worst]), 6.0),
            )


def rounding(case: Case) -> Iterator[Advice]:
    """The arithmetic is too coarse."""
    if case.config.precision.dtype == "float64" or case.measured.misfit[case.worst] < SMALL:
        return
    floor = sum(case.weights[name] * value for name, value in (case.result["noise_floor"] or {}).items())
    if case.rows and case.loss(case.rows[-1]) <= NOISY * floor:
        yield Advice(
            f"The loss is that of rounding: in {case.config.precision.name} it cannot fall any further.",
            (("precision=fp64",),),
            4.0,
        )
    elif not case.first_order and case.settled:
        yield Advice(
            f"A second-order method in {case.config.precision.name} comes to an early end: its matrices lose half of "
            "the digits.",
            (("precision=fp64",),),
            3.5,
        )


def first_order(case: Case) -> Iterator[Advice]:
    """Gradients alone: a stall, or steps that were not enough."""
    if not case.first_order or case.measured.misfit[case.worst] < SMALL or case.result["status"] == "diverged":
        return
    phase = case.config.phases[-1]
    more = (f"optimizer.steps={4 * phase.steps}",)
    if case.settled:
        finding = f"The loss stands still, {phase.name} gets no further"
    else:
        finding = f"The loss was still falling when {phase.name} ended"
        more = (*more, "resume=auto")
    if case.parameters <= MANY and not case.config.several_devices:
        precise = () if case.config.precision.dtype == "float64" else ("precision=fp64",)
        tries = ((SECOND_ORDER, *precise), more) if len(case.config.phases) == 1 else ((SECOND_ORDER, *precise),)
        yield Advice(f"{finding}; with {case.parameters} parameters a second-order method goes far below.", tries, 3.0)
    elif len(case.config.phases) == 1:
        yield Advice(f"{finding}.", (more,), 1.0)


def unfinished(case: Case) -> Iterator[Advice]:
    """The steps of a second-order method have run out."""
    limit = case.config.trainer.max_steps
    if case.first_order or case.settled or case.measured.misfit[case.worst] < SMALL:
        return
    if 0 <= limit <= case.result["steps"]:
        yield Advice("The run was stopped while the loss was falling.", (("trainer.max_steps=-1", "resume=auto"),), 2.5)


def weights(case: Case) -> Iterator[Advice]:
    """One equation is met far worse than the others, for its size."""
    misfit = case.measured.misfit
    if len(misfit) < 2 or misfit[case.worst] < SMALL:
        return
    name = case.worst
    others = max(value for other, value in misfit.items() if other != name)
    ratio = misfit[name] / max(others, 1e-300)
    if ratio < UNEVEN:
        return
    factor = 10.0 ** min(round(2 * math.log10(ratio)), 6)
    given = case.config.balancing.weights.get(name, 1.0)
    tries = [(f"++balancing.weights.{name}={given * factor:g}",)]
    if (configs() / "balancing" / "gradient_norm.yaml").exists() and case.config.balancing.name == "fixed":
        tries.append(("balancing=gradient_norm",))
    text = f"For its size {name} is met {ratio:.0f} times worse than the others: its weight, {case.weights[name]:g}, "
    text += "is too small."
    if name in case.problem.conditions:
        text += " Where it can be built into the network (enforce: hard), it needs none."
    yield Advice(text, tuple(tries), min(math.log10(ratio), 4.0))


def network(case: Case) -> Iterator[Advice]:
    """Training has come to its end, at the points and between them: the network cannot do better."""
    name, chosen = case.worst, case.config.network
    inside = {key: value for key, value in case.measured.misfit.items() if key in case.measured.spectrum}
    if not inside or case.measured.misfit[name] < SMALL or case.first_order:
        return
    key = max(inside, key=lambda k: inside[k])
    if case.measured.misfit[name] > UNEVEN * inside[key]:  # the weights come first
        return
    if not case.training(key) or case.result["residual"][key] / case.training(key) > UNSEEN:
        return
    waves = max((_mean(amplitudes) for amplitudes in case.measured.spectrum[key].values()), default=0.0)
    scale = getattr(chosen, "scale", None)
    scale = max(scale.values()) if isinstance(scale, dict) else scale
    wider = (f"network.width={_round(2 * chosen.width)}", f"sampling.points={_round(2 * case.config.sampling.points)}")
    if scale is not None and chosen.features is None and waves > 0.6 * scale / math.pi:
        faster = f"network.scale={_round(max(2 * scale, 2 * math.pi * waves))}"
        yield Advice(
            f"What is left of {key} has {waves:.1f} waves across the domain, and the network's features end at "
            f"{scale / math.pi:.1f}: they are too slow.",
            ((faster,), (faster, *wider)),
            2.0,
        )
    else:
        yield Advice(
            f"{key} is as large between the points as at them, and training has come to its end: the network is too "
            "small for this solution.",
            (wider, (f"network.depth={chosen.depth + 1}",)),
            0.9,
        )


def region(case: Case) -> Iterator[Advice]:
    """Half of the residual lies in a small part of the domain."""
    for name, of_name in case.measured.regions.items():
        if case.measured.misfit[name] < SMALL:
            continue
        for coordinate, shares in of_name.items():
            window = np.convolve(shares, np.ones(CROWDED), "valid")
            k = int(window.argmax())
            if window[k] < 0.5 or coordinate in case.config.layers:
                continue
            i = case.problem.domain.names.index(coordinate)
            low, high = case.problem.domain.lower[i], case.problem.domain.upper[i]
            ends = [low + (high - low) * (k + m) / BINS for m in (0, CROWDED)]
            at = low if k == 0 else high if k == BINS - CROWDED else sum(ends) / 2
            yield Advice(
                f"{100 * window[k]:.0f} % of {name} (squared) lies at {coordinate} between {ends[0]:.3g} and "
                f"{ends[1]:.3g}: a layer, to be stretched.",
                (
                    (f"'+layers.{coordinate}=[{{at: {at:.4g}, width: {(high - low) / BINS / 2:.2g}}}]'",),
                    ("sampling=rad",),
                ),
                0.7 * float(window[k]),
            )


RULES: tuple[Callable[[Case], Iterator[Advice]], ...] = (
    diverged, too_few_points, rounding, first_order, unfinished, weights, network, region,
)  # fmt: skip


def _on_a_face(case: Case, name: str) -> bool:
    place = case.problem.equations[name].place
    return place.boundary or bool(place.fixed)


def _mean(amplitudes: Sequence[float]) -> float:
    """The number of waves in the mean, by their energy."""
    power = np.square(np.asarray(amplitudes))
    return float((np.arange(len(power)) * power).sum() / max(power.sum(), 1e-300))


def _round(value: float) -> str:
    """To two digits."""
    return f"{float(f'{value:.2g}'):.10g}"
