"""Errors of the user: what was typed and what would be right."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import yaml
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from pinn.app.groups import choices
from pinn.language import cut
from pinn.messages import did_you_mean, missing_extra
from pinn.schema import UNIONS, Config, ConfigError, choices_with, known_keys

USER_ERRORS = (HydraException, OmegaConfBaseException, yaml.YAMLError, ConfigError)


def explain(error: Exception) -> str:
    """Say what was typed and what would be right, for an error of Hydra, OmegaConf or YAML."""
    text = str(error).strip()
    if isinstance(error, OverrideParseException):
        return (
            f"cannot read '{error.override}' as key=value.\n"
            """A value with brackets or spaces needs quotes within quotes: 'pde.conditions.left="u(x=0) = 1"'"""
        )
    if isinstance(error, yaml.YAMLError):
        return f"{text}\nWrite YAML: keys with values, such as fields: [u], and texts with other signs in quotes."
    if lacking := re.search(r"hydra/launcher/(joblib|submitit)", text):
        package = f"hydra-{lacking[1]}-launcher"
        return missing_extra("launcher=" + ("joblib" if lacking[1] == "joblib" else "slurm or local"), package, "sweep")
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, typed = error.missing_cfg_file.partition("/")
        if "/" in typed or typed.endswith((".yaml", ".yml")):
            return _path_of_a_choice(group, Path(typed))
        there = sorted(error.options)
        hint = did_you_mean(typed, there)
        listed = f"\nThere are: {', '.join(there)}." if "mean" in hint else ""
        return f"{group}={typed}: no such {group}. {hint}{listed}"
    if missing := re.match(r"You must specify '(\w+)'", text):
        group = missing[1]
        return f"say which {group}: {group}=NAME. There are: {', '.join(choices(group))}."
    if unknown := re.match(r"Could not override '([^']+)'", text):
        return _unknown_key(unknown[1])
    if "interpolation" in text:
        return f"{text}\nWrite the value itself in place of ${{...}}."
    return text or str(error.__cause__ or type(error).__name__)


def _path_of_a_choice(group: str, path: Path) -> str:
    """Where a file has to lie, and how it is then called."""
    folder = path.parent.parent if path.parent.name == group else path.parent
    moved = "" if path.parent.name == group else f" move it to {folder / group / path.stem}.yaml and"
    return (
        f"{group}={path}: a {group} is called by its name, not by the path of its file;{moved} write "
        f"--config-dir={folder} {group}={path.stem}"
    )


def complain(error: Exception) -> int:
    """Print what is wrong; the exit status."""
    red = ("\033[1;31m", "\033[0m") if sys.stderr.isatty() else ("", "")
    print(f"{red[0]}error:{red[1]} {cut(explain(error))}", file=sys.stderr)
    return 2


def check_dashes(arguments: list[str]) -> None:
    """Refuse `--key=value`."""
    for argument in arguments:
        bare = argument.lstrip("-")
        if bare != argument and re.split(r"[.=]", bare)[0] in Config.model_fields:
            raise ConfigError(f"{argument}: keys have no dashes: {bare}")


def _unknown_key(key: str) -> str:
    known = known_keys()
    parent, _, name = key.rpartition(".")
    if key in UNIONS:
        return f"{key}: what stands there has other keys. To put something else in its place: ~{key} '+{key}=VALUE'"
    having = choices_with(parent, name)
    if parent in Config.model_fields and having and len(having) == len(UNIONS[parent]):  # names of the user's own
        return f"{key}: to add an entry to it, write +{key}.NAME=VALUE"
    if having:
        return f"{key}: the chosen {parent} has no key '{name}'. These have it: {', '.join(having)}."
    if key in known:
        return f"{key}: the chosen {parent} does not have this key yet. To add it, write +{key}=VALUE"
    if parent in known and not any(other.startswith(f"{parent}.") for other in known):  # names of the user's own
        return f"{key}: there is no '{name}' under {parent} yet. To add it, write +{key}=VALUE"
    root = key.partition(".")[0]
    typed, there = (key, known) if root != key and root in Config.model_fields else (root, Config.model_fields)
    return f"{key}: there is no such key. {did_you_mean(typed, there)}"
