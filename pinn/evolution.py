"""A problem in time: where it begins, how fast its nonlinear terms act, and whether it goes strip by strip of time."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

import math
from dataclasses import dataclass

import sympy
from sympy.core.function import AppliedUndef

from pinn.geometry import Place
from pinn.language import Called, LanguageError, coordinate
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
    rates = {key: _nonlinear_rate(equation.residual) for key, equation in problem.stated.items()}
    key = max(rates, key=rates.__getitem__)
    return LongTime(key, span, rates[key]) if span * rates[key] > LONG else None


def _nonlinear_rate(residual: sympy.Expr) -> float:
    """`(|c/a|)^(1/m)` for the largest coefficient c of a nonlinear term without derivatives in space, and `a u_t..t`.

    The term's derivatives by time are below the order m of that.
    """
    orders, rates = {0: 0.0}, [(0.0, 0)]
    for term in sympy.Add.make_args(sympy.expand(residual)):
        coefficient, rest = term.as_independent(*term.free_symbols, AppliedUndef)
        derivatives = term.atoms(sympy.Derivative)
        if not coefficient.is_number or any(set(d.variables) != {coordinate(TIME)} for d in derivatives):
            continue
        size, order = abs(float(coefficient)), max((int(d.derivative_count) for d in derivatives), default=0)
        if is_atom(rest):
            orders[order] = max(orders.get(order, 0.0), size)
        elif _nonlinear(rest):
            rates.append((size, order))
    m = max(orders)
    if not m:  # it says nothing of how time goes on
        return 0.0
    return (max(size for size, order in rates if order < m) / max(orders[m], 1e-300)) ** (1 / m)


def linear(problem: Problem) -> bool:
    """Whether all equations are linear in the fields, learned numbers apart."""
    return not any(
        _nonlinear(term)
        for equation in problem.equations.values()
        for term in sympy.Add.make_args(sympy.expand(equation.residual))
    )


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
