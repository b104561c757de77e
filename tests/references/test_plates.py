import numpy as np
import pytest
import torch
from solution_checks import inner_points, residual

from pinn import Problem
from pinn.references import truth
from pinn.references.plates import supported

CLAMPED = {"edge": "w(boundary) = 0", "slope": "dn(w)(boundary) = 0"}


def plate(reference, text="lap(lap(w)) = 1", b=1.0, conditions=None, functions=None, x=(0, 1)):
    return Problem(
        coordinates={"x": x, "y": [0, b]}, fields=["w"], equations={"plate": text}, functions=functions,
        conditions=conditions or ({} if reference == "orthotropic_plate" else CLAMPED), enforce="soft",
        reference=reference,
    )  # fmt: skip


def at(problem, *points):
    return truth(problem)(torch.tensor(points, dtype=torch.float64))[:, 0].numpy()


# -- clamped -----------------------------------------------------------------------------------------------------------


def test_published_centre_deflections_of_the_clamped_plate():
    # Timoshenko & Woinowsky-Krieger, Theory of Plates and Shells, 2nd ed., table 35: b/a = 1, 1.5.
    # The eight digits for the square: Taylor & Govindjee 2004, Commun. Numer. Methods Eng. 20.
    deflections = [at(plate("clamped_plate", b=b), (0.5, b / 2))[0] for b in (1, 1.5)]
    assert deflections == pytest.approx([0.00126, 0.0022], abs=6e-6)
    assert abs(deflections[0] - 0.00126532) < 5e-9
    assert abs(at(plate("clamped_plate", b=3.5), (0.5, 1.75))[0] - 1 / 384) < 1e-5  # a long plate is a clamped beam


@pytest.mark.parametrize(
    ("exact", "b"), [("sin(pi*x)**2*sin(pi*y)**2", 1.0), ("x**2*(1 - x)**3*y**2*(2 - y)**2*exp(y)", 2.0)]
)
def test_against_a_manufactured_deflection(exact, b):
    # 3 w_xxxx + 4 w_xxyy + w_yyyy = q, written with the opposite sign
    given = {"equations": {"p": "-3*w_xxxx - 4*w_xxyy - w_yyyy = q"}, "functions": {"q": "manufactured"}}
    known = Problem(
        coordinates={"x": [0, 1], "y": [0, b]}, fields=["w"], conditions=CLAMPED, exact={"w": exact},
        reference="clamped_plate", enforce="soft", **given,
    )  # fmt: skip
    x = inner_points(known, margin=0)
    expected = known.exact_values(x)
    known.exact = None
    w = truth(known)(x)
    assert (w - expected).abs().max() < 1e-9 * expected.abs().max()
    assert (1.0001 * w - expected).abs().max() > 1e-5 * expected.abs().max()  # positive control


def test_the_clamped_plate_satisfies_its_equation_and_edges():
    problem = plate("clamped_plate", "lap(lap(w)) = 1 + x*y", b=1.5, x=(-1, 1))
    function, x = truth(problem), inner_points(problem, margin=0.15)
    assert abs(residual(problem, "plate", function, x, (0.04, 0.04))).max() < 1e-5
    wrong = residual(problem, "plate", lambda z: function(z) + 1e-5 * torch.sin(9 * z[:, :1]), x, (0.04, 0.04))
    assert abs(wrong).max() > 1e-4  # positive control
    edge, h = x.clone(), 1e-4
    edge[:, 0] = 1
    inside = edge - torch.tensor([h, 0], dtype=torch.float64)
    assert function(edge).abs().max() < 1e-15 and function(inside).abs().max() < 3 * h**2


def test_the_reaction_carries_the_load():
    # the shear force -dn(lap(w)) over the boundary balances the load: 4 edges of equal force under q = 1
    function, h = truth(plate("clamped_plate")), 0.02
    s, weights = np.polynomial.legendre.leggauss(40)
    s, weights = (s + 1) / 2, weights / 2
    moments = []
    for k in range(4):  # lap(w) at distances h, 2 h, ... extrapolated to the slope on the edge x = 0
        d = torch.from_numpy(np.stack([np.full_like(s, (k + 1.5) * h), s], axis=1))
        e1, e2 = torch.eye(2, dtype=torch.float64) * h
        lap = sum(function(d + e) - function(d) for e in (e1, -e1, e2, -e2))[:, 0] / h**2
        moments.append(float(weights @ lap.numpy()))
    slope = np.polyder(np.polyfit((np.arange(4) + 1.5) * h, moments, 3))
    assert np.polyval(slope, 0.0) == pytest.approx(-0.25, rel=0.05)


# -- simply supported, orthotropic -------------------------------------------------------------------------------------


@pytest.mark.parametrize("apart", [2e-6, 5e-6, 2e-5, 1e-3])
def test_roots_that_nearly_meet_are_between_those_that_do_not(apart):
    x, y = np.random.default_rng(0).random((2, 50))
    below, here, above = (supported(x, y, 1, 1, (1.0, 1.0 + change, 1.0)) for change in (-apart, 0, apart))
    assert abs((below + above) / 2 - here).max() < (2e-10 + apart**2) * here.max()
    assert abs(above - here).max() > 0.1 * apart * here.max()  # positive control


@pytest.mark.parametrize("stiffness", [(10.0, 2.0, 1.0), (1.0, 0.5, 3.0), (1.0, 0.0, 1.0), (1.0, 1.0001, 1.0)])
def test_against_naviers_double_series(stiffness):
    # Timoshenko & Woinowsky-Krieger, section 85, eq. (m): 16 q / pi**6 sum sin sin / (m n (Dx m**4/a**4 + ...))
    dx, h, dy = stiffness
    problem = plate("orthotropic_plate", f"{dx}*w_xxxx + {2 * h}*w_xxyy + {dy}*w_yyyy = 1", b=1.5)
    x, y = inner_points(problem, 50, margin=0).numpy().T
    m = np.arange(1, 600, 2)
    p, r = m[:, None] ** 2, (m[None, :] / 1.5) ** 2
    weights = 16 / np.pi**6 / (np.outer(m, m) * (dx * p**2 + 2 * h * p * r + dy * r**2))
    expected = np.einsum("pm,mn,pn->p", np.sin(np.pi * np.outer(x, m)), weights, np.sin(np.pi * np.outer(y, m) / 1.5))
    w = truth(problem)(torch.from_numpy(np.stack([x, y], axis=1)))[:, 0].numpy()
    assert abs(w - expected).max() < 1e-8 * expected.max()
    assert abs(1.001 * w - expected).max() > 1e-4 * expected.max()  # positive control


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text": "lap(w) = 1"}, "solves one equation Dx*w_xxxx"),
        ({"text": "lap(lap(w)) + w = 1"}, "solves one equation Dx*w_xxxx"),
        ({"text": "w_xxxx - 3*w_xxyy + w_yyyy = 1"}, "H > -sqrt(Dx*Dy)"),
        ({"text": "x*w_xxxx + w_yyyy = 1"}, "solves one equation Dx*w_xxxx"),
        ({"conditions": {"edge": "w(boundary) = 0"}}, "needs w = 0 and dn(w) = 0 on the whole boundary"),
        ({"conditions": {**CLAMPED, "slope": "dn(w)(boundary) = 1"}}, "needs w = 0 and dn(w) = 0"),
        ({"conditions": {"edge": "w(boundary) + lap(w)(boundary) = 0"}}, "reference clamped_plate: 'w(boundary) +"),
        ({"text": "lap(lap(w)) = abs(x - 0.3)"}, "the load is too rough"),
        ({"reference": "orthotropic_plate", "text": "lap(lap(w)) = x"}, "has a uniform load, this problem x"),
    ],
)
def test_other_problems_are_refused_in_one_message(changes, said):
    with pytest.raises(ValueError) as error:
        truth(plate(**{"reference": "clamped_plate", **changes}))
    assert said in str(error.value)
