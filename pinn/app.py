"""The command line and `solve`: compose the configuration, check it, train. The only part that knows Hydra.

Heavy imports stand inside functions, so that the help, an error or the first line of a run appear at once.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pinn.messages import did_you_mean, missing_extra
from pinn.problem import configs
from pinn.schema import PDE, UNIONS, Config, ConfigError, check, choices_with, known_keys
from pinn.verification import twin

if TYPE_CHECKING:
    from pinn.problem import Problem
    from pinn.solution import Solution

CONFIGS = configs()
LOADED = time.time()
USER_ERRORS = (HydraException, OmegaConfBaseException, yaml.YAMLError, ConfigError)

HELP = """\
Solve a partial differential equation with a neural network:
  {command} pde=NAME [group=choice] [key=value] ...
Groups and their choices, * where nothing is said:
{groups}

Any key of the YAML files in {configs} can be set:
  pde=poisson optimizer=adam network.width=64 precision=fp32
  pde=poisson run_dir=out                 files go there, and the same command again goes on from what it finds
  pde=poisson seed=0,1,2 -m               one run after another; launcher=joblib: side by side; slurm: in a queue
  pde=mine --config-dir=mine              a problem of your own, in mine/pde/mine.yaml
  pde=poisson --cfg job                   show the configuration, do not run
{others}"""


def main(command: str | None = None) -> None:
    """The console command `pinn`, whose first word names one of `COMMANDS`; without such a word it trains.

    Args:
        command: The name, where it is not typed: that of the script.
    """
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        if command is None and (first in COMMANDS or re.fullmatch(r"[a-z]+", first) and first != "help"):
            command = sys.argv.pop(1)
        if command not in (None, *COMMANDS):
            raise ConfigError(f"{command}: no such command. {did_you_mean(command, COMMANDS)}")
        status = COMMANDS[command or "train"](sys.argv[1:])
    except USER_ERRORS as error:
        status = _complain(error)
    sys.exit(status)


def _train(arguments: list[str]) -> int:
    """Train a network on a problem: pde=NAME."""
    if not arguments or {"-h", "--help", "help"} & set(arguments):
        print(_help(), end="")
        return 0
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing, so that all errors look alike
    if "--sbatch" in arguments:
        print(_sbatch([argument for argument in arguments if argument != "--sbatch"]), end="")
        return 0
    refused: set[Path] = set()  # folders that Hydra makes for a sweep before it is known to be good
    here, statuses, noted = os.getpid(), [], Path("runs", ".sweep", f"{time.time_ns()}").absolute()

    def job(composed: DictConfig) -> int:
        """One run, in this process or in one that a launcher has started: the other runs of a sweep go on."""
        try:
            status = _run(composed, process_start() if not statuses else time.time())
        except USER_ERRORS as error:
            status = _complain(error)
            if HydraConfig.get().mode == RunMode.MULTIRUN:
                refused.add(Path(HydraConfig.get().sweep.dir))
        except Exception:
            if HydraConfig.get().mode != RunMode.MULTIRUN:
                raise
            traceback.print_exc()
            status = 1
        statuses.append(status)
        if os.getpid() != here:
            noted.mkdir(parents=True, exist_ok=True)
            (noted / f"{HydraConfig.get().job.num}.{os.getpid()}").write_text(f"{status}")
        return status

    _check_dashes(arguments)
    try:
        hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name="train")(job)()  # reads sys.argv
    except USER_ERRORS as error:
        statuses.append(_complain(error))
    statuses += [int(file.read_text()) for file in noted.glob("*")]
    for folder in (noted, *(refused if set(statuses) == {2} else ())):
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # others are there
            folder.parent.rmdir()
            folder.parent.parent.rmdir()
    return max(statuses, default=0)


def _sbatch(arguments: list[str]) -> str:
    """The script that runs this command as a SLURM job."""
    from pinn.schema import Slurm
    from pinn.slurm import script

    own = _config_dir(arguments)
    searched = [f"hydra.searchpath=[file://{Path(own).absolute()}]"] if own else []
    typed = [a for a in arguments if "=" in a and not a.startswith(("-", "launcher=", "launcher."))]
    asked = [a for a in arguments if a.startswith("launcher.")]
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = _checked(hydra.compose("train", ["launcher=slurm", *typed, *asked, *searched]))
    assert isinstance(config.launcher, Slurm)
    name = next((a.partition("=")[2] for a in typed if a.startswith("pde=")), "pinn")
    kept = [a for a in arguments if not a.startswith(("launcher=", "launcher."))]
    return script(config.launcher, f"pinn-{name}", ["python", sys.argv[0], *kept])


def _evaluate(arguments: list[str]) -> int:
    """Measure the error of a run in any norm: run=PATH."""
    from pinn.commands import Evaluate, evaluate

    return _with_options("evaluate", Evaluate, evaluate, arguments)


def _predict(arguments: list[str]) -> int:
    """Write a run's fields on a grid to files: run=PATH."""
    from pinn.commands import Predict, predict

    return _with_options("predict", Predict, predict, arguments)


def _export(arguments: list[str]) -> int:
    """Write a run's network to ONNX or torch.export: run=PATH."""
    from pinn.commands import Export, export

    return _with_options("export", Export, export, arguments)


def _with_options(name: str, model: Any, command: Callable[[Any], int], arguments: list[str]) -> int:
    """Run a command whose options are typed as `key=value`, as Hydra's are."""
    from pinn.commands import read, usage

    if not arguments or {"-h", "--help", "help"} & set(arguments):
        print(usage(name, model), end="")
        return 0
    overrides = OverridesParser.create().parse_overrides(arguments)
    return command(read(model, {override.key_or_group: override.value() for override in overrides}))


def _report(arguments: list[str]) -> int:
    """Write the page of a run, or an index of a folder of runs: PATH."""
    from pinn.pages import report

    return report(arguments)


def _watch(arguments: list[str]) -> int:
    """Show a run in the browser while it trains: PATH."""
    from pinn.pages import watch

    return watch(arguments)


COMMANDS: dict[str, Callable[[list[str]], int]] = {  # what stands below `def` is the help's line
    "train": _train,
    "evaluate": _evaluate,
    "predict": _predict,
    "export": _export,
    "report": _report,
    "watch": _watch,
}


def solve(problem: Problem, *overrides: str, run_dir: str | Path | None = None, **groups: Any) -> Solution:
    """Train a network on a problem, as `scripts/train.py` does, and return the solution.

    Args:
        problem: What to solve.
        overrides: Single keys as on the command line, `"network.width=32"`.
        run_dir: Where to keep checkpoint, history and pictures; None keeps no files.
        groups: Choices of the groups and root keys: `optimizer="adam"`, `seed=1`.
    """
    from pinn.training.build import build
    from pinn.training.run import train

    recipe = CONFIGS / "experiment" / f"{problem.name}.yaml"  # the command takes it too
    groups = {"experiment": problem.name if recipe.exists() else "none", **groups}
    lines = [*(f"{name}={'null' if value is None else value}" for name, value in groups.items()), *overrides]
    try:
        with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
            config = _checked(hydra.compose("train", ["~pde", *lines]))
    except USER_ERRORS as error:
        raise ConfigError(explain(error)) from None
    config = config.model_copy(update={"run_dir": run_dir and str(run_dir), "pde": _kept(problem)})
    residuals = build(problem, config)
    return train(problem, config, residuals, _directory(config, problem.name) if run_dir else None).solution


def _kept(problem: Problem) -> PDE | None:
    """What a run keeps of a problem; nothing of one with Python functions, which no file holds."""
    given = {key: value for key, value in problem.definition.items() if value is not None and key != "name"}
    return None if any(map(callable, (given.get("functions") or {}).values())) else PDE(**given)


def _run(composed: DictConfig, started: float) -> int:
    """One run of the command line; its exit status."""
    from pinn.training.launch import launch

    config = _checked(composed)
    if config.sweep.name == "optuna":
        return _search(config)
    sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    if sweep and config.several_devices and launch().size is None:  # each process would run the whole sweep
        raise ConfigError("-m: the runs of a sweep take one device each; set trainer.devices=1, or launcher=slurm.")
    choice = HydraConfig.get().runtime.choices["pde"]
    problem, config = _stated(choice, composed, config)
    from pinn.training.build import build
    from pinn.training.run import train

    residuals = build(problem, config)
    directory = None if config.dry_run else _directory(config, choice, HydraConfig.get().job.num if sweep else None)
    return train(problem, config, residuals, directory, started).exit_status


def _stated(choice: str, composed: DictConfig, config: Config) -> tuple[Problem, Config]:
    """The problem, or its twin, and the configuration with it, which the run directory keeps."""
    definition: Any = OmegaConf.to_container(composed.pde, resolve=True)
    if config.verify:
        definition = twin(definition)
        config = config.model_copy(update={"pde": PDE(**definition)})
    return _problem(choice, definition), config


def _search(config: Config) -> int:
    """A search: each trial is this command with other values for some keys."""
    from rich.console import Console

    from pinn.schema import Optuna
    from pinn.search import Watch, search
    from pinn.training.build import build
    from pinn.training.run import train

    assert isinstance(config.sweep, Optuna)
    choice = HydraConfig.get().runtime.choices["pde"]
    typed = [line for line in HydraConfig.get().overrides.task if not re.match(r"\+?(sweep|run_dir|resume)\b", line)]

    def evaluate(lines: list[str], place: Path, watch: Watch) -> float | None:
        try:
            composed = hydra.compose("train", [*typed, *lines, f"run_dir={place}"])
            problem, run = _stated(choice, composed, _checked(composed))
            place.mkdir(parents=True, exist_ok=True)
            done = train(problem, run, build(problem, run), place, watch=watch)
        except USER_ERRORS as error:
            raise ConfigError(explain(error)) from None
        if done.status == "interrupted":
            raise KeyboardInterrupt
        if done.status == "diverged":
            raise FloatingPointError("the loss is no longer a number")
        return done.error if done.status == "finished" else None

    console = Console(highlight=False)
    return search(config.sweep, config.seed, _directory(config, f"{choice}-search"), evaluate, console)


def _directory(config: Config, problem: str, job: int | None = None) -> Path:
    """Where the run's files go; the first process makes it, and where a clock names it only that one needs it."""
    from pinn.training.files import fixed_directory, new_directory
    from pinn.training.launch import launch

    here = launch()
    if here.rank:
        return fixed_directory(config, problem, job, here.job) or Path("runs", problem)
    return new_directory(config, problem, job, here.job)


def _checked(composed: DictConfig) -> Config:
    container = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    assert isinstance(container, dict)
    optimizer = container["optimizer"]
    if isinstance(optimizer, dict) and "name" in optimizer:
        optimizer.pop("phases", None)  # a recipe's: what was chosen by name comes first
    return check({str(key): value for key, value in container.items()})


def _problem(name: str, definition: Any) -> Problem:
    from pinn.problem import Problem

    try:
        return Problem(name=name, **definition)
    except ValueError as error:  # a LanguageError is one
        raise ConfigError(f"pde={name}: {error}") from error


def process_start() -> float:
    """When this process began, as of `time.time()`; where the system does not tell, when this module was loaded."""
    try:
        ticks = float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")
    except OSError:
        return LOADED


def explain(error: Exception) -> str:
    """Say what was typed and what would be right, for an error of Hydra, OmegaConf or YAML."""
    text = str(error).strip()
    if isinstance(error, OverrideParseException):
        return (
            f"cannot read '{error.override}' as key=value.\n"
            """A value with brackets or spaces needs quotes within quotes: 'pde.conditions.left="u(x=0) = 1"'"""
        )
    if isinstance(error, yaml.YAMLError) and r"'\t'" in text:
        return f"{text}\nYAML takes no tabs: indent with spaces."
    if lacking := re.search(r"hydra/launcher/(joblib|submitit)", text):
        package = f"hydra-{lacking[1]}-launcher"
        return missing_extra("launcher=" + ("joblib" if lacking[1] == "joblib" else "slurm or local"), package, "sweep")
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group, _, typed = error.missing_cfg_file.rpartition("/")
        choices = sorted(error.options)
        hint = did_you_mean(typed, choices)
        return f"{group}={typed}: no such {group}. {hint}" + (f"\n{_choices(choices)}" if "mean" in hint else "")
    if missing := re.match(r"You must specify '(\w+)'", text):
        group = missing[1]
        return f"say which {group}: {group}=NAME. There are: {', '.join(_options(group))}."
    if unknown := re.match(r"Could not override '([^']+)'", text):
        return _unknown_key(unknown[1])
    return text or str(error.__cause__ or type(error).__name__)


def _complain(error: Exception) -> int:
    red = ("\033[1;31m", "\033[0m") if sys.stderr.isatty() else ("", "")
    print(f"{red[0]}error:{red[1]} {explain(error)}", file=sys.stderr)
    return 2


def _check_dashes(arguments: list[str]) -> None:
    for argument in arguments:
        bare = argument.lstrip("-")
        if bare != argument and re.split(r"[.=]", bare)[0] in Config.model_fields:
            raise ConfigError(f"{argument}: keys have no dashes: {bare}")


def _unknown_key(key: str) -> str:
    known = known_keys()
    parent, _, name = key.rpartition(".")
    if key in UNIONS:
        return f"{key}: what stands there has other keys. To put something else in its place: ~{key} '+{key}=VALUE'"
    choices = choices_with(parent, name)
    if parent in Config.model_fields and choices and len(choices) == len(UNIONS[parent]):  # names of the user's own
        return f"{key}: to add an entry to it, write +{key}.NAME=VALUE"
    if choices:
        return f"{key}: the chosen {parent} has no key '{name}'. These have it: {', '.join(choices)}."
    if key in known:
        return f"{key}: the chosen {parent} does not have this key yet. To add it, write +{key}=VALUE"
    if parent in known and not any(other.startswith(f"{parent}.") for other in known):  # names of the user's own
        return f"{key}: there is no '{name}' under {parent} yet. To add it, write +{key}=VALUE"
    return f"{key}: there is no such key. {did_you_mean(key, known if '.' in key else Config.model_fields)}"


def _help() -> str:
    script = Path(sys.argv[0]).name
    command = "pinn train" if script != "train.py" else f"python {os.path.relpath(sys.argv[0])}"
    listed = yaml.safe_load((CONFIGS / "train.yaml").read_text())["defaults"]
    defaults = {group: choice for entry in listed if isinstance(entry, dict) for group, choice in entry.items()}
    defaults = {group.removeprefix("optional "): choice for group, choice in defaults.items()}
    rows, here = [], os.path.relpath(CONFIGS)
    for group in (name for name in defaults if not name.startswith("override")):
        choices = [f"{name}*" if name == defaults[group] else name for name in _options(group)]
        rows.append(f"  {group:<12} {' '.join(choices)}")
    others = [f"  pinn {name:<10} {function.__doc__}" for name, function in COMMANDS.items() if name != "train"]
    return HELP.format(
        command=command,
        groups="\n".join(rows),
        configs=CONFIGS if here.startswith("..") else here,
        others="\n".join(["\nOther commands, each with --help:", *others, ""]) if others else "",
    )


def _options(group: str) -> list[str]:
    """Choices of a group: ours, and those under --config-dir."""
    typed = " ".join(sys.argv[1:])
    own = _config_dir(typed.split(" "))
    folders = [CONFIGS / group, *([Path(own) / group] if own else [])]
    return sorted(
        {file.relative_to(folder).with_suffix("").as_posix() for folder in folders for file in folder.rglob("*.yaml")}
    )


def _config_dir(arguments: list[str]) -> str | None:
    found = re.search(r"(?:--config-dir|-cd)[= ](\S+)", " ".join(arguments))
    return found[1] if found else None


def _choices(choices: list[str]) -> str:
    return f"There are: {', '.join(choices)}."
