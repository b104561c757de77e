"""The names that a problem declares: its coordinates and fields."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from pinn.language import LanguageError, Scope, about
from pinn.problem.parameters import interval

MOST_COORDINATES = 1000


def check_sections(**sections: Any) -> None:
    """Refuse a section that is no mapping from names."""
    for name, section in sections.items():
        if section is not None and not isinstance(section, Mapping):
            raise LanguageError(f"{name}: {section!r} is no mapping; write {name}: {{name: value}}")
        given = {} if section is None else section
        for key, value in given.items():
            if value is None:
                raise LanguageError(
                    f"{name}: nothing stands behind {key!r}; within {{ }} a comma begins the next entry, so a text "
                    "with commas takes quotes there"
                )
        for key in given:
            if not isinstance(key, str):
                hint = "; YAML reads on, off, yes and no as true or false" if isinstance(key, bool) else ""
                raise LanguageError(f"{name}: {key!r} is no name: write a letter, then letters and digits{hint}")
            if not key.isprintable():
                raise LanguageError(f"{name}: {key!r} has a character that cannot be seen")


def check_name(place: str, name: str) -> None:
    """Say of a name that cannot be one where it stands.

    Raises:
        LanguageError: It is reserved, or no name at all.
    """
    with about(place):
        Scope((name,), ())
        if name.startswith("normal_") or "__" in name:  # of normals, of partners, of data
            raise LanguageError(f"the name {name!r} is reserved by the language; choose another")


def read_fields(given: Any) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The names of all fields, and the vectors among them by their components."""
    entries = [given] if isinstance(given, Mapping) else given
    if isinstance(entries, str) or not isinstance(entries, Sequence) or not entries or given == {}:
        raise LanguageError(f"fields: {given!r} is no list of names; write fields: [u], or [{{U: [u, v]}}, p]")
    names: list[str] = []
    vectors: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        for vector, components in entry.items() if isinstance(entry, Mapping) else ():
            if isinstance(components, str) or not isinstance(components, Sequence):
                raise LanguageError(
                    f"fields: the components of {vector} are {components!r}; write {{{vector}: [u, v]}}"
                )
            vectors[vector] = tuple(components)
        names += [entry] if not isinstance(entry, Mapping) else [c for parts in entry.values() for c in parts]
    return tuple(names), vectors


def read_intervals(given: Mapping[str, Any], constants: Mapping[str, sympy.Expr]) -> dict[str, tuple[float, float]]:
    """By name; `x1..x100` stands for that many coordinates."""
    result = {}
    for name, ends in given.items():
        with about(f"coordinates.{name}"):
            for single in _numbered(str(name)):
                result[single] = interval(ends, constants)
    return result


def _numbered(name: str) -> list[str]:
    found = re.fullmatch(r"([A-Za-z_]+)(\d+)\.\.([A-Za-z_]+)(\d+)", name)
    if found is None:
        return [name]
    first, low, last, high = found.groups()
    if first != last or not int(low) < int(high) <= MOST_COORDINATES:
        raise LanguageError(f"{name!r} is no row of names; write one such as x1..x10, up to {MOST_COORDINATES}")
    return [f"{first}{number}" for number in range(int(low), int(high) + 1)]
