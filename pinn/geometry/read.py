"""Domains from YAML: `{difference: [box, {disk: {center: [0.2, 0.2], radius: 0.05, name: cylinder}}]}`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sympy

from pinn.geometry.box import Box
from pinn.geometry.combination import Difference, Intersection, Union
from pinn.geometry.cuboid import Cuboid
from pinn.geometry.polygon import Polygon
from pinn.geometry.region import Domain, Region
from pinn.geometry.round import Annulus, Ball, Cylinder, Ellipse
from pinn.geometry.shape import Shape
from pinn.geometry.surface import Surface
from pinn.language import RESERVED, LanguageError, about, constant, did_you_mean

COMBINATIONS: dict[str, type] = {"union": Union, "intersection": Intersection, "difference": Difference}
PRIMITIVES: dict[str, tuple[type, int, dict[str, str]]] = {  # coordinates of space, and what the arguments are
    "disk": (Ball, 2, {"center": "point", "radius": "number"}),
    "ball": (Ball, 3, {"center": "point", "radius": "number"}),
    "annulus": (Annulus, 2, {"center": "point", "inner": "number", "outer": "number"}),
    "ellipse": (Ellipse, 2, {"center": "point", "radii": "point"}),
    "polygon": (Polygon, 2, {"vertices": "points"}),
    "cylinder": (Cylinder, 3, {"axis": "axis", "center": "pair", "radius": "number", "ends": "pair"}),
    "surface": (Surface, 3, {"file": "text"}),
}
THINNEST = 1e-9  # of the box's length
KINDS = ("box", *PRIMITIVES, *COMBINATIONS)


def read_domain(given: Any, box: Box, constants: Mapping[str, sympy.Expr]) -> Domain:
    """The box, or the region that is described.

    Args:
        given: What stands under `domain:`, None for the box.
        box: The intervals of the coordinates.
        constants: Names that numbers may use.

    Raises:
        LanguageError: It describes no domain; the message says where and what would be right.
    """
    if given is None:
        return box
    shape = _Reader(box, constants).shape(given, "domain")
    with about("domain"):
        return Region(shape, box)


class _Reader:
    """The coordinates that the shapes lie in, and the names that numbers may use."""

    def __init__(self, box: Box, constants: Mapping[str, sympy.Expr]):
        self.constants = constants
        self.bounds = {box.names[i]: (box.lower[i], box.upper[i]) for i in box.spatial}

    def shape(self, given: Any, where: str) -> Shape:
        """What `box`, `{disk: {...}}` or `{union: [...]}` says."""
        with about(where):
            kind, options = _kind(given)
        where = f"{where}.{kind}"
        if kind in COMBINATIONS:
            with about(where):
                given = _parts(kind, options)
            parts = [self.shape(part, f"{where}[{k}]") for k, part in enumerate(given)]
            with about(where):
                return COMBINATIONS[kind](*parts)
        with about(where):
            made = self.box(options) if kind == "box" else self.primitive(kind, options)
            for (name, (low, high)), least, most in zip(self.bounds.items(), made.lower, made.upper, strict=True):
                if not most - least > THINNEST * (high - low):
                    raise LanguageError(
                        f"it is {most - least:g} long in {name}, which goes from {low:g} to {high:g}: no point would "
                        "meet it; take a larger one, or leave it out"
                    )
            return made

    def box(self, options: Any) -> Shape:
        """Intervals by coordinate; those that are not given are the whole ones."""
        options = _options(options, (*self.bounds, "name"))
        bounds = {c: self.numbers(options[c], 2, c) if c in options else whole for c, whole in self.bounds.items()}
        return Cuboid(list(bounds.values()), _name(options))

    def primitive(self, kind: str, options: Any) -> Shape:
        """A shape whose options are the arguments of its class."""
        made, d, arguments = PRIMITIVES[kind]
        if len(self.bounds) != d:
            raise LanguageError(f"it lies in {d} coordinates, but those of space are {', '.join(self.bounds)}")
        options = _options(options, (*arguments, "name"))
        if kind == "cylinder" and options.get("axis") in self.bounds:
            options = {"ends": self.bounds[options["axis"]], **options}
        for key in arguments:
            if key not in options:
                raise LanguageError(f"{key!r} is missing; it takes {', '.join(arguments)}")
        return made(**{key: self.read(use, options[key], key) for key, use in arguments.items()}, name=_name(options))

    def read(self, use: str, value: Any, key: str) -> Any:
        """One argument."""
        readers: dict[str, Callable[[], Any]] = {
            "number": lambda: self.number(value, key),
            "pair": lambda: self.numbers(value, 2, key),
            "point": lambda: self.numbers(value, len(self.bounds), key),
            "points": lambda: self.points(value, key),
            "axis": lambda: self.axis(value, key),
            "text": lambda: str(value),
        }
        return readers[use]()

    def number(self, value: Any, key: str) -> float:
        """Such as `0.05` or `pi/4`."""
        with about(key):
            return float(constant(value, self.constants))

    def numbers(self, value: Any, count: int, key: str) -> list[float]:
        """So many of them in a list."""
        if not _is_list(value) or len(value) != count:
            raise LanguageError(f"{key}: {value!r} is no list of {count} numbers")
        return [self.number(entry, key) for entry in value]

    def points(self, value: Any, key: str) -> list[list[float]]:
        """A list of points."""
        if not _is_list(value):
            raise LanguageError(f"{key}: {value!r} is no list of points; write [[0, 0], [1, 0], [0, 1]]")
        return [self.numbers(entry, len(self.bounds), key) for entry in value]

    def axis(self, value: Any, key: str) -> int:
        """The index of a coordinate."""
        if value not in self.bounds:
            raise LanguageError(f"{key}: {value!r} is no coordinate of space; they are {', '.join(self.bounds)}")
        return list(self.bounds).index(value)


def _kind(given: Any) -> tuple[str, Any]:
    if given == "box":
        return "box", {}
    if not isinstance(given, Mapping) or len(given) != 1:
        raise LanguageError(f"{given!r} is no shape; write box, or one such as {{disk: {{center: [0, 0], radius: 1}}}}")
    ((kind, options),) = given.items()
    if kind not in KINDS:
        raise LanguageError(f"unknown shape {kind!r}{did_you_mean(str(kind), KINDS)}; shapes are {', '.join(KINDS)}")
    return kind, options


def _parts(kind: str, given: Any) -> Sequence[Any]:
    if not _is_list(given) or len(given) < 2:
        raise LanguageError(f"{given!r} is no list of two or more shapes; write {{{kind}: [box, ...]}}")
    return given


def _options(given: Any, known: Sequence[str]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise LanguageError(f"{given!r} is no mapping; it takes {', '.join(known)}")
    for key in given:
        if key not in known:
            raise LanguageError(f"unknown key {key!r}{did_you_mean(str(key), known)}; it takes {', '.join(known)}")
    return dict(given)


def _name(options: Mapping[str, Any]) -> str | None:
    name = options.get("name")
    if name is None:
        return None
    if not isinstance(name, str) or not name.isidentifier():
        raise LanguageError(f"name: {name!r} is no name: write a letter, then letters and digits")
    if name in RESERVED:
        raise LanguageError(f"name: {name!r} is reserved by the language; choose another")
    return name


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
