import matplotlib.path
import numpy as np
import pytest
import torch
from solution_checks import inner_points, residual

from pinn import Problem
from pinn.references import truth
from pinn.references.finite_elements import eigenvalue
from pinn.references.triangles import locate, polygon

L_SHAPE = [[0, 0], [1, 0], [1, 1], [-1, 1], [-1, -1], [0, -1]]
SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1]]


def problem(equation, conditions, x=(0, 1), y=(0, 1), **given):
    return Problem(
        coordinates={"x": x, "y": y}, fields=["u"], equations={"e": equation},
        conditions={f"c{i}": text for i, text in enumerate(conditions)}, enforce="soft",
        **{"reference": "finite_elements", **given},
    )  # fmt: skip


def membrane(guess, x=(-1, 1), y=(-1, 1), equation="-lap(u) = k*u", tolerance=1e-7, **given):
    given |= {"parameters": {"k": {"learn": guess}}, "reference": {"finite_elements": {"tolerance": tolerance}}}
    return problem(equation, ["u(boundary) = 0"], x, y, **given)


# -- closed forms ------------------------------------------------------------------------------------------------------

MANUFACTURED = {
    "Poisson": ("-lap(u) = q", ["u(boundary) = x*y"], "x*y + sin(pi*x)*sin(pi*y)"),
    "Darcy's law, reaction, three kinds of conditions": (
        "-div((2 + sin(x*y))*grad(u)) + (1 + x)*u = q",
        [
            "u(x=0) = cos(y)", "u_x(x=1) = exp(1)*cos(y)", "2*dn(u)(y=0) + u(y=0) = exp(x)",
            "dn(u)(y=1) = -exp(x)*sin(1)",
        ],
        "exp(x)*cos(y)",
    ),
    "anisotropic diffusion and advection": (
        "u_xx + 0.3*u_xy + 4*u_yy - 2*u_x + x*u_y + 3*u = q", ["u(boundary) = x**3 + y**4"], "x**3 + y**4"
    ),
    "the other sign, no condition where the flux is zero": (
        "lap(u) - u = q", ["u(x=0) = cos(pi*y)", "u(x=1) = exp(1)*cos(pi*y)"], "exp(x)*cos(pi*y)"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MANUFACTURED)
def test_against_manufactured_solutions(name):
    equation, conditions, exact = MANUFACTURED[name]
    known = problem(equation, conditions, functions={"q": "manufactured"}, exact={"u": exact})
    x = inner_points(known, 500, margin=0)
    expected = known.exact_values(x)
    known.exact = None
    u = truth(known)(x)
    assert (u - expected).abs().max() < 1e-7
    assert (u - 1.00001 * expected).abs().max() > 1e-6  # positive control


def test_the_corner_solution_of_the_l_shape():
    # r**(2/3) cos(2 phi/3), phi from the bisector of the corner, zero on its edges; its slope is unbounded there:
    # Strang & Fix 1973, An Analysis of the Finite Element Method, ch. 8. phi = 2 atan(y / (r + x)), cut along x < 0.
    notched = [[0, 0], [-1, -1], [1, -1], [1, 1], [-1, 1]]
    cosine = "cos(4/3*atan(y/(sqrt(x**2 + y**2) + x + 1e-30)))"
    solved = problem(
        "lap(u) = 0", [f"u(boundary) = (x**2 + y**2)**(1/3)*{cosine}"], (-1, 1), (-1, 1),
        domain={"polygon": {"vertices": notched}}, reference={"finite_elements": {"tolerance": 1e-6}},
    )  # fmt: skip
    x = inner_points(solved, 500, margin=0)
    x = x[x[:, 0] > -x[:, 1].abs()]
    r, phi = x.norm(dim=1), torch.atan2(x[:, 1], x[:, 0])
    u = truth(solved)(x)[:, 0]
    assert (u - r ** (2 / 3) * torch.cos(2 * phi / 3)).abs().max() < 1e-6
    assert (u - r ** (2 / 3) * torch.cos(phi / 2)).abs().max() > 1e-2  # positive control


def test_the_eigenvalue_of_the_l_shape():
    # Trefethen & Betcke 2006, Contemp. Math. 412: 9.6397238440219 for three unit squares
    domain = {"polygon": {"vertices": L_SHAPE}}
    assert eigenvalue(membrane(9, domain=domain), tolerance=1e-5) == pytest.approx(9.6397238440219, abs=2e-8)
    assert eigenvalue(membrane(21, domain=domain), tolerance=1e-4) == pytest.approx(2 * np.pi**2, abs=1e-5)  # sin sin


def test_eigenfunction_of_a_rectangle():
    drum = membrane(30, (0, 1), (0, 2), "lap(u) + k*u = 0", tolerance=1e-5)
    x = inner_points(drum, margin=0)
    expected = np.sqrt(2) * torch.sin(torch.pi * x[:, 0]) * torch.sin(3 * torch.pi * x[:, 1] / 2)
    u = truth(drum)(x)[:, 0]
    assert min((u - expected).abs().max(), (u + expected).abs().max()) < 1e-5
    assert eigenvalue(drum, tolerance=1e-5) == pytest.approx(np.pi**2 * (1 + 9 / 4), abs=1e-6)


def test_the_equation_by_differences():
    solved = problem("-div((1 + x**2)*grad(u)) = exp(x*y)", ["u(boundary) = 0"])
    function, x = truth(solved), inner_points(solved, 100, margin=0.2)
    # Second derivatives of piecewise polynomials of degree 4: three digits.
    assert abs(residual(solved, "e", function, x, (0.03, 0.03))).max() < 1e-3
    wrong = residual(solved, "e", lambda z: function(z) + 1e-3 * torch.sin(9 * z[:, :1]), x, (0.03, 0.03))
    assert abs(wrong).max() > 1e-2  # positive control


# -- domains -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hole", ["u(hole) = log(x**2 + y**2)/2", "dn(u)(hole) = -1/(x**2 + y**2)"])
def test_a_hole(hole):
    """u = log r between two squares that hold it; the outward normal points into the hole."""
    outer, inner = (
        {"polygon": {"vertices": [[-a, -a], [a, -a], [a, a], [-a, a]], "name": name}}
        for a, name in ((2, "rim"), (1, "hole"))
    )
    conditions = ["u(rim) = log(x**2 + y**2)/2", hole]
    solved = problem("lap(u) = 0", conditions, (-2, 2), (-2, 2), domain={"difference": [outer, inner]})
    x = inner_points(solved, 500, margin=0)
    x = x[x.abs().max(dim=1).values > 1]
    u = truth(solved)(x)[:, 0]
    assert (u - x.norm(dim=1).log()).abs().max() < 1e-7
    with pytest.raises(ValueError, match="lies outside the domain"):
        truth(solved)(torch.zeros(1, 2))


def test_pieces_of_a_domain_that_meet():
    """Two boxes that make a square: x y on all of it."""
    halves = [{"polygon": {"vertices": [[a, 0], [a + 0.5, 0], [a + 0.5, 1], [a, 1]]}} for a in (0, 0.5)]
    solved = problem("lap(u) = 0", ["u(boundary) = x*y"], domain={"union": halves})
    x = inner_points(solved, 200, margin=0)
    assert (truth(solved)(x)[:, 0] - x.prod(dim=1)).abs().max() < 1e-12
    apart = [halves[0], {"polygon": {"vertices": [[0.6, 0], [1, 0], [1, 1]]}}]
    with pytest.raises(ValueError, match="is in several pieces"):
        truth(problem("lap(u) = 0", ["u(boundary) = x*y"], domain={"union": apart}))


def test_triangulation():
    for loops in (
        [L_SHAPE],
        [SQUARE[::-1]],
        [[[0, 0], [3, 0], [0.3, 2.6]]],
        [[[0, 0], [4, 0], [4, 4]], [[2, 1], [3, 1], [3, 2]]],
    ):
        loops = [np.array(loop, dtype=float) for loop in loops]
        mesh = polygon(loops)
        random = np.random.default_rng(0)
        points = random.uniform(mesh.p.min(axis=1), mesh.p.max(axis=1), (500, 2))
        even_odd = sum(matplotlib.path.Path(loop).contains_points(points).astype(int) for loop in loops) % 2
        points = points[even_odd == 1]
        cells, local = locate(mesh, points)
        a, b, c = mesh.p[:, mesh.t[:, cells]].transpose(1, 0, 2)
        np.testing.assert_allclose(a + (b - a) * local[0] + (c - a) * local[1], points.T, atol=1e-12)
        assert local.min() > -1e-9 and local.sum(axis=0).max() < 1 + 1e-9
    with pytest.raises(ValueError, match="edges of a polygon must not cross"):
        polygon([np.array([[0, 0], [1, 1], [1, 0], [0, 1.0]])])


# -- what it refuses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"equation": "lap(u) = u**2"}, "solves linear equations of second order"),
        ({"equation": "lap(lap(u)) = 1"}, "solves linear equations of second order"),
        ({"equation": "u_x = 1"}, "solves linear equations of second order"),
        ({"conditions": ["u(boundary)**2 = 1"]}, "condition c0, 'u(boundary)**2 = 1', gives neither u nor dn(u)"),
        ({"conditions": ["u_y(x=0) = 1"]}, "gives neither u nor dn(u)"),
        ({"equation": "u_xx + 2*u_yy = 1", "conditions": ["dn(u)(boundary) = 1"]}, "is given face by face"),
        ({"equation": "lap(u) = k**2*u", "parameters": {"k": {"learn": 1}}}, "stands linearly, times the field"),
        ({"domain": {"disk": {"radius": 0.5, "center": [0.5, 0.5]}}}, "takes boxes and polygons"),
    ],
)
def test_other_problems_are_refused_in_one_message(given, said):
    given = {"equation": "lap(u) = 1", "conditions": ["u(boundary) = 0"], **given}
    with pytest.raises(ValueError) as error:
        truth(problem(**given))
    assert said in str(error.value)


def test_a_source_from_a_table(tmp_path):
    """The bilinear 1 + x*y, which the table has exactly."""
    file, x = tmp_path / "q.csv", torch.rand(50, 2, dtype=torch.float64)
    file.write_text("x,y,q\n0,0,1\n0,1,1\n1,0,1\n1,1,2\n")
    given = {
        "coordinates": {"x": [0, 1], "y": [0, 1]}, "fields": ["u"], "equations": {"p": "-lap(u) = q"},
        "conditions": {"e": "u(boundary) = 0"}, "reference": {"finite_elements": {"tolerance": 1e-5}},
    }  # fmt: skip
    found, expected = (truth(Problem(**given, functions={"q": q})) for q in ({"table": str(file)}, "1 + x*y"))
    assert found is not None and expected is not None
    assert torch.allclose(found(x), expected(x), atol=1e-7)
