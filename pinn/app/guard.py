"""What files and the command line may say to Hydra: it calls whatever Python function it finds under some of its keys.

Every file that is not ours is checked as Hydra reads it, and every line before Hydra sees it.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins import file_config_source
from hydra._internal.sources_registry import SourcesRegistry
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigLoadError, ConfigResult
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pinn.files import typed as path
from pinn.files import yaml_text
from pinn.messages import did_you_mean
from pinn.problem import configs, located
from pinn.schema import ConfigError

HYDRA = "hydra"
TARGET = "_target_"  # what Hydra calls stands there
GLOBAL = "_global_"
LOCAL = ("network", "network.local")  # the one choice with a place of its own: the network of a cell
RECIPES = "experiment"  # the group whose files are about the whole configuration
TYPED = ("run.dir", "sweep.dir", "sweep.subdir", "mode", "verbose", "searchpath", "launcher")  # below `hydra`
LIGHTNINGS = ("job.name", "output_subdir")  # typed by it where it starts a process a device
FLAGS = ("config_path", "config_name", "experimental_rerun", "shell_completion")  # Hydra's, and not ours
ENVIRONMENT = re.compile(r"\$\{\s*(oc\b|[^}:]*\$\{)")  # what reads it, and names that are put together


GROUPS = {
    folder.name: [path.stem for path in folder.glob("*.yaml")] for folder in configs().iterdir() if folder.is_dir()
}


class FileConfigSource(file_config_source.FileConfigSource):
    """Files, those that are not ours checked, and the paths in them found.

    It bears the name of Hydra's, by which the registry knows its own again in the processes of a sweep.
    """

    def load_config(self, config_path: str) -> ConfigResult:  # noqa: D102
        path = Path(self.path, self._normalize_file_name(config_path))
        ours = Path(self.path).resolve() == configs().resolve()
        try:
            if not ours and path.is_file():
                yaml_text(path)
            found = super().load_config(config_path)
        except ConfigLoadError:  # there is none here
            raise
        except (OSError, ValueError, OmegaConfBaseException) as error:  # such as a number
            why = str(error).partition("\n")[0]
            raise ConfigError(f"{path}: {why}; a file has keys with values, such as fields: [u]") from None
        if ours:
            return found
        if why := next(_refused(os.path.dirname(config_path), found), None):
            raise ConfigError(f"{path}: {why}")
        content = located(OmegaConf.to_container(found.config, resolve=False), path.parent)
        return replace(found, config=OmegaConf.create(content))


def guard() -> None:
    """Let Hydra read files through the check."""
    Plugins.instance()  # has registered Hydra's own
    SourcesRegistry.instance().types[FileConfigSource.scheme()] = FileConfigSource


def check_lines(lines: Iterable[str], own: str | None = None) -> None:
    """Refuse lines `key=value` that tell Hydra what to call or where to read, and choices that are none.

    Raises:
        ConfigError: One does.
    """
    overrides = parsed(lines)
    for override in overrides:
        if why := _wrong(override):
            raise ConfigError(f"{override.input_line}: {why}")
        if override.is_sweep_override():
            _typed(override)
    searched = any(override.key_or_group == f"{HYDRA}.searchpath" for override in overrides)
    for override in overrides:
        if own and override.key_or_group in GROUPS:
            _check_hidden(override, Path(own))
        group = override.key_or_group
        if not searched and (group == RECIPES or group in GROUPS and override.is_sweep_override()):
            _check_choices(override, [configs(), *([Path(own)] if own else [])])


def parsed(lines: Iterable[str]) -> list[Override]:
    """The lines `key=value`, read.

    Raises:
        ConfigError: One cannot be read for another reason than its brackets.
    """
    found = []
    for line in lines:
        try:
            found += OverridesParser.create().parse_overrides([line])
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{line}: {error}; write key=value.") from None
    return found


def _typed(override: Override) -> list[Any]:
    if not override.is_sweep_override():
        return [override.value()]
    try:
        found = list(override.sweep_iterator())
    except (HydraException, ValueError):
        found = []
    if not found:
        raise ConfigError(f"{override.input_line}: a sweep lists its values, such as {override.key_or_group}=A,B.")
    return found


def _check_hidden(override: Override, own: Path) -> None:
    """A file of the user's has no name that is taken: Hydra would read ours in its place without a word."""
    group = override.key_or_group
    for name in _typed(override):
        mine = own / group / f"{name}.yaml"
        if mine.exists() and (configs() / group / f"{name}.yaml").exists():
            raise ConfigError(f"{group}={name}: {mine} bears the name of a {group} that is there already; rename it")


def _check_choices(override: Override, folders: list[Path]) -> None:
    """A recipe that is typed is there: Hydra, to which it is optional, would leave it out without a word.

    So are the choices of a sweep, of which Hydra would make the folder first.
    """
    group = override.key_or_group
    there = {
        path.relative_to(folder / group).with_suffix("").as_posix()
        for folder in folders
        for path in (folder / group).rglob("*.yaml")
    }
    for name in _typed(override):
        if name not in there:
            hint = did_you_mean(str(name), sorted(there))
            listed = f"\nThere are: {', '.join(sorted(there))}." if "mean" in hint else ""
            raise ConfigError(f"{group}={name}: no such {group}. {hint}{listed}")


def check_arguments(arguments: list[str]) -> list[str]:
    """The same of a whole command line, with its flags.

    Returns:
        The line as Hydra can read it: flags may stand between keys, and Hydra knows them before keys alone.
    """
    parser = get_args_parser()
    parser.exit_on_error = parser.allow_abbrev = False
    try:
        typed, unknown = parser.parse_known_intermixed_args(arguments)
    except argparse.ArgumentError as error:
        raise ConfigError(f"{error.argument_name}: {error.message}, such as --config-dir=mine") from None
    if flags := [argument for argument in unknown if argument.startswith("-")]:
        raise ConfigError(f"{flags[0]}: there is no such flag; --help lists them.")
    for flag in FLAGS:
        if getattr(typed, flag, None):
            raise ConfigError(f"--{flag.replace('_', '-')}: there is no such flag; --config-dir is a folder of yours.")
    if typed.config_dir:
        try:
            path(typed.config_dir)
        except ValueError as error:
            raise ConfigError(f"--config-dir={error}.") from None
    check_lines(typed.overrides, typed.config_dir)
    flags = arguments[::-1]
    for key in typed.overrides[::-1]:
        flags.remove(key)  # the last that is alike: a folder may be called as a key is written
    return flags[::-1] + typed.overrides


def _wrong(override: Override) -> str:
    key = override.key_or_group.replace("/", ".")
    root, _, rest = key.partition(".")
    if key in GROUPS and not override.is_sweep_override() and not override.is_delete():
        value = override.value()
        if not isinstance(value, str | dict):
            return f"a choice is one name, such as {key}={next(iter(sorted(GROUPS[key])), 'NAME')}"
    if override.package is not None and (key, override.package) != LOCAL:
        return "a choice has no place of its own; leave out what follows the @"
    if TARGET in (override.input_line or ""):
        return f"nothing is ever called by its name; leave out {TARGET}"
    if root != HYDRA:
        return ""
    if not any(rest == name or rest.startswith(f"{name}.") for name in (*TYPED, *LIGHTNINGS)):
        return f"this key of Hydra's is not for you; there are {', '.join(f'{HYDRA}.{name}' for name in TYPED)}"
    if override.is_sweep_override():
        return "this key has one value for all runs"
    if rest == "searchpath" and any(not _is_folder(path) for path in _listed(override.value())):
        return "a folder is file:///where/it/is"
    return ""


def _is_folder(path: Any) -> bool:
    scheme, separator, _ = str(path).partition("://")
    return not separator or scheme == FileConfigSource.scheme()


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _refused(group: str, found: ConfigResult) -> Iterator[str]:
    """What is wrong with a file."""
    content = OmegaConf.to_container(found.config, resolve=False)
    package, recipe = found.header["package"], group.split("/")[0] == RECIPES
    if group.split("/")[0] == HYDRA:
        yield "Hydra's own choices are no files of yours"
    if package not in (None, "_group_", group.replace("/", "."), *((GLOBAL,) if recipe else ())):
        where = f"of a problem or a choice stand under {group}" if group else "need no such line"
        yield f"# @package {package}: the keys {where}; leave the line out, or make it a recipe in {RECIPES}/"
    elif recipe and package != GLOBAL:
        yield f"a recipe is about the whole configuration: its first line is # @package {GLOBAL}"
    if not isinstance(content, dict):
        yield f"{content!r} where keys with values should be"
        return
    for key in content:
        if str(key).partition(".")[0] == HYDRA:
            yield f"{key}: a file has no keys of Hydra's; those that are left are typed, such as hydra.sweep.dir=out"
    if "launcher" in content and (recipe or not group):
        yield "launcher: how it is started is typed, such as launcher=slurm launcher.partition=long"
    defaults = content.get("defaults") or []
    if not isinstance(defaults, list) or not all(isinstance(entry, str | dict) for entry in defaults):
        yield f"defaults: {defaults!r} is no list of files, such as [base]"
        return
    for entry in defaults:
        text = " ".join(map(str, [*entry, *entry.values()])) if isinstance(entry, dict) else str(entry)
        if "@" in text or re.search(rf"(^|[\s/]){HYDRA}\b", text):
            yield f"defaults: {text}: a file takes others of its own group, and nothing of Hydra's"
    for text in _texts(content):
        if text == TARGET:
            yield f"{TARGET}: nothing is ever called by its name; leave it out"
        if ENVIRONMENT.search(text):
            yield f"{text}: a file does not read the environment; type it, such as run_dir=$HOME/out"


def _texts(value: Any) -> Iterator[str]:
    """All keys and values in it that are texts."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(key)
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value
