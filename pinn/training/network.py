"""From the configuration to the network: what it sees of the coordinates, and how it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from pinn import networks
from pinn.embedding import Inputs, periodic_coordinates
from pinn.messages import did_you_mean
from pinn.networks import NETWORKS, Embedded, Features, Scaled, SideBySide
from pinn.partition import Cells, highest_derivative, partition_of
from pinn.problem import Problem
from pinn.schema import AUTO, MLP, Config, ConfigError, Fourier, OneNetwork, Partition, Periodic

WIDTHS = {1: 30, 2: 150, 3: 250, 4: 800}  # features of a cell, by the number of coordinates
MANY = 400  # of more
WAVES = {1: 40, 2: 200, 3: 260}  # of a coefficient field
WIDEST = {1: 3, 2: 3, 3: 4, 4: 3}  # times as many, at most, where more of them gain more than smaller cells
WIDEST_OF_MORE = 4
FASTEST = 0.42  # the largest of a cell's weights, over features**(1/D): so that each coordinate has as many waves
FASTER = 2.0  # that weight where wave numbers are known, over these
SPARE = {2: 0.5, 3: 0.2, 4: 0.2}  # and so much of the largest more, by the number of coordinates


def network(problem: Problem, config: Config) -> nn.Module:
    """The network of the fields, and one beside it for coefficients that are to be found; in float32.

    Raises:
        ConfigError: A coordinate that has a period or a scale is none, or cannot have it.
    """
    if isinstance(config.network, Partition):
        return _partition(problem, config.network)
    if problem.depends:
        name = next(iter(problem.depends))
        raise ConfigError(f"parameters.{name}: a field of some coordinates needs cells: take network=partition.")
    fields = _network(problem, config, problem.inputs, len(problem.fields) - len(problem.coefficients))
    return SideBySide(fields, _coefficients(problem, config)) if problem.coefficients else fields


class Local:
    """Makes the network of a cell: what it is, over the box that the cell reaches.

    Args:
        chosen: What it is. Of an `MLP` without more, width and scale are those that suited all problems alike.
        problem: Whose fields it gives.
        width: In place of its own.

    Attributes:
        features: How many there are before its output layer.
        widest: How many there may be, where their number is open.
    """

    def __init__(self, chosen: OneNetwork, problem: Problem, width: int | None = None):
        self._chosen, self._problem, names = chosen, problem, problem.coordinate_names
        usual = WIDTHS.get(len(names), MANY)
        options = chosen.model_dump(exclude={"name", "features"})
        if options["width"] == AUTO:
            options["width"] = width or usual
        self._fastest = None  # where the features may be slower
        if options.get("scale") == AUTO:
            options["scale"] = FASTEST * options["width"] ** (1 / len(names))
            if chosen.features is None and len(names) in SPARE and not options["factorised"]:
                self._fastest = options["scale"]
        if isinstance(options.get("scale"), dict):
            options["scale"] = [options["scale"][name] for name in names]
        self._make, self._options, self._fourier = NETWORKS[chosen.name], options, chosen.features
        self.fields = len(problem.fields) - len(problem.coefficients)
        output = self([0.0] * len(names), [1.0] * len(names)).output
        assert isinstance(output, nn.Linear)
        self.features = output.in_features
        open_ended = isinstance(chosen, MLP) and chosen.width == AUTO and chosen.depth == 1
        self.widest = WIDEST.get(len(names), WIDEST_OF_MORE) * usual if open_ended else self.features

    def of(self, features: int) -> Local:
        """The same with another number of features."""
        return self if features == self.features else Local(self._chosen, self._problem, features)

    def __call__(
        self, lower: Sequence[float], upper: Sequence[float], waves: Sequence[float] | None = None
    ) -> nn.Module:
        """The network over a box; its features are slower where the fields are known to be, by their wave numbers."""
        kind = None if self._fourier is None else self._fourier.model_dump(exclude={"name"})
        seen = Scaled(lower, upper) if kind is None else networks.Fourier(lower, upper, **kind)
        made = self._make(seen, self.fields, **self._options)
        if waves is not None and self._fastest is not None:
            assert isinstance(made, networks.MLP)
            across = [k * (b - a) / 2 / self._fastest for k, a, b in zip(waves, lower, upper, strict=True)]
            made.slow_down([min(1.0, FASTER * k + SPARE[len(across)]) for k in across])
        return made


def _partition(problem: Problem, chosen: Partition) -> networks.Partition:
    """Cells of one size, as many as are said; one where they are to be found."""
    names, counts = problem.coordinate_names, {} if chosen.refined else chosen.cells
    if isinstance(chosen.local.features, Periodic):
        raise ConfigError("network.local.features=periodic: a cell is no period; leave the features out.")
    for name in counts:
        if name not in names:
            raise ConfigError(f"network.cells.{name}: no coordinate has this name. {did_you_mean(name, names)}")
    sides = problem.sides if chosen.refined else None
    every = [counts.get(name, 1) for name in names]
    tiling = Cells.grid(problem.domain.lower, problem.domain.upper, every, len(sides or ()))
    box = problem.domain.lower, problem.domain.upper
    waves: list[nn.Module] = []
    for name, guess in problem.coefficients.items():
        along = problem.depends.get(name, range(len(names)))
        waves.append(networks.Waves(*box, guess, WAVES.get(len(along), MANY), along))
    return partition_of(tiling, Local(chosen.local, problem), highest_derivative(problem), waves, sides)


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
