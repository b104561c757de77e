"""Powers that have no value below zero, and what takes their place there."""

import numpy as np
import pytest
import sympy
import torch

from pinn.language import extended, open_bases, parse, to_text, torch_function
from pinn.language.scope import Scope

SCOPE = Scope(("x",), ("u", "v"), {}, ())


@pytest.mark.parametrize(
    ("text", "bases"),
    [
        ("sqrt(u)", ["u"]),
        ("u_x*(u - v)**(5/3)", ["u - v"]),
        ("u**0.8 + sqrt(x)", ["u"]),
        ("u**2 + u**3 + 1/u", []),
        ("sqrt(u_x**2 + v**2 + 1)", []),  # never negative
        ("1/sqrt(u)", []),  # infinite at zero: what goes on through it is not known
        ("x**1.5*u", []),
        ("abs(u)**0.5", []),
    ],
)
def test_which_powers_they_are(text, bases):
    assert [to_text(base, SCOPE) for base in open_bases(parse(text, SCOPE))] == bases


def test_values_and_slopes_on_both_sides_of_zero():
    u = SCOPE.unknown("u")
    z = torch.tensor([-4.0, -1.0, 0.25, 9.0], dtype=torch.float64, requires_grad=True)
    plain = sympy.Symbol("z")
    (value,) = torch_function([plain], [extended(parse("3*u**1.5", SCOPE)).xreplace({u: plain})])(z)
    np.testing.assert_allclose(value.detach(), [-24, -3, 0.375, 81])
    (slope,) = torch.autograd.grad(value.sum(), z)
    np.testing.assert_allclose(slope, 4.5 * z.detach().abs().sqrt())
    (bare,) = torch_function([plain], [parse("3*u**1.5", SCOPE).xreplace({u: plain})])(z)
    assert bare[:2].isnan().all()  # positive control
