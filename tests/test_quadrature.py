"""Integrals against closed forms; their errors are true, also where the rule is bad."""

import math

import pytest
from known_solutions import known

from pinn import LanguageError

SQUARE = {"x": [-1, 1], "y": [-1, 1]}


def quadratic(x):
    return x[:, :1] ** 2 + x[:, 1:2]


def integral(text, **definition):
    return known(quadratic, **{"coordinates": SQUARE, **definition}).integral(text)


DISK = {"disk": {"center": [0, 0], "radius": 1}}
HOLED = {"difference": ["box", {"disk": {"center": [0, 0], "radius": 0.5, "name": "hole"}}]}
POLAR = {"coordinates": {"r": [1, 2], "phi": [0, 1]}, "coordinate_system": "polar"}
CASES = {
    "box": ({}, "u", 4 / 3, 1e-12),
    "flux": ({}, "dn(u)(boundary)", 8, 1e-11),  # the integral of lap(u) = 2
    "face": ({}, "u**2(x=1)", 2 + 2 / 3, 1e-12),
    "corner": ({}, "u(x=1, y=1)", 2, 1e-12),
    "section": ({}, "u(x=0.5)", 0.5, 1e-12),
    "function": ({"functions": {"q": "x**2"}}, "q", 4 / 3, 1e-12),
    "disk": ({"domain": DISK}, "u", math.pi / 4, 1e-12),
    "rim": ({"domain": DISK}, "dn(u)(boundary)", 2 * math.pi, 1e-11),
    "ball": (
        {"coordinates": {**SQUARE, "z": [-1, 1]}, "domain": {"ball": {"center": [0, 0, 0], "radius": 1}}},
        *("u", 4 * math.pi / 15, 1e-5),
    ),
    "hole": ({"domain": HOLED}, "u", 4 / 3 - math.pi / 64, 1e-3),
    "around the hole": ({"domain": HOLED}, "dn(u)(hole)", -math.pi / 2, 1e-11),
    "all of its boundary": ({"domain": HOLED}, "dn(u)(boundary)", 8 - math.pi / 2, 1e-2),
    "triangle": ({"domain": {"polygon": {"vertices": [[-1, -1], [1, -1], [-1, 1]]}}}, "1", 2, 5e-3),
    "polar": (POLAR, "u", 15 / 4 + 3 / 4, 1e-12),  # of r**2 + phi, times r
    "polar arc": (POLAR, "1(r=2)", 2, 1e-12),
    "polar ray": (POLAR, "1(phi=0)", 1, 1e-12),
    "five dimensions": ({"coordinates": {f"x{i}": [0, 1] for i in range(1, 6)}}, "u", 1 / 3 + 1 / 2, 1e-4),
}


@pytest.mark.parametrize("name", CASES)
def test_integrals(name):
    definition, text, expected, accuracy = CASES[name]
    value, error = integral(text, **definition)
    assert abs(value - expected) < accuracy
    assert abs(value - expected) <= 3 * error
    assert error < accuracy


def test_the_error_is_told_where_the_rule_is_bad():
    value, error = known(lambda x: (x[:, :1] > 0.3).double(), coordinates={"x": [0, 1]}).integral("u")
    assert 1e-5 < abs(value - 0.7) < 10 * error


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("grad(u)", "a vector"),
        ("u(x=3)", "x=-1 and x=1"),
        ("dn(u)", "no outward normal"),
        ("integral(u)", "a number"),
        ("v", "unknown"),
    ],
)
def test_what_is_no_integral(text, said):
    with pytest.raises((LanguageError, ValueError), match=said):
        integral(text)
