"""Conditions by construction: `u = g + phi * N` satisfies them whatever the network N gives.

On a box, `phi` is the product of the distances to the faces, each to the power of the number of conditions there,
scaled to maximum 1; `g` interpolates the data by the Boolean sum of the Hermite interpolants along the coordinates
(transfinite interpolation: Gordon & Hall 1973, Numer. Math. 21). `u = dn(u) = 0` on a square gives `g = 0`, `phi**2`.

A face with a slope alone, `du/dx + r*u = w`, is free: there N has no slope, by its inputs (see `pinn.embedding`), and
`phi` has the slope `-r*phi`, so that `phi*N` satisfies the condition with `w = 0`.

On the boundary of another shape, `phi` is a function omega that vanishes there, to the power of the number of
conditions, and `g = v - omega*(w + grad(omega).grad(v))` where `u = v` and `dn(u) = w` (Shapiro 2007, Acta Numerica 16,
section 5: generalised Taylor series by powers of omega). With conditions at the ends of time, `g` and `phi` start from
these.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false
# pyright: reportOptionalMemberAccess=false, reportOptionalOperand=false

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sympy
import torch
from sympy.core.function import AppliedUndef
from torch import Tensor
from torch.quasirandom import SobolEngine

from pinn.embedding import LOWER, UPPER, Face, Flat
from pinn.geometry import Domain, Place, Region
from pinn.language import Called, LanguageError, Scope, coordinate, has_field, normal, torch_function

Data = dict[Face | Place, "dict[int, Fixed]"]  # per face, or part of a shape, and order of the normal derivative
TOLERANCE = 1e-9  # of two conditions where they meet, relative to the size of the data
CHECKED = 2**8  # points of a part at which it is looked
GRID, LOOKED_AT = 8, 2**12  # coordinates up to which a whole grid on a face is looked at; points of it for more
NOT_A_TRACE = "only a value, or the derivative along the normal, can be built in"


@dataclass(frozen=True)
class Fixed:
    """`u`, or its derivative along the normal plus `ratio * u`, has a value."""

    value: sympy.Expr
    ratio: sympy.Expr = sympy.Integer(0)


@dataclass(frozen=True)
class Ansatz:
    """`u = lift + factor * N` for one field.

    Attributes:
        lift: Satisfies the conditions.
        factor: Vanishes with them; its maximum is 1, or nearly so with free faces.
        flat: What N has by its inputs.
    """

    lift: sympy.Expr
    factor: sympy.Expr
    flat: Flat


@dataclass(frozen=True)
class Trace:
    """A condition that fixes a field or a normal derivative of it on faces of a box, or on a part of a shape.

    Attributes:
        field: Its name.
        data: The values there.
    """

    field: str
    data: Data


def trace_condition(residual: sympy.Expr, place: Place, scope: Scope, domain: Domain) -> Trace:
    """Read `residual = 0` at `place` as values, or derivatives along the normal, of one field there.

    Raises:
        LanguageError: It is neither, with the reason.
    """
    names = {atom.func.__name__ for atom in residual.atoms(AppliedUndef)}
    if len(names) != 1:
        raise LanguageError(f"it takes one field, here are {', '.join(sorted(names)) or 'none'}")
    field = names.pop()
    u = scope.unknown(field)
    if place.boundary and isinstance(domain, Region):
        return Trace(field, {place: _on_part(residual, u, scope)})
    faces = (
        [(k, side) for k in domain.spatial for side in (LOWER, UPPER)] if place.boundary else _face_of(place, domain)
    )
    data: Data = {}
    sloping = residual.has(sympy.Derivative)
    for k, side in faces:
        outward = {normal(name): sympy.Integer(2 * side - 1 if i == k else 0) for i, name in enumerate(domain.names)}
        slope = u.diff(coordinate(domain.names[k])) if sloping else sympy.Dummy("slope")  # to differentiate takes long
        data[k, side] = _solved(sympy.expand(residual.xreplace(outward)), u, slope)
    return Trace(field, data)


def _on_part(residual: sympy.Expr, u: sympy.Expr, scope: Scope) -> dict[int, Fixed]:
    """The condition on a curved boundary: a derivative there is `dn(u)`, all terms of it."""
    slope = sympy.Symbol("slope", real=True)
    first, *others = scope.space
    terms = [normal(z.name) * u.diff(z) for z in others]
    whole = residual.subs(u.diff(first), (slope - sympy.Add(*terms)) / normal(first.name))
    solved = _solved(sympy.expand(whole), u, slope)
    if any(fixed.value.has(normal(z.name)) for fixed in solved.values() for z in scope.space):
        raise LanguageError(NOT_A_TRACE)
    return solved


def _solved(here: sympy.Expr, u: sympy.Expr, slope: sympy.Expr) -> dict[int, Fixed]:
    """By order of the derivative, the value of `u` or of `slope + ratio*u` with which the expression is zero."""
    of_u, of_slope = here.coeff(u), here.coeff(slope)
    rest = sympy.expand(here - of_u * u - of_slope * slope)
    known = of_u.is_number and of_slope.is_number and not has_field(rest) and not rest.has(slope)
    if not known or of_u == of_slope == 0:
        raise LanguageError(NOT_A_TRACE)
    _check_known(rest, u)
    return {0: Fixed(-rest / of_u)} if of_slope == 0 else {1: Fixed(-rest / of_slope, of_u / of_slope)}


def _check_known(value: sympy.Expr, u: sympy.Expr) -> None:
    """A lift is a smooth expression of the coordinates."""
    if value.has(Called):
        raise LanguageError("its value is a Python function, and what is built in has to be an expression")
    if value.has(sympy.Piecewise):
        raise LanguageError("its value is piecewise, and what is built in has to be smooth")
    unknown = [s.name for s in value.free_symbols - set(u.args) if not s.name.startswith("normal_")]
    if unknown and not any(name == "slope" for name in unknown):
        raise LanguageError(f"its value depends on {', '.join(sorted(unknown))}, which the network is not given")


def _face_of(place: Place, domain: Domain) -> list[Face]:
    if len(place.fixed) != 1 or domain.crosses(place):
        raise LanguageError(f"{place.name} is no face of the box")
    ((k, value),) = place.fixed
    return [(k, UPPER if value == domain.upper[k] else LOWER)]


def build_ansatz(domain: Domain, traces: Iterable[Trace], periodic: Mapping[int, int] | None = None) -> Ansatz:
    """The lift and the factor for the conditions on one field.

    Args:
        domain: Where it lives.
        traces: What is fixed of it.
        periodic: Coordinates along which it is periodic, and the number of its derivatives that have to be.

    Raises:
        LanguageError: Two conditions are the same or contradict each other, or the shape does not allow it.
    """
    data = _collect(domain, traces)
    lift, factor = _on_shape(domain, data)
    for k, name in enumerate(domain.names):
        fixed = tuple(data.get((k, side), {}) for side in (LOWER, UPPER))
        if not any(fixed):
            continue
        if k in (periodic or {}):
            raise LanguageError(f"it is periodic in {name}, and fixed on a face of {name} as well")
        x, ends = coordinate(name), tuple(sympy.Rational(repr(end)) for end in (domain.lower[k], domain.upper[k]))
        factor *= _factor(x, ends, fixed)
        for (side, order), basis in _hermite(x, ends, tuple(max(of, default=-1) + 1 for of in fixed)).items():
            if order in fixed[side]:
                found = lift.diff(x, order) + fixed[side][order].ratio * lift
                lift += basis * (fixed[side][order].value - found).subs(x, ends[side])
    _check_compatible(domain, data, lift)
    for k, count in (periodic or {}).items():
        _check_periodic(domain, k, count, lift)
    return Ansatz(lift, factor, Flat(frozenset(periodic or {}), frozenset(f for f in data if _is_free(data[f]))))


def _is_free(fixed: Mapping[int, Fixed]) -> bool:
    """Whether a slope is fixed without the value."""
    return list(fixed) == [1]


def _on_shape(domain: Domain, data: Data) -> tuple[sympy.Expr, sympy.Expr]:
    """The lift and the factor for the conditions on a part of a shape: 0 and 1 if there are none."""
    parts = [place for place in data if isinstance(place, Place)]
    if not parts:
        return sympy.Integer(0), sympy.Integer(1)
    assert isinstance(domain, Region)
    place, *others = [*parts, *(face for face in data if not isinstance(face, Place) and face[0] in domain.spatial)]
    assert isinstance(place, Place)
    if others:
        raise LanguageError(f"of {place.name} and {_face_name(domain, others[0])} only one can be built in")
    try:
        level, factor = domain.level_functions(place)
    except ValueError as error:
        raise LanguageError(str(error)) from None
    orders = data[place]
    if _is_free(orders):
        raise LanguageError(f"on {place.name} a derivative is fixed without the value, which takes a face of a box")
    lift = orders[0].value
    if 1 in orders:
        space = [coordinate(domain.names[i]) for i in domain.spatial]
        lift -= level * (orders[1].value + sympy.Add(*[level.diff(z) * lift.diff(z) for z in space]))
    return lift, factor ** len(orders)


def _collect(domain: Domain, traces: Iterable[Trace]) -> Data:
    data: Data = {}
    for trace in traces:
        for face, orders in trace.data.items():
            for order, value in orders.items():
                if order in data.setdefault(face, {}):
                    raise LanguageError(f"two conditions fix {_what(trace.field, order)} on {_face_name(domain, face)}")
                data[face][order] = value
    return {face: _without_ratio(orders) for face, orders in data.items()}


def _without_ratio(orders: dict[int, Fixed]) -> dict[int, Fixed]:
    """Where the value is fixed, `slope + ratio*u` is the slope."""
    if 0 not in orders or 1 not in orders:
        return orders
    value, slope = orders[0].value, orders[1]
    return {0: orders[0], 1: Fixed(slope.value - slope.ratio * value)}


def _what(field: str, order: int) -> str:
    return f"dn({field})" if order else field


def _face_name(domain: Domain, face: Face | Place) -> str:
    if isinstance(face, Place):
        return face.name
    k, side = face
    return f"{domain.names[k]}={(domain.lower, domain.upper)[side][k]:g}"


def _factor(x: sympy.Symbol, ends: tuple[sympy.Expr, ...], fixed: tuple[Mapping[int, Fixed], ...]) -> sympy.Expr:
    """`s**m (1 - s)**n` scaled to maximum 1, which it takes at `m/(m + n)`; times `_bend` at free ends."""
    m, n = (0 if _is_free(of) else len(of) for of in fixed)
    length = ends[UPPER] - ends[LOWER]
    s = (x - ends[LOWER]) / length
    top = sympy.Rational(m, m + n) if m and n else sympy.Integer(bool(m))
    factor = s**m * (1 - s) ** n / (top**m * (1 - top) ** n)
    for away, of, sign, power in ((s, fixed[LOWER], 1, n), (1 - s, fixed[UPPER], -1, m)):
        if _is_free(of):
            factor *= _bend(away, power - sign * of[1].ratio * length)
    return factor


def _bend(s: sympy.Expr, slope: sympy.Expr) -> sympy.Expr:
    """A positive function that is 1 at `s = 0` with this slope, and 1 at `s = 1` without any."""
    bend = 1 + abs(slope) * s * (1 - s) ** 2
    return bend if slope > 0 else 1 / bend


def _hermite(
    x: sympy.Symbol, ends: tuple[sympy.Expr, ...], orders: tuple[int, ...]
) -> dict[tuple[int, int], sympy.Expr]:
    """Polynomials that take the value 1 for one (end, order of derivative) and 0 for the others."""
    places = [(side, order) for side in (LOWER, UPPER) for order in range(orders[side])]
    monomials = [x**power for power in range(len(places))]
    matrix = sympy.Matrix([[m.diff(x, order).subs(x, ends[side]) for m in monomials] for side, order in places])
    columns = matrix.inv()
    return {place: sympy.Add(*[m * columns[i, j] for i, m in enumerate(monomials)]) for j, place in enumerate(places)}


def _check_compatible(domain: Domain, data: Data, lift: sympy.Expr) -> None:
    """The lift meets all data if they agree where faces and parts meet: look at points of each, edges included."""
    variables = [coordinate(name) for name in domain.names]
    for face, orders in data.items():
        x, normals = _on_part_points(domain, face) if isinstance(face, Place) else _face_points(domain, face)
        for order, fixed in orders.items():
            slopes = [lift.diff(z) for z in variables] if order else [sympy.Integer(0) for _ in variables]
            rest = fixed.value - (fixed.ratio if order else 1) * lift
            *found, wanted, size = _values(variables, [*slopes, rest, fixed.value], x)
            apart = ((torch.stack(found, dim=1) * normals).sum(1) - wanted).abs()
            if bool((apart > TOLERANCE * (1 + size.abs().max())).any()):
                where = "" if isinstance(face, Place) else "an end of "
                raise LanguageError(
                    f"the conditions contradict each other at {where}{_face_name(domain, face)}, "
                    f"by {float(apart.max()):.2g}"
                )


def _check_periodic(domain: Domain, k: int, count: int, lift: sympy.Expr) -> None:
    """The lift and its first derivatives are the same on the two faces."""
    variables = [coordinate(name) for name in domain.names]
    derivatives = [lift.diff(variables[k], order) for order in range(count)]
    below, above = (_values(variables, derivatives, _face_points(domain, (k, side))[0]) for side in (LOWER, UPPER))
    for order, (a, b) in enumerate(zip(below, above, strict=True)):
        if bool(((a - b).abs() > TOLERANCE * (1 + a.abs().max())).any()):
            what = f"derivative of order {order}" if order else "value"
            raise LanguageError(f"what the other conditions say is not periodic in {domain.names[k]}: its {what} jumps")


def _values(variables: list[sympy.Symbol], expressions: list[sympy.Expr], x: Tensor) -> list[Tensor]:
    """At points (N, D), each (N,)."""
    found = torch_function(variables, expressions)(*x.unbind(1))
    given = [torch.as_tensor(value, dtype=torch.complex128) for value in found]  # the root of what is negative is none
    return [value.real.where(value.imag == 0, torch.nan).expand(len(x)) for value in given]


def _face_points(domain: Domain, face: Face) -> tuple[Tensor, Tensor]:
    """Points (N, D) of a face of the box, and the direction in which its data are derivatives."""
    (k, side), d = face, len(domain.names)
    fractions = torch.tensor([0.0, 0.31, 0.73, 1.0], dtype=torch.float64)
    if d > GRID:  # some of the grid's points: many of each edge
        unit = SobolEngine(d, scramble=True, seed=0).draw(LOOKED_AT, dtype=torch.float64)
        s = fractions[(4 * unit).long().clamp(max=3)]
    else:
        s = torch.cartesian_prod(*(fractions[:1] if i == k else fractions for i in range(d))).view(-1, d)
    low, high = (torch.tensor(ends, dtype=torch.float64) for ends in (domain.lower, domain.upper))
    x = low + (high - low) * s
    x[:, k] = (low, high)[side][k]
    return x, torch.eye(d, dtype=torch.float64)[k]


def _on_part_points(domain: Domain, place: Place) -> tuple[Tensor, Tensor]:
    """Points (N, D) of a part of a shape, and their outward normals."""
    unit = SobolEngine(domain.dimension(place), scramble=True, seed=0).draw(CHECKED, dtype=torch.float64)
    points = domain.sample(place, unit)
    assert points.normals is not None
    return points.x, points.normals
