"""Text to expression: a whitelist over Python's syntax tree, never `eval`.

An expression is a sympy expression in the coordinates, the fields `u(x, y)` and their derivatives. Products of numbers
are kept exact (`0.1` is one tenth), so that the algebra behind the derivative operators is exact too.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sympy
from sympy import ImmutableDenseMatrix as Vector

from pinn.language.errors import LanguageError, did_you_mean
from pinn.language.scope import ELEMENTARY, OPERATORS, RESERVED, Scope, coordinate, normal, parameter

LONGEST = 10_000  # characters of one text
LARGEST_POWER = 64  # of a number that stands in an exponent: 9**9**9 would fill the memory

ARITHMETIC: dict[type, Callable] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}
Value = sympy.Expr | Vector
At = str | tuple[tuple[str, float], ...]  # where: a name, or values of coordinates


@dataclass(frozen=True)
class Statement:
    """An equation `left = right`, and where it holds.

    Attributes:
        left: Left-hand side.
        right: Right-hand side.
        place: `None` inside the domain; a name such as `boundary`; or coordinate values such as `{"x": 0.0}`.
        partner: The place of the right-hand side where it is another one, as in `u(x=0) = u(x=1)`.
    """

    left: sympy.Expr
    right: sympy.Expr
    place: At | None
    partner: At | None = None

    @property
    def residual(self) -> sympy.Expr:
        """`left - right`."""
        return self.left - self.right


def parse(text: str, scope: Scope) -> sympy.Expr:
    """The scalar expression that `text` says, such as `u_xx + sin(pi*x)*u`.

    Raises:
        LanguageError: The text is no expression of the language.
    """
    parser = _Parser(text, scope)
    return parser.scalar(parser.tree(0, len(parser.text)))


def parse_equation(text: str, scope: Scope) -> Statement:
    """The equation `left = right` that `text` says, with exactly one `=`.

    Where it holds is part of the text: `u(x=0) = 1`, `dn(u)(boundary) = 0`, `u_t(t=0) = sin(pi*x)`.

    Raises:
        LanguageError: The text is no equation of the language.
    """
    parser = _Parser(text, scope)
    equal = parser.equal_sign()
    left = parser.scalar(parser.tree(0, equal))
    place, parser.place = parser.place, None
    right = parser.scalar(parser.tree(equal + 1, len(parser.text)))
    if place is not None and parser.place not in (None, place):
        return Statement(left, right, place, parser.place)
    return Statement(left, right, parser.place if place is None else place)


def constant(value: str | int | float, constants: Mapping[str, sympy.Expr] | None = None) -> sympy.Expr:
    """The exact number behind `0.01/pi`, `1e-3` or `2`.

    Raises:
        LanguageError: The value is no finite real number.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise LanguageError(f"{value!r} is no number: write one such as 0.1, 1e-3 or 0.01/pi")
    text = str(value)
    expression = parse(text, Scope((), (), constants or {}))
    if not (expression.is_finite and expression.is_real):
        raise LanguageError(f"{text!r} is no finite real number", text)
    return expression


class _Parser:
    """One text and the names it may use."""

    def __init__(self, text: str, scope: Scope):
        if not isinstance(text, str):
            raise LanguageError(f"{text!r} is no text: write an equation such as u_xx + u_yy = 0")
        if len(text) > LONGEST:
            raise LanguageError(f"a text of {len(text)} characters is too long: {LONGEST} at most")
        self.text = " ".join(text.split())
        self.scope = scope
        self.place: At | None = None
        self._offset = 0

    # -- the text -----------------------------------------------------------------------------------------------------

    def equal_sign(self) -> int:
        """The position of the only `=` outside brackets."""
        found, depth = [], 0
        for i, character in enumerate(self.text):
            depth += (character in "([{") - (character in ")]}")
            if character == "=" and depth == 0:
                found.append(i)
        if len(found) == 1:
            return found[0]
        if not found:
            raise LanguageError("an equation needs one '=': write left = right", self.text)
        if found[1] == found[0] + 1:
            raise LanguageError("write a single '=' between the two sides", self.text, found[0], found[1] + 1)
        raise LanguageError(
            f"an equation has exactly one '=', here are {len(found)}: write one equation a name",
            self.text, found[1], found[1] + 1,
        )  # fmt: skip

    def tree(self, start: int, end: int) -> ast.expr:
        """The syntax tree of `text[start:end]`, which must be one expression."""
        part = self.text[start:end]
        blank = len(part) - len(part.lstrip())
        self._offset = start + blank
        if not part.strip():
            raise LanguageError("one side of the equation is empty", self.text, start, end)
        if not part.isascii():
            wrong = next(i for i, c in enumerate(part) if not c.isascii())
            raise LanguageError(
                f"the character {part[wrong]!r} is not of the language; write names in ASCII, such as nu or alpha",
                self.text, start + wrong, start + wrong + 1,
            )  # fmt: skip
        try:
            return ast.parse(part.strip(), mode="eval").body
        except SyntaxError as error:
            column = self._offset + max(0, (error.offset or 1) - 1)
            raise LanguageError(f"this is no expression ({error.msg})", self.text, column, column + 1) from None
        except (ValueError, RecursionError, MemoryError):
            raise LanguageError("this is no expression that can be read", self.text) from None

    def error(self, message: str, node: ast.AST) -> LanguageError:
        start = self._offset + getattr(node, "col_offset", 0)
        return LanguageError(message, self.text, start, self._offset + getattr(node, "end_col_offset", len(self.text)))

    # -- the tree -----------------------------------------------------------------------------------------------------

    def scalar(self, node: ast.expr) -> sympy.Expr:
        try:
            value = self.visit(node)
        except RecursionError:
            raise LanguageError("the text is nested too deeply", self.text) from None
        if isinstance(value, Vector):
            raise self.error("a vector stands where a number is needed: take a component, dot or div", node)
        if value.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo, sympy.I):
            raise self.error(f"the value is {value}: not a finite real expression", node)
        return value

    def visit(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self.number(node, number)
            case ast.Name(id=name):
                return self.name(node, name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.visit(operand)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.visit(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                return self.arithmetic(node, op, left, right)
            case ast.Call(func=ast.Name(id=name)) if name in OPERATORS or name in ELEMENTARY:
                return self.call(node, name)
            case ast.Call():
                return self.at(node)
            case ast.BinOp(op=ast.BitXor()):
                raise self.error("'^' is not of the language: write a power as x**2", node)
        kind = type(node).__name__
        raise self.error(
            f"{kind} is not of the language: an expression has numbers, names, + - * / **, brackets, "
            f"and calls of {', '.join((*OPERATORS, *ELEMENTARY))}",
            node,
        )

    def number(self, node: ast.expr, number: int | float) -> sympy.Expr:
        if isinstance(number, float) and not math.isfinite(number):
            raise self.error("this number is too large", node)
        return sympy.Rational(repr(number)) if isinstance(number, float) else sympy.Integer(number)

    def arithmetic(self, node: ast.expr, op: ast.operator, left: ast.expr, right: ast.expr) -> Value:
        a, b = self.visit(left), self.visit(right)
        if isinstance(op, ast.Pow) and isinstance(a, sympy.Expr) and isinstance(b, sympy.Expr):
            if b.is_number and abs(float(b)) > LARGEST_POWER:
                raise self.error(f"the exponent {right_text(b)} is too large: {LARGEST_POWER} at most", right)
            if b.is_number is False and a.is_number and not a.is_positive:
                raise self.error("a power with a variable exponent needs a positive base", left)
        if isinstance(op, ast.Div) and b == 0:
            raise self.error("division by zero", right)
        try:
            return ARITHMETIC[type(op)](a, b)
        except (TypeError, sympy.ShapeError):
            raise self.error(
                "a number and a vector, or two vectors, do not combine so: use dot for a product", node
            ) from None
        except (ZeroDivisionError, OverflowError):
            raise self.error("this has no finite value", node) from None

    def name(self, node: ast.expr, name: str) -> sympy.Expr:
        scope = self.scope
        if name in scope.coordinates:
            return coordinate(name)
        if name in scope.fields:
            return scope.unknown(name)
        if name in scope.constants:
            return scope.constants[name]
        if name in scope.symbols:
            return parameter(name)
        if name == "pi":
            return sympy.pi
        if name in ELEMENTARY or name in OPERATORS:
            raise self.error(f"{name!r} is a function: write {name}(...)", node)
        return self.subscript(node, name)

    def subscript(self, node: ast.expr, name: str) -> sympy.Expr:
        """`u_xxy`: a field, an underscore, and the coordinates it is differentiated by."""
        for cut in [i for i, character in enumerate(name) if character == "_"][::-1]:
            field, letters = name[:cut], name[cut + 1 :]
            if field in self.scope.fields and letters:
                variables = self.letters(letters)
                if variables is None:
                    wrong = next(
                        (c for c in letters if not any(c in known for known in self.scope.coordinates)), letters
                    )
                    raise self.error(
                        f"{name!r} differentiates by {wrong!r}, which is no coordinate; "
                        f"the coordinates are {', '.join(self.scope.coordinates)}",
                        node,
                    )
                return self.scope.unknown(field).diff(*variables)
        declared = [n for n in self.scope.names if n not in RESERVED]
        hint = did_you_mean(name, self.scope.names) or f"; known here: {', '.join((*declared, 'pi'))}"
        raise self.error(f"unknown name {name!r}{hint}", node)

    def letters(self, letters: str) -> list[sympy.Symbol] | None:
        """Coordinates whose names joined give `letters`; longest names first."""
        if not letters:
            return []
        for name in sorted(self.scope.coordinates, key=len, reverse=True):
            if letters.startswith(name):
                rest = self.letters(letters[len(name) :])
                if rest is not None:
                    return [coordinate(name), *rest]
        return None

    # -- calls --------------------------------------------------------------------------------------------------------

    def call(self, node: ast.Call, name: str) -> Value:
        if node.keywords:
            raise self.error(
                f"{name}() takes no '=': where a condition holds goes behind it, as in {name}(u)(x=0)", node
            )
        if name == "d":
            return self.d(node)
        values = [self.visit(argument) for argument in node.args]
        wanted = 2 if name == "dot" else 1
        if len(values) != wanted:
            raise self.error(f"{name} takes {wanted} argument{'s' * (wanted > 1)}, here are {len(values)}", node)
        if name in ("div", "dot"):
            if not all(isinstance(value, Vector) for value in values):
                raise self.error(f"{name} takes a vector, such as grad(u)", node)
            return self.vector_operator(node, name, *values)
        if isinstance(values[0], Vector):
            raise self.error(f"{name} takes a number, here is a vector", node)
        return self.scalar_operator(name, values[0])

    def d(self, node: ast.Call) -> sympy.Expr:
        """`d(e, x, y, y)`: the derivative of any expression."""
        if len(node.args) < 2:
            raise self.error("d takes an expression and the coordinates to differentiate by: d(u, x, x)", node)
        names = [argument.id if isinstance(argument, ast.Name) else None for argument in node.args[1:]]
        for argument, name in zip(node.args[1:], names, strict=True):
            if name not in self.scope.coordinates:
                raise self.error(
                    f"d differentiates by coordinates; they are {', '.join(self.scope.coordinates)}", argument
                )
        expression = self.visit(node.args[0])
        if isinstance(expression, Vector):
            raise self.error("d takes a number, here is a vector", node.args[0])
        return expression.diff(*[coordinate(name) for name in names if name])

    def scalar_operator(self, name: str, value: sympy.Expr) -> Value:
        space = self.scope.space
        match name:
            case "grad":
                return Vector([value.diff(x) for x in space])
            case "lap":
                return sympy.Add(*[value.diff(x, x) for x in space])
            case "dn":
                return sympy.Add(*[normal(x.name) * value.diff(x) for x in space])
        return ELEMENTARY[name](value)

    def vector_operator(self, node: ast.Call, name: str, a: Vector, *rest: Vector) -> sympy.Expr:
        if name == "div":
            return sympy.Add(*[component.diff(x) for component, x in zip(a, self.scope.space, strict=True)])
        return sympy.Add(*[p * q for p, q in zip(a, rest[0], strict=True)])

    # -- places -------------------------------------------------------------------------------------------------------

    def at(self, node: ast.Call) -> Value:
        """`e(x=0)`, `e(boundary)`: the expression `e` there."""
        if isinstance(node.func, ast.Name) and node.func.id not in self.scope.names and "_" not in node.func.id:
            raise self.error(
                f"unknown function {node.func.id!r}{did_you_mean(node.func.id, (*OPERATORS, *ELEMENTARY))}", node.func
            )
        value = self.visit(node.func)
        place = self.read_place(node)
        if self.place not in (None, place):
            raise self.error("one side of a condition holds at one place, here are two", node)
        self.place = place
        return value

    def read_place(self, node: ast.Call) -> At:
        usage = "say where: (boundary), (x=0) or (x=0, y=1)"
        match node:
            case ast.Call(args=[ast.Name(id=name)], keywords=[]) if name not in self.scope.coordinates:
                return name
            case ast.Call(args=[], keywords=[_, *_] as pairs):
                return tuple((self.coordinate_name(pair, node), self.coordinate_value(pair)) for pair in pairs)
        raise self.error(usage, node)

    def coordinate_name(self, pair: ast.keyword, node: ast.Call) -> str:
        if pair.arg not in self.scope.coordinates:
            raise self.error(f"{pair.arg!r} is no coordinate; they are {', '.join(self.scope.coordinates)}", node)
        return str(pair.arg)

    def coordinate_value(self, pair: ast.keyword) -> float:
        value = self.visit(pair.value)
        if isinstance(value, Vector) or not value.is_number or not value.is_finite:
            raise self.error("a place has numbers, such as (x=0)", pair.value)
        return float(value)


def right_text(value: sympy.Expr) -> str:
    """A number as a person would write it."""
    return str(value) if len(str(value)) < 20 else f"{float(value):g}"
