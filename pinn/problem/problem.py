"""A problem: a PDE as text, with its domain, conditions, parameters and what is known of the solution.

Shape letters: N points, D coordinates, F fields.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import sympy
import torch
import yaml
from torch import Tensor

from pinn.files import yaml_text
from pinn.geometry import Box, Place, Sides, read_domain
from pinn.language import (
    CARTESIAN,
    Called,
    Integral,
    LanguageError,
    LostSource,
    Scope,
    Statement,
    about,
    called,
    did_you_mean,
    edges_of,
    opaque,
    parameter,
    parse_equation,
    parse_quantity,
    to_text,
    torch_function,
)
from pinn.language.interfaces import conditions as said_at
from pinn.language.interfaces import regular
from pinn.problem.building import Builder
from pinn.problem.conditions import (
    AUTO,
    HARD,
    SOFT,
    across,
    at_partner,
    enforced,
    integrand,
    need_normals,
    needs_field,
    no_walls,
    paired,
)
from pinn.problem.declarations import check_name, check_sections, read_fields, read_intervals
from pinn.problem.equation import Equation
from pinn.problem.functions import Functions, manufacture, read_exact, read_functions, with_truths
from pinn.problem.integrals import Integrals
from pinn.problem.observations import WEIGHT, Observations
from pinn.problem.parameters import read_parameters
from pinn.problem.paths import located
from pinn.problem.quantity import Quantity

Number = str | int | float


class Problem:
    """Coordinates, fields, equations, conditions, and the truth where it is known.

    Args:
        coordinates: Name to interval; `t` is time, the others are space; `x1..x100` is a hundred of them.
        coordinate_system: Of space: `cartesian`, `polar`, `cylindrical` or `spherical`.
        domain: A shape in space, such as `{"disk": {"center": [0, 0], "radius": 1}}`; the box if there is none.
        fields: Names of the unknown functions; `{U: [u, v]}` for a vector and its components.
        equations: Name to text with one `=`; they hold inside the domain. One between vectors is one a component. In
            a box, `integral(e)` is that over space, and `integral(e, x)` that up to x.
        conditions: Name to text that says where: `u(x=0) = 1`, `dn(u)(boundary) = 0`, `u(t=0) = sin(pi*x)`; or about
            integrals, `integral(u) = 0`.
        parameters: Name to number; to `{"range": [a, b]}`, for all of which the network is trained; to
            `{"learn": guess}`, a number to be found, perhaps `between` bounds and with a known `truth`; or to
            `{"field": guess}`, a function of the coordinates to be found, or `of` some of them.
        functions: Name to an expression; to `{"table": file}`; to a Python function, which gives (N,) of points (N, D)
            where its name stands alone, and of its arguments, (N,) each, where it is called, `law(u, u_x)`; or to
            `manufactured`: the source that makes `exact` solve it. A file cannot name Python functions.
        observations: Name to data, see `Observations`.
        enforce: `auto` builds the conditions into the network that can be, and makes losses of the others; `hard`
            refuses what cannot be built in; `soft` makes all losses; or one of them by condition, `auto` where
            nothing is said. Conditions about integrals as a whole are always losses.
        exact: Field to expression: the solution.
        reference: Name of a reference solution in `pinn.references`, or `{name: {option: value}}`.
        name: What the problem is called.

    Attributes:
        fields: All of them, those of the coefficients last.
        integrals: Of those that stand for integrals within the texts, which.
        coefficients: Of those that are coefficients, the values that they begin with.
        depends: Of those of them that depend on some coordinates alone, the numbers of these.
        learned: Numbers to be found.
        values: Functions of which only values are known: points (N, D) to (N,).
        observations: The data, by name.
        definition: The arguments.
        stated: The equations, as they hold inside the domain.
        sources: What was derived from the exact solution, by symbol.
        conditions: All conditions, built in or not: what a reference solution starts from.
        equations: What has a loss: the equations, conditions that are not built in, misfits.
        built_in: The texts of those that are.
        hard: What is built around the network, by field.
        softened: The reasons why conditions are losses for which `enforce` leaves that open, by their names.
        sides: The parts into which interfaces divide the domain, along which coefficients or sources jump or bend.
        across: What the equations say at interfaces, where fields are broken along them.
        lost: Why fields that are not cannot solve it; None: they can.
        inputs: What the network is to see in place of each coordinate, where conditions are built in by that; or None.

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
        enforce: str | Mapping[str, str] = AUTO,
        exact: Mapping[str, str] | None = None,
        reference: str | Mapping[str, Mapping[str, Any]] | None = None,
        name: str = "problem",
    ):
        check_sections(coordinates=coordinates, equations=equations, conditions=conditions, parameters=parameters)
        check_sections(functions=functions, exact=exact, observations=observations)
        equations = equations or {}
        if not coordinates:
            raise LanguageError("coordinates: at least one is needed, such as {x: [0, 1]}")
        self.name, self.reference = name, reference
        self.definition: dict[str, Any] = {
            "coordinates": coordinates, "coordinate_system": coordinate_system, "domain": domain, "fields": fields,
            "equations": equations, "conditions": conditions, "parameters": parameters, "functions": functions,
            "observations": observations, "enforce": enforce, "exact": exact, "reference": reference, "name": name,
        }  # fmt: skip
        for section, given_names in (("parameters", parameters), ("functions", functions)):  # before they are used
            for key in given_names or {}:
                check_name(f"{section}.{key}", key)
        read = read_parameters(parameters or {})
        self.learned, self.coefficients = read.learned, read.coefficients
        self.parameters = {key: float(value) for key, value in read.known.items()}
        names, vectors = read_fields(fields)
        for field in (*names, *vectors):
            check_name("fields", field)
        intervals = read_intervals(coordinates, read.known)
        named = {*names, *vectors, *intervals, *(parameters or {}), *(functions or {}), *equations}
        integrals = Integrals(intervals, read.known, named)
        equations = integrals.replaced(equations, "equations")
        conditions = integrals.replaced(conditions or {}, "conditions")
        functions = integrals.replaced(functions or {}, "functions")
        self.integrals = {one.name: one for one in integrals.found}
        equations, conditions = {**equations, **integrals.equations}, {**conditions, **integrals.conditions}
        self.fields = (*names, *self.integrals, *self.coefficients)
        with about("coordinates"):
            box = Box(intervals | read.ranges, tuple(read.ranges))
        self.domain = read_domain(domain, box, read.known)
        self.coordinate_names = self.domain.names
        for key in self.coordinate_names:
            check_name("coordinates", key)
        self.depends = {name: self._numbers(name, of) for name, of in read.depends.items()}
        bare = Scope(
            self.coordinate_names, self.fields, read.known, tuple(self.learned), tuple(read.ranges), vectors,
            system=coordinate_system, bounds=dict(zip(box.names, zip(box.lower, box.upper, strict=True), strict=True)),
        )  # fmt: skip
        given, self.scope = self._with_functions(functions, replace(bare, bounds={}))
        self.values = given.values
        edges: list[sympy.Expr] = []
        for key, text in equations.items():
            with about(f"equations.{key}"):
                edges += edges_of(text, self.scope)
        self.sides = Sides(edges, self.domain)
        if not self.sides:
            _, self.scope = self._with_functions(functions, bare)
        integrals.check(self.domain, coordinate_system)
        self.exact = read_exact(exact, self.scope, self.learned, integrals)
        if not equations:
            raise LanguageError("equations: at least one is needed, such as {poisson: lap(u) = 1}")
        interior, joints = self._within(equations, functions, bare)
        bounds = self._statements("conditions", conditions, self._condition, replace(self.scope, bounds=bare.bounds))
        for key in bounds:
            if key in interior:
                raise LanguageError(f"conditions: the name {key!r} is taken by an equation")
        self.sources = {
            source: with_truths(f"functions.{source}", value, self.learned)
            for source, value in manufacture(given.sources, {**interior, **bounds}, self.exact, self.scope).items()
        }
        stated, bounds, self.across = (
            {key: replace(e, residual=e.residual.subs(self.sources)) for key, e in statements.items()}
            for statements in (interior, bounds, joints)
        )
        self.stated, self.conditions = stated, bounds
        how = enforced(enforce, bounds, conditions)
        built = Builder(bounds, how, conditions, stated.values(), self.scope, self.domain, self.coefficients).build()
        self.hard, self.inputs, self.softened = built.ansatz, built.inputs, built.softened
        self.built_in = {key: bounds[key].text for key in built.keys}
        soft = {key: equation for key, equation in bounds.items() if key not in self.built_in}
        self.observations = self._observations(observations or {}, {**stated, **bounds}, read.known)
        self.equations: dict[str, Equation] = {**stated, **soft, **self._misfits()}

    @classmethod
    def load(cls, source: str | Path) -> "Problem":
        """A problem from a YAML file, or by its name in `configs/pde/`.

        Raises:
            LanguageError: There is no such problem, or something in it is wrong.
        """
        path = Path(str(source))
        if path.suffix not in (".yaml", ".yml"):
            folder = configs() / "pde"
            path = folder / f"{source}.yaml"
            if not os.path.isfile(path):  # no, too, of a name that no file can have
                known = sorted(p.stem for p in folder.glob("*.yaml"))
                hint = did_you_mean(str(source), known)
                raise LanguageError(f"unknown problem {str(source)!r}{hint}; the problems are {', '.join(known)}")
        try:
            given = yaml.safe_load(yaml_text(path))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise LanguageError(f"{path} cannot be read: {error}; write the path of a YAML file") from None
        return cls.from_mapping(located(given, path.parent), path.stem)

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
        changed = {"parameters": parameters, "observations": None, "enforce": self.enforce}
        return Problem(**{**self.definition, **changed})

    @property
    def broken(self) -> "Problem":
        """The same, with what the equations say at interfaces: for fields that are broken along them."""
        found = copy(self)
        found.equations = {**self.equations, **self.across}
        return found

    @property
    def enforce(self) -> dict[str, str]:
        """Whether each condition is built in, `hard`, or a loss, `soft`: what related problems are to have as well."""
        return {key: HARD if key in self.built_in else SOFT for key in self.conditions}

    def quantity(self, text: str) -> Quantity:
        """What a text says of the solution: `u_xx`, `grad(u)`, `q`, `dn(u)(boundary)`.

        Raises:
            LanguageError: The text is no expression of the language, or there is no such place.
        """
        parts, at = parse_quantity(text, self.scope)
        place = self.domain.interior if at is None else self._place(at, text)
        if any(part.has(Integral) for part in parts.values()):
            raise LanguageError("an integral is a number, no function: ask for solution.integral(...)", text)
        need_normals(parts.values(), place, self.scope, self.domain, text)
        known = {name: part.subs(self.sources) for name, part in parts.items()}
        named = {f"{text}_{name}".rstrip("_"): self._of_values(part) for name, part in known.items()}
        return Quantity(text, named, place)

    def _numbers(self, field: str, names: Sequence[str]) -> tuple[int, ...]:
        for name in names:
            if name not in self.coordinate_names:
                hint = did_you_mean(name, self.coordinate_names)
                raise LanguageError(f"parameters.{field}: of: no coordinate is called {name!r}{hint}")
        return tuple(self.coordinate_names.index(name) for name in names)

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

    def _with_functions(self, functions: Mapping[str, Any] | None, bare: Scope) -> tuple[Functions, Scope]:
        """The known functions, and a scope with them."""
        given = read_functions(functions or {}, bare)
        symbols, opaque = (*self.learned, *given.sources), tuple(given.values)
        return given, replace(bare, constants={**bare.constants, **given.expressions}, symbols=symbols, opaque=opaque)

    def _within(
        self, equations: Mapping[str, str], functions: Mapping[str, Any] | None, bare: Scope
    ) -> tuple[dict[str, Equation], dict[str, Equation]]:
        """The equations, and what they say at interfaces; sets `lost`."""
        self.lost: str | None = None
        if not self.sides:
            return self._statements("equations", equations, self._interior, self.scope), {}
        try:
            self._statements("equations", equations, self._interior, self._with_functions(functions, bare)[1])
        except LostSource as error:
            self.lost = str(error)
        _, scope = self._with_functions(functions, replace(bare, edges=self.sides.edges))
        found, result = self._statements("equations", equations, self._interior, scope), {}
        for key, equation in found.items():
            for place in self.sides.places:
                for condition in said_at(equation.residual, place.interface.edge):
                    residual = across(condition, self.scope)
                    if residual in {e.residual for e in result.values() if e.place == place}:
                        continue
                    names = (f"{key}_interface{k or ''}" for k in count())
                    name = next(n for n in names if n not in {**result, **found})
                    try:
                        text = f"{to_text(condition, self.scope)} = 0 at {place.name}"
                    except LanguageError:  # too long
                        text = f"{equation.text}, at {place.name}"
                    result[name] = Equation(name, text, self._of_values(residual), place)
        return {key: replace(e, residual=regular(e.residual)) for key, e in found.items()}, result

    def _statements(
        self, section: str, texts: Mapping[str, str], read: Callable[[str, Statement, str], Equation], scope: Scope
    ) -> dict[str, Equation]:
        """The equations of a section; one between vectors is one for each component."""
        result = {}
        for name, text in texts.items():
            with about(f"{section}.{name}"):
                whole = parse_equation(text, scope)
                for suffix, statement in whole.components([x.name for x in self.scope.space]).items():
                    needs_field(statement, text)
                    equation = read(f"{name}{suffix}", statement, text)
                    if equation.name in result:
                        raise LanguageError(f"the name {equation.name!r} is taken by another equation")
                    result[equation.name] = replace(
                        equation,
                        text=f"{text} ({suffix.lstrip('_')} component)" if suffix else text,
                        residual=self._of_values(equation.residual),
                    )
        return result

    def _interior(self, key: str, statement: Statement, text: str) -> Equation:
        if statement.place not in (None, "interior") or statement.partner is not None:
            raise LanguageError("an equation holds inside the domain; put this one under conditions", text)
        if statement.residual.has(Integral):
            raise LanguageError("an equation has integrals along coordinates: integral(e), integral(e, x)", text)
        need_normals([statement.residual], self.domain.interior, self.scope, self.domain, text)
        return Equation(key, text, statement.residual, self.domain.interior)

    def _condition(self, key: str, statement: Statement, text: str) -> Equation:
        integral = statement.residual.has(Integral)
        if statement.place is None and not integral:
            raise LanguageError("a condition says where it holds: u(x=0) = ..., u(boundary) = ...", text)
        if statement.place == "interior":
            raise LanguageError("what holds inside the domain is an equation: put it under equations", text)
        place = self.domain.interior if statement.place is None else self._place(statement.place, text)
        need_normals([statement.residual], place, self.scope, self.domain, text)
        if place.boundary and not integral and (ends := no_walls(self.scope.calculus.system, self.domain)):
            raise LanguageError(
                f"the boundary has {', '.join(ends)}, where coordinates end and no wall is: write the faces at which "
                "it holds, such as (r=1); a whole turn takes u(phi=0) = u(phi=2*pi), an axis no condition",
                text,
            )
        if statement.partner is not None:
            place = paired(place, self._place(statement.partner, text), text)
            return Equation(key, text, statement.left - at_partner(statement.right, self.scope, text), place)
        if integral:
            place = replace(place, integral=True)
            return Equation(key, text, integrand(statement.residual, place, self.scope, self.domain, text), place)
        return Equation(key, text, statement.residual, place)

    def _of_values(self, residual: sympy.Expr) -> sympy.Expr:
        """With inputs in place of the functions of which only values are known."""
        inputs = residual.xreplace({opaque(name, self.scope.variables): parameter(name) for name in self.values})
        return inputs.replace(lambda e: isinstance(e, Called), lambda e: self._python[e.label](*e.args))

    @cached_property
    def _python(self) -> dict[str, type[Called]]:
        """Functions that stand in a text with arguments."""
        return {name: called(name, getattr(values, "of_values", values)) for name, values in self.values.items()}

    def _observations(
        self, given: Mapping[str, Any], taken: Mapping[str, Equation], constants: Mapping[str, sympy.Expr]
    ) -> dict[str, Observations]:
        found = {}
        for name, data in given.items():
            with about(f"observations.{name}"):
                if name in taken:
                    raise LanguageError("the name is taken by an equation or a condition")
                found[name] = Observations(name, data, self.domain, self.fields, constants)
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
        if place == "interior":
            return self.domain.interior
        try:
            return self.domain.face(dict(place)) if isinstance(place, tuple) else self.domain.part(place)
        except ValueError as error:
            raise LanguageError(str(error), text) from None


def configs() -> Path:
    """The folder of the configurations: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parents[1]
    return next(folder for folder in (package / "configs", package.parent / "configs") if (folder / "pde").is_dir())
