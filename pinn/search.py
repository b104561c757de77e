"""A search for the values of some keys that give the least error: trials by Optuna, a table and a picture.

The only part that knows Optuna.
"""

from __future__ import annotations

import csv
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pinn.messages import missing_extra
from pinn.schema import ConfigError, Optuna

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

TABLE = "trials.csv"
PICTURE = "trials.png"
SHOWN = 10  # trials in the printed table, the best
UNPRUNED = 5  # trials before any is pruned

Watch = Callable[[int, Mapping[str, float]], bool]
Evaluate = Callable[[list[str], Path, Watch], "float | None"]
"""What a trial gives: of lines `key=value`, a directory and someone to tell, the error; None where it was pruned."""


def search(sweep: Optuna, seed: int, directory: Path, evaluate: Evaluate, console: Console) -> int:
    """Run the trials that are still missing; the exit status, 0 if any trial succeeded.

    A trial that fails is said to have failed, and the next begins. One that was running when its process was killed is
    begun anew, from its checkpoint.

    Raises:
        ConfigError: A range is none, or Optuna is not there.
    """
    study = _study(sweep, seed, directory)
    _take_up_what_was_dropped(study)
    console.print(f"{len(study.trials)} of {sweep.trials} trials are there; {directory}/{TABLE} has them", style="dim")
    ranges = flat(sweep.ranges)
    while _begun(study) < sweep.trials:
        trial = study.ask()
        trial.set_user_attr("process", _process(os.getpid()))
        lines = [f"{key}={_value(trial, key, given)}" for key, given in ranges.items()]
        place = directory / str(trial.user_attrs.get("place", trial.number))
        trial.set_user_attr("place", place.name)
        end = _run(study, trial, lines, place, evaluate)
        console.print(f"trial {trial.number}: {' '.join(lines)}: {end}", highlight=False, soft_wrap=True)
    rows = sorted(map(_row, study.trials), key=lambda row: (row["error"] is None, row["error"]))
    _write(rows, directory / TABLE)
    console.print(_table(rows))
    if done := [row for row in rows if row["error"] is not None]:
        _draw(done, list(ranges), directory / PICTURE)
        console.print(f"{directory}/  {TABLE} {PICTURE}", soft_wrap=True)
    return 0 if done else 1


def _run(study: Study, trial: Trial, lines: list[str], place: Path, evaluate: Evaluate) -> str:
    """One trial; how it ended, in words."""
    from optuna.trial import TrialState

    def watch(step: int, metrics: Mapping[str, float]) -> bool:
        errors = [value for name, value in metrics.items() if name.startswith("error/")]
        trial.report(max(errors) if errors else sum(v for k, v in metrics.items() if k.startswith("loss/")), step)
        return trial.should_prune()

    try:
        error = evaluate(lines, place, watch)
    except Exception as problem:  # one failed trial does not stop the rest
        text = f"failed: {type(problem).__name__}: {str(problem).partition(chr(10))[0]}"
        trial.set_user_attr("failure", text)
        study.tell(trial, state=TrialState.FAIL)
        return text
    if error is None:
        study.tell(trial, state=TrialState.PRUNED)
        return "pruned"
    study.tell(trial, error)
    return f"{error:.2e}"


def _study(sweep: Optuna, seed: int, directory: Path) -> Study:
    try:
        import optuna
        from optuna.storages.journal import JournalFileBackend
    except ImportError:
        raise ConfigError(missing_extra("sweep=optuna", "optuna", "sweep")) from None
    if not sweep.ranges:
        raise ConfigError("sweep.ranges: empty; say what to search: '+sweep.ranges.optimizer.lr={log: [1e-4, 1e-2]}'")
    for key, given in flat(sweep.ranges).items():
        _check(key, given)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    directory.mkdir(parents=True, exist_ok=True)
    if sweep.storage == "sqlite":
        storage = f"sqlite:///{directory}/study.db"
    else:
        storage = optuna.storages.JournalStorage(JournalFileBackend(f"{directory}/study.journal"))
    study = optuna.create_study(study_name="pinn", storage=storage, load_if_exists=True)
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))  # goes on, and does not begin anew
    study.pruner = optuna.pruners.MedianPruner(UNPRUNED) if sweep.prune else optuna.pruners.NopPruner()
    return study


def _take_up_what_was_dropped(study: Study) -> None:
    """Trials whose process is gone are enqueued again, in their directories."""
    from optuna.trial import TrialState

    for old in study.get_trials(states=[TrialState.RUNNING]):
        host, _, process = old.user_attrs.get("process", "").partition(":")
        if host == socket.gethostname() and not _alive(int(process)):
            study.tell(old.number, state=TrialState.FAIL)
            study.enqueue_trial(old.params, user_attrs={"place": old.user_attrs.get("place", str(old.number))})
            study.set_user_attr(f"dropped {old.number}", True)


def _begun(study: Study) -> int:
    """How many trials there are, without those that wait, and those that were begun anew."""
    from optuna.trial import TrialState

    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING)
    return sum(f"dropped {t.number}" not in study.user_attrs for t in study.get_trials(deepcopy=False, states=states))


def _process(number: int) -> str:
    return f"{socket.gethostname()}:{number}"


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def flat(ranges: Mapping[str, Any], key: str = "") -> dict[str, Any]:
    """The ranges by their dotted keys, also where they are nested as the configuration is."""
    found: dict[str, Any] = {}
    for name, given in ranges.items():
        dotted = f"{key}.{name}" if key else str(name)
        inner = isinstance(given, dict) and not set(given) & {"log", "choices"}
        found |= flat(given, dotted) if inner else {dotted: given}
    return found


def _check(key: str, given: Any) -> None:
    kind = next(iter(given), None) if isinstance(given, dict) and len(given) == 1 else "range"
    match given if kind == "range" else given[kind]:
        case [int() | float() as low, int() | float() as high] if kind in ("range", "log"):
            fine = low < high and (low > 0 or kind == "range")
        case [_, *_]:
            fine = kind == "choices"
        case _:
            fine = False
    if not fine:
        raise ConfigError(
            f"sweep.ranges.{key}={given}: no range. Write [low, high], {{log: [low, high]}} or {{choices: [a, b]}}."
        )


def _value(trial: Trial, key: str, given: Any) -> Any:
    """What the trial takes for a key; whole numbers where both bounds are."""
    if isinstance(given, dict) and "choices" in given:
        return trial.suggest_categorical(key, given["choices"])
    low, high = given["log"] if isinstance(given, dict) else given
    if type(low) is type(high) is int:
        return trial.suggest_int(key, low, high, log=isinstance(given, dict))
    return trial.suggest_float(key, low, high, log=isinstance(given, dict))


def _row(trial: FrozenTrial) -> dict[str, Any]:
    seconds = trial.duration.total_seconds() if trial.duration else None
    end = trial.user_attrs.get("failure", trial.state.name.lower())
    error = trial.value if trial.state.name == "COMPLETE" else None
    return {"trial": trial.number, "error": error, **trial.params, "seconds": seconds, "end": end}


def _write(rows: list[dict[str, Any]], path: Path) -> None:
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    for name in columns:
        table.add_column(name, justify="left" if name == "end" else "right")
    for row in rows[:SHOWN]:
        table.add_row(*(_text(row.get(name)) for name in columns))  # why one failed stands in the file
    return table


def _text(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value).partition(":")[0]


def _draw(rows: list[dict[str, Any]], keys: list[str], path: Path) -> None:
    """The error against each key, and the best so far."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * (len(keys) + 1), 3.2), layout="constrained")
    axes = figure.subplots(1, len(keys) + 1, squeeze=False, sharey=True)[0]
    by_number = sorted(rows, key=lambda row: row["trial"])
    errors = [row["error"] for row in by_number]
    axes[0].plot([row["trial"] for row in by_number], [min(errors[: i + 1]) for i in range(len(errors))], "k-", lw=1)
    axes[0].plot([row["trial"] for row in by_number], errors, "o", ms=4)
    axes[0].set(xlabel="trial", ylabel="error", yscale="log")
    for axis, key in zip(axes[1:], keys, strict=True):
        values = [row[key] for row in rows]
        number = all(type(value) in (int, float) for value in values)
        axis.plot(values if number else list(map(str, values)), [row["error"] for row in rows], "o", ms=4)
        axis.set(xlabel=key)
        if number and 0 < 30 * min(values) < max(values):
            axis.set_xscale("log")
    figure.savefig(path, dpi=120)
