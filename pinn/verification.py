"""The manufactured twin of a problem: the same equations with sources that make a known function the solution.

A method that solves the twin to some error solves problems of this form to it (manufactured solutions: Roache 2002, J.
Fluids Eng. 124). It says nothing of what the original solution has and the twin's has not, such as shocks.
"""

from collections.abc import Mapping
from typing import Any

from pinn.problem import Problem
from pinn.problem.conditions import SOFT

MANUFACTURED = "manufactured"
WAVES = 3  # coordinates along which it oscillates
SOURCE = "verify_"  # the names of the twin's sources begin so


def twin(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `pinn.Problem` for the twin of the problem with these arguments.

    Every equation and condition gets a source of its own, `left = right + verify_k`; numbers to be learned take the
    values that they begin with; the solution is smooth, positive, and different in each field.

    Args:
        definition: As a YAML file holds it; what is wrong with it `Problem` will say.
    """
    original = Problem.from_mapping(definition)
    space = [x.name for x in original.scope.space]
    functions = {
        name: "0" if text == MANUFACTURED else text for name, text in (definition.get("functions") or {}).items()
    }
    statements = {}
    for section in ("equations", "conditions"):
        statements[section] = {}
        for name, text in (definition.get(section) or {}).items():
            whole = name in original.stated or name in original.conditions
            sources = [f"{SOURCE}{len(functions) + k}" for k in range(1 if whole else len(space))]
            functions |= dict.fromkeys(sources, MANUFACTURED)
            statements[section][name] = f"{text} + {sources[0] if whole else '(' + ', '.join(sources) + ')'}"
    relations = [name for name, equation in original.conditions.items() if equation.place.partner]
    enforce = {**original.enforce, **dict.fromkeys(relations, SOFT)}  # with a source a relation is no period
    guesses = {name: value.guess for name, value in original.learned.items()}
    parameters = {name: guesses.get(name, value) for name, value in (definition.get("parameters") or {}).items()}
    kept = {key: value for key, value in definition.items() if key not in ("reference", "observations")}
    domain = original.domain
    intervals = dict(zip(domain.names, zip(domain.lower, domain.upper, strict=True), strict=True))
    exact = {field: _solution(intervals, i) for i, field in enumerate(original.fields)}
    found = {"functions": functions, "parameters": parameters, "enforce": enforce, "exact": exact}
    return {**kept, **statements, **found}


def _solution(coordinates: Mapping[str, tuple[float, float]], i: int) -> str:
    """`3/2 + (s_1**2 + ...)/4 + cos(s_1 + a) cos(s_2 + b) cos(s_3 + c)/2` with every s in [-1, 1]."""
    scaled = [f"(2*{x} - ({a}) - ({b}))/(({b}) - ({a}))" for x, (a, b) in coordinates.items()]
    waves = [f"cos({s} + {(i + 1) * (k + 1)}/5)" for k, s in enumerate(scaled[:WAVES])]
    return f"3/2 + ({' + '.join(f'({s})**2' for s in scaled)})/4 + {'*'.join(waves)}/2"
