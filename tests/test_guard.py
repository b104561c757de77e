"""No file and no line makes Hydra call anything: each attack is tried, and what it would leave is not there."""

import sys
from pathlib import Path

import pytest

from pinn.app import main
from pinn.app.compose import compose
from pinn.schema import ConfigError

PROBLEM = "coordinates: {x: [0, 1]}\nfields: [u]\nequations: {a: u_xx = 1}\nconditions: {b: u(boundary) = 0}\n"
CALL = """{_target_: sympy.sympify, a: "__import__('pathlib').Path('caught').touch()"}"""
NESTED = "pde:\n  " + PROBLEM.replace("\n", "\n  ").rstrip() + "\n"
SMALL = ("optimizer=adam", "network.width=5", "sampling.points=20", "sampling.boundary_points=4", "trainer.max_steps=1")


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*typed: str) -> int:
        monkeypatch.setattr(sys, "argv", ["train.py", *typed])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    return run


def write(**files: str) -> None:
    for name, text in files.items():
        path = Path("mine", *name.split("__")).with_suffix(".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


FILES = {
    "a problem about everything": {"pde__own": f"# @package _global_\nhydra: {{callbacks: {{x: {CALL}}}}}\n{NESTED}"},
    "a problem placed in Hydra": {"pde__own": f"# @package hydra.callbacks\nx: {CALL}\n"},
    "what is called, in a problem": {"pde__own": f"{PROBLEM}parameters: {{k: {CALL}}}\n"},
    "a recipe": {
        "pde__own": PROBLEM,
        "experiment__own": f"# @package _global_\nhydra: {{callbacks: {{x: {CALL}}}}}\n",
    },
    "a choice of a group": {
        "pde__own": f"defaults: [/network: evil]\n{PROBLEM}",
        "network__evil": f"# @package _global_\nhydra: {{callbacks: {{x: {CALL}}}}}\n",
    },
    "a file placed by another": {
        "pde__own": f"defaults: [/pde@hydra.callbacks: other]\n{PROBLEM}",
        "pde__other": "x: {}\n",
    },
    "a file of no group": {
        "pde__own": f"defaults: [/other]\n{PROBLEM}",
        "other": f"hydra: {{callbacks: {{x: {CALL}}}}}\n",
    },
    "a choice of Hydra's": {
        "pde__own": f"defaults: [/hydra/callbacks: evil]\n{PROBLEM}",
        "hydra__callbacks__evil": f"x: {CALL}\n",
    },
    "a launcher in a recipe": {
        "pde__own": PROBLEM,
        "experiment__own": "# @package _global_\nlauncher: {setup: [touch caught]}\n",
    },
    "the environment": {"pde__own": PROBLEM.replace("u_xx = 1", '"u_xx = ${oc.env:HOME}"')},
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_calls_something_is_refused_before_hydra_sees_it(name, command, capsys):
    write(**FILES[name])
    assert command("--config-dir=mine", "pde=own", "dry_run=true", *SMALL) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "mine" in error.splitlines()[0] and len(error.splitlines()) == 1
    assert not Path("caught").exists()


LINES = {
    "+hydra.callbacks.x._target_=sympy.sympify": "_target_",
    "+hydra.callbacks.x=1": "hydra.launcher",
    "+hydra={callbacks:{}}": "hydra.launcher",
    "hydra/job_logging=default": "hydra.launcher",
    "hydra.searchpath=[pkg://evil]": "file:///",
    "+pde@hydra.callbacks=poisson": "@",
    "hydra.launcher={_target_:os.system}": "_target_",
    "--config-name=evil": "no such flag",
    "--config-path=/tmp": "no such flag",
    "--experimental-rerun=evil.pickle": "no such flag",
}


@pytest.mark.parametrize("line", LINES)
def test_of_hydras_keys_only_known_ones_can_be_typed(line, command, capsys):
    assert command("pde=poisson", "dry_run=true", *SMALL, line) == 2
    assert LINES[line] in capsys.readouterr().err


def test_lines_of_a_notebook_are_checked_as_well():
    with pytest.raises(ConfigError, match="_target_"):
        compose("pde=poisson", "+hydra.callbacks.x._target_=sympy.sympify")


WRONG = {
    "a recipe without its line": ("experiment/own", "seed: 1\n", "its first line is # @package _global_"),
    "a recipe of one number": ("experiment/own", "3\n", "experiment/own.yaml: Invalid loaded object type"),
    "defaults of one number": ("experiment/own", "# @package _global_\ndefaults: 3\n", "defaults: 3 is no list"),
    "defaults of numbers": ("experiment/own", "# @package _global_\ndefaults: [3]\n", "defaults: [3] is no list"),
    "a line of too many words": ("experiment/own", "# @package _global_ x\nseed: 1\n", "Too many components"),
    "a problem in a list": ("pde/own", "[1, 2]\n", "[1, 2] where keys with values should be"),
    "a problem of one number": ("pde/own", "3\n", "pde/own.yaml: Invalid loaded object type"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_of_the_wrong_kind_gets_one_message(name, command, capsys):
    file, text, said = WRONG[name]
    write(**{"pde__own": PROBLEM, file.replace("/", "__"): text})
    assert command("--config-dir=mine", "pde=own", "dry_run=true", *SMALL) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and said in error and len(error.splitlines()) == 1


@pytest.mark.parametrize("line", ["network=3", "trainer=null", "sampling=[sobol]", "experiment=null", "experiment=[1]"])
def test_a_choice_of_the_wrong_kind_gets_one_message(line, command, capsys):
    assert command("pde=poisson", "dry_run=true", *SMALL, line) == 2
    assert f"error: {line}: a choice is one name" in capsys.readouterr().err


def test_a_problem_that_bears_a_name_of_the_catalogue_is_not_taken_for_that(command, capsys):
    write(pde__own=PROBLEM, pde__burgers=PROBLEM)
    assert command("--config-dir=mine", "pde=burgers", "dry_run=true") == 2
    error = capsys.readouterr().err
    assert "error: pde=burgers: mine/pde/burgers.yaml bears the name of a pde that is there already; rename it" in error
    assert command("--config-dir=mine", "pde=own,burgers", "-m", "dry_run=true") == 2
    for free in ("own", "poisson"):
        assert command("--config-dir=mine", f"pde={free}", "--cfg", "job") == 0


def test_a_misspelt_recipe_is_not_left_out(command, capsys):
    write(pde__own=PROBLEM, experiment__quick="# @package _global_\nseed: 4\n")
    assert command("--config-dir=mine", "pde=own", "experiment=qiuck") == 2
    assert "experiment=qiuck: no such experiment. Did you mean 'quick'?" in capsys.readouterr().err
    assert command("--config-dir=mine", "pde=own", "experiment=smoke,qiuck", "-m") == 2
    for name in ("quick", "none", "smoke"):
        assert command("--config-dir=mine", "pde=own", f"experiment={name}", "--cfg", "job") == 0
    with pytest.raises(ConfigError, match="no such experiment"):
        compose("pde=poisson", "experiment=somke")


def test_what_calls_nothing_is_taken(command, capsys):
    write(
        pde__base=PROBLEM,
        pde__own="defaults: [base]\nparameters: {hydra: 1}\n",
        experiment__own="# @package _global_\ndefaults: [quick]\nseed: 4\n",
        experiment__quick="# @package _global_\ntrainer: {max_steps: 1}\n",
    )
    assert command("--config-dir=mine", "pde=own", "hydra.verbose=false", "--cfg", "job") == 0
    shown = capsys.readouterr().out
    assert "seed: 4" in shown and "max_steps: 1" in shown and "u_xx = 1" in shown


def test_a_file_of_data_may_lie_beside_the_problem(command, capsys):
    write(pde__own=PROBLEM + "observations: {sensors: {file: u.csv}}\n")
    assert command("--config-dir=mine", "pde=own", "--cfg", "job") == 0
    assert "file: u.csv" in capsys.readouterr().out
    Path("mine", "pde", "u.csv").write_text("x,u\n0,0\n")
    assert command("--config-dir=mine", "pde=own", "--cfg", "job") == 0
    assert f"file: {Path('mine', 'pde', 'u.csv').resolve()}" in capsys.readouterr().out
