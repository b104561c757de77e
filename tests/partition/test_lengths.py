"""How long a domain is, as its equations see it: alike in all units."""

import pytest
from units import Units, rewritten

from pinn import Problem
from pinn.partition.lengths import lengths


def plane(equation: str, **given) -> Problem:
    return Problem(
        **{"coordinates": {"x": [0, 2], "y": [0, 1]}, "fields": ["u"], "equations": {"e": equation},
           "conditions": {"edge": "u(boundary) = 0"}, "enforce": "soft", **given}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("equation", "wanted"),
    [
        ("lap(u) = 1", (2, 1)),
        ("u_xx + 100*u_yy = 1", (20, 1)),
        ("100*u_xx + u_yy = 1", (1, 5)),
        ("16*u_xxxx + 2*u_xxyy + u_yyyy + 100*u_xx = 1", (1, 1)),  # the highest order counts
        ("(1 + u_y**2)*u_xx + (1 + u_x**2)*u_yy = 1", (2, 1)),
        ("div((1 + x**2)*grad(u)) = 1", (2, 1)),
        ("u_x = u_yy", (1, 1)),  # nothing is compared
        ("u_xx*u_yy - u_xy**2 = 1", (1, 1)),  # not known at zero
    ],
)
def test_an_equation_is_alike_in_all_directions(equation, wanted):
    found = lengths(plane(equation))
    assert tuple(found[name] for name in "xy") == pytest.approx(wanted)


def test_several_equations_count_alike():
    coupled = plane(
        "4*u_xx + u_yy = v", fields=["u", "v"], equations={"one": "4*u_xx + u_yy = v", "other": "v_xx + 4*v_yy = u"},
        conditions={"edge": "u(boundary) = 0", "other_edge": "v(boundary) = 0"},
    )  # fmt: skip
    assert lengths(coupled) == pytest.approx({"x": 2, "y": 1})


@pytest.mark.parametrize("name", ["elasticity_3d", "cylinder", "plate_orthotropic", "kovasznay"])
def test_units_do_not_matter(name):
    problem = Problem.load(name)
    for seed in range(3):
        assert lengths(rewritten(problem, Units.drawn(problem, seed))) == pytest.approx(lengths(problem))
