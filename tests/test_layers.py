"""Imports go one way: a part may import the rows above its own, and outside packages where they belong."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pinn"
ROWS = [
    {"language"},
    {"operators", "geometry", "optimizers", "metrics", "messages", "files"},
    {"networks", "embedding"},
    {"ansatz"},
    {"problem"},
    {"evolution"},
    {"residuals", "linter", "verification", "phases"},
    {"sampling", "balancing", "references", "plots"},
    {"quadrature"},
    {"partition"},
    {"solution", "schema"},
    {"postprocessing", "report", "doctor"},
    {"training", "search", "slurm"},
    {"commands", "pages"},
    {"app"},
]
ONLY_THERE = {
    "optuna": {"search"},
    "lightning": {"training"},
    "wandb": {"training"},
    "hydra": {"app"},
    "omegaconf": {"app"},
}


def imports(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write absolute imports"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "pinn" else {node.module}
    return {name for name in found if name}


def violations(part: str, source: str) -> list[str]:
    row = next(i for i, names in enumerate(ROWS) if part in names)
    allowed = set().union(*ROWS[:row], {part})
    wrong = []
    for name in imports(source):
        top, *rest = name.split(".")
        if top == "pinn" and rest and rest[0] not in allowed:
            wrong.append(name)
        if part not in ONLY_THERE.get(top, {part}):
            wrong.append(name)
    return wrong


def parts() -> list[tuple[str, Path]]:
    files = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]
    return [(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), path) for path in files]


@pytest.mark.parametrize(("part", "path"), parts(), ids=lambda value: str(value).rpartition("/pinn/")[2])
def test_imports_go_one_way(part, path):
    assert violations(part, path.read_text()) == []


def test_the_check_sees_a_violation():
    assert violations("operators", "from pinn.problem import Problem") == ["pinn.problem"]
    assert violations("residuals", "import lightning.pytorch as pl") == ["lightning.pytorch"]
    assert violations("problem", "from hydra import compose") == ["hydra"]
    assert violations("operators", "from pinn import training") == ["pinn.training"]


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return {name.partition(".")[0] for name in out.stdout.split()}


def test_the_operator_layer_and_the_notebook_face_load_neither_lightning_nor_hydra():
    heavy = {"lightning", "hydra", "wandb", "matplotlib"}
    assert not heavy & loaded_by("import pinn.operators")
    assert not heavy & loaded_by("import pinn; pinn.Problem")
    assert "lightning" in loaded_by("import lightning")


def without(blocked: set[str], statement: str) -> subprocess.CompletedProcess[str]:
    """The statement in a process in which these packages cannot be imported."""
    code = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(blocked)}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
{statement}
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PACKAGE.parent, timeout=120)


def test_the_operator_layer_needs_torch_sympy_and_numpy_only():
    required = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[<>=]", line)[0].replace("-", "_") for line in required}
    modules = {"hydra_core": "hydra", "pyyaml": "yaml", "pillow": "PIL", "scikit_fem": "skfem"}
    blocked = {modules.get(name, name) for name in names} - {"torch", "sympy", "numpy"}
    assert {"lightning", "hydra", "wandb", "matplotlib", "shapely", "scipy", "yaml"} <= blocked
    one = """
import torch
from pinn import operators

points = torch.tensor([[2.0, 3.0]], dtype=torch.float64)
print(float(operators.derivatives(lambda x, y: x**3 * y**2, points, "u_xy")["u_xy"]))
layers = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).double()
plan = operators.plan({"r": "lap(lap(u))"}, coordinates=["x", "y"], fields=["u"])
print(operators.derivatives(layers, points, plan)["r"].shape)
"""
    found = without(blocked, one)
    assert found.stdout.split("\n")[:2] == ["72.0", "torch.Size([1])"], found.stderr
    for statement in ("import lightning", "import pinn; pinn.Problem", "import pinn; pinn.solve"):
        assert "ModuleNotFoundError" in without(blocked, statement).stderr  # the block holds
