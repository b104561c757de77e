"""The names that a text may use."""

import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import sympy
from sympy import ImmutableDenseMatrix as Array
from sympy.core.function import AppliedUndef

from pinn.language.calculus import CARTESIAN, Calculus, Value
from pinn.language.errors import LanguageError, about

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
    "asin": sympy.asin,
    "acos": sympy.acos,
    "atan": sympy.atan,
    "asinh": sympy.asinh,
    "erf": sympy.erf,
    "abs": sympy.Abs,
    "sign": sympy.sign,
}
CHOICES = ("where", "min", "max")
OPERATORS = ("d", "grad", "div", "lap", "curl", "dot", "cross", "sym", "dn", "atan2", "integral", *CHOICES)
NORMAL, IDENTITY, POSITION = "normal", "identity", "position"
RESERVED = ("pi", *ELEMENTARY, *OPERATORS, NORMAL, IDENTITY, POSITION, "boundary", "interior")


@dataclass(frozen=True)
class Scope:
    """Coordinates, fields, symbols and known functions, by name.

    Args:
        coordinates: Names in order; `t` is time, the others are space.
        fields: Names of the unknown functions of all coordinates.
        constants: Names with a known value or expression, substituted on sight.
        symbols: Names that stay symbols (learned parameters, sources not known yet).
        parameters: Those of the coordinates that are parameters: neither space nor time.
        vectors: Names of vectors, and the fields that are their components.
        opaque: Names of functions of the coordinates of which only values are known.
        system: The coordinates of space are cartesian, polar, cylindrical or spherical ones.
        bounds: Intervals of the coordinates, in which no derivative may lose the source on a jump.
        limits: Intervals of the coordinates along which integrals are read to be shown: in a problem fields stand for
            those.
        edges: Where fields may be broken: see `pinn.language.interfaces`.

    Raises:
        LanguageError: A name is taken twice, reserved, or no name at all; a vector has too many components or too few.
    """

    coordinates: Sequence[str]
    fields: Sequence[str]
    constants: Mapping[str, Value] = field(default_factory=dict)
    symbols: Sequence[str] = ()
    parameters: Sequence[str] = ()
    vectors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    opaque: Sequence[str] = ()
    system: str = CARTESIAN
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    edges: Sequence[sympy.Expr] = ()
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self):
        seen: set[str] = set()
        for name in (*self.coordinates, *self.fields, *self.constants, *self.symbols, *self.vectors, *self.opaque):
            if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
                raise LanguageError(f"{name!r} is no name: write a letter, then letters and digits")
            if name in RESERVED:
                raise LanguageError(f"the name {name!r} is reserved by the language; choose another")
            if name in seen:
                raise LanguageError(f"the name {name!r} is declared twice: give each its own")
            seen.add(name)
        for name, components in self.vectors.items():
            if len(components) != len(self.space):
                raise LanguageError(
                    f"the vector {name} has {len(components)} components, {', '.join(components)}; there are "
                    f"{len(self.space)} coordinates of space"
                )
        with about("coordinate_system"):
            self.calculus  # noqa: B018 - built now, so that it is checked now

    @cached_property
    def calculus(self) -> Calculus:
        """Vector calculus in the coordinates of space."""
        return Calculus(self.space, self.system, self.edges)

    @property
    def normals(self) -> Array:
        """The outward unit normal."""
        return Array([normal(x.name) for x in self.space])

    @property
    def variables(self) -> tuple[sympy.Symbol, ...]:
        """The coordinates as symbols."""
        return tuple(coordinate(name) for name in self.coordinates)

    @property
    def space(self) -> tuple[sympy.Symbol, ...]:
        """The coordinates other than time and parameters."""
        return tuple(coordinate(name) for name in self.coordinates if name != TIME and name not in self.parameters)

    def unknown(self, name: str) -> AppliedUndef:
        """The field `name` as a function of all coordinates."""
        applied = sympy.Function(name)(*self.variables)
        assert isinstance(applied, AppliedUndef)
        return applied

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a text may use."""
        declared = *self.coordinates, *self.fields, *self.vectors, *self.constants, *self.symbols, *self.opaque
        return (*declared, *RESERVED)


def coordinate(name: str) -> sympy.Symbol:
    """The symbol of a coordinate."""
    return sympy.Symbol(name, real=True)


def parameter(name: str) -> sympy.Symbol:
    """The symbol of a learned parameter, or of a source that is not known yet."""
    return sympy.Symbol(name, real=True)


def normal(name: str) -> sympy.Symbol:
    """The component along coordinate `name` of the outward unit normal."""
    return sympy.Symbol(f"normal_{name}", real=True)


def partner_name(name: str) -> str:
    """What a field or a coordinate is called at the partners of points, on another face or beyond an interface."""
    return f"{name}__partner"


class Opaque(sympy.Function):
    """A function of the coordinates of which only values are known, such as a table: it is not differentiated."""

    def _eval_derivative(self, s: sympy.Symbol) -> sympy.Expr:
        if s not in self.args:
            return sympy.Integer(0)
        name = type(self).__name__
        raise LanguageError(f"{name} is known by its values alone and has no derivative: keep it out of d and grad")


def opaque(name: str, variables: Sequence[sympy.Symbol]) -> sympy.Expr:
    """The function of this name."""
    return _opaque(name)(*variables)


@cache
def _opaque(name: str) -> type:
    return type(name, (Opaque,), {})


class Called(Opaque):
    """A Python function of expressions, such as `law(u, u_x)`: of values at a point, not to be differentiated by it.

    Attributes:
        label: Its name.
        implementation: Tensors (N,), one an argument, to values (N,); None in a text that belongs to no problem.
    """

    label = ""
    implementation: Callable[..., Any] | None = None

    def _eval_derivative(self, s: sympy.Symbol) -> sympy.Expr:
        if s not in self.free_symbols:
            return sympy.Integer(0)
        raise LanguageError(
            f"{self.label} is a Python function and is not differentiated: keep it out of d, div and grad"
        )


def called(name: str, implementation: Callable[..., Any] | None = None) -> type[Called]:
    """The function of this name, to be applied to expressions."""
    # no name of sympy's own, by which its printers would choose a method
    return type(
        f"python_{name}", (Called,), {"label": name, "implementation": implementation and staticmethod(implementation)}
    )


class Integral(sympy.Function):
    """The integral of an expression over the place where its condition holds: a number."""

    nargs = 1
    is_number = False  # pyright: ignore[reportAssignmentType] - to sympy: it has no value before the place is known

    def _eval_derivative(self, s: sympy.Symbol) -> sympy.Expr:
        return sympy.Integer(0)
