"""Group `optimizer` of the configuration: one phase, or several in turn.

A phase has the name of a row of `pinn.optimizers.OPTIMIZERS`; its further keys are the arguments of that row's class.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    NonNegativeInt,
    PositiveInt,
    Tag,
    create_model,
)

from pinn.optimizers import OPTIMIZERS, Method
from pinn.optimizers.ranges import arguments

STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Phase(BaseModel):
    """What every phase has, whatever its optimizer.

    Attributes:
        name: Of the optimizer.
        steps: How many, at most.
        until: When it ends earlier: on a `stall`, or where the loss is that of rounding (`noise`).
        patience: A stall is that the least loss of so many measurements is above 0.99 times the least one before them.
            Measured is every step, but every `trainer.log_every_n_steps` of the methods with a learning rate.
        solve_output_every: After so many steps, each time, the output layer is solved by least squares, with the other
            layers as they are (variable projection); 0: never.
    """

    model_config = STRICT
    name: str
    steps: PositiveInt
    until: Literal["steps", "stall", "noise"] = "steps"
    patience: PositiveInt = 20
    solve_output_every: NonNegativeInt = 0

    @property
    def method(self) -> Method:
        """The optimizer's row in the table."""
        return OPTIMIZERS[self.name]

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of the optimizer's class."""
        return {name: getattr(self, name) for name in arguments(self.method.make)}

    def factor(self, step: int) -> float:
        """What the learning rate of a step, counted from 0, is multiplied by."""
        return 1.0


class Scheduled(Phase):
    """A phase with a learning rate: it grows to `lr` over `warmup` steps, and falls by `decay` in `decay_every`."""

    warmup: NonNegativeInt = 0
    decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    decay_every: PositiveInt = 1000

    def factor(self, step: int) -> float:
        """`min(1, (step + 1)/warmup) decay^(step/decay_every)`."""
        return min(1.0, (step + 1) / max(self.warmup, 1)) * self.decay ** (step / self.decay_every)


def row_model(name: str, make: Callable[..., Any], base: type[BaseModel]) -> Any:
    """The model of a row of a table: what its base has, and its class's arguments, checked by their annotations."""
    own = {key: (_checked(annotation), default) for key, (annotation, default) in arguments(make).items()}
    named: Any = {"name": (Literal[name], ...)}  # pyright: ignore[reportInvalidTypeForm]
    named |= {key: field for key, field in own.items() if key not in base.model_fields}
    return create_model(make.__name__, __base__=base, __doc__=f"`{make.__module__}.{make.__name__}`.", **named)


def _checked(annotation: Any) -> Any:
    if get_origin(annotation) is not Annotated:
        return annotation
    plain, *ranges = get_args(annotation)
    return Annotated[plain, *map(AfterValidator, ranges)]


PHASES: Mapping[str, type[Phase]] = {
    name: row_model(name, method.make, Scheduled if method.scheduled else Phase) for name, method in OPTIMIZERS.items()
}


def _tag(data: Any) -> str | None:
    if isinstance(data, dict):
        return data.get("name", "phases" if "phases" in data else None)
    return getattr(data, "name", "phases") if isinstance(data, BaseModel) else None


if TYPE_CHECKING:
    AnyPhase = Phase
else:
    _TAGGED = [Annotated[model, Tag(name)] for name, model in PHASES.items()]
    AnyPhase = Annotated[Union[*_TAGGED], Discriminator(_tag)]


def _some(phases: tuple[Any, ...]) -> tuple[Any, ...]:
    if not phases:
        raise ValueError("should have at least one phase")
    return phases


class Phases(BaseModel):
    """Several optimizers that take turns."""

    model_config = STRICT
    phases: Annotated[tuple[AnyPhase, ...], AfterValidator(_some)]


class Auto(BaseModel):
    """One or several of them, to be chosen from the problem."""

    model_config = STRICT
    name: Literal["auto"]


if TYPE_CHECKING:
    Optimizer = Phase | Phases | Auto
else:
    _WHOLE = Annotated[Phases, Tag("phases")], Annotated[Auto, Tag("auto")]
    Optimizer = Annotated[Union[*_TAGGED, *_WHOLE], Discriminator(_tag)]
