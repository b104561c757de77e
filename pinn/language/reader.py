"""Syntax tree to expression: a whitelist over Python's syntax tree, never `eval`."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

import ast
import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from pinn.language.calculus import PRODUCTS, Array, Value, sym
from pinn.language.errors import LanguageError, LostSource, did_you_mean
from pinn.language.interfaces import canonical, is_linear_in_sources, regular, source
from pinn.language.jumps import Choice, lost, plain, watched
from pinn.language.limits import HIGHEST, is_too_large, why_too_large
from pinn.language.scope import (
    CHOICES,
    ELEMENTARY,
    IDENTITY,
    NORMAL,
    OPERATORS,
    POSITION,
    RESERVED,
    Integral,
    Scope,
    called,
    coordinate,
    opaque,
    parameter,
)
from pinn.language.source import Source

LARGEST_POWER = 64  # of a number that stands in an exponent: 9**9**9 would fill the memory
MOST_BITS = 8192  # of an exact number: far above what floating point holds

ARITHMETIC: dict[type, Callable] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}
COMPARISONS: dict[type, Callable] = {ast.Lt: sympy.Lt, ast.LtE: sympy.Le, ast.Gt: sympy.Gt, ast.GtE: sympy.Ge}
SPOKEN = {  # what others call them
    **{"laplacian": "lap", "laplace": "lap", "gradient": "grad", "divergence": "div"},
    **{"rot": "curl", "diff": "d", "ln": "log"},
}
JUMP = "what is differentiated here jumps where {edge} = 0, and the source that its derivative has there would be lost"
SOURCE = (
    "no point meets the source where {edge} = 0. Write delta in an equation itself, and say nothing of the network, "
    "the optimizer and the points: cells end at it"
)
BROKEN = "Say nothing of the network, the optimizer and the points: cells end at the jump, and one network does not"
SLOPE = "Write a steep slope in place of the jump, such as a + (b - a)*(1 + tanh((u - 1/2)/0.01))/2"
DELTA = "delta"  # a function where nothing else has this name, as parameters often do
ARGUMENTS = {"dot": 2, "cross": 2, "atan2": 2}  # of one by default
At = str | tuple[tuple[str, float], ...]  # where: a name, or values of coordinates


class Reader(Source):
    """What a text says, with the names that it may use.

    Attributes:
        place: Where it holds, as far as it was read: None where nothing was said.
    """

    def __init__(self, text: str, scope: Scope):
        super().__init__(text)
        self.scope = scope
        self.place: At | None = None
        self.has_sources = False

    def everywhere(self, read: Callable[[ast.expr], Any]) -> Any:
        """The value of the whole text, in which no place may stand."""
        value = read(self.tree(0, len(self.text)))
        if self.place is not None:
            why = "a place stands in a condition alone: an expression has its value at every point"
            raise LanguageError(why, self.text)
        return value

    # -- the tree -----------------------------------------------------------------------------------------------------

    def scalar(self, node: ast.expr) -> sympy.Expr:
        """A number."""
        value = self.side(node)
        if isinstance(value, Array):
            raise self.error("a vector stands where a number is needed: take a component, dot or div", node)
        return value

    def part(self, node: ast.expr) -> sympy.Expr:
        """A number inside of an expression."""
        value = self.visit(node)
        if isinstance(value, Array):
            raise self.error("a vector stands where a number is needed: take a component, dot or div", node)
        return of_reals(value)

    def side(self, node: ast.expr) -> Value:
        """A number or a vector."""
        value = self.value(node)
        if isinstance(value, Array) and value.shape[1] > 1:
            raise self.error("a tensor stands where a number or a vector is needed: take div or dot of it", node)
        return value

    def value(self, node: ast.expr) -> Value:
        """A number, a vector or a tensor."""
        try:
            value = self.visit(node)
        except RecursionError:
            raise LanguageError(
                "the text is nested too deeply: take fewer brackets, factors or functions", self.text
            ) from None
        if value.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo, sympy.I):
            raise self.error(f"the value is {value}: not a finite real expression", node)
        value = of_reals(value)
        parts = list(value) if isinstance(value, Array) else [value]
        if why := next(filter(None, map(why_too_large, parts)), None):
            raise self.error(why, node)
        if self.has_sources and not all(map(is_linear_in_sources, parts)):
            raise self.error(
                "delta stands in a sum, and is multiplied by what is smooth: of two, as at a point in the plane, no "
                "solution is finite there; write a narrow source, such as exp(-(x**2 + y**2)/(2*s**2))/(2*pi*s**2)",
                node,
            )
        return value.applyfunc(self.between_jumps) if isinstance(value, Array) else self.between_jumps(value)

    def between_jumps(self, value: sympy.Expr) -> sympy.Expr:
        """Without the sources on jumps, where none of them counts."""
        scope, seen = self.scope, [d for d in value.atoms(sympy.DiracDelta) if canonical(d.args[0]) in self.scope.edges]
        watched_over = value.xreplace(dict.fromkeys(seen, sympy.Integer(0)))
        if (
            scope.bounds
            and watched_over.has(sympy.DiracDelta)
            and (self.place is None or isinstance(self.place, tuple))
        ):
            edge = lost(regular(watched_over), {**scope.bounds, **{name: (at, at) for name, at in self.place or ()}})
            if edge is not None:
                advice = SLOPE if edge.atoms(AppliedUndef) else BROKEN
                why = SOURCE.format(edge=edge) if self.has_sources else f"{JUMP.format(edge=edge)}. {advice}"
                raise LostSource(why, self.text)
        return plain(value)

    def alike(self, left: Value, right: Value) -> tuple[Value, Value]:
        """Both numbers, or both vectors; 0 is a vector where the other side is one."""
        if isinstance(left, Array) == isinstance(right, Array):
            return left, right
        vector, number = (left, right) if isinstance(left, Array) else (right, left)
        if number != 0:
            raise LanguageError("one side is a vector, the other a number: write a vector as (a, b), or 0", self.text)
        zero = Array.zeros(*vector.shape)
        return (left, zero) if vector is left else (zero, right)

    def visit(self, node: ast.expr) -> Value:
        """A number, a vector or a tensor, none too large."""
        value = self.read(node)
        if isinstance(value, Array) or not value.is_number:
            return value
        if value.is_extended_real is False:
            raise self.error(f"the value is {value}: not a finite real expression", node)
        if _bits(value) > MOST_BITS if value.is_Rational else is_too_large(value):
            raise self.error("this number is too large or has too many digits: take another unit", node)
        return value

    def read(self, node: ast.expr) -> Value:
        """The same, by the kind of node."""
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
            case ast.Tuple(elts=parts):
                return self.vector(node, parts)
            case ast.Call(func=ast.Name(id=name)) if name in OPERATORS or name in ELEMENTARY:
                return self.call(node, name)
            case ast.Call(func=ast.Name(id=name)) if name == DELTA and name not in self.scope.names:
                return self.delta(node)
            case ast.Call():
                return self.at(node)
            case ast.Constant(value=complex()):
                raise self.error("numbers are real: write a complex field as two, its real and imaginary part", node)
            case ast.BinOp(op=ast.BitXor()):
                raise self.error("'^' is not of the language: write a power as x**2", node)
        kind = type(node).__name__
        raise self.error(
            f"{kind} is not of the language: an expression has numbers, names, + - * / **, brackets, "
            f"and calls of {', '.join((*OPERATORS, *ELEMENTARY))}",
            node,
        )

    def number(self, node: ast.expr, number: int | float) -> sympy.Expr:
        """Exactly what is written: `0.1` is one tenth."""
        if isinstance(number, float) and not math.isfinite(number):
            raise self.error("this number is too large", node)
        return sympy.Rational(repr(number)) if isinstance(number, float) else sympy.Integer(number)

    def arithmetic(self, node: ast.expr, op: ast.operator, left: ast.expr, right: ast.expr) -> Value:
        """A sum, a difference, a product, a quotient or a power."""
        a, b = self.visit(left), self.visit(right)
        arrays = isinstance(a, Array) + isinstance(b, Array)
        if isinstance(op, ast.Pow) and arrays or isinstance(op, ast.Div) and isinstance(b, Array):
            raise self.error("a vector has no power and divides nothing: take dot(v, v)", node)
        if isinstance(op, ast.Mult) and arrays == 2:
            raise self.error("two vectors are multiplied by dot or cross", node)
        if isinstance(op, ast.Pow):
            if b.is_number and abs(float(b)) > LARGEST_POWER:
                raise self.error(f"the exponent {right_text(b)} is too large: {LARGEST_POWER} at most", right)
            if b.is_Rational and _bits(a.as_coeff_Mul()[0]) * abs(b) > MOST_BITS:
                raise self.error("this number is too large or has too many digits: take another unit", node)
            if b.is_number is False and a.is_number and not a.is_positive:
                raise self.error("a power with a variable exponent needs a positive base", left)
        if isinstance(op, ast.Add) and arrays == 1 and 0 in (a, b):  # 0 is a vector among vectors
            return a if isinstance(a, Array) else b
        if isinstance(op, ast.Div) and b == 0:
            raise self.error("division by zero: write what is finite", right)
        try:
            return ARITHMETIC[type(op)](a, b)
        except (TypeError, sympy.ShapeError):
            raise self.error(
                "a number and a vector, or two vectors, do not combine so: use dot for a product", node
            ) from None
        except (ZeroDivisionError, OverflowError):
            raise self.error("this has no finite value", node) from None

    def vector(self, node: ast.expr, parts: list[ast.expr]) -> Value:
        """`(a, b)`: one component a coordinate of space."""
        values = [self.visit(part) for part in parts]
        if len(values) != len(self.scope.space) or any(isinstance(value, Array) for value in values):
            raise self.error(f"a vector has a number for each of {', '.join(map(str, self.scope.space))}", node)
        return Array(values)

    def name(self, node: ast.expr, name: str) -> Value:
        """What a name stands for."""
        scope = self.scope
        if name in scope.coordinates:
            return coordinate(name)
        if name in scope.fields:
            return scope.unknown(name)
        if name in scope.constants:
            return watched(scope.constants[name])
        if name in scope.symbols:
            return parameter(name)
        if name in scope.vectors:
            return Array([scope.unknown(component) for component in scope.vectors[name]])
        if name in scope.opaque:
            return opaque(name, scope.variables)
        if name in (NORMAL, POSITION, IDENTITY):
            vectors = {NORMAL: scope.normals, POSITION: Array(scope.space)}
            return vectors[name] if name in vectors else scope.calculus.identity()
        if name == "pi":
            return sympy.pi
        if name in ELEMENTARY or name in OPERATORS:
            raise self.error(f"{name!r} is a function: write {name}(...)", node)
        return self.subscript(node, name)

    def subscript(self, node: ast.expr, name: str) -> Value:
        """`u_xxy`: a field, an underscore, and the coordinates it is differentiated by."""
        for cut in [i for i, character in enumerate(name) if character == "_"][::-1]:
            field, letters = name[:cut], name[cut + 1 :]
            if (field in self.scope.fields or field in self.scope.vectors) and letters:
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
                if len(variables) > HIGHEST:
                    raise self.error(f"a derivative of order {len(variables)} is too high: {HIGHEST} at most", node)
                unknown = self.name(node, field)
                return self.scope.calculus.d(unknown, *variables)
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
        """An operator or a function of the language, called."""
        if node.keywords:
            raise self.error(
                f"{name}() takes no '=': where a condition holds goes behind it, as in {name}(u)(x=0)", node
            )
        if name == "d":
            return self.d(node)
        if name in CHOICES:
            return self.choice(node, name)
        values = [self.visit(argument) for argument in node.args]
        if name == "integral" and len(values) > 1 and (ends := self.scope.limits.get(str(values[1]))):
            low, high = values[2:] or (sympy.nsimplify(ends[0], [sympy.pi]), values[1])
            return sympy.Integral(values[0], (values[1], low, high))
        wanted = ARGUMENTS.get(name, 1)
        if len(values) != wanted:
            raise self.error(f"{name} takes {wanted} argument{'s' * (wanted > 1)}, here are {len(values)}", node)
        try:
            return self.apply(name, values)
        except ValueError as error:
            raise self.error(str(error), node) from None

    def apply(self, name: str, values: list[Value]) -> Value:
        """Of an operator or a function to its arguments."""
        calculus = self.scope.calculus
        if name in PRODUCTS:
            return PRODUCTS[name](*values)
        if name == "sym":
            return sym(values[0])
        if name == "dn":
            return calculus.dn(values[0], self.scope.normals)
        if name in ("grad", "div", "lap", "curl"):
            return getattr(calculus, name)(values[0])
        if any(isinstance(value, Array) for value in values):
            raise ValueError(f"{name} takes a number, here is a vector")
        if name == "integral":
            return Integral(values[0])
        return sympy.atan2(*values) if name == "atan2" else ELEMENTARY[name](*values)

    def choice(self, node: ast.Call, name: str) -> sympy.Expr:
        """`where(x < 0.5, a, b)`, `min(a, b)`, `max(a, b)`."""
        wanted = 3 if name == "where" else 2
        if len(node.args) != wanted:
            usage = {"where": "where(x < 0.5, a, b)"}.get(name, f"{name}(a, b)")
            raise self.error(f"{name} takes {wanted} arguments, as in {usage}; here are {len(node.args)}", node)
        a, b = (self.part(argument) for argument in node.args[-2:])
        conditions = {"where": lambda: self.condition(node.args[0]), "min": lambda: a <= b, "max": lambda: a >= b}
        return Choice((a, conditions[name]()), (b, True))

    def condition(self, node: ast.expr) -> Any:
        """Comparisons of numbers, joined by `and`, `or` and `not`."""
        match node:
            case ast.BoolOp(op=op, values=parts):
                join = sympy.And if isinstance(op, ast.And) else sympy.Or
                return join(*[self.condition(part) for part in parts])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return sympy.Not(self.condition(operand))
            case ast.Compare(left=first, ops=signs, comparators=others) if {*map(type, signs)} <= {*COMPARISONS}:
                sides = [self.part(side) for side in (first, *others)]
                return sympy.And(
                    *[COMPARISONS[type(o)](a, b) for o, (a, b) in zip(signs, pairwise(sides), strict=True)]
                )
        raise self.error("where takes a comparison by < <= > >= first, as in where(x < 0.5, a, b)", node)

    def delta(self, node: ast.Call) -> sympy.Expr:
        """`delta(x - 0.3)`: a point load on a line, a source on a line in the plane."""
        zero = self.part(node.args[0]) if len(node.args) == 1 and not node.keywords else None
        if zero is None or not zero.free_symbols <= set(self.scope.space) or zero.atoms(AppliedUndef):
            raise self.error("delta takes one expression in coordinates of space, such as delta(x - 0.3)", node)
        self.has_sources, bounds = True, self.scope.bounds
        try:
            found = source(zero, self.scope.edges)
        except ValueError as error:
            raise self.error(str(error), node) from None
        if bounds and found.has(sympy.DiracDelta) and lost(found, bounds) is None:
            raise self.error("this source lies nowhere inside the domain", node)
        return found

    def d(self, node: ast.Call) -> Value:
        """`d(e, x, y, y)`: the derivative of any expression."""
        if len(node.args) < 2:
            raise self.error("d takes an expression and the coordinates to differentiate by: d(u, x, x)", node)
        names = [argument.id if isinstance(argument, ast.Name) else None for argument in node.args[1:]]
        for argument, name in zip(node.args[1:], names, strict=True):
            if name not in self.scope.coordinates:
                raise self.error(
                    f"d differentiates by coordinates; they are {', '.join(self.scope.coordinates)}", argument
                )
        if len(names) > HIGHEST:
            raise self.error(f"a derivative of order {len(names)} is too high: {HIGHEST} at most", node)
        variables = [coordinate(name) for name in names if name]
        try:
            return self.scope.calculus.d(self.visit(node.args[0]), *variables)
        except LanguageError:
            raise
        except ValueError as error:
            raise self.error(str(error), node) from None

    # -- places -------------------------------------------------------------------------------------------------------

    def at(self, node: ast.Call) -> Value:
        """`e(x=0)`, `e(boundary)`: the expression `e` there."""
        if isinstance(node.func, ast.Name) and self.takes_values(node):
            return _unbound(node.func.id)(*[self.scalar(argument) for argument in node.args])
        if isinstance(node.func, ast.Name) and node.func.id not in self.scope.names and "_" not in node.func.id:
            known = (*OPERATORS, DELTA, *ELEMENTARY)
            hint = did_you_mean(node.func.id, {*known, *SPOKEN}) or f"; the functions are {', '.join(known)}"
            for spoken, written in SPOKEN.items():
                hint = hint.replace(repr(spoken), repr(written))
            raise self.error(f"unknown function {node.func.id!r}{hint}", node.func)
        value = self.visit(node.func)
        place = self.read_place(node)
        if self.place not in (None, place):
            raise self.error("one side of a condition holds at one place, here are two", node)
        self.place = place
        return value

    def takes_values(self, node: ast.Call) -> bool:
        """Whether it is `law(u, u_x)`, a function known by its values of expressions, and not `law(boundary)`."""
        known = isinstance(node.func, ast.Name) and node.func.id in self.scope.opaque
        places = [a for a in node.args if isinstance(a, ast.Name) and not self.declares(a.id)]
        return known and bool(node.args) and not node.keywords and (len(node.args) > 1 or not places)

    def declares(self, name: str) -> bool:
        """Whether a name is one of the scope's or the derivative of a field."""
        return name in self.scope.names and name not in ("boundary", "interior") or "_" in name

    def read_place(self, node: ast.Call) -> At:
        """The place in the brackets behind an expression."""
        usage = "say where: (boundary), (x=0) or (x=0, y=1)"
        match node:
            case ast.Call(args=[ast.Name(id=name)], keywords=[]) if name not in self.scope.coordinates:
                return name
            case ast.Call(args=[], keywords=[_, *_] as pairs) if len({pair.arg for pair in pairs}) == len(pairs):
                return tuple((self.coordinate_name(pair, node), self.coordinate_value(pair)) for pair in pairs)
        raise self.error(usage, node)

    def coordinate_name(self, pair: ast.keyword, node: ast.Call) -> str:
        """Of `x=0` the x."""
        if pair.arg not in self.scope.coordinates:
            raise self.error(f"{pair.arg!r} is no coordinate; they are {', '.join(self.scope.coordinates)}", node)
        return str(pair.arg)

    def coordinate_value(self, pair: ast.keyword) -> float:
        """Of `x=0` the 0."""
        value = self.visit(pair.value)
        if isinstance(value, Array) or not value.is_number or not value.is_finite:
            raise self.error("a place has numbers, such as (x=0)", pair.value)
        return float(value)


_unbound = cache(called)


def _bits(number: sympy.Rational) -> int:
    """Of its numerator or denominator, whichever is longer; 1 has none."""
    return max(abs(int(number.p)), int(number.q)).bit_length() - 1 if number.is_Rational else 0


def of_reals(value: Value) -> Value:
    """All is real, which sympy does not know of fields: re(u) = u; sign(u) has a derivative on its jump alone."""
    if not value.has(sympy.re, sympy.im, sympy.sign):
        return value
    real = value.replace(sympy.re, lambda z: z).replace(sympy.im, lambda z: sympy.Integer(0))
    return real.replace(
        lambda e: isinstance(e, sympy.Derivative) and isinstance(e.expr, sympy.sign), _derivative_of_sign
    )


def _derivative_of_sign(e: sympy.Derivative) -> sympy.Expr:
    (z,), (first, *others) = e.expr.args, e.variables
    return (
        (2 * sympy.DiracDelta(z) * z.diff(first)).diff(*others) if others else 2 * sympy.DiracDelta(z) * z.diff(first)
    )


def right_text(value: sympy.Expr) -> str:
    """A number as a person would write it."""
    return str(value) if len(str(value)) < 20 else f"{float(value):g}"
