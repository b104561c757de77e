"""The composed configuration, checked once: every error at once, with its full key and what would be right."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ByteSize,
    Discriminator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Tag,
    ValidationError,
)

from pinn.balancing import SCHEMES
from pinn.language import cut
from pinn.messages import Model, Unions, explain, keys
from pinn.networks import NETWORKS
from pinn.networks.layers import Activation
from pinn.optimizers.ranges import arguments
from pinn.phases import PHASES, STRICT, Auto, Optimizer, Phase, Phases, row_model
from pinn.sampling import ADAPTIVE, SAMPLERS

MOST = 1e15
"""Of a number in a configuration but the seed."""

AUTO = "auto"
"""In place of a value: `pinn.training.choice` finds one."""


MOST_CELLS = 4
"""Coordinates of a problem that is solved on cells where nothing is said."""

CHOSEN = (
    *("network", "optimizer", "precision", "network.width", "network.scale"),
    *("sampling.points", "sampling.boundary_points"),
)
"""The keys at which it may stand."""


class ConfigError(ValueError):
    """The configuration is wrong; the message is for the person who typed it."""

    def __init__(self, message: str):
        super().__init__(cut(message))


class _Strict(BaseModel):
    model_config = STRICT


class PDE(_Strict):
    """Group `pde`: the arguments of `pinn.Problem`, which reads and checks what stands in them."""

    coordinates: Any
    coordinate_system: Any = "cartesian"
    domain: Any = None
    fields: Any
    parameters: Any = None
    functions: Any = None
    observations: Any = None
    equations: Any
    conditions: Any = None
    enforce: Any = AUTO
    exact: Any = None
    reference: Any = None


class Fourier(_Strict):
    """Key `features` of a network: `pinn.networks.Fourier`."""

    name: Literal["fourier"]
    count: PositiveInt = 64
    scale: PositiveFloat = 1.0


class Periodic(_Strict):
    """Key `features` of a network: `pinn.networks.Periodic`."""

    name: Literal["periodic"]
    coordinates: Annotated[list[str], Field(min_length=1)]
    count: PositiveInt = 1


Features = Annotated[Fourier | Periodic, Field(discriminator="name")]


def _count(count: Any) -> Any:
    if count != AUTO and (type(count) is not int or count < 1):
        raise ValueError("should be an integer greater than 0, or auto")
    return count


Count = Annotated[Any, AfterValidator(_count)]


def _tag(scale: Any) -> str:
    return "each" if isinstance(scale, dict) else AUTO if scale == AUTO else "all"


if TYPE_CHECKING:
    Scale = Any
else:
    Scale = Annotated[
        Annotated[PositiveFloat, Tag("all")]
        | Annotated[dict[str, PositiveFloat], Tag("each")]
        | Annotated[Literal["auto"], Tag(AUTO)],
        Discriminator(_tag),
    ]


class OneNetwork(_Strict):
    """Group `network`: what every row of `pinn.networks.NETWORKS` has."""

    name: str
    width: Count
    depth: PositiveInt
    features: Features | None


class MLP(OneNetwork):
    """Group `network`: `pinn.networks.MLP`."""

    name: Literal["mlp"]  # pyright: ignore[reportIncompatibleVariableOverride]
    activation: Activation
    scale: Scale
    adaptive: bool
    factorised: bool


_NETWORKS = [MLP if name == "mlp" else row_model(name, make, OneNetwork) for name, make in NETWORKS.items()]
if TYPE_CHECKING:
    AnyNetwork = OneNetwork
else:
    AnyNetwork = Annotated[Union[*_NETWORKS], Field(discriminator="name")]


class AutoNetwork(MLP):
    """Group `network`: one `MLP` or a `Partition`, whichever suits the problem; with any key given, the first."""

    name: Literal["auto"]  # pyright: ignore[reportIncompatibleVariableOverride]


def _cells(cells: Any) -> Any:
    counts = list(cells.values()) if isinstance(cells, dict) else [cells]
    if cells != AUTO and not (counts and all(type(n) is int and n > 0 for n in counts)):
        raise ValueError("should be auto, or a number of cells by coordinate, such as {x: 4, y: 4}")
    return cells


class Partition(_Strict):
    """Group `network`: `pinn.networks.Partition`."""

    name: Literal["partition"]
    cells: Annotated[Any, AfterValidator(_cells)]
    local: AnyNetwork

    @property
    def refined(self) -> bool:
        """Whether the cells are found."""
        return self.cells == AUTO

    @property
    def width(self) -> Any:
        """Of a cell's network."""
        return self.local.width

    @property
    def depth(self) -> int:
        """Of a cell's network."""
        return self.local.depth

    @property
    def features(self) -> Features | None:
        """Of a cell's network."""
        return self.local.features


if TYPE_CHECKING:
    Network = OneNetwork | Partition
else:
    Network = Annotated[Union[AutoNetwork, *_NETWORKS, Partition], Field(discriminator="name")]


class _Sampling(_Strict):
    points: Count
    boundary_points: Count
    resample_every: NonNegativeInt


class StaticSampling(_Sampling):
    """Group `sampling`: the points are those of a `pinn.sampling.Sampler`."""

    name: Literal[*SAMPLERS]  # pyright: ignore[reportInvalidTypeForm]


class AdaptiveSampling(_Sampling):
    """Group `sampling`: the points are moved by a `pinn.sampling.Adaptive`, whose arguments are its further keys."""

    name: str
    candidates: PositiveInt

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of the rule's class."""
        return {name: getattr(self, name) for name in arguments(ADAPTIVE[self.name])}


if TYPE_CHECKING:
    Sampling = StaticSampling | AdaptiveSampling
else:
    _ADAPTIVE = [row_model(name, make, AdaptiveSampling) for name, make in ADAPTIVE.items()]
    Sampling = Annotated[Union[StaticSampling, *_ADAPTIVE], Field(discriminator="name")]


class Precision(_Strict):
    """Group `precision`."""

    name: str
    dtype: Literal["float64", "float32", "auto"]
    matmul: Literal["highest", "high"]
    autocast: bool


class Derivatives(_Strict):
    """Group `derivatives`."""

    engine: Literal["jet", "autograd"]
    compile: Literal["auto", True, False]
    estimate_above: PositiveInt
    directions: PositiveInt


class Causality(_Strict):
    """Key `causal` of a balancing scheme: `pinn.balancing.Causal`."""

    chunks: Annotated[int, Field(ge=2)] = 16
    tolerance: PositiveFloat = 1.0


class Weighted(_Strict):
    """Group `balancing`: what every scheme has; its further keys are the arguments of its class."""

    name: str
    weights: dict[str, PositiveFloat]
    normalise: bool = True
    causal: Causality | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of the scheme's class."""
        return {name: getattr(self, name) for name in arguments(SCHEMES[self.name])}


BALANCING = {name: row_model(name, make, Weighted) for name, make in SCHEMES.items()}

if TYPE_CHECKING:
    Balancing = Weighted
else:
    Balancing = Annotated[Union[*BALANCING.values()], Field(discriminator="name")]


def _devices(devices: Any) -> Any:
    if devices != "auto" and (type(devices) is not int or devices < 1):
        raise ValueError("should be a positive integer or auto")
    return devices


def _duration(text: str) -> str:
    if not re.fullmatch(r"\d{1,9}(:\d\d){3}", text):
        raise ValueError("should be days, hours, minutes and seconds, such as 00:12:00:00")
    return text


class Trainer(_Strict):
    """Group `trainer`: those of Lightning's keys that mean something here."""

    max_steps: Annotated[int, Field(ge=-1)]
    max_time: Annotated[str, AfterValidator(_duration)] | None
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    devices: Annotated[Any, AfterValidator(_devices)]
    num_nodes: PositiveInt
    log_every_n_steps: PositiveInt
    enable_progress_bar: bool


class CSV(_Strict):
    """Group `logger`: metrics.csv alone."""

    name: Literal["csv"]


class Wandb(_Strict):
    """Group `logger`: Weights & Biases as well."""

    name: Literal["wandb"]
    project: str
    init_timeout: PositiveInt
    pictures_every: NonNegativeInt


class TensorBoard(_Strict):
    """Group `logger`: TensorBoard as well."""

    name: Literal["tensorboard"]
    pictures_every: NonNegativeInt


Logger = Annotated[CSV | Wandb | TensorBoard, Field(discriminator="name")]


class Here(_Strict):
    """Group `launcher`: the runs of a sweep one after another, in this process."""

    name: Literal["none"]


class Joblib(_Strict):
    """Group `launcher`: several at a time on this machine, by hydra-joblib-launcher."""

    name: Literal["joblib"]
    jobs: int


class _Queue(_Strict):
    nodes: PositiveInt
    devices: PositiveInt
    gpus: NonNegativeInt
    cpus: PositiveInt
    minutes: PositiveInt


class Local(_Queue):
    """Group `launcher`: SLURM's way without SLURM, by hydra-submitit-launcher."""

    name: Literal["local"]


class Slurm(_Queue):
    """Group `launcher`: a SLURM queue, by hydra-submitit-launcher; and what `--sbatch` prints."""

    name: Literal["slurm"]
    partition: str | None
    account: str | None
    memory_gb: PositiveInt | None
    warning: PositiveInt
    setup: tuple[str, ...]


Launcher = Annotated[Here | Joblib | Local | Slurm, Field(discriminator="name")]


class NoSweep(_Strict):
    """Group `sweep`: one run, or Hydra's multirun."""

    name: Literal["none"]


class Optuna(_Strict):
    """Group `sweep`: a search with `pinn.search`."""

    name: Literal["optuna"]
    ranges: dict[str, Any]
    trials: PositiveInt
    storage: Literal["sqlite", "journal"]
    prune: bool


Sweep = Annotated[NoSweep | Optuna, Field(discriminator="name")]


def _choices(union: Any) -> dict[str, Model]:
    """The models of a union by their names."""
    models = get_args(get_args(union)[0])
    return {name: model for model in models for name in get_args(model.model_fields["name"].annotation)}


UNIONS: Unions = {
    "network": _choices(Network),
    "network.local": _choices(AnyNetwork),
    "network.features": _choices(Features),
    "sampling": _choices(Sampling),
    "balancing": BALANCING,
    "optimizer": {**PHASES, "phases": Phases, AUTO: Auto},
    "optimizer.phases": PHASES,
    "logger": _choices(Logger),
    "launcher": _choices(Launcher),
    "sweep": _choices(Sweep),
}


def _resume(resume: Any) -> Any:
    if resume is not False and not isinstance(resume, str):
        raise ValueError("should be auto, false, or the path of a run or of its checkpoint")
    return resume


class Config(_Strict):
    """All that a run depends on."""

    pde: PDE | None = None  # None: the problem is an object already (`pinn.solve`)
    network: Network
    sampling: Sampling
    precision: Precision
    derivatives: Derivatives
    balancing: Balancing
    optimizer: Optimizer
    trainer: Trainer
    logger: Logger
    launcher: Launcher = Here(name="none")
    sweep: Sweep = NoSweep(name="none")
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    tolerance: Annotated[float, Field(ge=0, lt=1)]
    curriculum: dict[str, Annotated[tuple[float, ...], Field(min_length=2)]] = {}
    budget: PositiveFloat | None = None
    memory_budget: ByteSize | None = None
    dry_run: bool = False
    verify: bool = False
    silence: tuple[str, ...] = ()
    init: str | None = None
    run_dir: str | None = None
    resume: Annotated[Any, AfterValidator(_resume)] = "auto"
    checkpoint_every: NonNegativeFloat = 300.0
    chosen: dict[str, str] = {}  # keys that were auto, and why they are what they are now

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The optimizers, in turn; none where they are still to be chosen."""
        if isinstance(self.optimizer, Auto):
            return ()
        return self.optimizer.phases if isinstance(self.optimizer, Phases) else (self.optimizer,)

    @property
    def several_devices(self) -> bool:
        """Whether processes may have to train together."""
        return not self.trainer.devices == self.trainer.num_nodes == 1


def check(composed: Mapping[str, Any]) -> Config:
    """The configuration, or a `ConfigError` that names everything that is wrong with it."""
    if wrong := next(_too_large("", {key: composed[key] for key in composed if key not in ("pde", "seed")}), None):
        raise ConfigError(f"{wrong}: should be at most {MOST:g}.")
    try:
        config = Config.model_validate(_one_optimizer(composed))
        if config.derivatives.engine == "autograd" and config.derivatives.compile is True:
            raise ConfigError("derivatives.compile=true: nested derivatives do not compile; take derivatives=jet.")
        if isinstance(config.sampling, AdaptiveSampling):
            _check_adaptive(config.sampling)
        _check_scheme(config)
        return config
    except ValidationError as error:
        raise ConfigError(explain(error, composed, Config, UNIONS)) from None


def _too_large(key: str, value: Any) -> Iterator[str]:
    """Numbers that are beyond all use, and do not fit where they are taken."""
    if isinstance(value, Mapping | list | tuple):
        for name, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _too_large(f"{key}.{name}".lstrip("."), inner)
    elif isinstance(value, int | float) and MOST < abs(value) < float("inf"):  # what is infinite has its own message
        yield f"{key}={value}"


def _one_optimizer(composed: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was chosen by name comes before the phases of a recipe, and those before what would be chosen."""
    optimizer = composed.get("optimizer")
    if not isinstance(optimizer, Mapping) or not {"name", "phases"} <= optimizer.keys():
        return composed
    superfluous = "name" if optimizer["name"] == AUTO and optimizer["phases"] else "phases"
    return {**composed, "optimizer": {key: value for key, value in optimizer.items() if key != superfluous}}


def _check_adaptive(sampling: AdaptiveSampling) -> None:
    if AUTO in (sampling.points, sampling.boundary_points):
        raise ConfigError(f"sampling={sampling.name}: points that move need a number of them, such as 3000, not auto.")
    wanted = sampling.options.get("added", sampling.points)
    if sampling.candidates < wanted:
        raise ConfigError(
            f"sampling.candidates={sampling.candidates}: {sampling.name} draws {wanted} points from them."
        )
    if not sampling.resample_every:
        raise ConfigError(f"sampling.resample_every=0: {sampling.name} moves its points every so many steps; take 100.")


def _check_scheme(config: Config) -> None:
    name, scheme = config.balancing.name, SCHEMES[config.balancing.name]
    asking = [phase.name for phase in config.phases if not phase.method.first_order]
    if scheme.combines and asking:
        raise ConfigError(
            f"balancing={name}: it makes a gradient that is no loss's, and {asking[0]} asks for the loss too; "
            "take optimizer=adam, or another balancing."
        )
    if scheme.by_point and config.sampling.resample_every:
        raise ConfigError(
            f"balancing={name}: it remembers points, and sampling.resample_every={config.sampling.resample_every} "
            "draws others; take 0 and a sampling that allows it, such as sobol, or another balancing."
        )


def known_keys() -> list[str]:
    """Every dotted key that a configuration may have, such as `network.width`."""
    return keys(Config, UNIONS)


def choices_with(place: str, name: str) -> list[str]:
    """The choices at a place, such as `optimizer`, that have a key of this name."""
    return [choice for choice, model in UNIONS.get(place, {}).items() if name in model.model_fields]
