"""Every choice of every group composes and passes the check; every combination builds."""

import inspect
from typing import get_args

import hydra
import pytest
import yaml
from omegaconf import OmegaConf

from pinn.app import CONFIGS
from pinn.balancing import SCHEMES
from pinn.networks import ACTIVATIONS, FEATURES, NETWORKS
from pinn.networks.layers import Activation
from pinn.optimizers import OPTIMIZERS
from pinn.optimizers.ranges import arguments
from pinn.phases import PHASES, Phase
from pinn.problem import Problem
from pinn.sampling import ADAPTIVE, SAMPLERS
from pinn.schema import AUTO, BALANCING, PDE, UNIONS, check
from pinn.training.build import build
from pinn.training.choice import PLAIN, choose
from pinn.training.module import PINN

GROUPS = {
    folder.name: sorted(file.stem for file in folder.glob("*.yaml")) for folder in CONFIGS.iterdir() if folder.is_dir()
}
SMALL = {"network": {"width": 3, "depth": 1}, "sampling": {"points": 4, "boundary_points": 2}}
TINY = Problem(
    coordinates={"x": [0, 1]},
    fields=["u"],
    equations={"own": "k*u_xx = -u"},
    conditions={"left": "u(x=0) = 0", "right": "u_x(x=1) = 1"},
    parameters={"k": {"learn": 0.5}},
    enforce={"right": "soft"},
)
KNOWN = Problem(**{**TINY.definition, "parameters": {"k": 0.5}})


def compose(*overrides: str) -> dict:
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return OmegaConf.to_container(hydra.compose("train", list(overrides)), resolve=True)


def test_the_groups_are_those_of_the_architecture():
    names = "pde network sampling precision derivatives balancing optimizer trainer logger experiment launcher sweep"
    assert sorted(GROUPS) == sorted(names.split())


@pytest.mark.parametrize(("group", "choice"), [(group, choice) for group in GROUPS for choice in GROUPS[group]])
def test_each_choice_composes_and_passes_the_check(group, choice):
    check(compose("pde=poisson", f"{group}={choice}") if group != "pde" else compose(f"pde={choice}"))


CHOSEN = ("network", "sampling", "precision", "derivatives", "balancing", "optimizer")


@pytest.mark.parametrize(("group", "choice"), [(group, choice) for group in CHOSEN for choice in GROUPS[group]])
def test_each_choice_builds_with_the_defaults_of_the_other_groups(group, choice):
    whole = compose("~pde", "experiment=none", f"{group}={choice}")
    for name, small in SMALL.items():
        whole[name].get("local", whole[name]).update(small)  # of a partition the network of a cell
    problem = KNOWN if choice == "partition" else TINY  # cells that are found meet no data
    config = choose(problem, check(whole))
    module = PINN(build(problem, config), problem, config, None)
    assert len(module.configure_optimizers()) == len(config.phases)
    built_in = set() if choice == "partition" else {"left"}  # cells meet conditions as they do equations
    assert set(module.losses()) == {"own", "left", "right"} - built_in


@pytest.mark.parametrize("file", sorted(CONFIGS.rglob("*.yaml")), ids=lambda file: file.stem)
def test_files_are_short_and_say_what_they_are(file):
    lines = file.read_text().splitlines()
    assert lines[0].startswith("#")
    assert len(lines) <= (45 if file.stem == "train" else 30)  # the root keys stand in one file
    if file.parent.name not in ("pde", "configs", "launcher"):  # what a queue wants is long
        assert len(lines) <= 10


def test_the_schema_knows_what_the_code_knows():
    arguments = [name for name in inspect.signature(Problem).parameters if name != "name"]
    assert sorted(PDE.model_fields) == sorted(arguments)
    assert set(GROUPS["sampling"]) == set(UNIONS["sampling"]) == {*SAMPLERS, *ADAPTIVE}
    assert get_args(Activation) == tuple(ACTIVATIONS)
    assert tuple(UNIONS["network.local"]) == tuple(NETWORKS)
    assert tuple(UNIONS["network"]) == (AUTO, *NETWORKS, "partition")
    assert set(GROUPS["network"]) == set(UNIONS["network"])
    assert tuple(UNIONS["network.features"]) == tuple(FEATURES)


DEFAULTS = {f"network/{name}": code for name, code in NETWORKS.items()}


@pytest.mark.parametrize("file", DEFAULTS)
def test_defaults_in_yaml_are_those_in_python(file):
    typed = yaml.safe_load((CONFIGS / f"{file}.yaml").read_text())
    typed = {key: value for key, value in typed.items() if key not in ("name", "steps", "features")}
    in_python = defaults(DEFAULTS[file])
    chosen = {key: in_python[key] for key, value in typed.items() if value == AUTO}  # in Python nothing is tried
    assert typed | chosen == in_python


def test_auto_has_the_defaults_of_one_network():
    auto, one = (yaml.safe_load((CONFIGS / "network" / f"{name}.yaml").read_text()) for name in (AUTO, "mlp"))
    assert auto == {**one, "name": AUTO}
    assert {key: auto[key] for key in PLAIN} == PLAIN


def test_what_every_phase_has_stands_in_one_file():
    typed = yaml.safe_load((CONFIGS / "phase.yaml").read_text())
    assert typed == {key: f.default for key, f in Phase.model_fields.items() if not f.is_required()}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_phase_has_the_arguments_of_its_optimizer_and_the_yaml_has_their_defaults(name):
    typed = yaml.safe_load((CONFIGS / "optimizer" / f"{name}.yaml").read_text())
    assert typed.pop("defaults") == ["/phase@_here_"]
    fields = PHASES[name].model_fields.keys() - Phase.model_fields.keys()
    assert typed.keys() == {"name", "steps", *fields}
    assert arguments(OPTIMIZERS[name].make).keys() <= fields
    assert PHASES[name].model_validate(typed) == PHASES[name](name=name, steps=typed["steps"])


@pytest.mark.parametrize("name", SCHEMES)
def test_a_balancing_scheme_has_the_arguments_of_its_class_and_the_yaml_has_their_defaults(name):
    typed = yaml.safe_load((CONFIGS / "balancing" / f"{name}.yaml").read_text())
    assert typed.keys() == BALANCING[name].model_fields.keys()
    assert BALANCING[name].model_validate(typed) == BALANCING[name](name=name, weights={})


@pytest.mark.parametrize("name", FEATURES)
def test_defaults_of_features_are_those_in_python(name):
    fields = UNIONS["network.features"][name].model_fields
    assert {key: f.default for key, f in fields.items() if not f.is_required()} == defaults(FEATURES[name])


def defaults(code):
    return {p.name: p.default for p in inspect.signature(code).parameters.values() if p.default is not p.empty}
