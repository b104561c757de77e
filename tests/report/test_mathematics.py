"""A problem as mathematics: LaTeX with the letters that it is written in, MathML that a browser knows."""

import xml.etree.ElementTree as ET

import pytest

from pinn.problem import Problem, configs
from pinn.report.mathematics import domain_latex, latex, mathml

NAMES = sorted(path.stem for path in (configs() / "pde").glob("*.yaml"))


def test_numbers_and_functions_keep_their_letters():
    found = latex(Problem.load("burgers"))
    assert found["equations"] == {"burgers": r"u u_{x} + u_{t} = \nu u_{xx}"}
    assert found["where"] == {"nu": r"\nu = \frac{0.01}{\pi}"}
    found = latex(Problem.load("cylinder"))
    assert found["where"]["inflow"].startswith(r"\mathrm{inflow} = \frac{")
    assert found["conditions"]["outlet"] == r"\left. \nu u_{x} - p \right|_{x = 2.2} = 0"
    assert latex(Problem.load("heat"))["exact"] == {"u": r"u = e^{- \pi^{2} \alpha t} \sin{\left(\pi x \right)}"}


def test_a_tensor_is_shown_where_it_is_said_and_put_in_where_it_stands():
    problem = Problem(
        coordinates={"x": [0, 1], "y": [0, 1]}, fields=[{"U": ["u", "v"]}],
        functions={"stress": "sym(grad(U))"}, equations={"balance": "div(stress) = 0"},
    )  # fmt: skip
    found = latex(problem)
    assert "u_{y}" in found["where"]["stress"] and found["where"]["stress"].startswith(r"\mathrm{stress} = ")
    assert "u_{xx}" in found["equations"]["balance"]


def test_a_number_that_must_be_known_is_put_in():
    problem = Problem(
        coordinates={"x": ["0", "L"]}, parameters={"L": 2}, fields=["u"], equations={"line": "u_xx = L"},
        conditions={"end": "u(x=L) = L", "start": "u(x=0) = 0"},
    )  # fmt: skip
    assert latex(problem)["conditions"]["end"] == r"\left. u \right|_{x = 2} = 2"


@pytest.mark.parametrize("name", NAMES)
def test_every_problem_of_the_catalogue_is_shown(name):
    problem = Problem.load(name)
    lines = [text for section in latex(problem).values() for text in section.values()]
    for text in (*lines, domain_latex(problem)):
        tree = ET.fromstring(mathml(text).replace("&nbsp;", " "))
        assert tree.tag == "math" and "\\" not in "".join(tree.itertext())


def test_what_the_converter_does_not_know_stays_latex():
    assert mathml(r"\frac{a}<{") == r"<code>\frac{a}&lt;{</code>"


@pytest.mark.parametrize(
    ("text", "stretchy"),
    [
        (r"\left. u \right|_{x = 0} = 0", ["false"]),
        (r"\sin{\left(\pi y \right)}", ["false"] * 2),
        (r"\left(\frac{y}{2} + 1\right)", ["true"] * 2),
    ],
)
def test_brackets_grow_around_what_is_tall_alone(text, stretchy):
    brackets = list(ET.fromstring(mathml(text)).iterfind(".//mo[@fence]"))
    assert [one.get("stretchy") for one in brackets] == stretchy and all(one.text for one in brackets)


def test_many_coordinates_are_shortened():
    assert domain_latex(Problem.load("poisson_100d")).count(r"\in") == 3
