"""The manufactured twin of a problem: the same equations with sources that make a known function the solution.

A method that solves the twin to some error solves problems of this form to it (manufactured solutions: Roache 2002, J.
Fluids Eng. 124). It says nothing of what the original solution has and the twin's has not, such as shocks.
"""

from collections.abc import Mapping
from typing import Any

MANUFACTURED = "manufactured"
SOURCE = "verify_"  # the names of the twin's sources begin so


def twin(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `pinn.Problem` for the twin of the problem with these arguments.

    Every equation and condition gets a source of its own, `left = right + verify_k`; learned parameters take the values
    they begin with; the solution is smooth, positive, and different in each field.

    Args:
        definition: As a YAML file holds it; what is wrong with it `Problem` will say.
    """
    functions = {
        name: "0" if text == MANUFACTURED else text for name, text in (definition.get("functions") or {}).items()
    }
    statements = {}
    for section in ("equations", "conditions"):
        statements[section] = {}
        for name, text in (definition.get(section) or {}).items():
            source = f"{SOURCE}{len(functions)}"
            functions[source] = MANUFACTURED
            statements[section][name] = f"{text} + {source}"
    parameters = {
        name: value["learn"] if isinstance(value, Mapping) and "learn" in value else value
        for name, value in (definition.get("parameters") or {}).items()
    }
    kept = {key: value for key, value in definition.items() if key not in ("reference", "observations")}
    exact = {field: _solution(definition["coordinates"], i) for i, field in enumerate(definition["fields"])}
    return {**kept, **statements, "functions": functions, "parameters": parameters, "exact": exact}


def _solution(coordinates: Mapping[str, Any], i: int) -> str:
    """`3/2 + (s_1**2 + ...)/4 + cos(s_1 + a) cos(s_2 + b).../2` with every s in [-1, 1]."""
    scaled = [f"(2*{x} - ({a}) - ({b}))/(({b}) - ({a}))" for x, (a, b) in coordinates.items()]
    waves = [f"cos({s} + {(i + 1) * (k + 1)}/5)" for k, s in enumerate(scaled)]
    return f"3/2 + ({' + '.join(f'({s})**2' for s in scaled)})/4 + {'*'.join(waves)}/2"
