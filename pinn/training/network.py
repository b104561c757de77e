"""From the configuration to the network: what it sees of the coordinates, and how it begins."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from pinn import networks
from pinn.embedding import Inputs, periodic_coordinates
from pinn.geometry import Layer, PeriodicStretch, Stretch
from pinn.language import LanguageError, coordinate
from pinn.language.scope import TIME
from pinn.messages import did_you_mean
from pinn.networks import NETWORKS, Embedded, Features, March, Scaled, SideBySide, Staged
from pinn.problem import Problem
from pinn.schema import MLP, Config, ConfigError, Fourier, Periodic, Separable
from pinn.slabs import powers

FEATURES = 400  # of a later stage, at least
ROWS = 2  # equations for each of them, at least
FASTER = 1.5  # than the stage before
SLOWEST = 3.0  # scale, where the first network has none


def network(problem: Problem, config: Config) -> nn.Module:
    """The network of the fields, and one beside it for coefficients that are to be found; in float32.

    Raises:
        ConfigError: A coordinate that has a layer, a period or a scale is none, or cannot have it; `start_scale` is
            said where slabs do not begin, or of a network without scale.
    """
    _check_starts(config)
    inputs = _inputs(problem, config)
    if config.slabs > 1:
        return _march(problem, config, inputs)
    if config.stages > 1:
        return _staged(problem, config)
    fields = _network(problem, config, inputs, len(problem.fields) - len(problem.coefficients))
    return SideBySide(fields, _coefficients(problem, config)) if problem.coefficients else fields


def _check_starts(config: Config) -> None:
    """What starts of slabs have of the network's scale means nothing without slabs, or without a scale."""
    if config.start_scale == 1:
        return
    said, chosen = f"start_scale={config.start_scale:g}", config.network
    if config.slabs == 1:
        raise ConfigError(f"{said}: it is for the starts of slabs of time, and slabs=1; take more, or start_scale=1.")
    if not isinstance(chosen, (MLP, Separable)):
        raise ConfigError(
            f"{said}: it is a part of network.scale, which network={chosen.name} does not have; take network=mlp, or "
            "start_scale=1."
        )


def _staged(problem: Problem, config: Config) -> Staged:
    """The network, and random features for each stage after it, which give zero until it begins."""
    if problem.learned or problem.coefficients:
        raise ConfigError(f"stages={config.stages}: what is to be found from data takes one; leave stages out.")
    made = [network(problem, config.model_copy(update={"stages": 1}))]
    made += [network(problem, later(problem, config, k)) for k in range(1, config.stages)]
    for one in made[1:]:
        output = one.output
        assert isinstance(output, nn.Linear)
        nn.init.zeros_(output.weight)
        nn.init.zeros_(output.bias)
    return Staged(made)


def later(problem: Problem, config: Config, k: int) -> Config:
    """The configuration of a stage after the first: random features, as many as points can determine, and no stages.

    Its scale is where the search for one begins: above that of the stage before.
    """
    first = config.network
    equations = sum(e.place == problem.domain.interior for e in problem.equations.values()) or 1
    wide = first.width if isinstance(first, MLP) and first.depth == 1 else 0
    most = config.sampling.points * equations // (ROWS * len(problem.fields))
    scale = first.scale if isinstance(first, MLP) and not isinstance(first.scale, dict) else SLOWEST
    features = MLP(
        name="mlp", width=max(1, min(max(wide, FEATURES), most)), depth=1, activation="sin", scale=FASTER**k * scale,
        adaptive=False, factorised=False, features=first.features,
    )  # fmt: skip
    return config.model_copy(update={"network": features, "stages": 1})


def _march(problem: Problem, config: Config, inputs: Inputs | None) -> March:
    """A network for each slab of time, and for its start half of one an order of the derivative by time."""
    try:
        begins = powers(problem)
    except LanguageError as error:
        raise ConfigError(f"slabs={config.slabs}: {error}") from None
    half, outputs = _at_start(config), len(problem.fields)
    fields = [_network(problem, config, inputs, outputs) for _ in range(config.slabs)]
    starts = [[_network(problem, half, inputs, outputs) for _ in range(max(begins))] for _ in range(config.slabs)]
    time = problem.coordinate_names.index(TIME)
    return March(fields, starts, time=time, times=_times(problem, config, time), powers=begins)


def _at_start(config: Config) -> Config:
    """What finds where a slab begins: there is no time in it, so that half of the features are enough.

    Slower ones, by `start_scale`, leave out what a kink would leave at the highest frequencies: what becomes of that
    the slab's own features, which have to follow it in time as well, could not resolve.
    """
    chosen = config.network
    changes: dict[str, object] = {"width": -(-chosen.width // 2)}
    if isinstance(chosen, (MLP, Separable)):
        scale, part = chosen.scale, config.start_scale
        by_name = isinstance(scale, dict)
        changes["scale"] = {name: part * one for name, one in scale.items()} if by_name else part * scale
    return config.model_copy(update={"network": chosen.model_copy(update=changes)})


def _times(problem: Problem, config: Config, time: int) -> list[float]:
    """Where slabs begin, and where the last one ends: they are equally long where time has no layers."""
    low, high = problem.domain.lower[time], problem.domain.upper[time]
    even = torch.linspace(0, 1, config.slabs + 1, dtype=torch.float64)
    if stretch := _layered(problem, config).get(time):
        even = stretch.even(even)
    return [low, *(low + (high - low) * even[1:-1]).tolist(), high]


def stretches(problem: Problem, config: Config) -> dict[int, Stretch]:
    """The coordinates that points and network see stretched, by index; time in slabs is not: they are shorter.

    Raises:
        ConfigError: There is no such coordinate, or a layer lies outside its interval.
    """
    found = _layered(problem, config)
    return {k: one for k, one in found.items() if config.slabs == 1 or problem.domain.names[k] != TIME}


def _layered(problem: Problem, config: Config) -> dict[int, Stretch]:
    """The coordinates with layers."""
    found, domain, inputs = {}, problem.domain, problem.inputs
    periodic = () if inputs is None else periodic_coordinates(inputs, domain.names)
    for name, layers in config.layers.items():
        if name not in domain.names:
            raise ConfigError(f"layers.{name}: no coordinate has this name. {did_you_mean(name, domain.names)}")
        k = domain.names.index(name)
        try:
            kind = PeriodicStretch if name in periodic else Stretch
            found[k] = kind((domain.lower[k], domain.upper[k]), [Layer(one.at, one.width) for one in layers])
        except ValueError as error:
            raise ConfigError(f"layers.{name}: {error}.") from None
    return found


def _network(problem: Problem, config: Config, inputs: Inputs | None, outputs: int) -> nn.Module:
    chosen = config.network
    seen = _features(problem, chosen.features, inputs)
    options = chosen.model_dump(exclude={"name", "features"})
    if isinstance(options.get("scale"), dict):
        options["scale"] = _scales(problem, options["scale"], inputs, seen)
    return NETWORKS[chosen.name](seen, outputs, **options)


def _coefficients(problem: Problem, config: Config) -> nn.Module:
    """A network like the solution's, that begins with the guesses."""
    guessed = _network(problem, config, None, len(problem.coefficients))
    output = guessed.output
    assert isinstance(output, nn.Linear)
    with torch.no_grad():
        output.weight.zero_()
        output.bias.copy_(torch.tensor(list(problem.coefficients.values())))
    return guessed


def _inputs(problem: Problem, config: Config) -> Inputs | None:
    """What the network sees of each coordinate, where that is not the coordinate alone."""
    stretched = stretches(problem, config)
    if not stretched:
        return problem.inputs
    names, domain = problem.coordinate_names, problem.domain
    scaled = zip(names, domain.lower, domain.upper, strict=True)
    plain = [((2 * coordinate(name) - (low + high)) / (high - low),) for name, low, high in scaled]
    inputs = list(problem.inputs or plain)
    for k, stretch in stretched.items():
        low, high, s = domain.lower[k], domain.upper[k], stretch.expression(coordinate(names[k]))
        if isinstance(stretch, PeriodicStretch):
            wide = low + (high - low) * (s + 1) / 2
            inputs[k] = tuple(seen.subs(coordinate(names[k]), wide) for seen in inputs[k])
            continue
        if inputs[k] != plain[k] and problem.inputs is not None:
            raise ConfigError(
                f"layers.{names[k]}: conditions are built into what the network sees of {names[k]}; "
                "leave the layers out, or make these conditions soft."
            )
        inputs[k] = (s,)
    return tuple(inputs)


def _features(problem: Problem, chosen: Fourier | Periodic | None, inputs: Inputs | None) -> Features:
    """Features of the coordinates, or of what the network is to see in their place."""
    if isinstance(chosen, Periodic):
        return _periodic(problem, chosen, inputs)
    box = problem.domain.lower, problem.domain.upper
    if inputs is not None:
        count = sum(map(len, inputs))
        box = (-1.0,) * count, (1.0,) * count
    features = Scaled(*box) if chosen is None else networks.Fourier(*box, **chosen.model_dump(exclude={"name"}))
    return features if inputs is None else Embedded(problem.scope.variables, inputs, features)


def _periodic(problem: Problem, chosen: Periodic, inputs: Inputs | None) -> Features:
    names = problem.coordinate_names
    for name in chosen.coordinates:
        if name not in names:
            raise ConfigError(
                f"network.features.coordinates={name}: no coordinate has this name. {did_you_mean(name, names)}"
            )
    embedded = [] if inputs is None else [names[k] for k, seen in enumerate(inputs) if len(seen) > 1]
    periodic = [] if inputs is None else periodic_coordinates(inputs, names)
    if not set(embedded) <= set(periodic) & set(chosen.coordinates):
        raise ConfigError(
            "network.features=periodic: conditions are built into what the network sees of "
            f"{', '.join(embedded)}; leave the features out, or make these conditions soft."
        )
    periodic_or_not = [name in chosen.coordinates for name in names]
    return networks.Periodic(problem.domain.lower, problem.domain.upper, periodic=periodic_or_not, count=chosen.count)


def _scales(problem: Problem, scale: Mapping[str, float], inputs: Inputs | None, seen: Features) -> list[float]:
    """The scale of each input of the network, from those of the coordinates."""
    names = problem.coordinate_names
    for name in (*scale, *names):
        if name not in names:
            raise ConfigError(f"network.scale.{name}: no coordinate has this name. {did_you_mean(name, names)}")
        if name not in scale:
            raise ConfigError(
                f"network.scale.{name}: this key is missing: each coordinate has a scale, or all have one."
            )
    counts = [1] * len(names) if inputs is None else list(map(len, inputs))
    if seen.size != sum(counts):
        raise ConfigError("network.scale: by coordinate it goes with the coordinates alone; leave the features out.")
    return [scale[name] for name, count in zip(names, counts, strict=True) for _ in range(count)]
