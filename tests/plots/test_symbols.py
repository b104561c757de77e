"""Names as mathematics."""

import pytest
from matplotlib.mathtext import MathTextParser

from pinn.plots.symbols import caption, symbol
from pinn.problem import Problem, configs


def test_letters_and_indices():
    assert (symbol("phi"), symbol("x12"), symbol("u")) == (r"$\phi$", "$x_{12}$", "$u$")
    assert caption("z = ... = w = 0.5, t = 1e-05") == "$z$ = ... = $w$ = 0.5, $t$ = 1e-05"


def test_matplotlib_reads_every_name_of_the_catalogue():
    parser = MathTextParser("path")
    for path in (configs() / "pde").glob("*.yaml"):
        problem = Problem.load(path)
        for name in {*problem.fields, *problem.coordinate_names}:
            parser.parse(symbol(name))
    with pytest.raises(ValueError, match="Unknown symbol"):
        parser.parse(r"$\nosuch$")
