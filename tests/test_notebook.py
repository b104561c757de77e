"""The notebook face in a notebook: a kernel runs the cells, with a bar that lives, and shows what they give."""

import re

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

SOLVE = """\
import pinn
line = pinn.Problem(
    coordinates={"x": [0, 1]}, fields=["u"], equations={"bend": "u_xx = -pi**2*sin(pi*x)"},
    conditions={"ends": "u(boundary) = 0"}, exact={"u": "sin(pi*x)"}, name="line",
)
solution = pinn.solve(
    line, "network.width=20", "sampling.points=60", "optimizer.steps=30", optimizer="gauss_newton", run_dir="out"
)
"""


def executed(folder, *cells):
    """The outputs of each cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return [cell.outputs for cell in notebook.cells]


def kinds(outputs):
    return {kind for output in outputs for kind in output.get("data", {})}


def said(outputs):
    """All text, and what displays hold as text."""
    return "".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs)


def test_solve_plot_error_and_report(tmp_path):
    solve, shown, plot, error, report = executed(
        tmp_path, SOLVE, "solution", "solution.plot()", "solution.error['u']['relative_l2']", "solution.report()"
    )
    (bar,) = [
        output["data"]["text/html"] for output in solve if "<progress" in output.get("data", {}).get("text/html", "")
    ]
    assert re.search(r'value="(\d+)".*gauss_newton \1/\1 +loss .* error ', bar)  # one output, as it was last drawn
    assert "relative L2 error" in str(solve)
    assert "text/html" in kinds(shown) and "image/png" in kinds(plot)
    assert float(said(error)) < 1e-6 and "report.html" in said(report) and (tmp_path / "out" / "report.html").exists()


def test_a_cell_that_fails_is_seen(tmp_path):
    with pytest.raises(CellExecutionError, match="such field|Did you mean|no key"):
        executed(tmp_path, SOLVE.replace("network.width", "network.widht"))
