"""Integrals inside equations: each becomes a field of its own, and what says that it is that integral.

`integral(e, x)`, from the lower end of x up to each point, is the field W with W_x = e that begins with 0 (of t it is
what the past has left: Volterra's integral). `integral(e, x, a, b)` is what W gains between a and b: a field that is
the same for all x. `integral(e)` goes over all of space so, at each time.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeGuard

import sympy

from pinn.geometry import Box, Domain
from pinn.language import CARTESIAN, TIME, LanguageError, Scope, about, constant, coordinate, parse
from pinn.language.scope import ELEMENTARY, OPERATORS
from pinn.language.source import Source

INTEGRAL = "integral"
USAGE = "write integral(e), over all of space; integral(e, x), up to x; or integral(e, x, a, b)"
Texts = Mapping[str, Any]


@dataclass(frozen=True)
class Integrated:
    """A field that stands for an integral.

    Attributes:
        name: Of the field.
        along: The coordinate.
        of: The integrand; or the field whose value at one place this is.
        at: That place; None: the integral from the lower end of the coordinate up to each point.
    """

    name: str
    along: str
    of: str
    at: float | None = None


class Integrals:
    """Those of a problem.

    Args:
        intervals: Of the coordinates, by name.
        constants: Numbers that may stand in limits, by name.
        taken: Names that the fields must not have.
    """

    def __init__(
        self, intervals: Mapping[str, tuple[float, float]], constants: Mapping[str, sympy.Expr], taken: set[str]
    ):
        self._ends, self._constants = intervals, constants
        self._free = (name for k in count(1) if (name := f"{INTEGRAL}{k}") not in taken)
        self._found: dict[tuple[str, str, float | None], Integrated] = {}

    @property
    def found(self) -> list[Integrated]:
        """All, each after those that it needs."""
        return list(self._found.values())

    @property
    def equations(self) -> dict[str, str]:
        """What they obey inside the domain."""
        return {one.name: f"d({one.name}, {one.along}) = {one.of if one.at is None else '0'}" for one in self.found}

    @property
    def conditions(self) -> dict[str, str]:
        """What they begin with, or are everywhere."""
        begin = {
            f"{one.name}_begins": f"{one.name}({one.along}={self._ends[one.along][0]:.17g}) = 0"
            for one in self.found
            if one.at is None
        }
        return begin | {
            f"{one.name}_is": f"{one.name}({one.along}={one.at:.17g}) = {one.of}({one.along}={one.at:.17g})"
            for one in self.found
            if one.at is not None
        }

    def replaced(self, texts: Texts, section: str) -> dict[str, Any]:
        """The texts of a section with fields in place of integrals; what is no text stays as it is.

        A condition that is about integrals alone, integral(u) = 1, stays as well: it holds as a whole.
        """
        result = dict(texts)
        for name, text in texts.items():
            if isinstance(text, str) and INTEGRAL in text:
                with about(f"{section}.{name}"):
                    result[name] = self._replaced(text, section)
        return result

    def _replaced(self, text: str, section: str) -> str:
        source = Source(text)
        cuts = [] if section == "functions" else [source.equal_sign()]
        spans = zip([0, *(cut + 1 for cut in cuts)], [*cuts, len(source.text)], strict=True)
        sides = [source.tree(*span) for span in spans]
        nodes = [node for side in sides for node in ast.walk(side)]
        if section == "conditions" and not any(map(_holds_somewhere, nodes)):
            if several := next((node for node in nodes if _is_integral(node) and len(node.args) > 1), None):
                raise source.error("a condition says where it holds, as in u(x=1) = integral(u, x)", several)
            return text
        if section == "conditions":
            self._refuse_empty(nodes, source)
        visitor = _Replace(self, source)
        new = [visitor.visit(side) for side in sides]
        return " = ".join(map(ast.unparse, new)) if visitor.replaced else text

    def _refuse_empty(self, nodes: list[ast.AST], source: Source) -> None:
        """Refuse `n(a=0) = integral(n, a)`: an integral up to a is 0 where a begins, and was meant over all of it."""
        places = {
            (keyword.arg, ast.unparse(keyword.value))
            for node in nodes
            if isinstance(node, ast.Call) and not _is_integral(node)
            for keyword in node.keywords
        }
        for node in filter(_is_integral, nodes):
            along = ast.unparse(node.args[-1]) if len(node.args) == 2 else None
            low, high = self._ends.get(along or "", (math.nan, math.nan))
            if any(name == along and _is_number(text, low, self._constants) for name, text in places):
                of = f"{ast.unparse(node.args[0])}, {along}"
                raise source.error(
                    f"integral({of}), up to {along}, is 0 where {along} = {low:g}; "
                    f"over all of it is integral({of}, {low:g}, {high:g})",
                    node,
                )

    def field(self, call: ast.Call, source: Source) -> ast.expr:
        """What stands in the place of one integral, whose integrand has none."""
        if call.keywords or len(call.args) not in (1, 2, 4):
            raise source.error(f"integral takes one, two or four arguments: {USAGE}", call)
        of, *about_it = map(ast.unparse, call.args)
        if not about_it:
            space = [name for name in self._ends if name != TIME]
            if not space:
                raise source.error(f"there is no space here; {USAGE}", call)
            for name in space:
                of = self._at(self._up_to(of, name), self._ends[name][1])
            return _name(of)
        along, *limits = about_it
        if along not in self._ends:
            raise source.error(f"{along!r} is no coordinate, and kernels k(x, s) cannot be had; {USAGE}", call)
        running = self._up_to(of, along)
        if not limits:
            return _name(running.name)
        low, high = (self._limit(text, along, source, node) for text, node in zip(limits, call.args[2:], strict=True))
        gained = _name(self._at(running, high))
        if low == self._ends[along][0]:
            return gained
        return ast.BinOp(left=gained, op=ast.Sub(), right=_name(self._at(running, low)))

    def _limit(self, text: str, along: str, source: Source, node: ast.expr) -> float:
        low, high = self._ends[along]
        try:
            value = float(constant(text, self._constants))
        except LanguageError:
            raise source.error("a limit of an integral is a number", node) from None
        if not low <= value <= high:
            raise source.error(f"{along} goes from {low:g} to {high:g}, and so do limits of integrals", node)
        return value

    def _up_to(self, of: str, along: str) -> Integrated:
        return self._field(of, along, None)

    def _at(self, running: Integrated, at: float) -> str:
        return self._field(running.name, running.along, at).name

    def _field(self, of: str, along: str, at: float | None) -> Integrated:
        key = (of, along, at)
        if key not in self._found:
            self._found[key] = Integrated(next(self._free), along, of, at)
        return self._found[key]

    def check(self, domain: Domain, system: str) -> None:
        """Refuse them where space is no box of Cartesian coordinates: a line through it may have several parts.

        Raises:
            LanguageError: It is none.
        """
        curved = system != CARTESIAN or not isinstance(domain, Box)
        if curved and (wrong := [one for one in self.found if one.along != TIME]):
            raise LanguageError(
                f"equations: an integral along {wrong[0].along} stands in an equation; so it can in a box of Cartesian "
                "coordinates alone. Under conditions, integral(u) = 1 holds over any domain"
            )

    def solutions(self, exact: dict[str, sympy.Expr], scope: Scope) -> dict[str, sympy.Expr]:
        """Of the fields, where the others are known.

        Raises:
            LanguageError: One is not found in closed form.
        """
        known = dict(exact)
        for one in self.found:
            if one.name in known:
                continue
            x = coordinate(one.along)
            if one.at is not None:
                known[one.name] = known[one.of].subs(x, _number(one.at))
                continue
            integrand = parse(one.of, scope).subs({scope.unknown(f): value for f, value in known.items()}).doit()
            known[one.name] = sympy.integrate(integrand, (x, _number(self._ends[one.along][0]), x))
            if known[one.name].has(sympy.Integral):
                raise LanguageError(
                    f"exact: the integral of {one.of} along {one.along} is not found; add it as {one.name}"
                )
        return known


class _Replace(ast.NodeTransformer):
    """Fields in place of integrals, the innermost first."""

    def __init__(self, integrals: Integrals, source: Source):
        self.integrals, self.source, self.replaced = integrals, source, 0

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if _is_integral(node.func):  # over a part of the boundary: refused later
            return node
        self.generic_visit(node)
        if not _is_integral(node):
            return node
        self.replaced += 1
        return ast.copy_location(self.integrals.field(node, self.source), node)


def _is_integral(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == INTEGRAL


def _is_number(text: str, value: float, constants: Mapping[str, sympy.Expr]) -> bool:
    try:
        return float(constant(text, constants)) == value
    except LanguageError:
        return False


def _holds_somewhere(node: ast.AST) -> bool:
    """Whether a place stands behind something that is no integral, as in u(x=0) or dn(u)(boundary)."""
    if not isinstance(node, ast.Call) or _is_integral(node.func):
        return False
    return not isinstance(node.func, ast.Name) or node.func.id not in (*OPERATORS, *ELEMENTARY)


def _name(name: str) -> ast.expr:
    return ast.Name(id=name, ctx=ast.Load())


def _number(value: float) -> sympy.Expr:
    """Exactly what it was written as, where that is a simple multiple of pi."""
    return sympy.nsimplify(value, [sympy.pi])
