"""The pages of the docs site that the code writes: `python scripts/docs.py`; then `zensical build --strict`.

docs/options.md from the YAML files of every group and their comments, docs/api.md from docstrings, docs/tutorials from
the scripts. They are not kept, so they cannot be old.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pinn
from pinn import geometry, networks, operators, optimizers, postprocessing, quadrature, references, solution
from pinn.problem import configs
from pinn.schema import Config

ROOT = Path(__file__).parents[1]
DOCS, TUTORIALS = ROOT / "docs", ROOT / "tutorials"
CONDENSED = ("pde", "experiment")  # groups with many choices, which have pages or files of their own
MODULES: list[Any] = [pinn, solution, operators, postprocessing, quadrature, networks, optimizers, references, geometry]


def pages() -> dict[Path, str]:
    """All that is written, by path."""
    tutorials = {DOCS / "tutorials" / f"{path.stem}.md": tutorial(path) for path in sorted(TUTORIALS.glob("*.py"))}
    return {DOCS / "options.md": options(), DOCS / "api.md": api(), **tutorials}


def options() -> str:
    """Every group, its choices and their keys, as the YAML files have them."""
    parts = ["# Groups and options\n\n`group=choice` takes one of the files below, `key=value` changes a key in it.\n"]
    root = (configs() / "train.yaml").read_text()
    parts += [f"## The root keys and the defaults\n\n```yaml\n{root.strip()}\n```\n"]
    for folder in sorted(path for path in configs().iterdir() if path.is_dir()):
        files = sorted(folder.rglob("*.yaml"))
        parts.append(f"## {folder.name}\n")
        if folder.name in CONDENSED:
            parts.append(", ".join(f"`{path.stem}`" for path in files) + ".\n")
            continue
        annotation = Config.model_fields[folder.name].annotation if folder.name in Config.model_fields else None
        if inspect.isclass(annotation):
            parts.append(f"{inspect.getdoc(annotation)}\n")
        for path in files:
            name = path.relative_to(folder).with_suffix("").as_posix()
            parts.append(f"### {folder.name}={name}\n\n```yaml\n{path.read_text().strip()}\n```\n")
    return "\n".join(parts)


def api() -> str:
    """The public names of the packages: signature and docstring."""
    parts = ["# API\n\nShapes: C channels, N points, D coordinates, F fields, W width, P parameters.\n"]
    seen: set[int] = set()
    for module in MODULES:
        parts.append(f"## {module.__name__}\n\n{_text(module)}\n")
        for name, found in _public(module):
            if id(found) not in seen:
                seen.add(id(found))
                parts += [f"### {name}{_signature(found)}\n", f"{_text(found)}\n", *_methods(found)]
    return "\n".join(parts)


def tutorial(path: Path) -> str:
    """Markdown of a script with cells: prose as it is, code between fences."""
    parts = []
    for cell in re.split(r"^# %%", path.read_text(), flags=re.M)[1:]:
        head, _, body = cell.partition("\n")
        if "[markdown]" in head:
            parts.append(re.sub(r"^# ?", "", body.strip(), flags=re.M) + "\n")
        else:
            parts.append(f"```python\n{body.strip()}\n```\n")
    return "\n".join([*parts, f"The whole script: `python tutorials/{path.name}`.\n"])


def _public(module: Any) -> Iterator[tuple[str, Any]]:
    names = getattr(module, "__all__", [n for n, v in vars(module).items() if not n.startswith("_")])
    for name in names:
        found = getattr(module, name)
        own = str(getattr(found, "__module__", "")).startswith("pinn")
        if own and (inspect.isclass(found) or inspect.isfunction(found)) and inspect.getdoc(found):
            elsewhere = not hasattr(module, "__all__") and found.__module__ != module.__name__
            if not elsewhere:
                yield name, found


def _methods(found: Any) -> Iterator[str]:
    if not inspect.isclass(found):
        return
    for name, member in vars(found).items():
        function = member.fget if isinstance(member, property) else getattr(member, "func", member)
        if not name.startswith("_") and inspect.isfunction(function) and function.__doc__:
            signature = "" if function is not member else _signature(function)
            yield f"#### {found.__name__}.{name}{signature}\n\n{_text(function)}\n"


def _signature(found: Callable[..., Any]) -> str:
    try:
        names = [str(p).partition(":")[0] for p in inspect.signature(found).parameters.values() if p.name != "self"]
    except (TypeError, ValueError):
        return ""
    return f"({', '.join(names)})"


def _text(found: Any) -> str:
    """The docstring, its sections as they are laid out."""
    text = inspect.getdoc(found) or ""
    first, _, rest = text.partition("\n")
    return f"{first}\n\n```text\n{rest.strip()}\n```" if rest.strip() else first


def main() -> None:
    """Write them."""
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
