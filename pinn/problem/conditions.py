"""Conditions: at a place, between two places, about integrals; built into the network, or losses."""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import sympy
from sympy.core.function import AppliedUndef

from pinn.geometry import Box, Domain, Place
from pinn.language import (
    CARTESIAN,
    Integral,
    LanguageError,
    Scope,
    Statement,
    did_you_mean,
    has_field,
    normal,
    opaque,
    parameter,
    partner_name,
)
from pinn.language.interfaces import Jump
from pinn.problem.equation import Equation, highest_order

AUTO, HARD, SOFT = "auto", "hard", "soft"


def paired(place: Place, partner: Place, text: str) -> Place:
    """The first face, whose points know their partners on the second."""
    if not place.fixed or [i for i, _ in place.fixed] != [i for i, _ in partner.fixed]:
        raise LanguageError("a condition between two places takes two faces of one coordinate: u(x=0) = u(x=1)", text)
    return replace(place, name=f"{place.name}~{partner.name}", partner=partner.fixed)


def at_partner(expression: sympy.Expr, scope: Scope, text: str) -> sympy.Expr:
    """The expression in the fields at the partners of the points."""
    if {normal(name) for name in scope.coordinates} & expression.free_symbols:
        raise LanguageError("outward normals of two faces differ: write u_x(x=0) = u_x(x=1) for dn(u)", text)
    moved = {scope.unknown(field): sympy.Function(partner_name(field))(*scope.variables) for field in scope.fields}
    return expression.subs(moved).doit()


def across(condition: sympy.Expr, scope: Scope) -> sympy.Expr:
    """A sum of jumps as a residual: each expression at a point beside an interface less the same on the other side."""
    there = {x: parameter(partner_name(x.name)) for x in scope.variables}

    def beyond(value: sympy.Expr) -> sympy.Expr:
        atoms = value.atoms(AppliedUndef) | value.atoms(sympy.Derivative)
        fields = {atom: sympy.Dummy(real=True) for atom in atoms if atom.atoms(AppliedUndef)}
        known = {table: sympy.Dummy(real=True) for table in (opaque(n, scope.variables) for n in scope.opaque)}
        moved = value.xreplace({**fields, **known}).xreplace(there)
        back = {name: at_partner(atom, scope, "") for atom, name in fields.items()}
        return moved.xreplace({**back, **{name: table for table, name in known.items()}})

    return condition.replace(Jump, lambda value: value - beyond(value))


def periodicity(residual: sympy.Expr, place: Place, scope: Scope, domain: Domain) -> tuple[str, int, int]:
    """The field that a condition between two faces makes periodic, the coordinate's index, and the derivative's order.

    Raises:
        LanguageError: It says something else, or not of the two ends of a coordinate.
    """
    if len(place.fixed) != 1 or domain.crosses(place) or domain.crosses(replace(place, fixed=place.partner)):
        raise LanguageError(f"{place.name} are not the two ends of a coordinate")
    ((k, _),) = place.fixed
    x, own = scope.variables[k], {partner_name(field): field for field in scope.fields}
    for atom in [a for a in residual.atoms(AppliedUndef, sympy.Derivative) if a.atoms(AppliedUndef)]:
        order = atom.derivative_count if isinstance(atom, sympy.Derivative) else 0
        field = (atom.expr if order else atom).func.__name__
        if field in own or order and set(atom.variables) != {x}:
            continue
        there = sympy.Function(partner_name(field))(*scope.variables)
        ratio = residual / (atom - (there.diff(x, order) if order else there))
        if sympy.cancel(ratio).is_number:
            return field, k, int(order)
    raise LanguageError("only u(x=0) = u(x=1), and the same of derivatives by x, make a field periodic")


def need_all_orders(orders: Mapping[int, set[int]], field: str, equations: Iterable[Equation], domain: Domain) -> None:
    """Refuse a field that is said to be periodic without the derivatives that its equations take.

    Args:
        orders: Of the derivatives that are the same at both ends, by the index of the coordinate.
        field: Its name.
        equations: Those inside the domain.
        domain: Where they hold.
    """
    equations = list(equations)
    for k, found in orders.items():
        name = domain.names[k]
        count = max(1, highest_order(equations, field, name))
        missing = [order for order in range(count) if order not in found]
        if missing:
            ends = f"{name}={domain.lower[k]:g}", f"{name}={domain.upper[k]:g}"
            said = f"{field}_{name * missing[0]}" if missing[0] else field
            raise LanguageError(
                f"{field} is differentiated {count} times by {name}, so it is periodic if the derivatives below that "
                f"order are; say {said}({ends[0]}) = {said}({ends[1]}) as well"
            )


def integrand(residual: sympy.Expr, place: Place, scope: Scope, domain: Domain, text: str) -> sympy.Expr:
    """What has the mean zero over a place where `residual`, a sum of integrals and numbers, is zero."""
    integrals = sorted(residual.atoms(Integral), key=sympy.default_sort_key)
    plain = {integral: sympy.Dummy(real=True) for integral in integrals}
    rest = residual.xreplace(plain)
    factors = {integral: rest.diff(symbol) for integral, symbol in plain.items()}
    outside = rest.subs(dict.fromkeys(plain.values(), 0))
    if has_field(rest) or any(f.free_symbols & set(plain.values()) for f in factors.values()):
        raise LanguageError("integrals stand in a sum, each times a number, beside nothing but numbers", text)
    fixed = [domain.names[i] for i, _ in place.fixed]
    size = sympy.Rational(repr(domain.measure(place))) * scope.calculus.element(
        fixed, scope.normals if place.boundary and scope.calculus.system != CARTESIAN else ()
    )
    return sympy.Add(*[factor * size * integral.args[0] for integral, factor in factors.items()]) + outside


def need_normals(expressions: Iterable[sympy.Expr], place: Place, scope: Scope, domain: Domain, text: str) -> None:
    """Refuse the outward normal where there is none, and that of a shape where it is no unit vector.

    Inside, on a section, in a corner and at a moment there is none; coordinates with scale factors have none of shapes.
    """
    if not any(e.free_symbols & set(scope.normals) for e in expressions):
        return
    if not isinstance(domain, Box) and any(h != 1 for h in scope.calculus.factors):
        raise LanguageError(f"the outward normal of a shape is not known in {scope.system} coordinates", text)
    if place.boundary:
        return
    names = [domain.names[k] for k, _ in place.fixed]
    if len(names) != 1 or names[0] not in [x.name for x in scope.space] or domain.crosses(place):
        where = f"at ({place.name})" if names else "inside the domain"
        raise LanguageError(
            f"{where} there is no outward normal: dn stands at a face of space, such as ({scope.space[0].name}="
            f"{domain.lower[domain.names.index(scope.space[0].name)]:g}), on (boundary), or on a part of it: give a "
            "shape of the domain a name, {box: {...}, name: step}, and write dn(u)(step)",
            text,
        )


def needs_field(statement: Statement, text: str) -> None:
    """Refuse an equation in which no field occurs."""
    if not has_field(statement.left if statement.partner else statement.residual):
        raise LanguageError("no field occurs in it, so there is nothing to solve for", text)


def enforced(enforce: Any, bounds: Mapping[str, Equation], conditions: Mapping[str, str]) -> dict[str, str]:
    """`auto`, `hard` or `soft` for each condition: `auto` where a mapping does not say; integrals are always soft."""
    if not isinstance(enforce, str | Mapping):
        raise LanguageError(f"enforce: {enforce!r} is unknown; write auto, hard, soft, or one of them by condition")
    given = dict.fromkeys(conditions, enforce) if isinstance(enforce, str) else dict(enforce)
    for key, value in ({"": enforce} if isinstance(enforce, str) else given).items():
        if value not in (AUTO, HARD, SOFT):
            hint = did_you_mean(str(value), (AUTO, HARD, SOFT))
            raise LanguageError(f"enforce: {value!r} is unknown{hint}; write auto, hard or soft")
        if key and key not in conditions and key not in bounds:
            raise LanguageError(f"enforce: no condition is called {key!r}{did_you_mean(key, bounds)}")
    said = {key: given.get(key, given.get(written(key, conditions), AUTO)) for key in bounds}
    return {key: SOFT if bounds[key].place.integral else how for key, how in said.items()}


def written(key: str, conditions: Iterable[str]) -> str:
    """The name under which a condition was written, of which a vector's have one for all components."""
    return key if key in conditions else key.rpartition("_")[0]


def no_walls(system: str, domain: Domain) -> list[str]:
    """Faces of a box of polar and such coordinates that are no boundary in space: an axis, the ends of a whole turn."""
    if system == CARTESIAN or not isinstance(domain, Box):
        return []
    ends = {name: (low, high) for name, low, high in zip(domain.names, domain.lower, domain.upper, strict=True)}
    found = ["r=0"] if ends.get("r", (1, 1))[0] == 0 else []
    if "phi" in ends and math.isclose(ends["phi"][1] - ends["phi"][0], 2 * math.pi, rel_tol=1e-6):
        found += [f"phi={end:.4g}" for end in ends["phi"]]
    if system == "spherical" and "theta" in ends:
        found += [f"theta={end:.4g}" for end, pole in zip(ends["theta"], (0, math.pi), strict=True)
                  if math.isclose(end, pole, abs_tol=1e-6)]  # fmt: skip
    return found
