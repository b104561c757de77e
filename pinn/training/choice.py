"""What the configuration leaves `auto`: optimizer, network, precision and points, from the problem.

Everything is a pure function of the problem, the configuration and its seed, so that all processes of a run choose
alike; a run that goes on has what its directory says, and chooses nothing anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pinn.balancing import SCHEMES
from pinn.evolution import linear
from pinn.phases import PHASES, Phase, Phases
from pinn.problem import Problem
from pinn.schema import AUTO, CHOSEN, MLP, MOST_CELLS, Auto, AutoNetwork, Config, Partition, Precision
from pinn.training.build import kept, ready
from pinn.training.files import first_checkpoint
from pinn.training.machine import check_machine
from pinn.training.network import network
from pinn.training.scale import SCALES, Trials

MANY, FEW = 1200, 400  # of random features: the price of a solve grows as the cube, that of all layers with more steps
USUAL_SCALE = 10.0
USUAL = {"sampling.points": 3000, "sampling.boundary_points": 400}
PLAIN = {"width": AUTO, "depth": 1, "activation": "sin", "scale": AUTO, "adaptive": False, "factorised": False,
         "features": None}  # of a network of which nothing is said  # fmt: skip
LEVELS = 10_000  # of refinement, at most: strips of time have some each
DENSE = 8000  # parameters for which a Jacobian is decomposed
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
        ConfigError: The run to go on from, or to begin with, is not there; or there is no truth to observe; or this
            machine has not what is asked for.
    """
    choice = Choice(config)
    check_machine(problem, config)
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
        _network(choice, problem)
        _points(choice, problem)
        _optimizer(choice, problem)
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


def _network(choice: Choice, problem: Problem) -> None:
    """Width: many waves where one solve finds their amplitudes. Scale: that of which few leave the least residual."""
    if isinstance(choice.config.network, Partition):
        return
    solved = _one_solve(choice.config, problem)
    why = "waves of which one solve finds the amplitudes" if solved else "as usual"
    choice.take("network.width", MANY if solved else FEW, why)
    if choice.open("network.scale"):
        choice.take("network.scale", *_scale(choice.config, problem))


def _scale(config: Config, problem: Problem) -> tuple[float, str]:
    """It, and why."""
    if not (isinstance(config.network, MLP) and _to_be_solved(problem)):
        return USUAL_SCALE, "as usual: where something is to be found, nothing is tried"
    found = Trials(problem, config).best()
    if found is None:
        why = "as usual: of the trials none found a solution, as where terms are infinite, so this may not either"
        return USUAL_SCALE, why
    return found, f"of {len(SCALES)}, that leaves the least where nothing was fitted"


def _one_solve(config: Config, problem: Problem) -> bool:
    """Whether least squares alone solve the problem: it is linear, and so is the network in what is trained."""
    output = all(phase.method.trains == "output" for phase in config.phases)
    alone = config.network.depth == 1 and output and not SCHEMES[config.balancing.name].combines
    return isinstance(config.network, MLP) and alone and _to_be_solved(problem) and linear(problem)


def _to_be_solved(problem: Problem) -> bool:
    """Whether nothing but the fields is to be found."""
    return not (problem.learned or problem.coefficients)


def _points(choice: Choice, problem: Problem) -> None:
    config, interior = choice.config, problem.domain.interior
    if not (isinstance(config.network, MLP) and _to_be_solved(problem)):
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


def _optimizer(choice: Choice, problem: Problem) -> None:
    config = choice.config
    if isinstance(config.network, Partition) and config.network.refined:
        return choice.take("optimizer", _phase("least_squares", LEVELS), "levels of cells that are halved")
    if SCHEMES[config.balancing.name].combines:
        why = f"balancing={config.balancing.name} makes a gradient that is no loss's"
        return choice.take("optimizer", _phase("adam", 5000), why)
    made = network(problem, config)
    size = sum(p.numel() for p in made.parameters())
    output, later = _phase("least_squares", 20), _phase("gauss_newton", 500, until="stall", patience=3)
    if isinstance(config.network, MLP) and _to_be_solved(problem) and linear(problem):
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
