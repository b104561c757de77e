"""A problem: a PDE as text, with its domain, conditions, parameters and what is known of the solution.

Shape letters: N points, D coordinates, F fields.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import sympy
import torch
import yaml
from torch import Tensor

from pinn.ansatz import Ansatz, Trace, build_ansatz, trace_condition
from pinn.geometry import Box, Place, read_domain
from pinn.language import (
    LanguageError,
    Scope,
    Statement,
    about,
    constant,
    did_you_mean,
    has_field,
    normal,
    parameter,
    parse,
    parse_equation,
    torch_function,
)

MANUFACTURED = "manufactured"
HARD, SOFT = "hard", "soft"
Number = str | int | float


@dataclass(frozen=True)
class Equation:
    """One loss term: `residual = 0` at `place`.

    Attributes:
        name: What its curve, its loss and its weight are called.
        text: As it was written.
        residual: Left-hand side minus right-hand side.
        place: Where it holds.
    """

    name: str
    text: str
    residual: sympy.Expr
    place: Place


class Problem:
    """Coordinates, fields, equations, conditions, and the truth where it is known.

    Args:
        coordinates: Name to interval; `t` is time, the others are space.
        domain: A shape in space, such as `{"disk": {"center": [0, 0], "radius": 1}}`; the box if there is none.
        fields: Names of the unknown functions.
        equations: Name to text with one `=`; they hold inside the domain.
        conditions: Name to text that says where: `u(x=0) = 1`, `dn(u)(boundary) = 0`, `u(t=0) = sin(pi*x)`.
        parameters: Name to number, or to `{"learn": guess}` for a parameter to be found.
        functions: Name to an expression of the coordinates, or `manufactured`: the source that makes `exact` solve it.
        enforce: `hard` builds the conditions into the network, `soft` makes them losses; or one of them by condition.
        exact: Field to expression: the solution.
        reference: Name of a reference solution in `pinn.references`, or `{name: {option: value}}`.
        name: What the problem is called.

    Attributes:
        stated: The equations, as they hold inside the domain.
        conditions: All conditions, built in or not: what a reference solution starts from.
        equations: What has a loss: the equations, and the conditions that are not built into the network.
        built_in: The texts of those that are.

    Raises:
        LanguageError: Something in it is wrong: one message that quotes it and says what would be right.
    """

    def __init__(
        self,
        *,
        coordinates: Mapping[str, Sequence[Number]],
        domain: Any = None,
        fields: Sequence[str],
        equations: Mapping[str, str],
        conditions: Mapping[str, str] | None = None,
        parameters: Mapping[str, Number | Mapping[str, Number]] | None = None,
        functions: Mapping[str, str] | None = None,
        enforce: str | Mapping[str, str] = HARD,
        exact: Mapping[str, str] | None = None,
        reference: str | Mapping[str, Mapping[str, Any]] | None = None,
        name: str = "problem",
    ):
        _check_shape(coordinates=coordinates, equations=equations, conditions=conditions, parameters=parameters)
        _check_shape(functions=functions, exact=exact)
        self.name, self.reference = name, reference
        self.fields = _names(fields)
        constants, self.learned = _parameters(parameters or {})
        self.parameters = {key: float(value) for key, value in constants.items()}
        box = Box({key: _interval(key, ends, constants) for key, ends in coordinates.items()})
        self.domain = read_domain(domain, box, constants)
        self.coordinate_names = self.domain.names
        bare = Scope(self.coordinate_names, self.fields, constants, tuple(self.learned))
        sources, given = _functions(functions or {}, bare)
        self.exact = _exact(exact, Scope(self.coordinate_names, self.fields, given, tuple(self.learned)))
        self.scope = Scope(self.coordinate_names, self.fields, given, (*self.learned, *sources))
        if not equations:
            raise LanguageError("equations: at least one is needed, such as {poisson: lap(u) = 1}")
        interior = {key: self._interior(key, text) for key, text in equations.items()}
        bounds = {key: self._condition(key, text) for key, text in (conditions or {}).items()}
        for key in bounds:
            if key in interior:
                raise LanguageError(f"conditions: the name {key!r} is taken by an equation")
        replaced = _manufacture(sources, {**interior, **bounds}, self.exact, self.scope)
        stated, bounds = (
            {key: Equation(key, e.text, e.residual.subs(replaced), e.place) for key, e in statements.items()}
            for statements in (interior, bounds)
        )
        built, self.hard = self._build_in(bounds, _enforce(enforce, bounds))
        soft = {key: equation for key, equation in bounds.items() if key not in built}
        self.built_in = {key: bounds[key].text for key in built}
        self.stated, self.conditions = stated, bounds
        self.equations: dict[str, Equation] = {**stated, **soft}

    @classmethod
    def load(cls, source: str | Path) -> "Problem":
        """A problem from a YAML file, or by its name in `configs/pde/`.

        Raises:
            LanguageError: There is no such problem, or something in it is wrong.
        """
        path = Path(source)
        if path.suffix not in (".yaml", ".yml"):
            folder = configs() / "pde"
            path = folder / f"{source}.yaml"
            if not path.exists():
                known = sorted(p.stem for p in folder.glob("*.yaml"))
                hint = did_you_mean(str(source), known)
                raise LanguageError(f"unknown problem {str(source)!r}{hint}; the problems are {', '.join(known)}")
        return cls.from_mapping(yaml.safe_load(path.read_text()), path.stem)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], name: str = "problem") -> "Problem":
        """A problem from the mapping that a YAML file holds.

        Raises:
            LanguageError: A key is unknown or missing, or a value is wrong.
        """
        allowed = [p for p in inspect.signature(cls).parameters if p != "name"]
        for key in mapping:
            if key not in allowed:
                raise LanguageError(
                    f"unknown key {key!r}{did_you_mean(str(key), allowed)}; keys are {', '.join(allowed)}"
                )
        for key in ("coordinates", "fields", "equations"):
            if key not in mapping:
                raise LanguageError(f"the key {key!r} is missing: a problem needs coordinates, fields and equations")
        return cls(name=name, **mapping)

    @cached_property
    def _exact_function(self) -> Callable[..., list[Any]]:
        assert self.exact is not None
        return torch_function(self.scope.variables, [self.exact[field] for field in self.fields])

    def exact_values(self, x: Tensor) -> Tensor | None:
        """The exact solution (N, F) at the points (N, D), None where it is not known."""
        if self.exact is None:
            return None
        columns = self._exact_function(*x.unbind(1))
        return torch.stack([x[:, 0] * 0 + column for column in columns], dim=1)

    def _interior(self, key: str, text: str) -> Equation:
        with about(f"equations.{key}"):
            statement = parse_equation(text, self.scope)
            if statement.place is not None:
                raise LanguageError("an equation holds inside the domain; put this one under conditions", text)
            _needs_field(statement, text)
            return Equation(key, text, statement.residual, self.domain.interior)

    def _condition(self, key: str, text: str) -> Equation:
        with about(f"conditions.{key}"):
            statement = parse_equation(text, self.scope)
            _needs_field(statement, text)
            if statement.place is None:
                raise LanguageError("a condition says where it holds: u(x=0) = ..., u(boundary) = ...", text)
            place = self._place(statement.place, text)
            if statement.partner is None:
                return Equation(key, text, statement.residual, place)
            place = _paired(place, self._place(statement.partner, text), text)
            return Equation(key, text, statement.left - _at_partner(statement.right, self.scope, text), place)

    def _place(self, place: str | tuple[tuple[str, float], ...], text: str) -> Place:
        try:
            return self.domain.face(dict(place)) if isinstance(place, tuple) else self.domain.part(place)
        except ValueError as error:
            raise LanguageError(str(error), text) from None

    def _build_in(self, bounds: dict[str, Equation], how: dict[str, str]) -> tuple[list[str], dict[str, Ansatz]]:
        """The conditions that become part of the network, and the ansatz of each field."""
        traces: dict[str, list[Trace]] = {}
        built = [key for key in bounds if how[key] == HARD]
        for key in built:
            with about(f"conditions.{key}"), _or_soft(key, bounds[key].text):
                trace = trace_condition(bounds[key].residual, bounds[key].place, self.scope, self.domain)
                traces.setdefault(trace.field, []).append(trace)
        ansatz = {}
        for field, of_field in traces.items():
            with about(f"conditions on {field}"), _or_soft(built[-1], ""):
                ansatz[field] = build_ansatz(self.domain, of_field)
        return built, ansatz


def _paired(place: Place, partner: Place, text: str) -> Place:
    """The first face, whose points know their partners on the second."""
    if not place.fixed or [i for i, _ in place.fixed] != [i for i, _ in partner.fixed]:
        raise LanguageError("a condition between two places takes two faces of one coordinate: u(x=0) = u(x=1)", text)
    return replace(place, name=f"{place.name}~{partner.name}", partner=partner.fixed)


def _at_partner(expression: sympy.Expr, scope: Scope, text: str) -> sympy.Expr:
    """The expression in the fields at the partners of the points."""
    if {normal(name) for name in scope.coordinates} & expression.free_symbols:
        raise LanguageError("outward normals of two faces differ: write u_x(x=0) = u_x(x=1) for dn(u)", text)
    moved = {scope.unknown(field): sympy.Function(partner_name(field))(*scope.variables) for field in scope.fields}
    return expression.subs(moved).doit()


def partner_name(field: str) -> str:
    """What a field is called at the partners of points on another face."""
    return f"{field}__partner"


def configs() -> Path:
    """The folder of the configurations: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parent
    return next(folder for folder in (package / "configs", package.parent / "configs") if (folder / "pde").is_dir())


@contextmanager
def _or_soft(key: str, text: str) -> Iterator[None]:
    try:
        yield
    except LanguageError as error:
        quoted = f"{text!r} " if text else ""
        raise LanguageError(
            f"{quoted}cannot be built into the network: {error.reason}; "
            f"write enforce: {{{key}: soft}} to make it a loss"
        ) from None


def _check_shape(**sections: Any) -> None:
    for name, section in sections.items():
        if section is not None and not isinstance(section, Mapping):
            raise LanguageError(f"{name}: {section!r} is no mapping; write {name}: {{name: value}}")


def _names(fields: Any) -> tuple[str, ...]:
    if isinstance(fields, str) or not isinstance(fields, Sequence) or not fields:
        raise LanguageError(f"fields: {fields!r} is no list of names; write fields: [u]")
    return tuple(fields)


def _interval(name: str, ends: Any, constants: Mapping[str, sympy.Expr]) -> tuple[float, float]:
    with about(f"coordinates.{name}"):
        if isinstance(ends, str) or not isinstance(ends, Sequence) or len(ends) != 2:
            raise LanguageError(f"{ends!r} is no interval; write two numbers, such as [0, 1]")
        return float(constant(ends[0], constants)), float(constant(ends[1], constants))


def _parameters(parameters: Mapping[str, Any]) -> tuple[dict[str, sympy.Expr], dict[str, float]]:
    """The known ones, exactly, and the guesses of those to be learned."""
    known: dict[str, sympy.Expr] = {}
    learned: dict[str, float] = {}
    for name, value in parameters.items():
        with about(f"parameters.{name}"):
            if isinstance(value, Mapping):
                if set(value) != {"learn"}:
                    raise LanguageError(f"{dict(value)!r} is no parameter; write a number or {{learn: guess}}")
                learned[name] = float(constant(value["learn"], known))
            else:
                known[name] = constant(value, known)
    return known, learned


def _exact(exact: Mapping[str, str] | None, scope: Scope) -> dict[str, sympy.Expr] | None:
    if exact is None:
        return None
    if set(exact) != set(scope.fields):
        raise LanguageError(
            f"exact: has {', '.join(exact)}, but the fields are {', '.join(scope.fields)}; give each once"
        )
    result = {}
    known = Scope(scope.coordinates, (), scope.constants, scope.symbols)
    for field in scope.fields:
        with about(f"exact.{field}"):
            result[field] = parse(str(exact[field]), known)
    return result


def _functions(functions: Mapping[str, str], scope: Scope) -> tuple[list[str], dict[str, sympy.Expr]]:
    """Names of the manufactured sources, and all constants with the known functions added in their order."""
    sources = [name for name, text in functions.items() if text == MANUFACTURED]
    known = dict(scope.constants)
    for name, text in functions.items():
        if name not in sources:
            with about(f"functions.{name}"):
                known[name] = parse(str(text), Scope(scope.coordinates, (), known, scope.symbols))
    return sources, known


def _manufacture(
    sources: list[str], equations: Mapping[str, Equation], exact: Mapping[str, sympy.Expr] | None, scope: Scope
) -> dict[sympy.Symbol, sympy.Expr]:
    """The sources with which `exact` solves the equations: each stands linearly in one equation."""
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
            solution = {scope.unknown(field): expression for field, expression in exact.items()}
            here = dict(users[0].place.fixed)
            moved = {i: sympy.Rational(repr(value - here[i])) for i, value in users[0].place.partner}
            there = {scope.variables[i]: scope.variables[i] + shift for i, shift in moved.items()}
            for field, expression in exact.items() if there else ():
                solution[sympy.Function(partner_name(field))(*scope.variables)] = expression.subs(there)
            replaced[q] = -rest.subs(solution).doit() / factor
    return replaced


def _enforce(enforce: Any, bounds: Mapping[str, Equation]) -> dict[str, str]:
    """`hard` or `soft` for each condition."""
    chosen = dict.fromkeys(bounds, enforce) if isinstance(enforce, str) else {**dict.fromkeys(bounds, HARD), **enforce}
    for key, value in ({"": enforce} if isinstance(enforce, str) else chosen).items():
        if value not in (HARD, SOFT):
            raise LanguageError(
                f"enforce: {value!r} is unknown{did_you_mean(str(value), (HARD, SOFT))}; write hard or soft"
            )
        if key and key not in bounds:
            raise LanguageError(f"enforce: no condition is called {key!r}{did_you_mean(key, bounds)}")
    return chosen


def _needs_field(statement: Statement, text: str) -> None:
    if not has_field(statement.left if statement.partner else statement.residual):
        raise LanguageError("no field occurs in it, so there is nothing to solve for", text)
