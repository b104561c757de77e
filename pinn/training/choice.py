"""What the configuration leaves `auto`: optimizer, network, precision and points, from the problem and from trials.

Everything is a pure function of the problem, the configuration and its seed, so that all processes of a run choose
alike; a run that goes on has what its directory says, and chooses nothing anew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pinn.balancing import SCHEMES
from pinn.phases import PHASES, Phase, Phases
from pinn.problem import Problem
from pinn.schema import AUTO, CHOSEN, MLP, Auto, AutoNetwork, Config, Partition, Precision
from pinn.training.budget import A_SOLVE
from pinn.training.build import kept, ready
from pinn.training.files import first_checkpoint
from pinn.training.network import network
from pinn.training.trials import FITTED, GOOD, Trials, step

WIDTHS = (200, 400, 800, 1200, 1600)  # of random features: the price of a solve grows as the cube
USUAL = {"network.width": 400, "network.scale": 10.0, "sampling.points": 3000, "sampling.boundary_points": 400}
FINE = 1e-8
GAIN = {False: 2.0, True: 10.0}  # what more features must gain, as a factor of that residual: more, where it is FINE
COLUMNS = 300  # of the trials of what is not linear, which take several solves each
PLAIN = {"width": AUTO, "depth": 1, "activation": "sin", "scale": AUTO, "adaptive": False, "factorised": False,
         "features": None}  # of a network of which nothing is said  # fmt: skip
MOST_CELLS = 4  # coordinates
LEVELS = 500  # of refinement, at most: strips of time have some each
DENSE = 8000  # parameters for which a Jacobian is decomposed
TRYING = 0.08  # part of a budget that a trial may take
OVERSAMPLED = 4  # equations an unknown


@dataclass
class Choice:
    """A configuration that fills up.

    Attributes:
        config: With the values found so far.
        reasons: Why, by key.
    """

    config: Config
    reasons: dict[str, str] = field(default_factory=dict)

    def open(self, key: str) -> bool:
        """Whether nobody has said it yet."""
        return value(self.config, key) == AUTO

    def take(self, key: str, found: Any, why: str) -> None:
        """Put a value where `auto` stands; what was given stays."""
        if self.open(key):
            self.config, self.reasons[key] = _with(self.config, key, found), why


def choose(problem: Problem, config: Config, directory: Path | None = None) -> Config:
    """The configuration with a value wherever `auto` stands, and under `chosen` why.

    Args:
        problem: What is to be solved.
        config: What was said.
        directory: Where the run's files will lie; what an earlier part of the run chose there stays.

    Raises:
        ConfigError: The run to go on from, or to begin with, is not there; or there is no truth to observe.
    """
    choice = Choice(config)
    ready(problem)
    if any(choice.open(key) for key in CHOSEN):
        begin = first_checkpoint(config, directory)
        if begin:
            _as_before(choice, begin.parent)
        if config.init:
            _as_before(choice, Path(config.init), "init=")
    if any(choice.open(key) for key in CHOSEN):
        _precision(choice)
        _kind(choice, problem)
        trials = _network(choice, problem)
        _points(choice, problem)
        _optimizer(choice, problem, trials)
    return choice.config.model_copy(update={"chosen": choice.reasons}) if choice.reasons else choice.config


def value(config: Config, key: str) -> Any:
    """What stands at a key of `CHOSEN`: `auto`, or what is said; None where the chosen network has no such key."""
    if key == "optimizer":
        return AUTO if isinstance(config.optimizer, Auto) else config.optimizer
    if key == "network":
        return AUTO if isinstance(config.network, AutoNetwork) else config.network
    if key == "precision":
        return AUTO if config.precision.dtype == AUTO else config.precision
    group, _, name = key.partition(".")
    return getattr(getattr(config, group), name, None) if name else getattr(config, group)


def _with(config: Config, key: str, found: Any) -> Config:
    group, _, name = key.partition(".")
    return config.model_copy(update={group: getattr(config, group).model_copy(update={name: found}) if name else found})


def _as_before(choice: Choice, folder: Path, said: str = "") -> None:
    """What the run in a folder has."""
    then = kept(folder, said)
    for key in CHOSEN:
        had = value(then, key)
        if key == "network" and choice.open(key) and not (isinstance(had, Partition) and _plain(choice.config)):
            had = _one(choice.config)  # what is typed of it is compared with what was there
        if had is not None and had != AUTO:
            choice.take(key, had, then.chosen.get(key, f"as in {folder}"))


def _kind(choice: Choice, problem: Problem) -> None:
    """One network, unless it is a partition that the problem wants and nobody has said anything of another."""
    if not choice.open("network"):
        return None
    config, one = choice.config, _one(choice.config)
    if why := _forbids_cells(config, problem):
        return choice.take("network", one, why)
    several = Partition(name="partition", cells=AUTO, local=one)
    return choice.take("network", several, "cells find their own places")


def _one(config: Config) -> MLP:
    """One network, with what was said of it."""
    assert isinstance(config.network, AutoNetwork)
    return MLP(**{**config.network.model_dump(), "name": "mlp"})


def _plain(config: Config) -> bool:
    """Whether nothing was said of the network."""
    chosen = config.network
    return isinstance(chosen, AutoNetwork) and chosen == AutoNetwork(**{**chosen.model_dump(), **PLAIN})


def _forbids_cells(config: Config, problem: Problem) -> str | None:
    """What was said, or what the problem is, that asks for one network; None where nothing does."""
    if not _plain(config):
        return "keys of one network are given"
    if len(problem.coordinate_names) > MOST_CELLS:
        return f"in more than {MOST_CELLS} dimensions cells are too many"
    given = {
        "curriculum": bool(config.curriculum),
        "optimizer": not isinstance(config.optimizer, Auto),
        "precision": config.precision.dtype not in (AUTO, "float64") or config.precision.autocast,
        "sampling": config.sampling.name != "sobol" or any(
            n != AUTO for n in (config.sampling.points, config.sampling.boundary_points)
        ),
        "balancing": config.balancing.name != "fixed" or bool(config.balancing.weights or config.balancing.causal),
        "init": config.init is not None,
        "trainer.devices": config.several_devices and _told_by_all(problem),
    }  # fmt: skip
    said = next((name for name, there in given.items() if there), None)
    return f"{said} is given" if said else None


def _told_by_all(problem: Problem) -> bool:
    """Whether there are data, numbers or integrals, which one process sees to."""
    found = problem.learned or problem.coefficients or problem.observations
    return bool(found) or any(e.place.integral for e in problem.equations.values())


def _precision(choice: Choice) -> None:
    phases = choice.config.phases
    if phases and all(phase.method.first_order for phase in phases) and not choice.open("network.width"):
        size = choice.config.network.width**2 * choice.config.network.depth
        if size > DENSE:
            single = Precision(name="fp32", dtype="float32", matmul="highest", autocast=False)
            return choice.take("precision", single, "first-order steps of a large network do not reach its rounding")
    double = Precision(name="fp64", dtype="float64", matmul="highest", autocast=False)
    return choice.take("precision", double, "errors below 1e-6 need it")


def _network(choice: Choice, problem: Problem) -> Trials | None:
    """Width and scale: those whose solution leaves the least residual at points that it was not fitted to."""
    config = choice.config
    if isinstance(config.network, Partition):
        return None
    if not isinstance(config.network, MLP) or problem.learned or problem.coefficients:
        why = "as usual: where something is to be found, nothing is tried"
        for key in ("network.width", "network.scale"):
            choice.take(key, USUAL[key], why)
        return None
    if not any(choice.open(key) for key in ("network.width", "network.scale", "optimizer")):
        return None
    trials = Trials(problem, config)
    if not (choice.open("network.width") or choice.open("network.scale")):
        return trials
    width, scale, residual = _search(choice, problem, trials)
    tried = f"{trials.count} trial" + "s" * (trials.count > 1)
    if residual == math.inf:
        why = f"as usual: of {tried} none found a solution, as where terms are infinite, so this may not either"
        for key in ("network.width", "network.scale"):
            choice.take(key, USUAL[key], why)
        return trials
    why = f"of {tried}, that leaves the least where nothing was fitted, {residual:.0e} of what zero would"
    choice.take("network.scale", scale, why)
    choice.take(*("network.width", width, why) if trials.linear else ("network.width", max(width, 400), "as usual"))
    return trials


def _search(choice: Choice, problem: Problem, trials: Trials) -> tuple[int, float, float]:
    """Climb from scale to scale, then from width to width, while the held-out residual falls: the best, and it.

    The residual is infinite where no trial found a solution.
    """
    network = choice.config.network
    assert isinstance(network, MLP)
    start = trials.frequency if network.scale == AUTO else 1.0
    fixed = None if network.scale == AUTO else network.scale

    most = COLUMNS // len(problem.fields)
    widths = [w for w in WIDTHS if w <= most] or [most] if not trials.linear else list(WIDTHS)
    if network.width != AUTO:
        widths = [network.width]
    elif not trials.linear or any(phase.method.trains == "all" for phase in choice.config.phases):
        widths = widths[-1:] if not trials.linear else widths[:2]
    if choice.config.budget and len(widths) > 1:
        widths = [w for w in widths if FITTED * w**3 * A_SOLVE <= TRYING * choice.config.budget] or widths[:1]
    best, k = (widths[0], 0.0, float("inf")), 0
    for width in widths:
        k = trials.climb(width, start, k) if fixed is None else 0
        scale = fixed or step(start, k)
        found = trials.residual(width, scale)
        if found * GAIN[best[2] <= FINE] >= best[2]:
            break
        best = (width, scale, found)
        if found <= GOOD:
            break
    return best


def _points(choice: Choice, problem: Problem) -> None:
    config, interior = choice.config, problem.domain.interior
    if not isinstance(config.network, MLP) or problem.learned or problem.coefficients:
        for key in ("sampling.points", "sampling.boundary_points"):
            choice.take(key, USUAL[key], "as usual")
        return
    equations = sum(e.place == interior for e in problem.equations.values()) or 1
    unknowns = config.network.width * len(problem.fields)
    inside = max(USUAL["sampling.points"], OVERSAMPLED * unknowns // equations)
    edge = max(USUAL["sampling.boundary_points"], config.network.width * (len(problem.coordinate_names) - 1) // 2)
    why = f"{OVERSAMPLED} or more for each of {unknowns} unknowns of the output layer"
    choice.take("sampling.points", inside, why)
    choice.take("sampling.boundary_points", edge, why)


def _optimizer(choice: Choice, problem: Problem, trials: Trials | None) -> None:
    config = choice.config
    if isinstance(config.network, Partition) and config.network.refined:
        return choice.take("optimizer", _phase("least_squares", LEVELS), "levels of cells that are halved")
    if SCHEMES[config.balancing.name].combines:
        why = f"balancing={config.balancing.name} makes a gradient that is no loss's"
        return choice.take("optimizer", _phase("adam", 5000), why)
    made = network(problem, config)
    size = sum(p.numel() for p in made.parameters())
    output, later = _phase("least_squares", 20), _phase("gauss_newton", 500, until="stall", patience=3)
    if trials is not None and trials.linear:
        if "network.width" in choice.reasons and config.network.depth == 1:
            return choice.take("optimizer", _phase("least_squares", 5), "the problem is linear: one solve is exact")
        why, output = "the problem is linear; then all layers", _phase("least_squares", 5)
    else:
        why = "Newton's steps for the output layer, then all layers"
    if size > DENSE:
        later, why = _phase("soap", 5000), f"{why}: {size} parameters are too many for Gauss-Newton"
    return choice.take("optimizer", Phases(phases=(output, later)), why)


def _phase(name: str, steps: int, **options: Any) -> Phase:
    return PHASES[name](name=name, steps=steps, **options)
