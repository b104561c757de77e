"""Conditions by construction: `u = g + phi * N` satisfies them whatever the network N gives.

On a box, `phi` is the product of the distances to the faces, each to the power of the number of conditions there,
scaled to maximum 1; `g` interpolates the data by the Boolean sum of the Hermite interpolants along the coordinates
(transfinite interpolation: Gordon & Hall 1973, Numer. Math. 21). `u = dn(u) = 0` on a square gives `g = 0`, `phi**2`.

On the boundary of another shape, `phi` is a function omega that vanishes there, to the power of the number of
conditions, and `g = v - omega*(w + grad(omega).grad(v))` where `u = v` and `dn(u) = w` (Shapiro 2007, Acta Numerica 16,
section 5: generalised Taylor series by powers of omega). With conditions at the ends of time, `g` and `phi` start from
these.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false
# pyright: reportOptionalMemberAccess=false

from collections.abc import Iterable
from dataclasses import dataclass

import sympy
import torch
from sympy.core.function import AppliedUndef
from torch import Tensor
from torch.quasirandom import SobolEngine

from pinn.geometry import Domain, Place, Region
from pinn.language import LanguageError, Scope, coordinate, has_field, normal, torch_function

LOWER, UPPER = 0, 1
Face = tuple[int, int]  # the index of a coordinate, LOWER or UPPER
Data = dict[Face | Place, dict[int, sympy.Expr]]  # per face, or part of a shape, and order of the normal derivative
TOLERANCE = 1e-9  # of two conditions where they meet, relative to the size of the data
CHECKED = 2**8  # points of a part at which it is looked
NOT_A_TRACE = "only a value, or the derivative along the normal, can be built in"


@dataclass(frozen=True)
class Ansatz:
    """`u = lift + factor * N` for one field.

    Attributes:
        lift: Satisfies the conditions.
        factor: Vanishes with them; its maximum is 1.
    """

    lift: sympy.Expr
    factor: sympy.Expr


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
    if place.partner:
        raise LanguageError(
            "a condition between two faces stays a loss; network.features={name: periodic, ...} makes periodic networks"
        )
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
    for k, side in faces:
        outward = {normal(name): 2 * side - 1 if i == k else 0 for i, name in enumerate(domain.names)}
        slope = u.diff(coordinate(domain.names[k]))
        data[k, side] = _solved(sympy.expand(residual.subs(outward)), u, slope)
    return Trace(field, data)


def _on_part(residual: sympy.Expr, u: sympy.Expr, scope: Scope) -> dict[int, sympy.Expr]:
    """The condition on a curved boundary: a derivative there is `dn(u)`, all terms of it."""
    slope = sympy.Symbol("slope", real=True)
    first, *others = scope.space
    terms = [normal(z.name) * u.diff(z) for z in others]
    whole = residual.subs(u.diff(first), (slope - sympy.Add(*terms)) / normal(first.name))
    solved = _solved(sympy.expand(whole), u, slope)
    if any(value.has(normal(z.name)) for value in solved.values() for z in scope.space):
        raise LanguageError(NOT_A_TRACE)
    return solved


def _solved(here: sympy.Expr, u: sympy.Expr, slope: sympy.Expr) -> dict[int, sympy.Expr]:
    """By order of the derivative, the value of `u` or of `slope` with which the expression is zero."""
    for order, atom in enumerate((u, slope)):
        factor = here.coeff(atom)
        rest = sympy.expand(here - factor * atom)
        if factor.is_number and factor != 0 and not has_field(rest) and not rest.has(slope):
            _check_known(rest, u)
            return {order: -rest / factor}
    raise LanguageError(NOT_A_TRACE)


def _check_known(value: sympy.Expr, u: sympy.Expr) -> None:
    """A lift is a smooth expression of the coordinates."""
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


def build_ansatz(domain: Domain, traces: Iterable[Trace]) -> Ansatz:
    """The lift and the factor for the conditions on one field.

    Raises:
        LanguageError: Two conditions are the same or contradict each other, a derivative is fixed without the value, or
            the shape does not allow it.
    """
    data = _collect(domain, traces)
    lift, factor = _on_shape(domain, data)
    for k, name in enumerate(domain.names):
        orders = tuple(len(data.get((k, side), {})) for side in (LOWER, UPPER))
        if not any(orders):
            continue
        x, ends = coordinate(name), tuple(sympy.Rational(repr(end)) for end in (domain.lower[k], domain.upper[k]))
        factor *= _distances(x, ends, orders)
        for (side, order), basis in _hermite(x, ends, orders).items():
            missing = data[k, side][order] - lift.diff(x, order).subs(x, ends[side])
            lift += basis * missing.subs(x, ends[side])
    _check_compatible(domain, data, lift)
    return Ansatz(lift, factor)


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
    lift = orders[0]
    if 1 in orders:
        space = [coordinate(domain.names[i]) for i in domain.spatial]
        lift -= level * (orders[1] + sympy.Add(*[level.diff(z) * lift.diff(z) for z in space]))
    return lift, factor ** len(orders)


def _collect(domain: Domain, traces: Iterable[Trace]) -> Data:
    data: Data = {}
    for trace in traces:
        for face, orders in trace.data.items():
            for order, value in orders.items():
                if order in data.setdefault(face, {}):
                    raise LanguageError(f"two conditions fix {_what(trace.field, order)} on {_face_name(domain, face)}")
                data[face][order] = value
    for face, orders in data.items():
        if sorted(orders) != list(range(len(orders))):
            raise LanguageError(f"on {_face_name(domain, face)} a derivative is fixed without the value")
    return data


def _what(field: str, order: int) -> str:
    return f"dn({field})" if order else field


def _face_name(domain: Domain, face: Face | Place) -> str:
    if isinstance(face, Place):
        return face.name
    k, side = face
    return f"{domain.names[k]}={(domain.lower, domain.upper)[side][k]:g}"


def _distances(x: sympy.Symbol, ends: tuple[sympy.Expr, ...], orders: tuple[int, ...]) -> sympy.Expr:
    """`s**m (1 - s)**n` scaled to maximum 1, which it takes at `m/(m + n)`."""
    m, n = orders
    s, top = (x - ends[LOWER]) / (ends[UPPER] - ends[LOWER]), sympy.Rational(m, m + n)
    return s**m * (1 - s) ** n / (top**m * (1 - top) ** n)


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
        for order, value in orders.items():
            slopes = [lift.diff(z) for z in variables] if order else [lift]
            *found, wanted = (
                torch.as_tensor(v, dtype=torch.float64).expand(len(x))
                for v in torch_function(variables, [*slopes, value])(*x.unbind(1))
            )
            got = (torch.stack(found, dim=1) * normals).sum(1) if order else found[0]
            if bool(((got - wanted).abs() > TOLERANCE * (1 + wanted.abs().max())).any()):
                where = "" if isinstance(face, Place) else "an end of "
                raise LanguageError(f"the conditions contradict each other at {where}{_face_name(domain, face)}")


def _face_points(domain: Domain, face: Face) -> tuple[Tensor, Tensor]:
    """Points (N, D) of a face of the box, and the direction in which its data are derivatives."""
    k, side = face
    fractions = torch.tensor([0.0, 0.31, 0.73, 1.0], dtype=torch.float64)
    axes = [low + (high - low) * fractions for low, high in zip(domain.lower, domain.upper, strict=True)]
    axes[k] = torch.tensor([(domain.lower, domain.upper)[side][k]], dtype=torch.float64)
    x = torch.stack([axis.flatten() for axis in torch.meshgrid(*axes, indexing="ij")], dim=1)
    return x, torch.eye(len(domain.names), dtype=torch.float64)[k]


def _on_part_points(domain: Domain, place: Place) -> tuple[Tensor, Tensor]:
    """Points (N, D) of a part of a shape, and their outward normals."""
    unit = SobolEngine(domain.dimension(place), scramble=True, seed=0).draw(CHECKED, dtype=torch.float64)
    points = domain.sample(place, unit)
    assert points.normals is not None
    return points.x, points.normals
