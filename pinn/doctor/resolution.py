"""Rules about where and how finely: the network is too small or too slow, or the residual lies in one place."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pinn.doctor.case import UNEVEN, UNSEEN, Advice, Case, Try, rounded
from pinn.doctor.measure import BINS
from pinn.schema import AdaptiveSampling

CROWDED = 2  # bins of all that hold half of the residual
FAST = 0.6  # of the number of waves at which the features end


def network(case: Case) -> Iterator[Advice]:
    """Training has come to its end, at the points and between them: the network cannot do better."""
    name, chosen = case.worst, case.config.network
    inside = {key: value for key, value in case.measured.misfit.items() if key in case.measured.spectrum}
    if not inside or case.met(name) or case.first_order:
        return
    key = max(inside, key=lambda k: inside[k])
    if case.measured.misfit[name] > UNEVEN * inside[key]:  # the weights come first
        return
    if not case.training(key) or case.result["residual"][key] / case.training(key) > UNSEEN:
        return
    wider = (f"network.width={rounded(2 * chosen.width)}", *case.points(2 * case.config.sampling.points))
    if slow := _slow(case, key):
        yield Advice(
            f"What is left of {key} has {slow.waves:.1f} waves along {slow.along}, and the network's features end at "
            f"{slow.scale / math.pi:.1f}: they are too slow.",
            (slow.faster, (*slow.faster, *wider)),
            2.0,
        )
    else:
        yield Advice(
            f"{key} is as large between the points as at them, and training has come to its end: the network is too "
            "small for this solution.",
            (wider, (f"network.depth={chosen.depth + 1}",)),
            0.9,
        )


@dataclass(frozen=True)
class _Slow:
    """Features that end below the waves that are left: both across the domain."""

    waves: float
    scale: float
    along: str
    faster: Try


def _slow(case: Case, key: str) -> _Slow | None:
    """Along the coordinate where the features lag most."""
    chosen, found = case.config.network, []
    given = getattr(chosen, "scale", None)
    if given is None or chosen.features is not None:
        return None
    for coordinate, amplitudes in case.measured.spectrum[key].items():
        scale = given[coordinate] if isinstance(given, dict) else given
        waves = _mean(amplitudes)
        if waves <= FAST * scale / math.pi:
            continue
        own = f".{coordinate}" if isinstance(given, dict) else ""
        faster = (f"network.scale{own}={rounded(max(2 * scale, 2 * math.pi * waves))}",)
        found.append(_Slow(waves, scale, coordinate, faster))
    return max(found, key=lambda one: one.waves / one.scale, default=None)


def region(case: Case) -> Iterator[Advice]:
    """Half of the residual lies in a small part of the domain: points are to be moved there."""
    sampling = case.config.sampling
    if case.scheme.by_point or isinstance(sampling, AdaptiveSampling):
        return
    for name, of_name in case.measured.regions.items():
        if case.met(name):
            continue
        for coordinate, shares in of_name.items():
            window = np.convolve(shares, np.ones(CROWDED), "valid")
            k = int(window.argmax())
            if window[k] < 0.5:
                continue
            i = case.problem.domain.names.index(coordinate)
            low, high = case.problem.domain.lower[i], case.problem.domain.upper[i]
            ends = [low + (high - low) * (k + m) / BINS for m in (0, CROWDED)]
            yield Advice(
                f"{100 * window[k]:.0f} % of {name} (squared) lies at {coordinate} between {ends[0]:.3g} and "
                f"{ends[1]:.3g}.",
                (("sampling=rad", *case.points(sampling.points)[:1]),),
                0.7 * float(window[k]),
            )


def _mean(amplitudes: Sequence[float]) -> float:
    """The number of waves in the mean, by their energy."""
    power = np.square(np.asarray(amplitudes))
    return float((np.arange(len(power)) * power).sum() / max(power.sum(), 1e-300))
