"""Known functions: expressions, tables, Python functions, and the sources that make a solution exact."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sympy
import torch
from sympy.core.function import AppliedUndef
from torch import Tensor

from pinn.language import LanguageError, Scope, about, has_field, parameter, parse, parse_function, partner_name
from pinn.language.calculus import Value
from pinn.problem.equation import Equation
from pinn.problem.integrals import Integrals
from pinn.problem.parameters import Learned
from pinn.problem.tables import table

MANUFACTURED = "manufactured"
Values = Callable[[Tensor], Tensor]  # points (N, D) to values (N,)


@dataclass(frozen=True)
class Handed:
    """A Python function that somebody has handed over: what it gives is looked at before it is computed with."""

    name: str
    function: Callable[..., Any]

    def __call__(self, x: Tensor) -> Tensor:
        """Points (N, D) to values (N,)."""
        found = self.function(x)
        if not isinstance(found, Tensor):
            raise self._error(f"{type(found).__name__} for {len(x)} points")
        return self._checked(found, x.shape[:1], f"{len(x)} points")

    def of_values(self, *arguments: Any) -> Any:
        """Of numbers and tensors of one shape to values of that shape."""
        found, given = self.function(*arguments), [a for a in arguments if isinstance(a, Tensor)]
        if isinstance(found, int | float) or not given and isinstance(found, Tensor):
            return found
        if not isinstance(found, Tensor):
            raise self._error(type(found).__name__)
        shape = torch.broadcast_shapes(*[a.shape for a in given])
        return found if not found.shape else self._checked(found, shape, f"arguments of the shape {tuple(shape)}")

    def _checked(self, found: Tensor, shape: torch.Size, given: str) -> Tensor:
        if found.shape != shape or found.is_complex():
            raise self._error(f"values of the shape {tuple(found.shape)} and type {found.dtype} for {given}")
        return found

    def _error(self, found: str) -> LanguageError:
        return LanguageError(f"functions.{self.name} gives {found}; it should give a real tensor, one number a point")


@dataclass(frozen=True)
class Functions:
    """What stands under `functions:`, by kind.

    Attributes:
        expressions: Numbers, vectors and tensors, with everything that they name put in.
        values: Functions of which only values are known.
        sources: Names of those that are derived from the exact solution.
    """

    expressions: dict[str, Value] = field(default_factory=dict)
    values: dict[str, Values] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)


def read_functions(given: Mapping[str, Any], scope: Scope) -> Functions:
    """Sort and read them, each in the scope of those before it.

    Raises:
        LanguageError: One is no expression, table or function.
    """
    result = Functions()
    known = dict(scope.constants)
    for name, value in given.items():
        with about(f"functions.{name}"):
            match value:
                case "manufactured":
                    result.sources.append(name)
                case {"table": file} if len(value) == 1:
                    result.values[name] = table(file, name, scope.coordinates, scope.bounds)
                case Mapping():
                    raise LanguageError(f"{dict(value)!r} is no function; write an expression or {{table: data.csv}}")
                case function if callable(function):
                    result.values[name] = Handed(name, function)
                case _:
                    names = replace(scope, constants=known, opaque=(*scope.opaque, *result.values))
                    known[name] = result.expressions[name] = parse_function(str(value), names)
    return result


def manufacture(
    sources: list[str], equations: Mapping[str, Equation], exact: Mapping[str, sympy.Expr] | None, scope: Scope
) -> dict[sympy.Symbol, sympy.Expr]:
    """The sources with which `exact` solves the equations: each stands linearly in one equation.

    Raises:
        LanguageError: There is no exact solution, or a source stands elsewhere.
    """
    replaced = {}
    for source in sources:
        with about(f"functions.{source}"):
            if exact is None:
                raise LanguageError("a manufactured source needs the solution: add exact: {field: expression}")
            q = parameter(source)
            users = [equation for equation in equations.values() if equation.residual.has(q)]
            if len(users) != 1:
                raise LanguageError(f"a manufactured source stands in one equation, this one in {len(users)}")
            factor, rest = users[0].residual.diff(q), users[0].residual.subs(q, 0)
            if factor.has(q) or has_field(factor):
                raise LanguageError("a manufactured source stands as a term of its own, times a known factor")
            replaced[q] = -rest.subs(_solution(users[0], exact, scope)).doit() / factor
    return replaced


def solved_by(equation: Equation, exact: Mapping[str, sympy.Expr], scope: Scope) -> sympy.Expr:
    """What is left of an equation with a solution put in: zero, if it is one."""
    solution = _solution(equation, exact, scope)
    atoms = equation.residual.atoms(sympy.Derivative) | equation.residual.atoms(AppliedUndef)
    # derivative by derivative: to substitute first and differentiate then takes sympy ten times as long
    known = {
        atom: solution[atom.expr].diff(*atom.variables) if isinstance(atom, sympy.Derivative) else solution[atom]
        for atom in atoms
    }
    return equation.residual.xreplace(known)


def _solution(equation: Equation, exact: Mapping[str, sympy.Expr], scope: Scope) -> dict[sympy.Expr, sympy.Expr]:
    """The exact solution for the fields, and for the fields at the partners of an equation's points."""
    solution = {scope.unknown(name): expression for name, expression in exact.items()}
    here = dict(equation.place.fixed)
    moved = {i: sympy.Rational(repr(value - here[i])) for i, value in equation.place.partner}
    there = {scope.variables[i]: scope.variables[i] + shift for i, shift in moved.items()}
    for name, expression in exact.items() if there else ():
        solution[sympy.Function(partner_name(name))(*scope.variables)] = expression.subs(there)
    return solution


def read_exact(
    exact: Mapping[str, str] | None, scope: Scope, learned: Mapping[str, Learned], integrals: Integrals
) -> dict[str, sympy.Expr] | None:
    """The expressions, with the truth of what is to be learned put in."""
    if exact is None:
        return None
    fields = [field for field in scope.fields if field in exact or field not in {one.name for one in integrals.found}]
    if set(exact) != set(fields):
        raise LanguageError(f"exact: has {', '.join(exact)}, but the fields are {', '.join(fields)}; give each once")
    result = {}
    known = replace(scope, fields=(), vectors={}, symbols=tuple(learned))
    for name in fields:
        with about(f"exact.{name}"):
            result[name] = parse(str(exact[name]), known)
        result[name] = with_truths(f"exact.{name}", result[name], learned)
    return integrals.solutions(result, scope)


def with_truths(where: str, expression: sympy.Expr, learned: Mapping[str, Learned]) -> sympy.Expr:
    """With the true values of what is to be learned put in."""
    for name, value in learned.items():
        if parameter(name) not in expression.free_symbols:
            continue
        if value.truth is None:
            raise LanguageError(f"{where}: {name} is to be learned; say what it is, {{learn: guess, truth: value}}")
        expression = expression.subs(parameter(name), sympy.Rational(repr(value.truth)))
    return expression
