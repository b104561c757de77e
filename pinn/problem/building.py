"""Which conditions are built into the network, and which of those that may be either are losses, with the reason."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sympy

from pinn.ansatz import Ansatz, Trace, build_ansatz, trace_condition
from pinn.embedding import Flat, Inputs, common, embed
from pinn.geometry import Domain, Place
from pinn.language import LanguageError, Scope
from pinn.problem.conditions import HARD, SOFT, need_all_orders, periodicity, written
from pinn.problem.equation import Equation

DISTANCES = 12  # coordinates whose distances to faces are multiplied, at most: the product is small nearly everywhere
VALUES = 8  # coordinates on whose faces values are interpolated, at most: each makes three terms of one

Unit = tuple[str, ...]  # conditions that are built in together or not at all


@dataclass(frozen=True)
class Built:
    """What is built into the network.

    Attributes:
        keys: Of the conditions.
        ansatz: Of each field that has such.
        inputs: What the network sees in place of each coordinate; None for the coordinates themselves.
        softened: Why conditions that might have been built in are losses.
    """

    keys: list[str]
    ansatz: dict[str, Ansatz]
    inputs: Inputs | None
    softened: dict[str, str]


@dataclass(frozen=True)
class _Period:
    """The derivative of an order by coordinate `k` is the same at its two ends."""

    field: str
    k: int
    order: int


@dataclass(frozen=True)
class _Field:
    """What is built in of one field."""

    units: tuple[Unit, ...] = ()
    ansatz: Ansatz | None = None

    @property
    def flat(self) -> Flat:
        """What its inputs have to have."""
        return self.ansatz.flat if self.ansatz else Flat()


class Builder:
    """Builds in what can be.

    Args:
        bounds: The conditions.
        how: `auto`, `hard` or `soft` for each.
        names: Those under which conditions were written: a vector's have one for all components.
        stated: The equations inside the domain.
        scope: Names of fields and coordinates.
        domain: Where all hold.
        coefficients: Fields whose network is one beside that of the others.
    """

    def __init__(
        self,
        bounds: Mapping[str, Equation],
        how: Mapping[str, str],
        names: Iterable[str],
        stated: Iterable[Equation],
        scope: Scope,
        domain: Domain,
        coefficients: Iterable[str],
    ):
        self._bounds, self._how, self._names, self._stated = bounds, how, list(names), list(stated)
        self._scope, self._domain, self._coefficients = scope, domain, set(coefficients)
        self._read: dict[str, Trace | _Period] = {}
        self._softened: dict[str, str] = {}

    def build(self) -> Built:
        """What is built in, and the reasons of what is not.

        Raises:
            LanguageError: What has to be hard cannot be.
        """
        for key in [key for key in self._bounds if self._how[key] != SOFT]:
            self._read_one(key)
        fields = {name: self._fitted(name, units) for name, units in self._units().items()}
        inputs = self._inputs(fields)
        kept = {key for one in fields.values() for unit in one.units for key in unit}
        return Built(
            [key for key in self._bounds if key in kept],
            {name: one.ansatz for name, one in fields.items() if one.ansatz},
            inputs,
            {key: self._softened[key] for key in self._bounds if key in self._softened},
        )

    def _read_one(self, key: str) -> None:
        """A condition by itself."""
        residual, place = self._bounds[key].residual, self._bounds[key].place
        try:
            if place.partner:
                self._read[key] = _Period(*periodicity(residual, place, self._scope, self._domain))
            else:
                self._read[key] = trace_condition(residual, place, self._scope, self._domain)
        except LanguageError as error:
            if self._how[key] == HARD:
                name, text = written(key, self._names), self._bounds[key].text
                raise LanguageError(f"conditions.{key}: {_refusal(error, [name], text)}") from None
            self._soften([(key,)], error)

    def _units(self) -> dict[str, list[Unit]]:
        """Of each field; what makes it periodic in a coordinate is one."""
        found: dict[str, dict[str | int, Unit]] = {}
        for key, read in self._read.items():
            units, name = found.setdefault(read.field, {}), read.k if isinstance(read, _Period) else key
            units[name] = (*units.get(name, ()), key)
        return {field: list(units.values()) for field, units in found.items()}

    def _needed(self, unit: Unit) -> bool:
        return any(self._how[key] == HARD for key in unit)

    def _soften(self, units: Iterable[Unit], error: LanguageError) -> None:
        self._softened |= {key: error.reason for unit in units for key in unit}

    def _fitted(self, field: str, units: Sequence[Unit]) -> _Field:
        """All conditions on a field; else all but one, the last that may go; else one after another."""
        try:
            return self._together(field, units)
        except LanguageError as error:
            all_of_them = error
        for unit in [unit for unit in reversed(units) if not self._needed(unit)]:
            try:
                found = self._together(field, [other for other in units if other != unit])
            except LanguageError:
                continue
            self._soften([unit], all_of_them)
            return found
        return self._one_by_one(field, units)

    def _one_by_one(self, field: str, units: Sequence[Unit]) -> _Field:
        """In their order, again while that brings more: on a shape a slope may wait for a value."""
        needed = [unit for unit in units if self._needed(unit)]
        try:
            found = self._together(field, needed)
        except LanguageError as error:
            keys = [key for unit in needed for key in unit]
            raise LanguageError(f"conditions on {field}: {_refusal(error, keys)}") from None
        before, apart = None, {}
        while before != found.units:
            before = found.units
            for unit in [unit for unit in units if unit not in before]:
                try:
                    found = self._together(field, [other for other in units if other in found.units or other == unit])
                except LanguageError as error:
                    apart[unit] = error
        for unit in [unit for unit in units if unit not in found.units]:
            self._soften([unit], apart[unit])
        return found

    def _together(self, field: str, units: Sequence[Unit]) -> _Field:
        """The ansatz for these conditions on a field.

        Raises:
            LanguageError: There is none.
        """
        if not units:
            return _Field()
        read = [self._read[key] for unit in units for key in unit]
        traces = [one for one in read if isinstance(one, Trace)]
        periods = [one for one in read if isinstance(one, _Period)]
        orders = {k: {one.order for one in periods if one.k == k} for k in sorted({one.k for one in periods})}
        need_all_orders(orders, field, self._stated, self._domain)
        if not all(map(self._needed, units)):
            _check_size(traces)
        ansatz = build_ansatz(self._domain, traces, {k: len(found) for k, found in orders.items()})
        if field in self._coefficients and ansatz.flat != Flat():
            said = ansatz.flat.faces(self._domain)
            raise LanguageError(f"{field} is {said}, and the network of a coefficient sees the coordinates themselves")
        return _Field(tuple(units), ansatz)

    def _inputs(self, fields: dict[str, _Field]) -> Inputs | None:
        """What the network sees; conditions by which only some of its fields have something are softened."""
        solved = [name for name in self._scope.fields if name not in self._coefficients]
        while True:
            flat = {name: fields.get(name, _Field()).flat for name in solved}
            try:
                return embed(self._domain, flat)
            except LanguageError as error:
                apart = error
            shared = common(flat.values())
            out = {
                name: [unit for unit in fields[name].units if self._may_go(unit, one.beyond(shared))]
                for name, one in flat.items()
                if one != shared
            }
            if not any(out.values()):
                kept = {key for one in fields.values() for unit in one.units for key in unit}
                keys = [key for key in self._bounds if key in kept and self._asks_inputs(key)]
                raise LanguageError(f"conditions: {_refusal(apart, keys)}")
            for name, units in out.items():
                self._soften(units, apart)
                fields[name] = self._fitted(name, [unit for unit in fields[name].units if unit not in units])

    def _may_go(self, unit: Unit, flat: Flat) -> bool:
        """Whether a field has one of these properties by these conditions, and they need not be hard."""
        return not self._needed(unit) and any(
            read.k in flat.periodic
            if isinstance(read, _Period)
            else any(1 in read.data.get(face, {}) for face in flat.free)
            for read in (self._read[key] for key in unit)
        )

    def _asks_inputs(self, key: str) -> bool:
        """Whether a condition that has to be hard is built in by the inputs: all but values."""
        bound = self._bounds[key]
        return self._how[key] == HARD and bool(bound.place.partner or bound.residual.atoms(sympy.Derivative))


def _check_size(traces: Sequence[Trace]) -> None:
    """In many dimensions what meets the conditions can be written down, and is of no use."""
    faces = {face: orders for trace in traces for face, orders in trace.data.items() if not isinstance(face, Place)}
    count = len({k for k, _ in faces})
    if count > DISTANCES:
        raise LanguageError(f"the product of the distances to the faces of {count} coordinates is nearly zero")
    if count > VALUES and any(fixed.value != 0 for orders in faces.values() for fixed in orders.values()):
        raise LanguageError(f"what interpolates values on the faces of {count} coordinates has 3**{count} terms")


def _refusal(error: LanguageError, keys: Sequence[str], text: str = "") -> str:
    quoted = f"{text!r} cannot" if text else f"{' and '.join(keys)} cannot{' both' * (len(keys) == 2)}"
    return (
        f"{quoted} be built into the network: {error.reason}; "
        f"write enforce: {{{keys[-1]}: soft}} to make {'it' if text else keys[-1]} a loss"
    )
