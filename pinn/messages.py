"""What is wrong with a configuration, in words: from the models that checked it, whatever they are.

A place is a dotted key without positions in lists, `optimizer.phases`. At some places the models are a union, and what
stands there says by its name which of them it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

Model = type[BaseModel]
Unions = Mapping[str, Mapping[str, Model]]  # by place, the models of each name


def did_you_mean(typed: str, choices: Iterable[str]) -> str:
    """Say which of the choices is closest, or, where none is close, which there are."""
    choices = list(choices)
    close = get_close_matches(typed, choices, n=1, cutoff=0.6)
    return f"Did you mean '{close[0]}'?" if close else f"There are: {', '.join(choices)}."


def keys(root: Model, unions: Unions) -> list[str]:
    """Every dotted key that a configuration may have, such as `network.width`."""
    groups = {name: _model(root, name) for name in root.model_fields}
    plain = {place: {"": model} for place, model in groups.items() if model}
    models = ((place, model) for place, choices in {**plain, **unions}.items() for model in choices.values())
    return sorted({*groups, *(f"{place}.{name}" for place, model in models for name in model.model_fields)})


def explain(error: ValidationError, composed: Mapping[str, Any], root: Model, unions: Unions) -> str:
    """Everything that is wrong, a line each."""
    lines = [line for found in error.errors() if (line := _line(found, _locate(found["loc"], composed, root, unions)))]
    if len(lines) == 1:
        return lines[0]
    return "\n".join([f"{len(lines)} things are wrong:", *lines]).replace("\n", "\n  ")


@dataclass(frozen=True)
class _Found:
    """Where one of pydantic's errors is.

    Attributes:
        key: The dotted key.
        name: Its last part.
        typed: What stands there.
        siblings: What stands beside it.
        known: The names of the keys that may stand beside it.
        choices: The names of the union's models, where there is one.
    """

    key: str
    name: str
    typed: Any
    siblings: Any
    known: Iterable[str]
    choices: list[str]


def _locate(location: tuple[str | int, ...], composed: Any, root: Model, unions: Unions) -> _Found:
    """Follow pydantic's location, which after the place of a union has the name of the model."""
    parts: list[str | int] = []
    place, value, siblings = "", composed, composed
    owner: Model | None = None
    model: Model | None = root
    choices: Mapping[str, Model] = {}
    for part in location:
        if part in choices:
            model, choices = choices[str(part)], {}
            continue
        parts.append(part)
        siblings, value = value, _get(value, part)
        if isinstance(part, str):
            place = f"{place}.{part}".lstrip(".")
            owner, model, choices = model, _model(model, part), unions.get(place, {})
    names = [name for name, union_model in choices.items() if "name" in union_model.model_fields]
    known = owner.model_fields if owner else ()
    return _Found(".".join(map(str, parts)), str(parts[-1]), "null" if value is None else value, siblings, known, names)


def _get(value: Any, part: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(part)
    return value[part] if isinstance(value, list) and isinstance(part, int) and part < len(value) else None


def _model(owner: Model | None, name: str) -> Model | None:
    """The model of one of the owner's keys, where it is one, or one or none."""
    if owner is None or name not in owner.model_fields:
        return None
    annotation = owner.model_fields[name].annotation
    models = [a for a in (annotation, *get_args(annotation)) if isinstance(a, type) and issubclass(a, BaseModel)]
    return models[0] if len(models) == 1 else None


def _line(error: Any, found: _Found) -> str | None:
    """One line about one of pydantic's errors; None about the absence of a key that is there, misspelt."""
    kind, key, typed, choices = error["type"], found.key, found.typed, found.choices
    if isinstance(typed, int) and typed.bit_length() > 1000:  # Python does not print more
        typed = "(a number of hundreds of digits)"
    typed = f"{typed}".lower() if isinstance(typed, bool) else typed  # as YAML writes it
    if kind == "missing":
        there = set(map(str, found.siblings)) - set(found.known) if isinstance(found.siblings, Mapping) else ()
        misspelt = get_close_matches(found.name, there)
        return None if misspelt else f"{key}: this key is missing."
    if kind == "extra_forbidden":
        return f"{key}={typed}: there is no key '{found.name}'. {did_you_mean(found.name, found.known)}"
    if kind == "int_parsing_size":
        return f"{key}={typed}: should be an integer of fewer digits."
    if kind == "literal_error":
        expected = [choice.strip("' ") for choice in error["ctx"]["expected"].replace(" or ", ",").split(",")]
        return f"{key}={typed}: no such choice. {did_you_mean(str(typed), expected)}"
    if choices and isinstance(typed, Mapping):
        return f"{key}.name={typed.get('name')}: no such choice. {did_you_mean(str(typed.get('name')), choices)}"
    if choices:
        return f"{key}={typed}: should be keys with a name: {' | '.join(f'{{name: {name}, ...}}' for name in choices)}."
    return f"{key}={typed}: {error['msg'].removeprefix('Value error, ').replace('Input should', 'should')}."


def missing_extra(asked: str, package: str, extra: str) -> str:
    """What to say where an optional package is asked for and not there."""
    return f"{asked} needs {package}, which is not installed: pip install -e '.[{extra}]'"
