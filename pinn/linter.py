"""What looks wrong with a problem before any training: plain words, and a name by which each is silenced.

Letters: m the highest order of a field's derivatives along a coordinate.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import sympy
import torch
from sympy.core.function import AppliedUndef
from torch import Tensor
from torch.quasirandom import SobolEngine

from pinn.evolution import long_time, uncut
from pinn.geometry import Points, Region
from pinn.language import Opaque, coordinate, normal, parameter, partner_name, torch_function
from pinn.language.limits import is_too_large
from pinn.problem import Equation, Problem, highest_order
from pinn.problem.functions import solved_by, with_truths
from pinn.problem.tables import Multilinear

TIME = "t"
CORNER = 1e-6  # of two values that should be one, relative to their size
UNEVEN = 1e6  # ratio of the sizes of two terms, above which the smaller is lost to a sum of squares
LOOKED_AT = 8  # points
SEEN_AT = 8  # points
GOLDEN = (5**0.5 - 1) / 2  # steps of it fill an interval evenly
DIGITS = 30  # with which expressions are evaluated there
CANCELLED = 1e-20  # of the terms: a sum that is no more is zero
KNOWN_AT = 256  # of what is known beforehand
MOST_COORDINATES = 20  # of a solution that is put into the equations


@dataclass(frozen=True)
class Finding:
    """Something that looks wrong.

    Attributes:
        name: By which it is silenced.
        text: What it is, and what may help.
    """

    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.text} (silence=[{self.name}])"


def findings(problem: Problem) -> list[Finding]:
    """Everything that looks wrong; a problem may still be right."""
    return [Finding(name, text) for name, check in CHECKS.items() for text in check(problem)]


def _statements(problem: Problem) -> list[Equation]:
    """Equations and conditions, built into the network or not."""
    return [*problem.stated.values(), *problem.conditions.values()]


def _count(problem: Problem) -> Iterator[str]:
    """Of m orders along a coordinate, m conditions on its two faces; observations may stand for them."""
    if problem.observations:
        return
    for field, name in itertools.product(problem.fields, problem.coordinate_names):
        order = highest_order(problem.stated.values(), field, name)
        wanted = order if order > 1 or name == TIME else 0
        found = sum(_faces(e, problem, name) for e in problem.conditions.values() if _has(e.residual, field))
        if found < wanted:
            yield (
                f"{field} is differentiated {order} times by {name}, which takes as many conditions on the ends of "
                f"{name}; there {'is' if found == 1 else 'are'} {found}"
            )


def _faces(equation: Equation, problem: Problem, name: str) -> int:
    """On how many ends of a coordinate a condition holds."""
    if equation.place.boundary:
        return 0 if name == TIME else 2
    return sum(problem.coordinate_names[i] == name for i, _ in equation.place.fixed)


def _has(residual: sympy.Expr, field: str) -> bool:
    return any(atom.func.__name__ == field for atom in residual.atoms(AppliedUndef))


def _gauge(problem: Problem) -> Iterator[str]:
    """A field of which only derivatives occur is known up to a constant, or up to a function of time."""
    statements, constant = _statements(problem), sympy.Dummy("shift")
    times = [x for x in problem.scope.variables if x.name == TIME]
    lasting = [e for e in statements if not (times and _at_one_time(e, problem))]
    observed = {quantity for data in problem.observations.values() for quantity in data.quantities}
    for field in (name for name in problem.fields if name not in observed):
        point = f"fix it at a point, such as {field}({_corner_text(problem)}) = 0"
        if all(_allows(e, field, constant, problem) for e in statements):
            yield f"only derivatives of {field} occur, so it is known up to a constant: {point}"
        elif len(problem.coordinate_names) > len(times) > 0 and all(
            _allows(e, field, sympy.Function("shift")(*times), problem) for e in lasting
        ):
            yield f"nothing says at each time how large {field} is, so it is known up to a function of t: {point}"


def _allows(equation: Equation, field: str, shift: sympy.Expr, problem: Problem) -> bool:
    """Whether a field may be shifted: at both points of a pair alike."""
    shifted = {u: u + shift for u in map(problem.scope.unknown, (field, partner_name(field)))}
    return sympy.expand(equation.residual.subs(shifted, simultaneous=True).doit() - equation.residual) == 0


def _at_one_time(equation: Equation, problem: Problem) -> bool:
    """Whether it says nothing of each time: an integral over all of it says one number."""
    place = equation.place
    return place.integral or problem.coordinate_names.index(TIME) in dict(place.fixed)


def _corner_text(problem: Problem) -> str:
    names = [name for name in problem.coordinate_names if name != TIME]
    lower = dict(zip(problem.domain.names, problem.domain.lower, strict=True))
    return ", ".join(f"{name}={lower[name]:g}" for name in names)


def _trivial(problem: Problem) -> Iterator[str]:
    """Zero solves everything."""
    if problem.observations:
        return
    if any(_at_zero(e) != 0 for e in problem.across.values()):  # a source on a line, or a flux that jumps by itself
        return
    try:
        trivial = all(_vanishes(_at_zero(e), problem) for e in _statements(problem))
    except (ZeroDivisionError, ValueError):
        return
    if trivial:
        names = " = ".join(problem.fields)
        yield f"{names} = 0 satisfies every equation and condition: ask for a size, such as integral(u**2) = 1"


def _at_zero(equation: Equation) -> sympy.Expr:
    """The residual of fields that are zero."""
    unknowns = [u for u in equation.residual.atoms(AppliedUndef) if not isinstance(u, Opaque)]
    return equation.residual.subs(dict.fromkeys(unknowns, sympy.Integer(0))).doit()


def _vanishes(value: sympy.Expr, problem: Problem) -> bool:
    """Whether an expression is zero: by its form, and a sum by its terms, which cancel at some points of the domain.

    To simplify it would take half a minute where plane waves are to cancel.
    """
    if value.is_number:
        return bool(value.equals(0))
    if isinstance(value, sympy.Mul):
        return any(_vanishes(factor, problem) for factor in value.args)
    if not isinstance(value, sympy.Add):
        return False
    scope, domain = problem.scope, problem.domain
    ends = dict(zip(scope.variables, zip(domain.lower, domain.upper, strict=True), strict=False))
    symbols = sorted(value.free_symbols, key=str)
    for start in range(1, SEEN_AT + 1):
        parts = [start * (k + GOLDEN) % 1 for k in range(1, len(symbols) + 1)]
        sides = [ends.get(symbol, (1.0, 2.0)) for symbol in symbols]
        at = {s: (1 - part) * a + part * b for s, part, (a, b) in zip(symbols, parts, sides, strict=True)}
        terms = [term.evalf(DIGITS, subs=at) for term in value.args]
        if not all(term.is_number for term in terms) or abs(sum(terms)) > CANCELLED * sum(map(abs, terms)):
            return False
    return True


def _corners(problem: Problem) -> Iterator[str]:
    """Values that two conditions fix for one field where their faces meet."""
    domain = problem.domain
    values = [(key, e, value) for key, e in problem.conditions.items() if (value := _value(e, problem)) is not None]
    for (key, one, (field, a)), (other, two, (other_field, b)) in itertools.combinations(values, 2):
        if field != other_field:
            continue
        for point in _meetings(one, two, problem):
            left, right = (_at(expression, domain.names, point) for expression in (a, b))
            if abs(left - right) > CORNER * (1 + abs(left) + abs(right)):
                where = ", ".join(f"{name}={value:g}" for name, value in zip(domain.names, point, strict=True))
                yield f"{key} and {other} meet at {where}, where one says {field} = {left:g} and the other {right:g}"
                break


def _value(equation: Equation, problem: Problem) -> tuple[str, sympy.Expr] | None:
    """The field and the value of a condition `field = expression of the coordinates`."""
    atoms = equation.residual.atoms(AppliedUndef)
    if len(atoms) != 1 or equation.residual.atoms(sympy.Derivative):
        return None
    (u,) = atoms
    factor = sympy.expand(equation.residual).coeff(u)
    rest = sympy.expand(equation.residual - factor * u)
    known = set(problem.scope.variables)
    if not factor.is_number or factor == 0 or rest.atoms(AppliedUndef) or rest.free_symbols - known:
        return None
    return u.func.__name__, -rest / factor


def _meetings(one: Equation, two: Equation, problem: Problem) -> Iterator[tuple[float, ...]]:
    """Corners of the box that both conditions reach; of another shape, points of its boundary at an end of time."""
    domain = problem.domain
    if isinstance(domain, Region) and (one.place.boundary or two.place.boundary):
        part, other = (one, two) if one.place.boundary else (two, one)
        ends = dict(other.place.fixed)
        if ends and not set(ends) & set(domain.spatial):
            x = _points(part, problem).x.clone()
            x[:, list(ends)] = torch.tensor(list(ends.values()), dtype=x.dtype)
            yield from map(tuple, x.tolist())
        return
    for point in itertools.product(*zip(domain.lower, domain.upper, strict=True)):
        if all(_reaches(e, point, problem) for e in (one, two)):
            yield point


def _points(equation: Equation, problem: Problem) -> Points:
    """Some of its place."""
    return problem.domain.sample(equation.place, _unit(problem, equation, LOOKED_AT))


def _unit(problem: Problem, equation: Equation, count: int) -> Tensor:
    """Points of the unit cube, as many numbers each as a point of the place takes."""
    dimension = problem.domain.dimension(equation.place)
    return SobolEngine(max(1, dimension), scramble=True, seed=0).draw(count)[:, :dimension].double()


def _reaches(equation: Equation, point: Sequence[float], problem: Problem) -> bool:
    if equation.place.boundary:
        return bool(problem.domain.spatial)
    return bool(equation.place.fixed) and all(point[i] == value for i, value in equation.place.fixed)


def _at(expression: sympy.Expr, names: Sequence[str], point: Sequence[float]) -> float:
    return float(expression.subs({coordinate(n): v for n, v in zip(names, point, strict=True)}))


def _scales(problem: Problem) -> Iterator[str]:
    """Sizes of an equation's linear terms with derivatives, on the lengths of the domain."""
    domain = problem.domain
    lengths = {name: b - a for name, a, b in zip(domain.names, domain.lower, domain.upper, strict=True)}
    for key, equation in problem.stated.items():
        sizes = {}
        for term in sympy.Add.make_args(sympy.expand(equation.residual)):
            coefficient, rest = term.as_coeff_Mul()
            if isinstance(rest, sympy.Derivative) and coefficient.is_number:
                by = dict(rest.variable_count)
                sizes[term] = abs(float(coefficient)) / math.prod(lengths[x.name] ** int(n) for x, n in by.items())
        if sizes and max(sizes.values()) > UNEVEN * min(sizes.values()):
            small, large = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
            yield (
                f"{key}: on this domain {_short(small)} is {sizes[large] / sizes[small]:.0e} times smaller than "
                f"{_short(large)}: take units in which lengths and coefficients are near 1. Training divides the "
                f"residual of {key} as a whole by its size at the start (balancing.normalise=true; `size` in "
                "result.json), which leaves this ratio"
            )


def _short(term: sympy.Expr) -> str:
    coefficient, derivative = term.as_coeff_Mul()
    letters = "".join(x.name * int(n) for x, n in derivative.variable_count)
    return f"{float(coefficient):g}*{derivative.expr.func.__name__}_{letters}"


def _long(problem: Problem) -> Iterator[str]:
    """A nonlinear evolution over many of its own times, which one network does not find."""
    if found := long_time(problem):
        cut = "network=partition, whose strips of time begin where those before them ended, or "
        wait = "'balancing.causal={chunks: 16, tolerance: 1.0}', by which later times wait for the earlier"
        yield f"{found}: try {'' if uncut(problem) else cut}{wait}"


def _exact(problem: Problem) -> Iterator[str]:
    """A solution that is given does not solve the problem: at a few points of each place."""
    if problem.exact is None or len(problem.domain.names) > MOST_COORDINATES:
        return
    names = problem.domain.names
    normals = [normal(name) for name in names]
    known_truths = {name: value for name, value in problem.learned.items() if value.truth is not None}
    for key, equation in {**problem.stated, **problem.conditions}.items():
        if equation.place.integral:
            continue
        left = with_truths(key, solved_by(equation, problem.exact, problem.scope), known_truths)
        if left == 0 or left.free_symbols - {*problem.scope.variables, *normals}:
            continue
        at = _points(equation, problem)
        given = at.x if at.normals is None else torch.cat([at.x, at.normals], dim=1)
        terms = sympy.Add.make_args(left)
        known = [*problem.scope.variables, *(normals if at.normals is not None else ())]
        values = [torch.as_tensor(v).expand(len(at.x)) for v in torch_function(known, terms)(*given.unbind(1))]
        apart, size = torch.stack(values).sum(0).abs(), torch.stack(values).abs().sum(0)
        worst = int((apart / (1 + size)).argmax())
        if apart[worst] > CORNER * (1 + size[worst]):
            where = ", ".join(f"{name}={value:.3g}" for name, value in zip(names, at.x[worst].tolist(), strict=True))
            yield f"{key}: what stands under exact does not satisfy it, by {float(apart[worst]):.2g} at {where}"


def _learn(problem: Problem) -> Iterator[str]:
    """Numbers to be found of which nothing tells: no data, and no more conditions than the solution needs."""
    if problem.observations or not problem.learned:
        return
    spare = sum(e.place.integral for e in problem.conditions.values())
    for field, name in itertools.product(problem.fields, problem.coordinate_names):
        order = highest_order(problem.stated.values(), field, name)
        found = sum(_faces(e, problem, name) for e in problem.conditions.values() if _has(e.residual, field))
        spare += max(0, found - order)
    if spare < len(problem.learned):
        names = ", ".join(problem.learned)
        yield (
            f"nothing tells {names}, to be found: the equations have a solution for any value, and what is printed "
            "will be the guess; give observations, or one more condition"
        )


def _tables(problem: Problem) -> Iterator[str]:
    """Tables that end within the domain."""
    domain = problem.domain
    for name, values in problem.values.items():
        if not isinstance(values, Multilinear):
            continue
        for axis, k in zip(values.axes, values.at, strict=True):
            first, last, low, high = float(axis[0]), float(axis[-1]), domain.lower[k], domain.upper[k]
            if max(first - low, high - last) > CORNER * (high - low):
                yield (
                    f"the table of {name} has {domain.names[k]} from {first:g} to {last:g}, the domain from {low:g} to "
                    f"{high:g}: beyond its ends {name} stays as it is there"
                )


def _late(problem: Problem) -> Iterator[str]:
    """Waves with something given at the end of time: small changes of the data change them without bound."""
    if TIME not in problem.coordinate_names:
        return
    k = problem.coordinate_names.index(TIME)
    t, end = problem.scope.variables[k], problem.domain.upper[k]
    late = [key for key, e in problem.conditions.items() if dict(e.place.fixed).get(k) == end and not e.place.partner]
    for field, key in itertools.product(problem.fields, late):
        u = problem.scope.unknown(field)
        if not _has(problem.conditions[key].residual, field):
            continue
        for residual in (sympy.expand(e.residual) for e in problem.stated.values()):
            own = residual.coeff(u.diff(t, 2))
            if own != 0 and any((own * residual.coeff(u.diff(x, 2))).is_negative for x in problem.scope.space):
                yield (
                    f"{key} is about the end of time, and waves of {field} that are given at both ends of it have no "
                    f"stable solution: begin with {field}(t=0) and {field}_t(t=0)"
                )
                break


def undefined(problem: Problem) -> str | None:
    """What is known beforehand and has no finite value in the domain, such as `log(x - 2)` for x below 2."""
    for key, equation in {**problem.stated, **problem.conditions}.items():
        at = problem.domain.sample(equation.place, _unit(problem, equation, KNOWN_AT)).x
        known = {key: equation.residual, **{f"exact.{name}": value for name, value in (problem.exact or {}).items()}}
        for said, expression in known.items():
            if found := _undefined(expression, problem, at):
                return _nowhere(said, *found, problem)
        for name, values in problem.values.items():
            if parameter(name) in equation.residual.free_symbols and not (finite := values(at).isfinite()).all():
                return _nowhere("functions", name, at[~finite][0], problem)
    return None


def _nowhere(said: str, part: object, where: Tensor, problem: Problem) -> str:
    text = ", ".join(f"{n}={v:.3g}" for n, v in zip(problem.domain.names, where.tolist(), strict=True))
    return f"{said}: {part} has no finite value at {text}: write it so that it has one in all of the domain"


def _undefined(expression: sympy.Expr, problem: Problem, x: Tensor) -> tuple[sympy.Expr, Tensor] | None:
    """The smallest part that depends on the coordinates alone and is infinite or no number at one of the points."""
    if expression.is_number and expression.is_extended_real and is_too_large(expression):
        return expression, x[0]
    known = not expression.has(AppliedUndef, Opaque) and expression.free_symbols <= set(problem.scope.variables)
    if known and expression.free_symbols:
        (value,) = torch_function(problem.scope.variables, [expression])(*x.unbind(1))
        finite = torch.as_tensor(value).expand(len(x)).isfinite()
        if finite.all():
            return None
        within = next((f for part in expression.args if (f := _undefined(part, problem, x))), None)
        return within or (expression, x[~finite][0])
    if isinstance(expression, sympy.Piecewise | sympy.Derivative | AppliedUndef):  # a branch may be for elsewhere
        return None
    return next((found for part in expression.args if (found := _undefined(part, problem, x))), None)


CHECKS: dict[str, Callable[[Problem], Iterator[str]]] = {
    "conditions": _count,
    "gauge": _gauge,
    "trivial": _trivial,
    "corners": _corners,
    "scales": _scales,
    "long_time": _long,
    "learn": _learn,
    "tables": _tables,
    "end_of_time": _late,
    "exact": _exact,
}
