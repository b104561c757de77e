"""A problem in time: where it begins, how fast its nonlinear terms act, and whether it goes strip by strip of time."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sympy
import torch
from sympy.core.function import AppliedUndef

from pinn.geometry import Place
from pinn.language import Called, LanguageError, coordinate, parameter, torch_function
from pinn.language.linear import is_atom
from pinn.language.scope import TIME
from pinn.problem import Equation, Problem

LONG = 5.0  # time, in units of the fastest rate at which a nonlinear term acts
A_STRIP = 2.0  # such units
GRID = 300  # points, at which is looked how large fields begin
MOST_SIDES = 8  # coordinates of which there is a grid


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
    there, largest = {field: value.xreplace(middle) for field, value in begins.items()}, _Largest(problem)
    sizes = {field: largest(value) for field, value in begins.items()}
    rates = {key: _nonlinear_rate(equation.residual, there, sizes, largest) for key, equation in problem.stated.items()}
    key = max(rates, key=rates.__getitem__)
    return LongTime(key, span, rates[key]) if span * rates[key] > LONG else None


class _Largest:
    """An expression of the coordinates to the largest absolute value that it has on a grid; 0 where it has none."""

    def __init__(self, problem: Problem):
        self.variables, domain = problem.scope.variables, problem.domain
        bounds, dimensions = zip(domain.lower, domain.upper, strict=True), len(domain.names)
        if dimensions > MOST_SIDES:
            sides = [torch.tensor([(a + b) / 2], dtype=torch.float64) for a, b in bounds]
        else:
            count = max(2, int(GRID ** (1 / dimensions)))
            sides = [torch.linspace(a, b, count, dtype=torch.float64) for a, b in bounds]
        self.columns = [column.flatten() for column in torch.meshgrid(*sides, indexing="ij")]

    def __call__(self, expression: sympy.Expr) -> float:
        if not expression.free_symbols <= {*self.variables} or expression.atoms(Called, AppliedUndef):
            return 0.0
        (found,) = torch_function(self.variables, [expression])(*self.columns)
        found = torch.as_tensor(found, dtype=torch.float64).abs()
        return float(found.where(found.isfinite(), 0).max())


def _nonlinear_rate(
    residual: sympy.Expr, begins: Mapping[sympy.Expr, sympy.Expr], sizes: Mapping[sympy.Expr, float],
    largest: Callable[[sympy.Expr], float],
) -> float:  # fmt: skip
    """`(|c/a|)^(1/(m - k))` for `a u_t..t`, of order m, and the largest nonlinear term `c u_t..t`, of order k < m.

    c is what stands before the field itself, or its derivative by time, where fields are as large as they begin: in
    other units it is the same rate. A field that grows by itself does so until such a term holds it, and that rate
    counts as well. Terms with derivatives in space are as fast as the solution is steep, which nobody knows.

    An exponential or a quotient may be larger or smaller than its coefficient by many orders of magnitude, as in
    Arrhenius' law: of the sum of such terms the slope counts that it has where time begins.
    """
    atoms: dict[sympy.Expr, sympy.Expr] = {}
    nonlinear, steep = [], []
    for term in sympy.Add.make_args(sympy.expand(residual)):
        coefficient, rest = term.as_independent(*term.free_symbols, AppliedUndef)
        if any(set(d.variables) != {coordinate(TIME)} for d in term.atoms(sympy.Derivative)):
            continue
        if is_atom(rest) and coefficient.is_number:
            atoms[rest] = atoms.get(rest, 0) + coefficient
        elif _nonlinear(rest):
            (steep if _steep(rest) else nonlinear).append(term)
    if not atoms or not (m := _order(first := max(atoms, key=_order))):
        return 0.0  # it says nothing of how time goes on
    own, a = first.expr, atoms[first]
    rates = [_own(term, own, sizes, largest) for term in nonlinear if term.has(own)]
    if rates:
        rates += [(float(abs(c)), _order(e)) for e, c in atoms.items() if e.atoms(AppliedUndef) == {own} and c / a < 0]
    rates.append((_slope(sympy.Add(*steep), own, begins), 0))
    return max((size / float(abs(a))) ** (1 / (m - order)) for size, order in rates if order < m)


def _order(atom: sympy.Expr) -> int:
    return int(atom.derivative_count) if isinstance(atom, sympy.Derivative) else 0


def _own(
    term: sympy.Expr, own: sympy.Expr, sizes: Mapping[sympy.Expr, float], largest: Callable[[sympy.Expr], float]
) -> tuple[float, int]:
    """What stands before a field in a term, or before its highest derivative by time there, and the order of that."""
    atom = max((e for e in term.atoms(sympy.Derivative) if e.expr == own), key=_order, default=own)
    value, size = sympy.Dummy(real=True), sizes.get(own, 0.0)
    here = term.xreplace({atom: value}).xreplace({field: sympy.Float(s) for field, s in sizes.items()})
    zero = {value: sympy.Integer(0)}
    factors = [largest(here.diff(value).xreplace(zero))]
    if atom == own and size:
        factors.append(largest(here.xreplace({value: sympy.Float(size)}) - here.xreplace(zero)) / size)
    return max(factors), _order(atom)


def _steep(term: sympy.Expr) -> bool:
    """Whether fields stand in an exponential, or in a quotient below the line."""
    below = [e for e in term.atoms(sympy.Pow) if not (e.exp.is_number and e.exp.is_nonnegative)]
    return any(e.atoms(AppliedUndef) for e in [*below, *term.atoms(sympy.exp)])


def _slope(term: sympy.Expr, own: sympy.Expr, begins: Mapping[sympy.Expr, sympy.Expr]) -> float:
    """That by a field where time begins; 0 where that is not known."""
    value = sympy.Dummy(real=True)
    slope = term.xreplace({own: value}).diff(value).xreplace({**begins, value: begins.get(own, value)}).evalf()
    return abs(float(slope)) if slope.is_number and slope.is_finite else 0.0


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
