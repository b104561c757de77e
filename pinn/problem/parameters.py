"""Parameters: numbers, ranges that become inputs, numbers to be learned, and coefficient fields to be learned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy
import torch
from torch import Tensor

from pinn.language import LanguageError, about, constant, did_you_mean

USAGE = (
    "a number, {range: [a, b]}, {learn: guess}, {learn: guess, between: [a, b], truth: value}, {field: guess} or "
    "{field: guess, of: [t]}"
)


@dataclass(frozen=True)
class Learned:
    r"""A number to be found.

    Between bounds a < b it is $a + (b - a) / (1 + e^{-z})$ of an unbounded z, which is what is trained.

    Attributes:
        guess: Where it begins.
        bounds: Between which it stays, or None.
        truth: What it should be found to be, where that is known.
    """

    guess: float
    bounds: tuple[float, float] | None = None
    truth: float | None = None

    def __post_init__(self):
        if self.bounds is not None and not self.bounds[0] < self.guess < self.bounds[1]:
            raise LanguageError(
                f"the guess {self.guess:g} does not lie between {self.bounds[0]:g} and {self.bounds[1]:g}"
            )

    def unbounded(self, like: Tensor) -> Tensor:
        """The z that belongs to the guess, (), of the dtype and on the device of a tensor."""
        value = like.new_tensor(self.guess)
        return value if self.bounds is None else self._share(value).logit()

    def value(self, z: Tensor) -> Tensor:
        """The number that belongs to z, for a tensor of any shape."""
        if self.bounds is None:
            return z
        low, high = self.bounds
        return low + (high - low) * z.sigmoid()

    def stride(self, z: Tensor) -> Tensor:
        """How far z may go at once: one unit between bounds, else twice its size or that of the guess, if not 0."""
        if self.bounds is not None:
            return torch.ones_like(z)
        size = 2 * z.abs().clamp(min=abs(self.guess))
        return size.where(size > 0, torch.inf)

    def _share(self, value: Tensor) -> Tensor:
        assert self.bounds is not None
        return (value - self.bounds[0]) / (self.bounds[1] - self.bounds[0])


@dataclass(frozen=True)
class Parameters:
    """All parameters of a problem, by kind.

    Attributes:
        known: Numbers, exactly.
        ranges: Intervals of those that are inputs of the network.
        learned: Numbers to be found.
        coefficients: Functions of the coordinates to be found, and the values that they begin with.
        depends: Of those that depend on some of the coordinates, on which.
    """

    known: dict[str, sympy.Expr] = field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    learned: dict[str, Learned] = field(default_factory=dict)
    coefficients: dict[str, float] = field(default_factory=dict)
    depends: dict[str, tuple[str, ...]] = field(default_factory=dict)


MOST = 1e50  # of a number, and one over it the least: powers and derivatives of it are to fit floating point as well


def fitting(value: float, text: Any) -> float:
    """A number that can be computed with.

    Raises:
        LanguageError: It cannot.
    """
    if value and not 1 / MOST <= abs(value) <= MOST:
        raise LanguageError(
            f"{text!r} is too {'large' if abs(value) > 1 else 'small'} to compute with: take another unit"
        )
    return value


def read_parameters(given: Mapping[str, Any]) -> Parameters:
    """Sort what stands under `parameters:`.

    Raises:
        LanguageError: A value is none of the kinds that there are.
    """
    result = Parameters()
    for name, value in given.items():
        with about(f"parameters.{name}"):
            match value:
                case {"range": ends} if len(value) == 1:
                    low, high = result.ranges[name] = interval(ends, result.known)
                    if not low < high:
                        raise LanguageError(f"a range goes from the smaller to the larger number; here is {ends!r}")
                case {"field": guess, **options} if set(options) <= {"of"}:
                    result.coefficients[name] = fitting(float(constant(guess, result.known)), guess)
                    if "of" in options:
                        result.depends[name] = _names(options["of"])
                case {"learn": guess, **options}:
                    result.learned[name] = _learned(guess, options, result.known)
                case Mapping():
                    hint = next((h for key in value if (h := did_you_mean(str(key), ("range", "learn", "field")))), "")
                    raise LanguageError(f"{dict(value)!r} is no parameter{hint}; write {USAGE}")
                case _:
                    result.known[name] = constant(value, result.known)
                    fitting(float(result.known[name]), value)
    return result


def interval(ends: Any, constants: Mapping[str, sympy.Expr]) -> tuple[float, float]:
    """Two numbers in a list.

    Raises:
        LanguageError: It is no such list.
    """
    if isinstance(ends, str) or not isinstance(ends, Sequence) or len(ends) != 2:
        raise LanguageError(f"{ends!r} is no interval; write two numbers, such as [0, 1]")
    low, high = (fitting(float(constant(end, constants)), end) for end in ends)
    fitting(high - low, list(ends))
    return low, high


def _names(of: Any) -> tuple[str, ...]:
    names = [of] if isinstance(of, str) else of
    if not isinstance(names, Sequence) or not names or not all(isinstance(name, str) for name in names):
        raise LanguageError(f"of: {of!r} names no coordinates; write of: [t]")
    return tuple(names)


def _learned(guess: Any, options: Mapping[str, Any], known: Mapping[str, sympy.Expr]) -> Learned:
    for key in options:
        if key not in ("between", "truth"):
            raise LanguageError(f"unknown key {key!r}{did_you_mean(str(key), ('between', 'truth'))}; write {USAGE}")
    bounds = interval(options["between"], known) if "between" in options else None
    truth = fitting(float(constant(options["truth"], known)), options["truth"]) if "truth" in options else None
    return Learned(fitting(float(constant(guess, known)), guess), bounds, truth)
