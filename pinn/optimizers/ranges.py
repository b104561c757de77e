"""Ranges of the optimizers' arguments, said once, in their signatures: ``radius: Positive = 1.0``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_type_hints


@dataclass(frozen=True)
class Range:
    """What a value must do, in words that follow its name, and whether it does."""

    words: str
    holds: Callable[[Any], bool]

    def __call__(self, value: Any) -> Any:
        """The value, or a `ValueError`."""
        if not self.holds(value):
            raise ValueError(f"must {self.words}")
        return value


Positive = Annotated[float, Range("be positive", lambda x: x > 0)]
NotNegative = Annotated[float, Range("not be negative", lambda x: x >= 0)]
Inside = Annotated[float, Range("lie between 0 and 1", lambda x: 0 < x < 1)]
Part = Annotated[float, Range("lie in [0, 1)", lambda x: 0 <= x < 1)]
Share = Annotated[float, Range("lie in [0, 1]", lambda x: 0 <= x <= 1)]
Growth = Annotated[float, Range("be at least 1", lambda x: x >= 1)]
Count = Annotated[int, Range("be a positive integer", lambda n: n > 0)]
Betas = Annotated[tuple[float, float], Range("be two numbers in [0, 1)", lambda b: all(0 <= x < 1 for x in b))]


@cache  # asked at every step
def arguments(make: Callable[..., Any]) -> dict[str, tuple[Any, Any]]:
    """Annotation, ranges included, and default of each argument of a class that has a default."""
    types = get_type_hints(make.__init__ if inspect.isclass(make) else make, include_extras=True)
    signature = inspect.signature(make).parameters.values()
    return {p.name: (types[p.name], p.default) for p in signature if p.default is not p.empty}


def check(make: Callable[..., Any], **values: Any) -> None:
    """Raise a `ValueError` that names the first argument of the class that is out of its range."""
    for name, (annotation, _) in arguments(make).items():
        for wanted in getattr(annotation, "__metadata__", ()):
            if name in values and not wanted.holds(values[name]):
                raise ValueError(f"{name} must {wanted.words}, not {values[name]}")
