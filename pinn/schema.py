"""The composed configuration, checked once: every error at once, with its full key and what would be right."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ByteSize,
    ConfigDict,
    Discriminator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Tag,
    ValidationError,
)


class ConfigError(ValueError):
    """The configuration is wrong; the message is for the person who typed it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PDE(_Strict):
    """Group `pde`: the arguments of `pinn.Problem`, which reads and checks what stands in them."""

    coordinates: Any
    domain: Any = None
    fields: Any
    parameters: Any = None
    functions: Any = None
    equations: Any
    conditions: Any = None
    enforce: Any = None
    exact: Any = None
    reference: Any = None


class Network(_Strict):
    """Group `network`."""

    name: Literal["mlp"]
    width: PositiveInt
    depth: PositiveInt
    activation: Literal["tanh", "sin", "gelu", "silu", "softplus"]
    scale: PositiveFloat


class Sampling(_Strict):
    """Group `sampling`."""

    name: Literal["sobol", "uniform"]
    points: PositiveInt
    boundary_points: PositiveInt
    resample_every: NonNegativeInt
    crowd: dict[str, float]


class Precision(_Strict):
    """Group `precision`."""

    name: str
    dtype: Literal["float64", "float32"]
    matmul: Literal["highest", "high"]
    autocast: bool


class Derivatives(_Strict):
    """Group `derivatives`."""

    engine: Literal["jet", "autograd"]
    compile: Literal["auto", True, False]


class Balancing(_Strict):
    """Group `balancing`."""

    name: Literal["fixed"]
    weights: dict[str, PositiveFloat]


class Adam(_Strict):
    """A phase of `torch.optim.Adam`."""

    name: Literal["adam"]
    steps: PositiveInt
    lr: PositiveFloat


class LBFGS(_Strict):
    """A phase of `torch.optim.LBFGS`."""

    name: Literal["lbfgs"]
    steps: PositiveInt
    max_iter: PositiveInt
    history_size: PositiveInt


class GaussNewton(_Strict):
    """A phase of `pinn.optimizers.GaussNewton`."""

    name: Literal["gauss_newton"]
    steps: PositiveInt
    radius: PositiveFloat = 1.0
    target: Annotated[float, Field(gt=0, lt=1)] = 0.075


class LeastSquares(_Strict):
    """A phase of `pinn.optimizers.LeastSquares`."""

    name: Literal["least_squares"]
    steps: PositiveInt


def _tag(data: Any) -> str | None:
    if not isinstance(data, dict):
        return getattr(data, "name", "phases")
    return data.get("name", "phases" if "phases" in data else None)


_Adam = Annotated[Adam, Tag("adam")]
_LBFGS = Annotated[LBFGS, Tag("lbfgs")]
_GaussNewton = Annotated[GaussNewton, Tag("gauss_newton")]
_LeastSquares = Annotated[LeastSquares, Tag("least_squares")]
Phase = Annotated[_Adam | _LBFGS | _GaussNewton | _LeastSquares, Discriminator(_tag)]


def _some(phases: tuple[Any, ...]) -> tuple[Any, ...]:
    if not phases:
        raise ValueError("should have at least one phase")
    return phases


class Phases(_Strict):
    """Group `optimizer`, when several optimizers take turns."""

    phases: Annotated[tuple[Phase, ...], AfterValidator(_some)]


Optimizer = Annotated[
    _Adam | _LBFGS | _GaussNewton | _LeastSquares | Annotated[Phases, Tag("phases")], Discriminator(_tag)
]


def _devices(devices: Any) -> Any:
    if devices != "auto" and (type(devices) is not int or devices < 1):
        raise ValueError("should be a positive integer or auto")
    return devices


class Trainer(_Strict):
    """Group `trainer`: those of Lightning's keys that mean something here."""

    max_steps: Annotated[int, Field(ge=-1)]
    max_time: str | None
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"]
    devices: Annotated[Any, AfterValidator(_devices)]
    num_nodes: PositiveInt
    strategy: str
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


Logger = Annotated[Annotated[CSV, Tag("csv")] | Annotated[Wandb, Tag("wandb")], Discriminator(_tag)]

_OPTIMIZERS = {
    "adam": Adam,
    "lbfgs": LBFGS,
    "gauss_newton": GaussNewton,
    "least_squares": LeastSquares,
    "phases": Phases,
}
_LOGGERS = {"csv": CSV, "wandb": Wandb}
_TAGGED: dict[str, type[BaseModel]] = {**_OPTIMIZERS, **_LOGGERS}


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
    seed: NonNegativeInt
    tolerance: NonNegativeFloat
    memory_budget: ByteSize | None = None
    dry_run: bool = False
    run_dir: str | None = None
    resume: bool = False

    @property
    def phases(self) -> tuple[Adam | LBFGS | GaussNewton | LeastSquares, ...]:
        """The optimizers, in turn."""
        return self.optimizer.phases if isinstance(self.optimizer, Phases) else (self.optimizer,)

    @property
    def several_devices(self) -> bool:
        """Whether processes may have to train together."""
        return not self.trainer.devices == self.trainer.num_nodes == 1


def check(composed: Mapping[str, Any]) -> Config:
    """The configuration, or a `ConfigError` that names everything that is wrong with it."""
    try:
        config = Config.model_validate(composed)
        if config.derivatives.engine == "autograd" and config.derivatives.compile is True:
            raise ConfigError("derivatives.compile=true: nested derivatives do not compile; take derivatives=jet.")
        alone = [phase.name for phase in config.phases if phase.name != "adam"]
        if config.several_devices and alone:
            raise ConfigError(
                f"trainer.devices={config.trainer.devices}: {alone[0]} runs on one device; adam on several."
            )
        return config
    except ValidationError as error:
        lines = [line for found in error.errors() if (line := _line(found, composed))]
    raise ConfigError(
        lines[0] if len(lines) == 1 else "\n".join([f"{len(lines)} things are wrong:", *lines]).replace("\n", "\n  ")
    )


def did_you_mean(typed: str, choices: Iterable[str]) -> str:
    """Say which of the choices is closest, or, where none is close, which there are."""
    choices = list(choices)
    close = get_close_matches(typed, choices, n=1, cutoff=0.6)
    return f"Did you mean '{close[0]}'?" if close else f"There are: {', '.join(choices)}."


def known_keys() -> list[str]:
    """Every dotted key that a configuration may have, such as `network.width`."""
    keys = []
    for group, field in Config.model_fields.items():
        models = {"optimizer": _OPTIMIZERS, "logger": _LOGGERS, "pde": {"": PDE}}.get(
            group, {"": field.annotation}
        ).values()
        names = (f"{group}.{name}" for model in models for name in getattr(model, "model_fields", ()))
        keys += [group, *names]
    return sorted(set(keys))


def choices_with(group: str, name: str) -> list[str]:
    """Choices of `optimizer` or `logger` that have a key of this name."""
    choices = _LOGGERS if group == "logger" else _OPTIMIZERS
    return [choice for choice, model in choices.items() if name in model.model_fields]


def _line(error: Any, composed: Mapping[str, Any]) -> str | None:
    """One line about one of pydantic's errors; None about the absence of a key that is there, misspelt."""
    location, kind, context = error["loc"], error["type"], error.get("ctx", {})
    key, typed, siblings = _typed(location, composed)
    name = str(location[-1])
    if kind == "missing":
        return (
            None
            if get_close_matches(name, set(siblings) - set(_owner(location).model_fields))
            else f"{key}: this key is missing."
        )
    if kind == "extra_forbidden":
        return f"{key}={typed}: there is no key '{name}'. {did_you_mean(name, _owner(location).model_fields)}"
    if kind == "literal_error":
        choices = [choice.strip("' ") for choice in context["expected"].replace(" or ", ",").split(",")]
        return f"{key}={typed}: no such choice. {did_you_mean(str(typed), choices)}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        name = typed.get("name") if isinstance(typed, Mapping) else typed
        choices = _LOGGERS if key == "logger" else _OPTIMIZERS.keys() - {"phases"}
        return f"{key}.name={name}: no such choice. {did_you_mean(str(name), choices)}"
    return f"{key}={typed}: {error['msg'].removeprefix('Value error, ').replace('Input should', 'should')}."


def _typed(location: tuple[str | int, ...], composed: Any) -> tuple[str, Any, Any]:
    """The dotted key, what stands there, and what holds it: pydantic's location without the tags of its unions."""
    parts: list[str | int] = []
    value: Any = composed
    holder: Any = composed
    for part in location:
        if _holds(value, part):
            parts, value, holder = [*parts, part], value[part], value
        elif part not in _TAGGED:  # a key that is missing
            parts, value, holder = [*parts, part], None, value
    return ".".join(map(str, parts)), "null" if value is None else value, holder


def _holds(value: Any, part: str | int) -> bool:
    return part in value if isinstance(value, Mapping) else isinstance(value, list) and isinstance(part, int)


def _owner(location: tuple[str | int, ...]) -> type[BaseModel]:
    """The model that the last key of the location belongs to."""
    owner: Any = Config
    for part in location[:-1]:
        if part in _TAGGED:
            owner = _TAGGED[str(part)]
        elif isinstance(part, str):
            owner = PDE if part == "pde" else owner.model_fields[part].annotation
    return owner
