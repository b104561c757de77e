"""From the problem and the configuration to what is trained. Knows neither Lightning nor Hydra."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import torch
import yaml
from pydantic import ByteSize
from torch import Tensor, nn

from pinn.balancing import SCHEMES, Causal, Scheme
from pinn.files import CHECKPOINT, CONFIG, RESULT, read_result, typed, yaml_text
from pinn.geometry import Place
from pinn.linter import CHECKS, undefined
from pinn.messages import did_you_mean
from pinn.operators import Estimator
from pinn.phases import Phase
from pinn.problem import Problem
from pinn.problem.conditions import SOFT
from pinn.references import chosen, observe
from pinn.residuals import Residuals
from pinn.sampling import Sobol, points
from pinn.schema import Balancing, Config, ConfigError, Partition, check
from pinn.solution import Solution
from pinn.training.curriculum import lessons
from pinn.training.network import network
from pinn.training.stored import BROKEN, read_checkpoint
from pinn.training.surroundings import left_as_found

CHECKED = 4  # points of each place on which the engines are compared
JACOBIANS = 4  # so many matrices of its size are in memory while it is decomposed
OF_THE_BOX = (".center", ".radius")  # buffers that scale the coordinates: each problem has its own
TOLERATED = {"float64": 1e-7, "float32": 1e-2}  # relative difference; rounding is a thousand times less


def build(problem: Problem, config: Config) -> Residuals:
    """The network with its hard conditions, the learned parameters and the residuals, in the configured precision.

    Raises:
        ConfigError: A weight or a remark has a name that there is not, the balancing does not suit the problem, the
            network cannot be what it should, the derivative engines disagree, or the run to begin with is none or has
            another network.
    """
    _check_balancing(problem, config.balancing)
    _check_cells(problem, config)
    for name in config.silence:
        if name not in CHECKS:
            raise ConfigError(f"silence={name}: no remark has this name. {did_you_mean(name, CHECKS)}")
    ready(problem)
    lessons(problem, config)
    torch.manual_seed(config.seed)
    fields = network(problem, config).to(getattr(torch, config.precision.dtype))
    estimator = Estimator(config.derivatives.estimate_above, config.derivatives.directions)
    trained_on = solved(problem, config)
    residuals = Residuals(trained_on, fields, config.derivatives.engine, config.memory_budget, estimator)
    torch.set_float32_matmul_precision(config.precision.matmul)
    _check_memory(config, residuals)
    _check_engines(trained_on, config, residuals)
    if config.init is not None:
        _begin_with(residuals, Path(config.init))
    return residuals


def ready(problem: Problem) -> None:
    """Fill in what is observed of the truth.

    Raises:
        ConfigError: There is no truth, or no such reference; or something that is known has no finite value.
    """
    try:
        if problem.reference is not None:
            chosen(problem)
        observe(problem)
        why = undefined(problem)
    except ValueError as error:
        raise ConfigError(f"pde={problem.name}: {error}") from None
    if why:
        raise ConfigError(f"pde={problem.name}: {why}")


def solved(problem: Problem, config: Config) -> Problem:
    """What has residuals: the problem; of a partition whose cells are found, with all of its conditions.

    Raises:
        ConfigError: It asks for fields that are broken along interfaces, and those of the network are not.
    """
    if isinstance(config.network, Partition) and config.network.refined:
        return softened(problem)
    if problem.lost:
        raise ConfigError(f"pde={problem.name}: {problem.lost}")
    return problem


def counts(config: Config, residuals: Residuals) -> dict[Place, int]:
    """How many points each place gets in a step."""
    sampling = config.sampling
    drawn = {
        place: sampling.boundary_points if place.fixed or place.boundary or place.interface else sampling.points
        for place in residuals.places
    }
    return {place: n if place.data is None else len(place.data.points.x) for place, n in drawn.items()}


@lru_cache(maxsize=4)
def softened(problem: Problem) -> Problem:
    """The problem with nothing built into the network, and with what holds at interfaces."""
    if not problem.built_in:
        return problem.broken
    found = Problem(**{**problem.definition, "enforce": SOFT})
    observe(found)
    return found.broken


def output_layer(residuals: Residuals) -> nn.Module:
    """The last linear layer, in which the fields are linear; of a partition those of all cells."""
    layer = residuals.network.output
    assert isinstance(layer, nn.Linear | nn.ModuleList)
    return layer


def trained(residuals: Residuals, phase: Phase) -> list[nn.Parameter]:
    """The parameters that a phase changes: all, or those of the output layer."""
    return list((output_layer(residuals) if phase.method.trains == "output" else residuals).parameters())


def schemes(problem: Problem, chosen: Balancing) -> tuple[Scheme, Causal | None]:
    """The scheme and the rule of causality that a configuration names.

    Raises:
        ValueError: They do not suit the problem.
    """
    causal = Causal(problem, **chosen.causal.model_dump()) if chosen.causal else None
    return SCHEMES[chosen.name](problem, **chosen.options), causal


def _check_cells(problem: Problem, config: Config) -> None:
    """Cells that are found are so by least squares alone."""
    if not (isinstance(config.network, Partition) and config.network.refined):
        return
    given = "say how many, such as 'network.cells={x: 4}'"
    if other := [phase.name for phase in config.phases if phase.method.trains != "output"]:
        raise ConfigError(
            f"network.cells=auto: {other[0]} trains cells that are there; {given}, or take optimizer=least_squares."
        )


def _check_balancing(problem: Problem, chosen: Balancing) -> None:
    for name in chosen.weights:
        if name not in problem.equations:
            hint = did_you_mean(name, problem.equations)
            raise ConfigError(f"balancing.weights.{name}: no loss has this name. {hint}")
    try:
        schemes(problem, chosen)
    except ValueError as error:
        raise ConfigError(f"balancing={chosen.name}: {error}") from None


def _check_memory(config: Config, residuals: Residuals) -> None:
    """The Jacobian of a second-order optimizer is dense: it fits the budget, or the run says so before it begins."""
    if config.memory_budget is None:
        return
    if isinstance(config.network, Partition) and config.network.refined:
        return  # nothing of it is dense
    rows = sum(
        (1 if place.integral else n) * len(residuals.plans[place].names)
        for place, n in counts(config, residuals).items()
    )
    for phase in config.phases:
        if phase.method.closure == "system":
            columns = sum(p.numel() for p in trained(residuals, phase))
        elif phase.solve_output_every:
            columns = sum(p.numel() for p in output_layer(residuals).parameters())
        else:
            continue
        size = ByteSize(JACOBIANS * rows * columns * residuals.bytes_a_number)
        if size > config.memory_budget:
            raise ConfigError(
                f"memory_budget={config.memory_budget.human_readable(decimal=True)}: {phase.name} needs about "
                f"{size.human_readable(decimal=True)} for the Jacobian of {rows} residuals by {columns} parameters; "
                "take fewer points, a smaller network, or optimizer=adam."
            )


def _check_engines(problem: Problem, config: Config, residuals: Residuals) -> None:
    """Jets against nested autograd, on a few points of this very problem and network."""
    if config.derivatives.engine == "autograd":
        return
    kind = {"seed": config.seed, "step": 0, "dtype": getattr(torch, config.precision.dtype), "device": "cpu"}
    apart = residuals.disagreement(points(problem.domain, dict.fromkeys(residuals.places, CHECKED), Sobol(), **kind))
    if not math.isfinite(apart):
        raise ConfigError(
            f"pde={problem.name}: its equations have no finite value for a field of size 1: take other units, or write "
            "what is infinite or no number, such as the root of a negative one, in another way."
        )
    if not apart <= TOLERATED[config.precision.dtype]:
        raise ConfigError(
            f"the two derivative engines differ by {apart:.1e} on this problem and network, so one of them is wrong; "
            "take derivatives=autograd, and please report it."
        )


def load(directory: str | Path, problem: Problem | None = None) -> Solution:
    """The solution that a run has left in its directory.

    Args:
        directory: Of the run.
        problem: What it solved, where that has Python functions, which no file holds.

    Raises:
        ConfigError: There is no run, or the problem is not in it.
    """
    try:
        folder = typed(directory)
    except ValueError as error:
        raise ConfigError(f"{error}.") from None
    _check_there(folder, (CONFIG, CHECKPOINT))
    return restore(folder, problem)


def restore(folder: Path, problem: Problem | None = None) -> Solution:
    """The same of a run that may still go on: untrained before its first checkpoint."""
    config = kept(folder).model_copy(update={"init": None})
    if problem is None:
        if config.pde is None:
            raise ConfigError(f"{folder}: its problem has Python functions; give it too: pinn.load(directory, problem)")
        try:
            name = str(read_result(folder / RESULT).get("pde", folder.absolute().parent.name))
            problem = Problem(name=name, **config.pde.model_dump(exclude_unset=True))
        except ValueError as error:
            raise ConfigError(f"{folder}: {error}") from None
    with left_as_found():
        residuals = build(problem, config)
    if (folder / CHECKPOINT).exists():
        _take(residuals, _state(folder), folder / CHECKPOINT)
    return Solution(problem, residuals, folder)


def _take(residuals: Residuals, state: dict[str, Tensor], path: Path) -> None:
    """Fill in parameters that were read."""
    try:
        residuals.load_state_dict(state)
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        said = " ".join(f"{error}".split("\n")[:2]).strip()
        raise ConfigError(f"{path}: these are not the parameters of {path.parent / CONFIG}: {said[:200]}") from None


def _begin_with(residuals: Residuals, folder: Path) -> None:
    """Parameters from another run: all of the network's, and those of the PDE that both learn."""
    _check_there(folder, (CONFIG, CHECKPOINT), "init=")
    saved, own = _state(folder), residuals.state_dict()
    for name in sorted({key for key in (*own, *saved) if key.startswith("network.")}):
        there, here = (tuple(state[name].shape) if name in state else "missing" for state in (saved, own))
        if there != here:
            raise ConfigError(
                f"init={folder}: the network there is another: {name} is {there}, here {here}. "
                f"Take the fields, the coordinates and the network of {folder / CONFIG}."
            )
    taken = {key: value for key, value in saved.items() if key in own and not key.endswith(OF_THE_BOX)}
    _take(residuals, {**own, **taken}, folder / CHECKPOINT)


def _check_there(folder: Path, names: tuple[str, ...], key: str = "") -> None:
    try:
        typed(folder)
    except ValueError as error:
        raise ConfigError(f"{key}{error}.") from None
    for name in names:
        if not (folder / name).exists():
            raise ConfigError(f"{key}{folder}: no run is here: {name} is missing.")


def kept(folder: Path, key: str = "") -> Config:
    """The configuration of the run in a directory, which a key such as `init=` may have named."""
    _check_there(folder, (CONFIG,), key)
    try:
        found = yaml.safe_load(yaml_text(folder / CONFIG))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{key}{folder / CONFIG} cannot be read: {_line(error)}") from None
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise ConfigError(f"{key}{folder / CONFIG} is no configuration of a run")
    try:
        return check(found)
    except ConfigError as error:
        raise ConfigError(f"{key}{folder / CONFIG}: {error}") from None


def _state(folder: Path) -> dict[str, Tensor]:
    """The residuals' part of a checkpoint: names and tensors, and nothing else is read."""
    path = folder / CHECKPOINT
    try:
        state = read_checkpoint(path)["state_dict"]
        if not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()):
            raise TypeError("state_dict has something else than names and tensors")
    except BROKEN as error:
        raise ConfigError(f"{path} is no checkpoint of a run: {type(error).__name__}: {_line(error)}") from None
    return {key.removeprefix("residuals."): value for key, value in state.items() if key.startswith("residuals.")}


def _line(error: Exception) -> str:
    return f"{error}".strip().partition("\n")[0]
