"""Problems rewritten in other units: x = a*X, u = b*U, k = c*K, and each equation times a number.

What solves the one solves the other: u(x) = b*U(x/a).
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportReturnType=false
# pyright: reportAssignmentType=false, reportOperatorIssue=false, reportCallIssue=false

import random
from dataclasses import dataclass
from numbers import Real

import sympy
import torch
from sympy.core.function import AppliedUndef

from pinn import metrics
from pinn.language import CARTESIAN, Integral, parse_equation, to_text
from pinn.problem import Problem
from pinn.references import truth
from pinn.solution import Solution, held_out

MOST = 6.0  # of the logarithms of units
ANGLES = ("phi", "theta")
ANYWHERE = ("ode",)  # references that take a problem in any units

Numbers = dict[str, sympy.Rational]


@dataclass(frozen=True)
class Units:
    """How large a new unit is in the old ones, by name, and what equations and conditions are multiplied by.

    Attributes:
        coordinates: Of these, those of the network's inputs included.
        fields: Of these, coefficients included.
        learned: Of numbers to be found.
        factors: By equation and condition; of components that of the vector.
    """

    coordinates: Numbers
    fields: Numbers
    learned: Numbers
    factors: Numbers

    @classmethod
    def drawn(cls, problem: Problem, seed: int, most: float = MOST) -> "Units":
        """From 10**-most to 10**most, all logarithms alike; one length where a shape or an angle needs it."""
        given, generator = problem.definition, random.Random(seed)

        def draw(names) -> Numbers:
            return {name: sympy.Rational(f"{10 ** generator.uniform(-most, most):.2e}") for name in names}

        coordinates = draw(problem.coordinate_names)
        if given["domain"] is not None or given["coordinate_system"] != CARTESIAN:
            length = coordinates[problem.scope.space[0].name]
            coordinates |= {x.name: sympy.Integer(1) if x.name in ANGLES else length for x in problem.scope.space}
        factors = draw([*given["equations"], *(given["conditions"] or {})])
        return cls(coordinates, draw(problem.fields), draw(problem.learned), factors)

    def of(self, text: sympy.Expr, problem: Problem) -> sympy.Expr:
        """What stands in the new problem for an expression of the old one."""
        volume = sympy.prod(self.coordinates[x.name] for x in problem.scope.variables)
        whole = {one: volume * Integral(self.of(one.args[0], problem)) for one in text.atoms(Integral)}
        if whole:
            return text.xreplace(whole)
        sizes, plain = {}, {}
        for atom in [*text.atoms(sympy.Derivative), *text.atoms(AppliedUndef)]:
            by = atom.variables if isinstance(atom, sympy.Derivative) else ()
            field = (atom.expr if by else atom).func.__name__
            sizes[atom] = self.fields[field] / sympy.prod(self.coordinates[x.name] for x in by)
            plain[atom] = sympy.Dummy(real=True)
        for atom in plain:  # derivatives first: fields stand in them
            text = text.xreplace({atom: plain[atom]})
        of_numbers = {sympy.Symbol(name, real=True): size for name, size in self.learned.items()}
        of_points = {x: self.coordinates[x.name] for x in problem.scope.variables}
        text = text.xreplace({one: size * one for one, size in {**of_numbers, **of_points}.items()})
        return text.xreplace({symbol: sizes[atom] * atom for atom, symbol in plain.items()})


def rewritten(problem: Problem, units: Units) -> Problem:
    """A problem in other units."""
    given, scope = problem.definition, problem.scope

    def bound(name, value) -> float:
        return value / float(units.coordinates[name])

    def at(place) -> str:
        if place is None or isinstance(place, str):
            return f"({place})" if place else ""
        return "(" + ", ".join(f"{name}={bound(name, value)!r}" for name, value in place) + ")"

    def texts(section) -> dict[str, str]:
        found = {}
        for key, text in (given[section] or {}).items():
            for suffix, said in parse_equation(text, scope).components([x.name for x in scope.space]).items():
                both = [
                    to_text(units.factors[key] * units.of(side, problem), scope) for side in (said.left, said.right)
                ]
                found[key + suffix] = f"({both[0]}){at(said.place)} = ({both[1]}){at(said.partner)}"
        return found

    domain = problem.domain
    bounds = {
        name: [bound(name, low), bound(name, high)]
        for name, low, high in zip(domain.names, domain.lower, domain.upper, strict=True)
    }
    length = scope.space[0].name if scope.space else ""
    exact = {f: to_text(units.of(e, problem) / units.fields[f], scope) for f, e in (problem.exact or {}).items()}
    return Problem(
        coordinates={name: ends for name, ends in bounds.items() if name not in domain.parameters},
        coordinate_system=given["coordinate_system"],
        domain=_scaled(given["domain"], lambda value: bound(length, value)),
        fields=given["fields"],
        equations=texts("equations"),
        conditions=texts("conditions"),
        parameters={
            **{name: {"range": bounds[name]} for name in domain.parameters},
            **{name: _learned(one, float(units.learned[name])) for name, one in problem.learned.items()},
            **{name: {**given["parameters"][name], "field": guess / float(units.fields[name])}
               for name, guess in problem.coefficients.items()},
        },  # fmt: skip
        functions=dict.fromkeys(map(str, problem.sources), "manufactured"),
        observations=_observed(problem, units, bound),
        enforce=given["enforce"] if isinstance(given["enforce"], str) else "auto",
        exact=exact or None,
        reference=problem.reference if problem.reference in ANYWHERE else None,
        name=f"{problem.name}_rewritten",
    )  # fmt: skip


def _scaled(shape, by):
    """Numbers of a shape."""
    if isinstance(shape, dict):
        return {key: _scaled(value, by) for key, value in shape.items()}
    if isinstance(shape, list):
        return [_scaled(value, by) for value in shape]
    return by(shape) if isinstance(shape, Real) else shape


def _learned(one, unit: float):
    found = {"learn": one.guess / unit}
    if one.bounds:
        found["between"] = [end / unit for end in one.bounds]
    return {**found, **({} if one.truth is None else {"truth": one.truth / unit})}


def _observed(problem: Problem, units: Units, bound):
    """Noise is a number for all quantities: then there is one."""
    found = {}
    for name, data in problem.observations.items():
        given = dict(problem.definition["observations"][name])
        if data.noise:
            (quantity,) = data.quantities
            given["noise"] = data.noise / float(units.fields[quantity])
        if "within" in given:
            given["within"] = {x: [bound(x, end) for end in ends] for x, ends in given["within"].items()}
        found[name] = given
    return found


def errors(solution: Solution, problem: Problem, units: Units | None = None) -> dict[str, float]:
    """Of each field and number the error, relative, where the problem is the old one and the solution of either."""
    x, true = held_out(problem, 2**12), truth(problem)
    assert true is not None
    there, sizes = torch.ones_like(x[0]), torch.ones_like(true(x)[0])
    if units:
        there = torch.tensor([float(units.coordinates[name]) for name in problem.coordinate_names], dtype=x.dtype)
        sizes = torch.tensor([float(units.fields[name]) for name in problem.fields], dtype=x.dtype)
    found = solution.predict(x / there) * sizes
    numbers = {
        name: abs(solution.learned[name] * float(units.learned[name] if units else 1) / one.truth - 1)
        for name, one in problem.learned.items()
    }
    return {f: e["relative_l2"] for f, e in metrics.errors(found, true(x), problem.fields).items()} | numbers
