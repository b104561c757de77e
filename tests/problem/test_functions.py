"""Known functions: of other fields, tables and Python's own."""

import numpy as np
import pytest
import torch
import yaml

import pinn
from pinn import LanguageError, Problem
from pinn.geometry import Points
from pinn.language import Scope, parse, to_latex, to_text
from pinn.networks import MLP, Scaled
from pinn.problem.tables import table
from pinn.residuals import Residuals

POISSON = {"coordinates": {"x": [0, 1], "y": [0, 2]}, "fields": ["u"], "equations": {"e": "lap(u) = f"}}


def interior(problem, x, engine="jet"):
    torch.manual_seed(0)
    network = MLP(Scaled(problem.domain.lower, problem.domain.upper), 1, width=4).double()
    return Residuals(problem, network, engine)({problem.domain.interior: Points(x)})["e"]


def grid(path, axes=((0, 0.25, 1), (0, 0.5, 2)), shuffled=True):
    x, y = (z.ravel() for z in np.meshgrid(*axes, indexing="ij"))
    rows = np.stack([x, y, 3 * x - y * x + 1], axis=1)
    np.savetxt(
        path,
        np.random.default_rng(0).permutation(rows) if shuffled else rows,
        delimiter=",",
        header="x,y,f",
        comments="",
    )
    return path


@pytest.mark.parametrize("engine", ["jet", "autograd"])
def test_expression_table_and_function_say_the_same(tmp_path, engine):
    x = torch.rand(30, 2, dtype=torch.float64) * torch.tensor([1, 2])
    said = "3*x - y*x + 1"  # bilinear: a table has it exactly
    plain = interior(Problem(**POISSON, functions={"f": said}), x, engine)
    from_table = interior(Problem(**POISSON, functions={"f": {"table": grid(tmp_path / "f.csv")}}), x, engine)
    from_python = interior(
        Problem(**POISSON, functions={"f": lambda z: 3 * z[:, 0] - z[:, 0] * z[:, 1] + 1}), x, engine
    )
    torch.testing.assert_close(from_table, plain)
    torch.testing.assert_close(from_python, plain)
    wrong = interior(Problem(**POISSON, functions={"f": lambda z: z[:, 0]}), x, engine)
    assert (wrong - plain).abs().max() > 0.1


def test_a_table_of_arrays_and_one_of_fewer_coordinates(tmp_path):
    a, b = np.array([0.0, 0.5, 2.0]), np.array([1.0, 3.0])
    np.savez(tmp_path / "f.npz", x=a, y=b, f=np.add.outer(a, 10 * b))
    f = table(tmp_path / "f.npz", "f", ["t", "y", "x"][::-1])
    assert f(torch.tensor([[0.25, 2.0, 9.0]], dtype=torch.float64)).item() == 20.25
    (tmp_path / "g.csv").write_text("t,g\n0,1\n2,5\n")
    g = table(tmp_path / "g.csv", "g", ["x", "t"])
    values = g(torch.tensor([[7.0, 0.5], [7, -1], [7, 3]]))
    assert values.tolist() == [2, 1, 5] and values.dtype == torch.float32  # constant beyond the ends


def test_a_function_may_be_a_vector_or_a_tensor():
    """Hooke's law by name is the same as Hooke's law in its place."""
    plane = {"coordinates": {"x": [0, 1], "y": [0, 1]}, "fields": [{"U": ["u", "v"]}], "parameters": {"mu": 2, "la": 3}}
    law = "2*mu*sym(grad(U)) + la*div(U)*identity"
    named = Problem(
        **plane,
        functions={"load": "(x, 0)", "stress": law, "twice": "2*stress"},
        equations={"balance": "div(twice)/2 + load = 0"},
        conditions={"edge": "dot(stress, normal)(boundary) = load"},
    )
    written = Problem(
        **plane,
        equations={"balance": f"div({law}) + (x, 0) = 0"},
        conditions={"edge": f"dot({law}, normal)(boundary) = (x, 0)"},
    )
    for key, equation in written.equations.items():
        assert (named.equations[key].residual - equation.residual).expand() == 0
    with pytest.raises(LanguageError, match="take div or dot of it"):
        Problem(**plane, functions={"stress": law}, equations={"balance": "stress = 0"})


def test_functions_may_be_made_of_fields():
    problem = Problem(**POISSON, functions={"flux": "u**2*u_x", "f": "d(flux, x) + 1"})
    written = Problem(**{**POISSON, "equations": {"e": "lap(u) = d(u**2*u_x, x) + 1"}})
    assert problem.equations["e"].residual - written.equations["e"].residual == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x,y,f\n0,0,1\n1,1,2\n", "are no grid of 2 x 2 nodes"),
        ("x,f\n0,1\n1,\n", "line 3 has no number in the column f"),
        ("x,g\n0,1\n1,2\n", "has no column 'f'; it has x, g"),
        ("a,f\n0,1\n1,2\n", "has a column for none of x, y"),
        ("x,f\n0,1\n", "two nodes at least"),
        ("", "cannot be read"),
    ],
)
def test_a_wrong_table_is_quoted(tmp_path, text, said):
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(LanguageError, match=said):
        Problem(**POISSON, functions={"f": {"table": tmp_path / "f.csv"}})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"table": "missing.csv"}, "there is no file 'missing.csv'"),
        ({"table": "f.txt"}, "neither a .csv nor an .npz"),
        ({"tabel": "f.csv"}, "is no function"),
        (lambda x: x[:, 0], "f is known by its values alone"),
    ],
)
def test_a_wrong_function_is_quoted(given, said):
    with pytest.raises(LanguageError, match=said):
        Problem(**{**POISSON, "equations": {"e": "div(f*grad(u)) = 0"}}, functions={"f": given})


def test_nothing_is_unpickled(tmp_path):
    np.savez(tmp_path / "f.npz", f=np.array([{"a": 1}], dtype=object))
    with pytest.raises(LanguageError, match="cannot be read"):
        Problem(**POISSON, functions={"f": {"table": tmp_path / "f.npz"}})


LAW = {
    "coordinates": {"x": [0, 1], "y": [0, 2]},
    "fields": ["u"],
    "equations": {"e": "lap(u) + 2*law(u, u_x)*u = law(x, y)"},
    "conditions": {"flux": "dn(u)(boundary) = law(u, y)(boundary)"},
    "enforce": "soft",
}


@pytest.mark.parametrize("engine", ["jet", "autograd"])
def test_a_python_function_of_the_solution(engine):
    """The text with the function against the text with what it computes: residuals and Jacobians."""
    text = yaml.safe_dump(LAW).replace("law(u, u_x)", "(max(u, 0)*u_x + exp(u_x) - 1)")
    text = text.replace("law(x, y)", "(x*y + exp(y) - 1)").replace("law(u, y)", "(max(u, 0)*y + exp(y) - 1)")
    python = {**LAW, "functions": {"law": lambda a, b: torch.relu(a) * b + torch.special.expm1(b)}}
    found = []
    for definition in (python, yaml.safe_load(text)):
        problem = Problem.from_mapping(definition)
        torch.manual_seed(0)
        network = MLP(Scaled(problem.domain.lower, problem.domain.upper), 1, width=4).double()
        residuals = Residuals(problem, network, engine)
        generator = torch.Generator().manual_seed(1)
        at = {
            place: problem.domain.sample(
                place, torch.rand(9, problem.domain.dimension(place), dtype=torch.float64, generator=generator)
            )
            for place in residuals.places
        }
        found.append(residuals.linearise(at, {}))
    (r, jacobian), (r_plain, jacobian_plain) = found
    torch.testing.assert_close(r, r_plain, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(jacobian, jacobian_plain, rtol=1e-11, atol=1e-12)


def test_a_python_function_is_not_differentiated_built_in_or_named_by_a_file():
    law = {"functions": {"law": lambda *a: a[0]}}
    with pytest.raises(LanguageError, match="law is a Python function and is not differentiated"):
        Problem.from_mapping({**LAW, **law, "equations": {"e": "div(law(u)*grad(u)) = 1"}})
    with pytest.raises(LanguageError, match="its value is a Python function"):
        Problem.from_mapping({**LAW, **law, "conditions": {"b": "u(boundary) = law(x, y)"}, "enforce": "hard"})
    with pytest.raises(LanguageError, match="functions.law: Attribute is not of the language"):
        Problem.from_mapping({**LAW, "functions": {"law": "os.system"}})
    place = Problem.from_mapping({**LAW, **law, "conditions": {"b": "law(boundary) + u(boundary) = 1"}})
    assert place.equations["b"].place.boundary


def test_a_python_function_is_printed():
    scope = Scope(("x",), ("u",), opaque=("law",))
    expression = parse("2*law(u, u_x) + law", scope)
    assert parse(to_text(expression, scope), scope) == expression
    assert to_latex(expression, scope).count("law") == 2


@pytest.mark.parametrize(
    ("name", "write", "said"),
    [
        ("f.npz", lambda path: np.savez(path, x=[0, 1], f=np.array([1j, 2])), "f is complex"),
        ("f.csv", lambda path: path.write_text("x,f,f\n0,1,2\n1,1,2\n"), "two columns 'f'"),
        ("f.csv", lambda path: path.write_text("x,f\n"), "no rows"),
    ],
)
def test_a_file_that_would_be_read_as_another_is_refused(tmp_path, name, write, said):
    write(tmp_path / name)
    with pytest.raises(LanguageError, match=said):
        table(tmp_path / name, "f", ["x"])


@pytest.mark.parametrize(
    ("equation", "function", "said"),
    [
        ("u_xx = f", lambda x: x[:, :1], r"functions.f gives values of the shape \(\d+, 1\)"),
        ("u_xx = f", lambda x: None, "functions.f gives NoneType"),
        ("u_xx = f", lambda x: x[:, 0] * 1j, "type torch.complex128"),
        ("u_xx = f(u)", lambda u: u[:, None], r"functions.f gives values of the shape \(\d+, 1\)"),
        ("u_xx = f", lambda x: x[:, 0] * float("nan"), "functions: f has no finite value at x="),
    ],
)
def test_a_python_function_that_gives_something_else_gets_one_message(equation, function, said):
    given = {"fields": ["u"], "equations": {"bend": equation}, "conditions": {"ends": "u(boundary) = 0"}}
    problem = Problem(coordinates={"x": [0, 1]}, functions={"f": function}, **given)
    with pytest.raises(ValueError, match=said):
        pinn.solve(problem, "network.width=5", "optimizer=adam", "trainer.max_steps=1", "network.scale=1")
