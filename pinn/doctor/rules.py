"""Rules: each looks for one thing that may limit a run, and says what to type against it.

Gains are rough: in powers of ten of the error. They order the advice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from pinn.doctor.case import UNEVEN, UNSEEN, Advice, Case, Try
from pinn.doctor.resolution import network, region

NOISY = 10.0  # so many times the loss of rounding
MANY = 20_000  # parameters: more than a dense second-order method takes


def diverged(case: Case) -> Iterator[Advice]:
    """The loss is no number any more."""
    if case.result["status"] == "diverged":
        rates = [getattr(phase, "lr", None) for phase in case.config.phases]
        slower = [(f"optimizer.lr={rate / 10:g}",) for rate in rates if rate and len(rates) == 1]
        text = "The steps were too large: the loss is no longer a number."
        first = case.rows[0] if case.rows else {}
        if lost := [n for n in case.problem.equations if not math.isfinite(first.get(f"loss/{n}", 0.0))]:
            text = (
                f"{', '.join(lost)} had no finite value from the first step on, as of a root, a logarithm or a "
                "quotient of what is not positive there: write what is finite for any field, such as sqrt(abs(u))."
            )
        yield Advice(text, (second_order(case), *slower), 9.0)


def second_order(case: Case) -> Try:
    """To go over to the default, with what it needs: float64, and a balancing of which there is a loss."""
    precise = () if case.config.precision.dtype == "float64" else ("precision=fp64",)
    balanced = ("balancing=fixed",) if case.scheme.combines else ()
    return ("optimizer=least_squares_then_gauss_newton", *precise, *balanced)


def too_few_points(case: Case) -> Iterator[Advice]:
    """The residual is small at the points of training and large between them."""
    sampling = case.config.sampling
    found = {name: case.result["residual"][name] / max(case.training(name), 1e-300) for name in case.measured.misfit}
    found = {name: ratio for name, ratio in found.items() if not case.met(name) and ratio > UNSEEN}
    found = {name: ratio for name, ratio in found.items() if case.problem.equations[name].place.data is None}
    inside = [name for name in found if not _on_a_face(case, name)]
    for names, key, points in (
        (inside, "points", sampling.points),
        ([name for name in found if name not in inside], "boundary_points", sampling.boundary_points),
    ):
        if names:
            worst = max(names, key=lambda name: found[name])
            equations = sum(case.of_interior(name) for name in case.problem.equations)
            wanted = max(2 * points, 4 * case.parameters // max(equations, 1))
            more = case.points(wanted) if key == "points" else (f"sampling.{key}={4 * points}",)
            anew = () if case.scheme.by_point or sampling.resample_every else (("sampling.resample_every=100",),)
            yield Advice(
                f"Between its points {worst} is {found[worst]:.0f} times worse than at them: {points} points are too "
                f"few for {case.parameters} parameters.",
                (more, *anew),
                min(math.log10(found[worst]), 6.0),
            )


def rounding(case: Case) -> Iterator[Advice]:
    """The arithmetic is too coarse."""
    if case.config.precision.dtype == "float64" or case.met(case.worst):
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
    if not case.first_order or case.met(case.worst) or case.result["status"] == "diverged":
        return
    phase = case.config.phases[-1]
    more = (f"optimizer.steps={4 * phase.steps}",)
    if case.settled:
        finding = f"The loss stands still, {phase.name} gets no further"
    else:
        finding = f"The loss was still falling when {phase.name} ended"
        more = (*more, "resume=auto")
    if case.parameters <= MANY and not case.config.several_devices:
        better = second_order(case)
        tries = (better, *((more,) if len(case.config.phases) == 1 else ()))
        yield Advice(f"{finding}; with {case.parameters} parameters a second-order method goes far below.", tries, 3.0)
    elif len(case.config.phases) == 1:
        yield Advice(f"{finding}.", (more,), 1.0)


def unfinished(case: Case) -> Iterator[Advice]:
    """The steps of a second-order method have run out."""
    if case.first_order or case.settled or case.met(case.worst):
        return
    if 0 <= case.config.trainer.max_steps <= case.result["steps"]:
        more = ("trainer.max_steps=-1", "resume=auto")
        yield Advice("The run was stopped while the loss was falling.", (more,), 2.5)


def weights(case: Case) -> Iterator[Advice]:
    """One equation is met far worse than the others, for its size."""
    misfit = case.measured.misfit
    if len(misfit) < 2 or case.met(case.worst):
        return
    name = case.worst
    others = max(value for other, value in misfit.items() if other != name)
    ratio = misfit[name] / max(others, 1e-300)
    if ratio < UNEVEN:
        return
    factor = 10.0 ** min(round(2 * math.log10(ratio)), 6)
    given = case.config.balancing.weights.get(name, 1.0)
    tries = [(f"++balancing.weights.{name}={given * factor:g}",)]
    if case.config.balancing.name == "fixed":
        tries.append(("balancing=gradient_norm",))
    text = f"For its size {name} is met {ratio:.0f} times worse than the others: its weight, {case.weights[name]:g}, "
    text += "is too small."
    if name in case.problem.conditions and name not in case.problem.softened:
        text += " Where it can be built into the network (enforce: auto), it needs none."
    yield Advice(text, tuple(tries), min(math.log10(ratio), 4.0))


RULES: tuple[Callable[[Case], Iterator[Advice]], ...] = (
    diverged, too_few_points, rounding, first_order, unfinished, weights, network, region,
)  # fmt: skip


def _on_a_face(case: Case, name: str) -> bool:
    place = case.problem.equations[name].place
    return place.boundary or bool(place.fixed)
