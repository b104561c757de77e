"""The manufactured twin: its known function solves every equation and condition, and another function does not."""

import pytest
import torch
import yaml

from pinn import Problem
from pinn.problem import configs
from pinn.residuals import Residuals
from pinn.sampling import Sobol, points
from pinn.verification import twin

FILES = sorted((configs() / "pde").glob("*.yaml"))
OWN = {
    "coordinates": {"t": [0, 1], "x": [0, "pi"]},
    "fields": ["u", "v"],
    "parameters": {"nu": {"learn": 0.3}},
    "functions": {"q": "manufactured"},
    "equations": {"one": "u_t + v*u_x = nu*u_xx + q", "two": "v_tt - exp(u)*v = 0"},
    "conditions": {
        "flux": "dn(u)(boundary) + u**4 = 1",
        "start": "v(t=0) = 0",
        "speed": "v_t(t=0) = x",
        "loop": "u(x=0) = v_x(x=pi)*u(x=pi)",
    },
    "enforce": {"flux": "soft", "loop": "soft"},
    "exact": {"u": "x", "v": "0"},
}


class Exact(torch.nn.Module):
    """The known function, perturbed by a multiple of another."""

    def __init__(self, problem, perturbation):
        super().__init__()
        self.problem = problem
        self.size = torch.nn.Parameter(torch.tensor(perturbation, dtype=torch.float64))

    def forward(self, x):
        wave = torch.sin(3 * x.sum(1, keepdim=True) + 1)
        return self.problem.exact_values(x) + self.size * wave


def residuals(problem, perturbation):
    network = Residuals(problem, Exact(problem, perturbation), "autograd")
    network.solution = network.network  # the function itself, not conditions built around it
    kind = {"seed": 0, "step": 0, "dtype": torch.float64, "device": "cpu"}
    return network(points(problem.domain, dict.fromkeys(network.places, 30), Sobol(), **kind))


def soft(definition):
    """All conditions as losses, so that they have residuals to look at."""
    return {**definition, "enforce": "soft"}


VECTORS = {
    "coordinates": {"x": [0, 1], "y": [0, 2]},
    "fields": [{"U": ["u", "v"]}, "p"],
    "parameters": {"nu": {"range": [0.1, 1]}, "k": {"field": 2}},
    "equations": {"momentum": "dot(U, grad(U)) + grad(p) = nu*div(k*grad(U))", "mass": "div(U) = 0"},
    "conditions": {"wall": "U(boundary) = 0", "gauge": "integral(p) = 0"},
    "observations": {"probe": {"points": 3, "of": ["u"], "values": lambda x: x[:, 0]}},
    "enforce": "soft",
}
DEFINITIONS = {"own": OWN, "vectors": VECTORS, **{file.stem: yaml.safe_load(file.read_text()) for file in FILES}}


@pytest.mark.parametrize("definition", DEFINITIONS.values(), ids=DEFINITIONS)
def test_the_twin_is_solved_by_its_known_function_and_by_no_other(definition):
    problem = Problem.from_mapping(soft(twin(definition)))
    exact, other = residuals(problem, 0.0), residuals(problem, 0.1)
    names = {*problem.stated, *problem.conditions}
    assert exact.keys() == names and len(names) >= len(definition["equations"])
    scale = max(r.abs().max() for r in other.values())
    for name in names:
        assert exact[name].abs().max() < 1e-11 * scale
    assert max(r.abs().max() for r in other.values()) > 1e-2


def test_the_twin_keeps_the_equations_and_fixes_what_is_learned():
    problem = Problem.from_mapping(twin(OWN))
    assert problem.learned == {} and problem.parameters == {"nu": 0.3}
    assert set(problem.built_in) == {"start", "speed"}
    assert "u_t + v*u_x" in problem.equations["one"].text and problem.reference is None


def test_verify_trains_the_twin_and_reports_its_error(tmp_path, monkeypatch, capsys):
    from pinn import app

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine" / "pde").mkdir(parents=True)
    heat = {**yaml.safe_load((configs() / "pde" / "heat.yaml").read_text())}
    del heat["exact"]
    (tmp_path / "mine" / "pde" / "own.yaml").write_text(yaml.safe_dump(heat))
    overrides = ("verify=true", "network.width=60", "sampling.points=200", "network.scale=3", "run_dir=out")
    monkeypatch.setattr("sys.argv", ["train.py", "--config-dir=mine", "pde=own", "optimizer=least_squares", *overrides])
    with pytest.raises(SystemExit) as stopped:
        app.main()
    assert stopped.value.code == 0
    from pinn.training.build import load

    error = load("out").error
    assert error is not None and error["u"]["relative_l2"] < 1e-4
