"""Integrals against closed forms; their errors are true, also where the rule is bad."""

import math

import pytest
from known_solutions import known
from scipy.integrate import quad

from pinn import LanguageError

SQUARE = {"x": [-1, 1], "y": [-1, 1]}


def quadratic(x):
    return x[:, :1] ** 2 + x[:, 1:2]


def integral(text, **definition):
    return known(quadratic, **{"coordinates": SQUARE, **definition}).integral(text)


DISK = {"disk": {"center": [0, 0], "radius": 1}}
HOLED = {"difference": ["box", {"disk": {"center": [0, 0], "radius": 0.5, "name": "hole"}}]}
POLAR = {"coordinates": {"r": [1, 2], "phi": [0, 1]}, "coordinate_system": "polar"}
SHELL = {"coordinates": {"r": [1, 2], "theta": [0.5, 1], "phi": [0, 3]}, "coordinate_system": "spherical"}
ZONE = {**SHELL, "coordinates": {"r": [1, 2], "theta": [0.5, 1]}}
RADIAL = {**SHELL, "coordinates": {"r": [1, 2]}}
CAP = math.cos(0.5) - math.cos(1)  # the integral of sin(theta)
MOMENT = math.sin(1) - math.cos(1) - math.sin(0.5) + 0.5 * math.cos(0.5)  # of theta*sin(theta)
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
    "spherical": (SHELL, "1", 7 / 3 * CAP * 3, 1e-12),
    "spherical, by theta": (SHELL, "theta", 7 * MOMENT, 1e-12),
    "spherical without phi": (ZONE, "1", 7 / 3 * CAP, 1e-12),
    "spherical, r alone": (RADIAL, "r", 15 / 4, 1e-12),
    "a sphere": (SHELL, "1(r=2)", 4 * CAP * 3, 1e-12),
    "a cone": (SHELL, "1(theta=1)", 3 / 2 * math.sin(1) * 3, 1e-12),
    "a half plane": (SHELL, "1(phi=3)", 3 / 2 / 2, 1e-12),
    "a circle of latitude": (SHELL, "1(r=2, theta=1)", 2 * math.sin(1) * 3, 1e-12),
    "a ray": (SHELL, "1(theta=1, phi=3)", 1, 1e-12),
    "five dimensions": ({"coordinates": {f"x{i}": [0, 1] for i in range(1, 6)}}, "u", 1 / 3 + 1 / 2, 1e-4),
}


@pytest.mark.parametrize("name", CASES)
def test_integrals(name):
    definition, text, expected, accuracy = CASES[name]
    value, error = integral(text, **definition)
    assert abs(value - expected) < accuracy
    assert abs(value - expected) <= 3 * error
    assert error < accuracy


def curve(element):
    """Of the circle `r = 1.5 + 0.3 cos(s)`, `angle = 0.7 + 0.3 sin(s)` in the plane of these, by scipy."""

    def length(s):
        r, angle = 1.5 + 0.3 * math.cos(s), 0.7 + 0.3 * math.sin(s)
        return math.hypot(0.3 * math.sin(s), r * 0.3 * math.cos(s)) * element(r, angle)

    return quad(length, 0, 2 * math.pi)[0]


@pytest.mark.parametrize(
    ("system", "angle", "element"),
    [("polar", "phi", lambda r, phi: 1), ("spherical", "theta", lambda r, theta: r * math.sin(theta))],
)
def test_a_curved_boundary_in_curved_coordinates(system, angle, element):
    """Its length; of a surface of revolution, the area a unit of phi."""
    disk = {"disk": {"center": [1.5, 0.7], "radius": 0.3}}
    definition = {"coordinates": {"r": [1, 2], angle: [0.2, 1.2]}, "coordinate_system": system, "domain": disk}
    value, _ = integral("1(boundary)", **definition)
    assert value == pytest.approx(curve(element), rel=1e-10)
    assert value != pytest.approx(curve(lambda r, angle: 1.001 * element(r, angle)), rel=1e-10)


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
