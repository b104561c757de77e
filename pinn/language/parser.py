"""Text to expression: a whitelist over Python's syntax tree, never `eval`.

An expression is a sympy expression in the coordinates, the fields `u(x, y)` and their derivatives. Products of numbers
are kept exact (`0.1` is one tenth), so that the algebra behind the derivative operators is exact too.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sympy

from pinn.language.calculus import Array, Value
from pinn.language.errors import LanguageError
from pinn.language.interfaces import edges
from pinn.language.limits import TooLong, in_time, is_too_large
from pinn.language.reader import At, Reader, of_reals
from pinn.language.scope import Scope


@dataclass(frozen=True)
class Statement:
    """An equation `left = right` between two numbers or two vectors, and where it holds.

    Attributes:
        left: Left-hand side.
        right: Right-hand side.
        place: `None` inside the domain; a name such as `boundary`; or coordinate values such as `{"x": 0.0}`.
        partner: The place of the right-hand side where it is another one, as in `u(x=0) = u(x=1)`.
    """

    left: Value
    right: Value
    place: At | None
    partner: At | None = None

    @property
    def residual(self) -> sympy.Expr:
        """`left - right` of an equation between numbers."""
        assert not isinstance(self.left, Array) and not isinstance(self.right, Array)
        return self.left - self.right

    def components(self, names: Sequence[str]) -> dict[str, "Statement"]:
        """One equation a component, named `_x`, `_y`...; of an equation between numbers itself, without a name."""
        if not isinstance(self.left, Array):
            return {"": self}
        pairs = zip(names, self.left, self.right, strict=True)
        return {f"_{name}": Statement(left, right, self.place, self.partner) for name, left, right in pairs}


def parse(text: str, scope: Scope) -> sympy.Expr:
    """The scalar expression that `text` says, such as `u_xx + sin(pi*x)*u`.

    Raises:
        LanguageError: The text is no expression of the language.
    """
    parser = Reader(text, scope)
    with in_time(parser.text):
        return parser.everywhere(parser.scalar)


def parse_function(text: str, scope: Scope) -> Value:
    """The number, vector or tensor that `text` says, such as `2*mu*sym(grad(U)) + lam*div(U)*identity`.

    Raises:
        LanguageError: The text is no expression of the language.
    """
    parser = Reader(text, scope)
    with in_time(parser.text):
        return parser.everywhere(parser.value)


def parse_quantity(text: str, scope: Scope) -> tuple[dict[str, sympy.Expr], At | None]:
    """The number, named "", or the components by coordinate that `text` says, and where: `u`, `grad(u)(boundary)`.

    Raises:
        LanguageError: The text is no expression of the language.
    """
    parser = Reader(text, replace(scope, bounds={}))  # of values at points, beside jumps
    with in_time(parser.text):
        value = parser.side(parser.tree(0, len(parser.text)))
    names = [x.name for x in scope.space]
    return dict(zip(names, value, strict=True)) if isinstance(value, Array) else {"": value}, parser.place


def parse_equation(text: str, scope: Scope) -> Statement:
    """The equation `left = right` that `text` says, with exactly one `=`.

    Where it holds is part of the text: `u(x=0) = 1`, `dn(u)(boundary) = 0`, `u_t(t=0) = sin(pi*x)`.

    Raises:
        LanguageError: The text is no equation of the language.
    """
    parser = Reader(text, scope)
    equal = parser.equal_sign()
    with in_time(parser.text):
        left = parser.side(parser.tree(0, equal))
        place, parser.place = parser.place, None
        right = parser.side(parser.tree(equal + 1, len(parser.text)))
    left, right = parser.alike(left, right)
    if place is not None and parser.place not in (None, place):
        return Statement(left, right, place, parser.place)
    return Statement(left, right, parser.place if place is None else place)


def edges_of(text: str, scope: Scope) -> list[sympy.Expr]:
    """What is zero where something in an equation jumps or bends, as far as coordinates alone say where."""
    parser = Reader(text, replace(scope, bounds={}))
    try:
        equal = parser.equal_sign()
        with in_time(parser.text):
            sides = [parser.visit(parser.tree(*ends)) for ends in ((0, equal), (equal + 1, len(parser.text)))]
    except TooLong:
        raise
    except (LanguageError, RecursionError):
        return []  # it is said when the equation is read
    values = [value for side in sides for value in (side if isinstance(side, Array) else (side,))]
    return edges([of_reals(value) for value in values], scope.variables)


def constant(value: str | int | float, constants: Mapping[str, sympy.Expr] | None = None) -> sympy.Expr:
    """The exact number behind `0.01/pi`, `1e-3` or `2`.

    Raises:
        LanguageError: The value is no finite real number.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise LanguageError(f"{value!r} is no number: write one such as 0.1, 1e-3 or 0.01/pi")
    if isinstance(value, float) and not math.isfinite(value):
        raise LanguageError(f"{value!r} is no finite number: write one such as 0.1, 1e-3 or 0.01/pi")
    text = str(value)
    expression = parse(text, Scope((), (), constants or {}))
    if not (expression.is_finite and expression.is_real) or is_too_large(expression):
        raise LanguageError(f"{text!r} is no finite real number", text)
    return expression
