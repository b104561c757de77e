"""A problem in time, solved slab by slab: where each slab begins."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

import copy
import math
from dataclasses import dataclass
from functools import lru_cache

import sympy
from sympy.core.function import AppliedUndef

from pinn.geometry import Place
from pinn.language import LanguageError, coordinate, parameter
from pinn.language.linear import is_atom
from pinn.language.scope import TIME
from pinn.problem import Equation, Problem

LONG = 5.0  # time, in units of the fastest rate at which a nonlinear term acts
A_SLAB = 2.0  # such units


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
    def slabs(self) -> int:
        """How many make it short again."""
        return math.ceil(self.span * self.rate / A_SLAB)


def long_time(problem: Problem, slabs: int = 1) -> LongTime | None:
    """The equation whose nonlinear terms act fastest, where that is many times within a slab of time."""
    if TIME not in problem.coordinate_names:
        return None
    k = problem.coordinate_names.index(TIME)
    span = problem.domain.upper[k] - problem.domain.lower[k]
    rates = {key: _nonlinear_rate(equation.residual) for key, equation in problem.stated.items()}
    key = max(rates, key=rates.__getitem__)
    return LongTime(key, span, rates[key]) if span * rates[key] > LONG * slabs else None


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
    return any(plain.diff(value).has(*values) for value in values)


def uncut(problem: Problem) -> str | None:
    """Why the problem cannot be cut into slabs; None where it can."""
    try:
        without_start(problem)
    except LanguageError as error:
        return f"{error}"
    return None if any(powers(problem)) else "nothing says how it begins"


@lru_cache(maxsize=4)
def without_start(problem: Problem) -> Problem:
    """The problem without its initial conditions, which each slab has anew.

    Raises:
        LanguageError: It cannot be cut into slabs, and why.
    """
    time = problem.coordinate_names.index(TIME) if TIME in problem.coordinate_names else None
    for key, equation in problem.conditions.items():
        place = equation.place
        if place.integral or time in dict(place.fixed) and (place != start(problem) or place.partner):
            raise LanguageError(f"conditions.{key}: it holds over the whole time, or at its end")
    if problem.observations or problem.learned or problem.coefficients:
        raise LanguageError("what is to be found from data needs the whole time at once")
    powers(problem)
    at_start = {key for key, equation in problem.conditions.items() if equation.place == start(problem)}
    given = problem.definition["conditions"] or {}
    conditions = {
        key: text
        for key, text in given.items()
        if key not in at_start and not any(f"{key}_{x.name}" in at_start for x in problem.scope.space)
    }
    enforce = {key: how for key, how in problem.enforce.items() if key not in at_start}  # the network's inputs stay
    return Problem(**{**problem.definition, "conditions": conditions, "enforce": enforce})


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


def beginning(problem: Problem, k: int, order: int, length: float) -> Problem:
    """What the derivatives of an order by time have to meet where slab k begins: `equations`, all linear.

    At the first slab they are the initial conditions; at the others those of each field equal an input, named as in
    `inherited`.
    """
    fitted = copy.copy(without_start(problem))
    t = problem.scope.variables[problem.coordinate_names.index(TIME)]
    fitted.equations = {}
    if not k:
        for key, equation in problem.conditions.items():
            if equation.place == start(problem) and _value(problem, key, equation)[1] == order:
                fitted.equations[key] = equation
        return fitted
    for name, field in inherited(problem, order).items():
        u = problem.scope.unknown(field)
        apart = (u.diff(t, order) if order else u) - parameter(name)
        fitted.equations[name] = Equation(name, name, length**order * apart, start(problem))
    return fitted


def inherited(problem: Problem, order: int) -> dict[str, str]:
    """Names for what a slab takes from the one before it: the fields whose derivatives of an order go on."""
    begins = zip(problem.fields, powers(problem), strict=True)
    return {f"start_{field}_{order}": field for field, m in begins if order < m}


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
    raise LanguageError(f"conditions.{key}: a slab begins with values of single fields, or of derivatives by time")
