"""Conditions by construction: `u = g + phi * N` satisfies them whatever the network N gives.

On a box, `phi` is the product of the distances to the faces, each to the power of the number of conditions there,
scaled to maximum 1; `g` interpolates the data by the Boolean sum of the Hermite interpolants along the coordinates
(transfinite interpolation: Gordon & Hall 1973, Numer. Math. 21). `u = dn(u) = 0` on a square gives `g = 0`, `phi**2`.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false

from collections.abc import Iterable
from dataclasses import dataclass

import sympy
import torch
from sympy.core.function import AppliedUndef

from pinn.geometry import Box, Place
from pinn.language import LanguageError, Scope, coordinate, has_field, normal, torch_function

LOWER, UPPER = 0, 1
Face = tuple[int, int]  # the index of a coordinate, LOWER or UPPER
Data = dict[Face, dict[int, sympy.Expr]]  # per face and order of the derivative along its coordinate
TOLERANCE = 1e-9  # of two conditions where they meet, relative to the size of the data


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
    """A condition that fixes a field or a normal derivative of it on faces of a box.

    Attributes:
        field: Its name.
        data: The values on each face.
    """

    field: str
    data: Data


def trace_condition(residual: sympy.Expr, place: Place, scope: Scope, box: Box) -> Trace:
    """Read `residual = 0` at `place` as values, or derivatives along the normal, of one field on faces.

    Raises:
        LanguageError: It is neither, with the reason.
    """
    names = {atom.func.__name__ for atom in residual.atoms(AppliedUndef)}
    if len(names) != 1:
        raise LanguageError(f"it takes one field, here are {', '.join(sorted(names)) or 'none'}")
    field = names.pop()
    u = scope.unknown(field)
    faces = [(k, side) for k in box.spatial for side in (LOWER, UPPER)] if place.boundary else _face_of(place, box)
    slopes = [u.diff(x) for x in scope.variables]
    data: Data = {}
    for k, side in faces:
        outward = {normal(name): 2 * side - 1 if i == k else 0 for i, name in enumerate(box.names)}
        here = sympy.expand(residual.subs(outward))
        for order, atom in enumerate((u, slopes[k])):
            factor = here.coeff(atom)
            rest = sympy.expand(here - factor * atom)
            if factor.is_number and factor != 0 and not has_field(rest):
                data[k, side] = {order: -rest / factor}
    if len(data) != len(faces):
        raise LanguageError("only a value, or the derivative along the normal, can be built in")
    return Trace(field, data)


def _face_of(place: Place, box: Box) -> list[Face]:
    if len(place.fixed) != 1:
        raise LanguageError(f"{place.name} is no face of the box")
    ((k, value),) = place.fixed
    return [(k, UPPER if value == box.upper[k] else LOWER)]


def build_ansatz(box: Box, traces: Iterable[Trace]) -> Ansatz:
    """The lift and the factor for the conditions on one field.

    Raises:
        LanguageError: Two conditions are the same or contradict each other, or a derivative is fixed without the value.
    """
    data = _collect(box, traces)
    lift: sympy.Expr = sympy.Integer(0)
    factor: sympy.Expr = sympy.Integer(1)
    for k, name in enumerate(box.names):
        orders = tuple(len(data.get((k, side), {})) for side in (LOWER, UPPER))
        if not any(orders):
            continue
        x, ends = coordinate(name), tuple(sympy.Rational(repr(end)) for end in (box.lower[k], box.upper[k]))
        factor *= _distances(x, ends, orders)
        for (side, order), basis in _hermite(x, ends, orders).items():
            missing = data[k, side][order] - lift.diff(x, order).subs(x, ends[side])
            lift += basis * missing.subs(x, ends[side])
    _check_compatible(box, data, lift)
    return Ansatz(lift, factor)


def _collect(box: Box, traces: Iterable[Trace]) -> Data:
    data: Data = {}
    for trace in traces:
        for face, orders in trace.data.items():
            for order, value in orders.items():
                if order in data.setdefault(face, {}):
                    raise LanguageError(f"two conditions fix {_what(trace.field, order)} on {_face_name(box, face)}")
                data[face][order] = value
    for face, orders in data.items():
        if sorted(orders) != list(range(len(orders))):
            raise LanguageError(f"on {_face_name(box, face)} a derivative is fixed without the value")
    return data


def _what(field: str, order: int) -> str:
    return f"dn({field})" if order else field


def _face_name(box: Box, face: Face) -> str:
    k, side = face
    return f"{box.names[k]}={(box.lower, box.upper)[side][k]:g}"


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


def _check_compatible(box: Box, data: Data, lift: sympy.Expr) -> None:
    """The Boolean sum meets all data if they agree where faces meet: look at points of each face, edges included."""
    fractions = torch.tensor([0.0, 0.31, 0.73, 1.0], dtype=torch.float64)
    variables = [coordinate(name) for name in box.names]
    axes = [low + (high - low) * fractions for low, high in zip(box.lower, box.upper, strict=True)]
    grid = [axis.flatten() for axis in torch.meshgrid(*axes, indexing="ij")]
    for (k, side), orders in data.items():
        end = (box.lower, box.upper)[side][k]
        columns = [torch.full_like(c, end) if i == k else c for i, c in enumerate(grid)]
        for order, value in orders.items():
            pair = torch_function(variables, [lift.diff(variables[k], order), value])(*columns)
            got, wanted = (torch.as_tensor(v, dtype=torch.float64) for v in pair)
            if bool(((got - wanted).abs() > TOLERANCE * (1 + wanted.abs().max())).any()):
                raise LanguageError(f"the conditions contradict each other at an end of {_face_name(box, (k, side))}")
