"""Bad input gets one clear message that quotes what was typed and says what would be right; no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from pinn.app import main
from pinn.problem import configs

WRONG = {
    "no problem": ("seed=1", ["say which pde", "poisson"]),
    "unknown problem": ("pde=poison", ["pde=poison", "Did you mean 'poisson'?", "biharmonic"]),
    "unknown choice": ("pde=poisson network=mpl", ["network=mpl", "Did you mean 'mlp'?"]),
    "unknown group": ("pde=poisson netwrok=mlp", ["netwrok", "Did you mean 'network'?"]),
    "misspelt root key": ("pde=poisson sede=1", ["sede", "Did you mean 'seed'?"]),
    "misspelt key": ("pde=poisson network.widht=3", ["network.widht", "Did you mean 'network.width'?"]),
    "misspelt key, added": ("pde=poisson +network.widht=3", ["network.widht=3", "Did you mean 'width'?"]),
    "misspelt key of the problem": ("pde=poisson +pde.feilds=[u]", ["pde.feilds", "Did you mean 'fields'?"]),
    "another optimizer's key": (
        "pde=poisson optimizer.history_size=1",
        ["optimizer.history_size", "These have it: lbfgs."],
    ),
    "number out of an optimizer's range": (
        "pde=poisson optimizer=adam optimizer.lr=-1",
        ["optimizer.lr=-1: must be positive"],
    ),
    "key with dashes": ("--pde=poisson", ["--pde=poisson", "no dashes"]),
    "unquoted brackets": ("pde=poisson pde.exact.u=sin(x)**2", ["pde.exact.u=sin(x)**2", "quotes"]),
    "negative width": ("pde=poisson network.width=-3", ["network.width=-3", "greater than 0"]),
    "wrong type": ("pde=poisson network.depth=many", ["network.depth=many", "integer"]),
    "wrong activation": ("pde=poisson network.activation=tnah", ["network.activation=tnah", "Did you mean 'tanh'?"]),
    "another network's key": (
        "pde=poisson network=siren network.rank=3",
        ["network.rank", "These have it: separable."],
    ),
    "misspelt key of another network": ("pde=poisson network=siren +network.omga_0=3", ["Did you mean 'omega_0'?"]),
    "network of no such name": ("pde=poisson network.name=mpl", ["network.name=mpl", "Did you mean 'mlp'?"]),
    "no key of an optimizer": ("pde=poisson optimizer=lbfgs +optimizer.lr=1", ["optimizer.lr=1", "max_iter"]),
    "misspelt key of a phase": (
        "pde=poisson optimizer.phases=[{name:adam,steps:3,lrr:1.0}]",
        ["optimizer.phases.0.lrr=1.0", "Did you mean 'lr'?"],
    ),
    "phase of no such name": (
        "pde=poisson optimizer.phases=[{name:adma,steps:3}]",
        ["optimizer.phases.0.name=adma", "Did you mean 'adam'?"],
    ),
    "features of no such name": (
        "pde=poisson network.features={name:furier}",
        ["network.features.name=furier", "Did you mean 'fourier'?"],
    ),
    "features by name alone": (
        "pde=poisson network.features=fourier",
        ["network.features=fourier", "{name: fourier, ...} | {name: periodic, ...}"],
    ),
    "misspelt key of features": (
        "pde=poisson network.features={name:fourier,cuont:3}",
        ["network.features.cuont=3", "Did you mean 'count'?"],
    ),
    "missing key of features": (
        "pde=poisson network.features={name:periodic}",
        ["network.features.coordinates: this key is missing"],
    ),
    "key of features that are not there": (
        "pde=poisson network.features.count=3",
        ["network.features.count", "These have it: fourier, periodic."],
    ),
    "wrong number of features": (
        "pde=poisson network=piratenet network.features.count=0",
        ["network.features.count=0", "greater than 0"],
    ),
    "other features in place of features": (
        "pde=poisson network=piratenet network.features={name:periodic,coordinates:[x]}",
        ["~network.features '+network.features=VALUE'"],
    ),
    "periodic in no coordinate": (
        "pde=poisson network.features={name:periodic,coordinates:[z]}",
        ["network.features.coordinates=z", "There are: x, y."],
    ),
    "optional key": ("pde=biharmonic pde.reference=none", ["+pde.reference=VALUE"]),
    "wrong weight": (
        "pde=poisson +balancing.weights.poison=2",
        ["balancing.weights.poison", "Did you mean 'poisson'?"],
    ),
    "new entry without plus": ("pde=burgers curriculum.nu=[0.1,0.05]", ["write +curriculum.nu=VALUE"]),
    "another key that was": ("pde=heat slabs=4", ["slabs: there is no such key. There are: pde, network, sampling, "]),
    "a key that was": (
        "pde=poisson layers.x=[{at:0,width:0.1}]",
        ["layers.x: there is no such key. There are: pde, network, sampling, "],
    ),
    "scale of nothing": ("pde=poisson network.scale={x:3,z:3}", ["network.scale.z", "There are: x, y."]),
    "scale of some": ("pde=poisson network.scale={x:3}", ["network.scale.y", "missing"]),
    "new weight without plus": ("pde=poisson balancing.weights.poisson=2", ["+balancing.weights.poisson"]),
    "several errors": ("pde=poisson network.depth=0 +foo=1", ["2 things are wrong", "network.depth=0", "foo=1"]),
    "sweep on two devices": ("-m pde=poisson trainer.devices=2", ["-m", "one device each", "launcher=slurm"]),
    "resume how": ("pde=poisson resume=true", ["resume=true", "auto, false, or the path"]),
    "no checkpoint": ("pde=poisson resume=new run_dir=other", ["resume=new", "no checkpoint new"]),
    "a flag without its value": ("pde=poisson --config-dir", ["--config-dir", "expected one argument"]),
    "no such flag": ("pde=poisson --fast seed=1", ["--fast: there is no such flag"]),
    "part of a flag": ("pde=poisson --config=mine", ["--config=mine: there is no such flag"]),
    "a path in place of a name": (
        "pde=mine/heat.yaml",
        ["move it to mine/pde/heat.yaml", "--config-dir=mine pde=heat"],
    ),
    "a path in its folder": (
        "pde=mine/pde/heat.yaml",
        ["not by the path of its file; write --config-dir=mine pde=heat"],
    ),
    "no such folder": ("pde=poisson --config-dir=nowhere", ["nowhere"]),
    "missing coordinate": ("pde=poisson pde.equations.poisson='u_zz = 1'", ["u_zz", "z"]),
    "two equals signs": ("pde=poisson pde.equations.poisson='u_xx = 1 = 2'", ["u_xx = 1 = 2", "="]),
    "unknown name": ("pde=poisson pde.equations.poisson='u_xx = blub'", ["blub"]),
    "no such face": ("pde=poisson pde.conditions.edge='u(x=3) = 0'", ["u(x=3) = 0", "x=0", "x=1"]),
    "code": ("pde=poisson pde.equations.poisson='''u_xx = __import__(\"os\").system(\"true\")'''", ["__import__"]),
    "swapped ends": ("pde=poisson pde.coordinates.x=[1,0]", ["[1, 0]", "[0, 1]"]),
    "no exact solution": ("pde=poisson ~pde.exact", ["exact", "manufactured"]),
}


def arguments(line: str) -> list[str]:
    """Split at blanks outside of quotes; quotes stay, as Hydra wants to see them."""
    parts, quoted = [""], False
    for character in line:
        quoted ^= character == "'"
        if character == " " and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    return [part.replace("'''", "'") for part in parts]


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *typed: str) -> int | str | None:
    """The command in this process; its exit status."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["train.py", *typed])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


@pytest.mark.parametrize("name", WRONG)
def test_bad_input_gets_one_clear_message(name, tmp_path, monkeypatch, capsys):
    line, fragments = WRONG[name]
    assert run(monkeypatch, tmp_path, *arguments(line)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("error:") == 1
    for fragment in fragments:
        assert fragment in printed.err
    for noise in ("Traceback", "HYDRA_FULL_ERROR", "Error executing job"):
        assert noise not in printed.err
    assert not list(tmp_path.rglob("*.json")), "nothing is written before the input is known to be good"
    assert not (tmp_path / "runs").exists()


OWN = """\
coordinates: {x: [0, 1]}
fields: [u]
equations: {own: u_xx = -sin(pi*x)}
conditions: {ends: u(boundary) = 0}
"""


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        (OWN.replace("fields", "feilds"), ["pde.feilds", "Did you mean 'fields'?"]),
        (OWN.replace("coordinates: {x: [0, 1]}\n", ""), ["pde.coordinates", "missing"]),
        (OWN.replace("[0, 1]", "[0, 1"), ["mine.yaml"]),
        (OWN + "fields: [v]\n", ["fields"]),
        (OWN.replace("u_xx", "u_xy"), ["u_xy", "y"]),
        (OWN.replace("u_xx =", "u_xx"), ["needs one '='"]),
        (OWN.replace("{own", "\n\t{own"), ["YAML takes no tabs"]),
        (OWN.replace("{own", "{on"), ["True is no name", "YAML reads on"]),
        (OWN.replace("u_xx", "laplacian(u)"), ["unknown function 'laplacian'; did you mean 'lap'?"]),
        (OWN.replace("u_xx", "rot(u)"), ["unknown function 'rot'", "curl"]),
        (OWN.replace("pi*x", "pi x"), ["is a * missing before this?"]),
        (OWN.replace("u_xx", "2j*u_xx"), ["write a complex field as two"]),
        (OWN.replace("boundary", "x=2"), ["x=2 lies outside", "x=0 and x=1"]),
        (OWN.replace("[u]", "[{U: [u, v]}]"), ["the vector U has 2 components", "1 coordinates"]),
        (OWN + "functions: {f: where(x < 0.5, 1, 2)}\n", ["functions: nothing stands behind 1", "quotes"]),
        (OWN + "parameters: {k: {range: [2, 1]}}\n", ["parameters.k", "from the smaller to the larger"]),
        (OWN + "observations: {o: {file: none.csv}}\n", ["observations.o", "there is no file 'none.csv'"]),
        (OWN + "reference: spectal\n", ["no reference 'spectal'", "Did you mean 'spectral'?"]),
        (OWN + "reference: {spectral: {mode: 1}}\n", ["no option 'mode'", "modes"]),
        (OWN + "reference: cole_hopf\n", ["pde=mine", "reference"]),
    ],
)
def test_a_wrong_file_gets_one_clear_message(text, fragments, tmp_path, monkeypatch, capsys):
    (tmp_path / "mine" / "pde").mkdir(parents=True)
    (tmp_path / "mine" / "pde" / "mine.yaml").write_text(text)
    assert run(monkeypatch, tmp_path, "--config-dir=mine", "pde=mine") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Traceback" not in error
    for fragment in fragments:
        assert fragment in error


def test_in_a_process_of_its_own(tmp_path):
    script = Path(__file__).parents[1] / "scripts" / "train.py"
    done = subprocess.run(
        [sys.executable, script, "pde=poison"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "error: pde=poison: no such pde. Did you mean 'poisson'?",
        f"There are: {', '.join(sorted(path.stem for path in (configs() / 'pde').glob('*.yaml')))}.",
    ]


def test_a_bug_keeps_its_traceback(tmp_path, monkeypatch):
    def bug(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("pinn.training.build.build", bug)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py", "pde=poisson"])
    with pytest.raises(ZeroDivisionError):
        main()
