"""A problem: a PDE as text, with its domain, conditions, parameters and what is known of the solution.

Shape letters: N points, D coordinates, F fields.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
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
    CARTESIAN,
    Integral,
    LanguageError,
    Scope,
    Statement,
    about,
    did_you_mean,
    has_field,
    normal,
    opaque,
    parameter,
    parse,
    parse_equation,
    torch_function,
)
from pinn.problem.equation import Equation, partner_name
from pinn.problem.functions import manufacture, read_functions
from pinn.problem.observations import WEIGHT, Observations
from pinn.problem.parameters import Learned, interval, read_parameters

HARD, SOFT = "hard", "soft"
MOST_COORDINATES = 1000
Number = str | int | float


class Problem:
    """Coordinates, fields, equations, conditions, and the truth where it is known.

    Args:
        coordinates: Name to interval; `t` is time, the others are space; `x1..x100` is a hundred of them.
        coordinate_system: Of space: `cartesian`, `polar`, `cylindrical` or `spherical`.
        domain: A shape in space, such as `{"disk": {"center": [0, 0], "radius": 1}}`; the box if there is none.
        fields: Names of the unknown functions; `{U: [u, v]}` for a vector and its components.
        equations: Name to text with one `=`; they hold inside the domain. One between vectors is one a component.
        conditions: Name to text that says where: `u(x=0) = 1`, `dn(u)(boundary) = 0`, `u(t=0) = sin(pi*x)`; or about
            integrals, `integral(u) = 0`.
        parameters: Name to number; to `{"range": [a, b]}`, for all of which the network is trained; to
            `{"learn": guess}`, a number to be found, perhaps `between` bounds and with a known `truth`; or to
            `{"field": guess}`, a function of the coordinates to be found.
        functions: Name to an expression; to `{"table": file}`; to a function of points (N, D) that gives (N,); or to
            `manufactured`: the source that makes `exact` solve it.
        observations: Name to data, see `Observations`.
        enforce: `hard` builds the conditions into the network, `soft` makes them losses; or one of them by condition.
        exact: Field to expression: the solution.
        reference: Name of a reference solution in `pinn.references`, or `{name: {option: value}}`.
        name: What the problem is called.

    Attributes:
        fields: All of them, those of the coefficients last.
        coefficients: Of those that are coefficients, the values that they begin with.
        learned: Numbers to be found.
        values: Functions of which only values are known: points (N, D) to (N,).
        observations: The data, by name.
        definition: The arguments.
        stated: The equations, as they hold inside the domain.
        conditions: All conditions, built in or not: what a reference solution starts from.
        equations: What has a loss: the equations, conditions that are not built in, misfits.
        built_in: The texts of those that are.

    Raises:
        LanguageError: Something in it is wrong: one message that quotes it and says what would be right.
    """

    def __init__(
        self,
        *,
        coordinates: Mapping[str, Sequence[Number]],
        coordinate_system: str = CARTESIAN,
        domain: Any = None,
        fields: Sequence[str | Mapping[str, Sequence[str]]] | Mapping[str, Sequence[str]],
        equations: Mapping[str, str],
        conditions: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        functions: Mapping[str, Any] | None = None,
        observations: Mapping[str, Any] | None = None,
        enforce: str | Mapping[str, str] = HARD,
        exact: Mapping[str, str] | None = None,
        reference: str | Mapping[str, Mapping[str, Any]] | None = None,
        name: str = "problem",
    ):
        _check_shape(coordinates=coordinates, equations=equations, conditions=conditions, parameters=parameters)
        _check_shape(functions=functions, exact=exact, observations=observations)
        if not coordinates:
            raise LanguageError("coordinates: at least one is needed, such as {x: [0, 1]}")
        self.name, self.reference = name, reference
        self.definition: dict[str, Any] = {
            "coordinates": coordinates, "coordinate_system": coordinate_system, "domain": domain, "fields": fields,
            "equations": equations, "conditions": conditions, "parameters": parameters, "functions": functions,
            "observations": observations, "enforce": enforce, "exact": exact, "reference": reference, "name": name,
        }  # fmt: skip
        read = read_parameters(parameters or {})
        self.learned, self.coefficients = read.learned, read.coefficients
        self.parameters = {key: float(value) for key, value in read.known.items()}
        names, vectors = _fields(fields)
        self.fields = (*names, *self.coefficients)
        intervals = _intervals(coordinates, read.known)
        with about("coordinates"):
            box = Box(intervals | read.ranges, tuple(read.ranges))
        self.domain = read_domain(domain, box, read.known)
        self.coordinate_names = self.domain.names
        bare = Scope(
            self.coordinate_names, self.fields, read.known, tuple(self.learned), tuple(read.ranges), vectors,
            system=coordinate_system,
        )  # fmt: skip
        given = read_functions(functions or {}, bare)
        self.values = given.values
        self.scope = replace(
            bare, constants={**read.known, **given.expressions}, symbols=(*self.learned, *given.sources),
            opaque=tuple(given.values),
        )  # fmt: skip
        self.exact = _exact(exact, self.scope, self.learned)
        if not equations:
            raise LanguageError("equations: at least one is needed, such as {poisson: lap(u) = 1}")
        interior = self._statements("equations", equations, self._interior)
        bounds = self._statements("conditions", conditions or {}, self._condition)
        for key in bounds:
            if key in interior:
                raise LanguageError(f"conditions: the name {key!r} is taken by an equation")
        replaced = {
            source: _true(f"functions.{source}", value, self.learned)
            for source, value in manufacture(given.sources, {**interior, **bounds}, self.exact, self.scope).items()
        }
        stated, bounds = (
            {key: replace(e, residual=e.residual.subs(replaced)) for key, e in statements.items()}
            for statements in (interior, bounds)
        )
        built, self.hard = self._build_in(bounds, _enforce(enforce, bounds, conditions or {}))
        soft = {key: equation for key, equation in bounds.items() if key not in built}
        self.built_in = {key: bounds[key].text for key in built}
        self.stated, self.conditions = stated, bounds
        self.observations = self._observations(observations or {}, {**stated, **bounds})
        self.equations: dict[str, Equation] = {**stated, **soft, **self._misfits()}

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
        if not isinstance(mapping, Mapping):
            raise LanguageError(f"{mapping!r} is no problem: it needs coordinates, fields and equations")
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

    def at(self, **values: float) -> "Problem":
        """The problem with numbers for some of the parameters, without its observations."""
        parameters = {**(self.definition["parameters"] or {}), **values}
        return Problem(**{**self.definition, "parameters": parameters, "observations": None})

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

    def _statements(
        self, section: str, texts: Mapping[str, str], read: Callable[[str, Statement, str], Equation]
    ) -> dict[str, Equation]:
        """The equations of a section; one between vectors is one for each component."""
        result = {}
        for name, text in texts.items():
            with about(f"{section}.{name}"):
                whole = parse_equation(text, self.scope)
                for suffix, statement in whole.components([x.name for x in self.scope.space]).items():
                    _needs_field(statement, text)
                    equation = read(f"{name}{suffix}", statement, text)
                    if equation.name in result:
                        raise LanguageError(f"the name {equation.name!r} is taken by another equation")
                    result[equation.name] = replace(equation, residual=self._of_values(equation.residual))
        return result

    def _interior(self, key: str, statement: Statement, text: str) -> Equation:
        if statement.place is not None:
            raise LanguageError("an equation holds inside the domain; put this one under conditions", text)
        if statement.residual.has(Integral):
            raise LanguageError("an equation with an integral holds as a whole; put this one under conditions", text)
        return Equation(key, text, statement.residual, self.domain.interior)

    def _condition(self, key: str, statement: Statement, text: str) -> Equation:
        integral = statement.residual.has(Integral)
        if statement.place is None and not integral:
            raise LanguageError("a condition says where it holds: u(x=0) = ..., u(boundary) = ...", text)
        place = self.domain.interior if statement.place is None else self._place(statement.place, text)
        if statement.partner is not None:
            place = _paired(place, self._place(statement.partner, text), text)
            return Equation(key, text, statement.left - _at_partner(statement.right, self.scope, text), place)
        if integral:
            place = replace(place, integral=True)
            return Equation(key, text, _integrand(statement.residual, self.domain.measure(place), text), place)
        return Equation(key, text, statement.residual, place)

    def _of_values(self, residual: sympy.Expr) -> sympy.Expr:
        """With inputs in place of the functions of which only values are known."""
        return residual.xreplace({opaque(name, self.scope.variables): parameter(name) for name in self.values})

    def _observations(self, given: Mapping[str, Any], taken: Mapping[str, Equation]) -> dict[str, Observations]:
        found = {}
        for name, data in given.items():
            with about(f"observations.{name}"):
                if name in taken:
                    raise LanguageError("the name is taken by an equation or a condition")
                found[name] = Observations(name, data, self.domain, self.fields)
        return found

    def _misfits(self) -> dict[str, Equation]:
        """One equation for each observed field: field = value, times the square root of the weight."""
        result = {}
        for name, data in self.observations.items():
            for field in data.quantities:
                key = name if len(data.quantities) == 1 else f"{name}_{field}"
                apart = self.scope.unknown(field) - parameter(data.data_name(field))
                text = f"{field} = observed"
                result[key] = Equation(key, text, parameter(data.data_name(WEIGHT)) * apart, data.place)
        return result

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


def configs() -> Path:
    """The folder of the configurations: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parents[1]
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
        for key in section or ():
            if not isinstance(key, str):
                raise LanguageError(f"{name}: {key!r} is no name: write a letter, then letters and digits")


def _fields(given: Any) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The names of all fields, and the vectors among them by their components."""
    entries = [given] if isinstance(given, Mapping) else given
    if isinstance(entries, str) or not isinstance(entries, Sequence) or not entries:
        raise LanguageError(f"fields: {given!r} is no list of names; write fields: [u], or [{{U: [u, v]}}, p]")
    names: list[str] = []
    vectors: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        for vector, components in entry.items() if isinstance(entry, Mapping) else ():
            if isinstance(components, str) or not isinstance(components, Sequence):
                raise LanguageError(
                    f"fields: the components of {vector} are {components!r}; write {{{vector}: [u, v]}}"
                )
            vectors[vector] = tuple(components)
        names += [entry] if not isinstance(entry, Mapping) else [c for parts in entry.values() for c in parts]
    return tuple(names), vectors


def _intervals(given: Mapping[str, Any], constants: Mapping[str, sympy.Expr]) -> dict[str, tuple[float, float]]:
    """By name; `x1..x100` stands for that many coordinates."""
    result = {}
    for name, ends in given.items():
        with about(f"coordinates.{name}"):
            for single in _numbered(str(name)):
                result[single] = interval(ends, constants)
    return result


def _numbered(name: str) -> list[str]:
    found = re.fullmatch(r"([A-Za-z_]+)(\d+)\.\.([A-Za-z_]+)(\d+)", name)
    if found is None:
        return [name]
    first, low, last, high = found.groups()
    if first != last or not int(low) < int(high) <= MOST_COORDINATES:
        raise LanguageError(f"{name!r} is no row of names; write one such as x1..x10, up to {MOST_COORDINATES}")
    return [f"{first}{number}" for number in range(int(low), int(high) + 1)]


def _integrand(residual: sympy.Expr, measure: float, text: str) -> sympy.Expr:
    """What has the mean zero where `residual`, a sum of integrals and numbers, is zero."""
    integrals = sorted(residual.atoms(Integral), key=sympy.default_sort_key)
    plain = {integral: sympy.Dummy(real=True) for integral in integrals}
    rest = residual.xreplace(plain)
    factors = {integral: rest.diff(symbol) for integral, symbol in plain.items()}
    outside = rest.subs(dict.fromkeys(plain.values(), 0))
    if has_field(rest) or any(f.free_symbols & set(plain.values()) for f in factors.values()):
        raise LanguageError("integrals stand in a sum, each times a number, beside nothing but numbers", text)
    size = sympy.Rational(repr(measure))
    return sympy.Add(*[factor * size * integral.args[0] for integral, factor in factors.items()]) + outside


def _exact(
    exact: Mapping[str, str] | None, scope: Scope, learned: Mapping[str, Learned]
) -> dict[str, sympy.Expr] | None:
    """The expressions, with the truth of what is to be learned put in."""
    if exact is None:
        return None
    if set(exact) != set(scope.fields):
        raise LanguageError(
            f"exact: has {', '.join(exact)}, but the fields are {', '.join(scope.fields)}; give each once"
        )
    result = {}
    known = replace(scope, fields=(), vectors={}, symbols=tuple(learned))
    for field in scope.fields:
        with about(f"exact.{field}"):
            result[field] = parse(str(exact[field]), known)
        result[field] = _true(f"exact.{field}", result[field], learned)
    return result


def _true(where: str, expression: sympy.Expr, learned: Mapping[str, Learned]) -> sympy.Expr:
    """With the true values of what is to be learned put in."""
    for name, value in learned.items():
        if parameter(name) not in expression.free_symbols:
            continue
        if value.truth is None:
            raise LanguageError(f"{where}: {name} is to be learned; say what it is, {{learn: guess, truth: value}}")
        expression = expression.subs(parameter(name), sympy.Rational(repr(value.truth)))
    return expression


def _enforce(enforce: Any, bounds: Mapping[str, Equation], conditions: Mapping[str, str]) -> dict[str, str]:
    """`hard` or `soft` for each condition; those about integrals are always soft, and a vector's by its whole name."""
    if not isinstance(enforce, str | Mapping):
        raise LanguageError(f"enforce: {enforce!r} is unknown; write hard, soft, or one of them by condition")
    given = dict.fromkeys(conditions, enforce) if isinstance(enforce, str) else dict(enforce)
    for key, value in ({"": enforce} if isinstance(enforce, str) else given).items():
        if value not in (HARD, SOFT):
            raise LanguageError(
                f"enforce: {value!r} is unknown{did_you_mean(str(value), (HARD, SOFT))}; write hard or soft"
            )
        if key and key not in conditions and key not in bounds:
            raise LanguageError(f"enforce: no condition is called {key!r}{did_you_mean(key, bounds)}")
    chosen = {}
    for key, bound in bounds.items():
        whole = next((name for name in conditions if key == name), key.rpartition("_")[0])
        chosen[key] = SOFT if bound.place.integral else given.get(key, given.get(whole, HARD))
    return chosen


def _needs_field(statement: Statement, text: str) -> None:
    if not has_field(statement.left if statement.partner else statement.residual):
        raise LanguageError("no field occurs in it, so there is nothing to solve for", text)
