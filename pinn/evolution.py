"""A problem in time: where it begins, how fast its nonlinear terms act, and whether it goes strip by strip of time."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false

import math
from collections.abc import Mapping
from dataclasses import dataclass

import sympy
from sympy.core.function import AppliedUndef

from pinn.geometry import Place
from pinn.language import Called, LanguageError, coordinate, parameter
from pinn.language.linear import is_atom
from pinn.language.scope import TIME
from pinn.problem import Equation, Problem

LONG = 5.0  # time, in units of the fastest rate at which a nonlinear term acts
A_STRIP = 2.0  # such units


@dataclass(frozen=True)
class LongTime:
    """A nonlinear evolution over many of its own times.

    Attributes:
        key: Of the equation.
        span: The time.
        rate: The fastest at which a nonlinear term acts.
    """

    key: str
    span: float
    rate: float

    def __str__(self) -> str:
        return f"the time {self.span:g} is long for {self.key}, whose nonlinear terms act at a rate of {self.rate:g}"

    @property
    def strips(self) -> int:
        """How many parts of the time are short again."""
        return math.ceil(self.span * self.rate / A_STRIP)


def long_time(problem: Problem) -> LongTime | None:
    """The equation whose nonlinear terms act fastest, where that is many times within the time."""
    if TIME not in problem.coordinate_names:
        return None
    k = problem.coordinate_names.index(TIME)
    span = problem.domain.upper[k] - problem.domain.lower[k]
    begins = {problem.scope.unknown(field): value for field, value in initial(problem).items()}
    middle = {x: sympy.Float((a + b) / 2) for x, a, b in zip(
        problem.scope.variables, problem.domain.lower, problem.domain.upper, strict=True
    )}  # fmt: skip
    there = {field: value.xreplace(middle) for field, value in begins.items()}
    rates = {key: _nonlinear_rate(equation.residual, there) for key, equation in problem.stated.items()}
    key = max(rates, key=rates.__getitem__)
    return LongTime(key, span, rates[key]) if span * rates[key] > LONG else None


def _nonlinear_rate(residual: sympy.Expr, begins: Mapping[sympy.Expr, sympy.Expr]) -> float:
    """`(|c/a|)^(1/m)` for the largest coefficient c of a nonlinear term without derivatives in space, and `a u_t..t`.

    The term's derivatives by time are below the order m of that. An exponential or a quotient may be larger or smaller
    than its coefficient by many orders of magnitude, as in Arrhenius' law: of the sum of such terms the slope counts
    that it has where time begins.
    """
    orders, rates, steep = {0: 0.0}, [(0.0, 0)], []
    for term in sympy.Add.make_args(sympy.expand(residual)):
        coefficient, rest = term.as_independent(*term.free_symbols, AppliedUndef)
        derivatives = term.atoms(sympy.Derivative)
        if not coefficient.is_number or any(set(d.variables) != {coordinate(TIME)} for d in derivatives):
            continue
        size, order = abs(float(coefficient)), max((int(d.derivative_count) for d in derivatives), default=0)
        if is_atom(rest):
            orders[order] = max(orders.get(order, 0.0), size)
        elif _nonlinear(rest):
            if _steep(rest):
                steep.append(term)
            else:
                rates.append((size, order))
    rates.append((_slope(sympy.Add(*steep), begins), 0))
    m = max(orders)
    if not m:  # it says nothing of how time goes on
        return 0.0
    return (max(size for size, order in rates if order < m) / max(orders[m], 1e-300)) ** (1 / m)


def _steep(term: sympy.Expr) -> bool:
    """Whether fields stand in an exponential, or in a quotient below the line."""
    below = [e for e in term.atoms(sympy.Pow) if not (e.exp.is_number and e.exp.is_nonnegative)]
    return any(e.atoms(AppliedUndef) for e in [*below, *term.atoms(sympy.exp)])


def _slope(term: sympy.Expr, begins: Mapping[sympy.Expr, sympy.Expr]) -> float:
    """The largest by any field with which time begins; 0 where that is not known."""
    known = {field: sympy.Dummy(real=True) for field in term.atoms(AppliedUndef)}
    there = {known[field]: value for field, value in begins.items() if field in known}
    slopes = [term.xreplace(known).diff(symbol).xreplace(there).evalf() for symbol in known.values()]
    return max((abs(float(s)) for s in slopes if s.is_number and s.is_finite), default=0.0)


def linear(problem: Problem) -> bool:
    """Whether all equations are linear in the fields, learned numbers apart."""
    return not any(
        _nonlinear(term)
        for equation in problem.equations.values()
        for term in sympy.Add.make_args(sympy.expand(equation.residual))
    )


def autonomous(problem: Problem) -> bool:
    """Whether the equations are linear and what stands before the fields is the same at all times.

    Sources may vary, but not jump: cells end at interfaces, and these move or come with time.
    """
    t, tables = coordinate(TIME), {parameter(name) for name in problem.values}
    moving = any(edge.has(t) for edge in problem.sides.edges)
    return (
        linear(problem)
        and not moving
        and not any(
            slope.has(t, *tables) or slope.atoms(Called)
            for equation in problem.equations.values()
            for slope in _slopes(equation.residual)
        )
    )


def _slopes(residual: sympy.Expr) -> list[sympy.Expr]:
    """Of a linear residual, by each field and derivative in it."""
    atoms = [*residual.atoms(sympy.Derivative), *residual.atoms(AppliedUndef)]
    plain = {atom: sympy.Dummy("atom") for atom in sorted(atoms, key=lambda a: not isinstance(a, sympy.Derivative))}
    flat = residual
    for atom, symbol in plain.items():
        flat = flat.xreplace({atom: symbol})
    return [flat.diff(symbol) for symbol in plain.values()]


def _nonlinear(term: sympy.Expr) -> bool:
    """Whether it is not linear in the fields and their derivatives."""
    plain = term.xreplace({derivative: sympy.Dummy("atom") for derivative in term.atoms(sympy.Derivative)})
    plain = plain.xreplace({field: sympy.Dummy("atom") for field in plain.atoms(AppliedUndef)})
    values = plain.atoms(sympy.Dummy)
    if any(call.has(*values) for call in plain.atoms(Called)):
        return True
    return any(plain.diff(value).has(*values) for value in values)


def uncut(problem: Problem) -> str | None:
    """Why the problem cannot be solved strip by strip of time; None where it can."""
    try:
        begins, first = powers(problem), start(problem)
    except LanguageError as error:
        return f"{error}"
    for key, equation in problem.conditions.items():
        place = equation.place
        in_time = any(problem.coordinate_names[k] == TIME for k, _ in place.fixed)
        if place.integral or in_time and (place != first or place.partner):
            return f"conditions.{key}: it holds over the whole time, or at its end"
    if problem.observations or problem.learned or problem.coefficients:
        return "what is to be found from data needs the whole time at once"
    return None if any(begins) else "nothing says how it begins"


def powers(problem: Problem) -> tuple[int, ...]:
    """Of each field, how many derivatives by time it begins with: 0, 1 with a value, 2 with a velocity as well.

    Raises:
        LanguageError: An initial condition is about something else.
    """
    found: dict[str, set[int]] = {field: set() for field in problem.fields}
    for key, equation in problem.conditions.items():
        if equation.place == start(problem):
            field, order = _value(problem, key, equation)
            found[field].add(order)
    for field, orders in found.items():
        if orders != set(range(len(orders))):
            raise LanguageError(f"{field} begins with a derivative by time, but not with those of lower order")
    return tuple(len(orders) for orders in found.values())


def initial(problem: Problem) -> dict[str, sympy.Expr]:
    """With what fields begin, as far as expressions of the coordinates say it."""
    found: dict[str, sympy.Expr] = {}
    for equation in problem.conditions.values():
        fields = [a for a in equation.residual.atoms(AppliedUndef) if a.func.__name__ in problem.fields]
        if equation.place != start(problem) or len(fields) != 1 or equation.residual.atoms(sympy.Derivative):
            continue
        value = sympy.Dummy("value")
        rest = equation.residual.xreplace({fields[0]: value})
        slope = rest.diff(value)
        begins = -rest.xreplace({value: sympy.Integer(0)}) / slope if slope != 0 and not slope.has(value) else None
        if begins is not None and begins.free_symbols <= {*problem.scope.variables} and not begins.atoms(Called):
            found[fields[0].func.__name__] = begins
    return found


def start(problem: Problem) -> Place:
    """Where time begins.

    Raises:
        LanguageError: There is no time.
    """
    if TIME not in problem.coordinate_names:
        raise LanguageError("the problem has no time t")
    k = problem.coordinate_names.index(TIME)
    return problem.domain.face({TIME: problem.domain.lower[k]})


def _value(problem: Problem, key: str, equation: Equation) -> tuple[str, int]:
    """The field and the order of its derivative by time that an initial condition gives."""
    t = problem.scope.variables[problem.coordinate_names.index(TIME)]
    unknown = [a for a in equation.residual.atoms(AppliedUndef) if a.func.__name__ in problem.fields]
    derivatives = equation.residual.atoms(sympy.Derivative)
    by_time = all(d.variables == (t,) * d.derivative_count for d in derivatives)
    if len(unknown) == 1 and len(derivatives) <= 1 and by_time:
        atom, value = (next(iter(derivatives)) if derivatives else unknown[0]), sympy.Dummy("value")
        slope = equation.residual.xreplace({atom: value}).diff(value)
        if not slope.has(value, unknown[0]):
            return unknown[0].func.__name__, int(atom.derivative_count) if derivatives else 0
    raise LanguageError(f"conditions.{key}: time begins with values of single fields, or of derivatives by time")
