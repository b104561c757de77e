"""The solution to compare with: the exact one, or our own reference."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from pinn.geometry import Box
from pinn.language import called, parameter
from pinn.messages import did_you_mean
from pinn.references.cavity import cavity
from pinn.references.cole_hopf import cole_hopf
from pinn.references.family import family
from pinn.references.finite_elements import finite_elements
from pinn.references.flow import flow
from pinn.references.harmonic_series import harmonic_series
from pinn.references.ode import ode
from pinn.references.plates import clamped_plate, orthotropic_plate
from pinn.references.spectral import spectral

if TYPE_CHECKING:
    from pinn.problem import Problem

REFERENCES: dict[str, Callable[..., Callable[[Tensor], Tensor]]] = {
    "cavity": cavity,
    "clamped_plate": clamped_plate,
    "cole_hopf": cole_hopf,
    "finite_elements": finite_elements,
    "flow": flow,
    "harmonic_series": harmonic_series,
    "ode": ode,
    "orthotropic_plate": orthotropic_plate,
    "spectral": spectral,
}

SHAPED = ("finite_elements", "flow", "harmonic_series")  # that look at the shape of the domain


def truth(problem: Problem) -> Callable[[Tensor], Tensor] | None:
    """Return the solution to compare with: the exact one, else the problem's reference, else None.

    Args:
        problem: The problem to be solved.

    Returns:
        A function from points (N, D) to fields (N, F) in the dtype and on the device of the points.

    Raises:
        ValueError: If the reference or one of its options is unknown, or it solves another problem than this one.
    """
    if problem.exact:
        return cast("Callable[[Tensor], Tensor]", problem.exact_values)  # None only where there is nothing exact
    if problem.reference is None:
        return None
    truths = {name: learned.truth for name, learned in problem.learned.items() if learned.truth is not None}
    if truths:
        return truth(problem.at(**truths))
    if problem.domain.parameters:
        return family(problem, _reference)
    return _reference(problem)


def _reference(problem: Problem) -> Callable[[Tensor], Tensor]:
    """That which the problem names, of a problem whose parameters are numbers, or an eigenvalue to be learned."""
    name, options = chosen(problem)
    if name not in SHAPED and not isinstance(problem.domain, Box):
        raise ValueError(f"reference {name} solves problems in a box, but the domain is {problem.domain}")
    return REFERENCES[name](_with_values(problem), **options)


def _with_values(problem: Problem) -> Problem:
    """The problem with functions of the coordinates in place of the names of what is known by values, as tables are."""
    if not problem.values:
        return problem
    x = problem.scope.variables
    known = {parameter(name): called(name, _of_columns(values))(*x) for name, values in problem.values.items()}
    written = copy.copy(problem)
    for part in ("equations", "stated", "conditions"):
        texts = {key: replace(e, residual=e.residual.xreplace(known)) for key, e in getattr(problem, part).items()}
        setattr(written, part, texts)
    return written


def _of_columns(values: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """A function of points (N, D) as one of D arrays of any one shape."""

    def of(*columns: Tensor) -> Tensor:
        x = torch.stack(torch.broadcast_tensors(*map(torch.as_tensor, columns)), dim=-1)
        return torch.as_tensor(values(x.reshape(-1, x.shape[-1]))).reshape(x.shape[:-1])

    return of


def chosen(problem: Problem) -> tuple[str, Mapping[str, Any]]:
    """The reference that a problem names, and its options, before anything is computed.

    Raises:
        ValueError: There is none of this name, or it has no such option.
    """
    name, options = _named(problem.reference)
    if problem.lost:
        raise ValueError(f"reference {name} is for fields that are smooth across interfaces: {problem.lost}")
    if name not in REFERENCES:
        raise ValueError(f"there is no reference {name!r}. {did_you_mean(name, REFERENCES)}")
    taken = inspect.signature(REFERENCES[name]).parameters.values()
    known = {p.name: p.default for p in taken if p.kind == p.KEYWORD_ONLY}
    for option, value in options.items():
        if option not in known:
            hint = did_you_mean(str(option), known) if known else "It has none."
            raise ValueError(f"reference {name} has no option {option!r}. {hint}")
        if isinstance(known[option], int | float) and not isinstance(value, int | float):
            raise ValueError(f"reference {name}: {option}: {value!r} should be a number such as {known[option]}")
    return name, options


def _named(reference: Any) -> tuple[str, Mapping[str, Any]]:
    """The name and the options."""
    match reference:
        case str():
            return reference, {}
        case Mapping() if len(reference) == 1:
            ((name, options),) = reference.items()
            if isinstance(name, str) and isinstance(options, Mapping):
                return name, options
    raise ValueError(
        f"reference: {reference!r} is neither a name nor one with options, such as {{name: {{option: 1}}}}"
    )
