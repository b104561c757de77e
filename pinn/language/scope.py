"""The names that a text may use."""

import keyword
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sympy
from sympy.core.function import AppliedUndef

from pinn.language.errors import LanguageError

TIME = "t"

ELEMENTARY = {
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "exp": sympy.exp,
    "log": sympy.log,
    "sqrt": sympy.sqrt,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "tanh": sympy.tanh,
    "atan": sympy.atan,
    "erf": sympy.erf,
    "abs": sympy.Abs,
    "sign": sympy.sign,
}
OPERATORS = ("d", "grad", "div", "lap", "dot", "dn")
RESERVED = ("pi", *ELEMENTARY, *OPERATORS, "boundary", "interior")


@dataclass(frozen=True)
class Scope:
    """Coordinates, fields, symbols and known functions, by name.

    Args:
        coordinates: Names in order; `t` is time, the others are space.
        fields: Names of the unknown functions of all coordinates.
        constants: Names with a known value or expression, substituted on sight.
        symbols: Names that stay symbols (learned parameters, sources not known yet).

    Raises:
        LanguageError: A name is taken twice, reserved, or no name at all.
    """

    coordinates: Sequence[str]
    fields: Sequence[str]
    constants: Mapping[str, sympy.Expr] = field(default_factory=dict)
    symbols: Sequence[str] = ()

    def __post_init__(self):
        seen: set[str] = set()
        for name in (*self.coordinates, *self.fields, *self.constants, *self.symbols):
            if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
                raise LanguageError(f"{name!r} is no name: write a letter, then letters and digits")
            if name in RESERVED:
                raise LanguageError(f"the name {name!r} is reserved by the language; choose another")
            if name in seen:
                raise LanguageError(f"the name {name!r} is declared twice")
            seen.add(name)

    @property
    def variables(self) -> tuple[sympy.Symbol, ...]:
        """The coordinates as symbols."""
        return tuple(coordinate(name) for name in self.coordinates)

    @property
    def space(self) -> tuple[sympy.Symbol, ...]:
        """The coordinates other than time."""
        return tuple(coordinate(name) for name in self.coordinates if name != TIME)

    def unknown(self, name: str) -> AppliedUndef:
        """The field `name` as a function of all coordinates."""
        applied = sympy.Function(name)(*self.variables)
        assert isinstance(applied, AppliedUndef)
        return applied

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a text may use."""
        return (*self.coordinates, *self.fields, *self.constants, *self.symbols, *RESERVED)


def coordinate(name: str) -> sympy.Symbol:
    """The symbol of a coordinate."""
    return sympy.Symbol(name, real=True)


def parameter(name: str) -> sympy.Symbol:
    """The symbol of a learned parameter, or of a source that is not known yet."""
    return sympy.Symbol(name, real=True)


def normal(name: str) -> sympy.Symbol:
    """The component along coordinate `name` of the outward unit normal."""
    return sympy.Symbol(f"normal_{name}", real=True)
