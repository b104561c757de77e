"""What the doctor measures: misfits in units of their own, gradients, the residual by region and by frequency.

Shape letters: N points, D coordinates, E equations, P parameters, L lines.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import sympy
import torch
from sympy.core.function import AppliedUndef
from torch import Tensor, nn

from pinn.geometry import Domain, Place, Points
from pinn.language import LanguageError, extended, open_bases, to_text
from pinn.networks import Partition
from pinn.problem import Quantity
from pinn.residuals import Residuals
from pinn.sampling import Sobol, points

if TYPE_CHECKING:
    from pinn.problem import Problem
    from pinn.solution import Solution

SEED = 2**61  # of points that neither training nor the final errors see
SOME, REGIONAL = 512, 2**13  # points of each place for gradients; of the interior for its regions
BINS = 16  # along each coordinate
LINES, ALONG = 24, 64  # through the domain, and points of each, for the spectrum
MOST = 6  # coordinates that are looked at one by one
DRAWS = 3  # of random functions
CANCELLED = 1e4  # times what is given: so large terms do nothing but cancel
REMAINS = 0.2  # of what zero leaves


@dataclass(frozen=True)
class Measured:
    """What is known of a run when it has ended.

    Attributes:
        misfit: Of each equation the residual (rms, at points that training never saw) over what a random function of
            the solution's size leaves: a number without a unit.
        fields: That stand in each equation.
        below: Of each interior equation with a power such as c**0.5 the c that is negative in places, and how far, as a
            part of its largest size.
        left: Of each interior equation the residual over the sum of the sizes of its terms (rms both): 1 where nothing
            cancels. Not measured of equations of a single term, or in many dimensions.
        gradients: Norm of the gradient of each weighted loss.
        cosines: Between these gradients, {equation: {equation: cosine}}.
        regions: Of each interior equation and coordinate the shares of the square of the residual in even bins.
        spectrum: Of each interior equation and coordinate the amplitude of the residual by the number of waves.
    """

    misfit: dict[str, float] = field(default_factory=dict)
    fields: dict[str, set[str]] = field(default_factory=dict)
    below: dict[str, tuple[str, float]] = field(default_factory=dict)
    left: dict[str, float] = field(default_factory=dict)
    gradients: dict[str, float] = field(default_factory=dict)
    cosines: dict[str, dict[str, float]] = field(default_factory=dict)
    regions: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    spectrum: dict[str, dict[str, list[float]]] = field(default_factory=dict)


def measure(solution: Solution, weights: Mapping[str, float]) -> Measured:
    """Measure all of it; a few seconds at most."""
    residuals, problem = solution.residuals, solution.problem
    drawn = _points(problem.domain, residuals, dict.fromkeys(residuals.places, SOME))
    gradients = {name: gradient.double() for name, gradient in residuals.gradients(drawn, weights).items()}
    norms = {name: float(g.norm()) for name, g in gradients.items()}
    cosines = {a: {b: _cosine(g, h) for b, h in gradients.items()} for a, g in gradients.items()}
    interior = problem.domain.interior
    regions: dict[str, dict[str, list[float]]] = {}
    spectrum: dict[str, dict[str, list[float]]] = {}
    if interior in residuals.places:
        x = _points(problem.domain, residuals, {interior: REGIONAL})[interior].x.double()
        for name, r in solution.interior_residuals(x).items():
            regions[name] = _regions(problem.domain, x, r.double())
        spectrum = _spectra(solution)
    fields = {
        name: {atom.func.__name__ for atom in equation.residual.atoms(AppliedUndef)} & {*problem.fields}
        for name, equation in problem.equations.items()
    }
    return Measured(
        _misfits(solution, drawn), fields, _below(solution), _left(solution), norms, cosines, regions, spectrum
    )


def _below(solution: Solution) -> dict[str, tuple[str, float]]:
    """What is negative in places, and has no value there in the power in which an equation has it."""
    problem, interior = solution.problem, solution.problem.domain.interior
    x, found = None, {}
    for name, equation in problem.equations.items():
        if equation.place != interior or not (bases := open_bases(equation.residual)):
            continue
        x = _points(problem.domain, solution.residuals, {interior: REGIONAL})[interior] if x is None else x
        asked = Quantity(equation.text, {str(k): base for k, base in enumerate(bases)}, interior)
        values = torch.stack(list(solution.values([asked], x).values()))
        parts = (-values.amin(dim=1) / values.abs().amax(dim=1).clamp_min(1e-300)).tolist()
        worst = max(range(len(parts)), key=parts.__getitem__)
        if parts[worst] > 0:
            found[name] = _named(bases[worst], problem), parts[worst]
    return found


def _named(expression: sympy.Expr, problem: Problem) -> str:
    """As one writes it; what the language has no text for, as a Python function, as sympy does."""
    try:
        return to_text(expression, problem.scope)
    except LanguageError:
        return str(expression)


def _left(solution: Solution) -> dict[str, float]:
    """Residuals over the sums of the sizes of their terms, at points that training never saw.

    Where terms are so large that they only cancel, and nearly as much is left as of zero: over what is left of zero.
    """
    problem, interior = solution.problem, solution.problem.domain.interior
    if len(problem.coordinate_names) > MOST:  # a term for each
        return {}
    x = _points(problem.domain, solution.residuals, {interior: SOME})[interior]
    found = {}
    layers = _output_layers(solution)
    for name, equation in problem.equations.items():
        residual = sympy.expand_mul(extended(equation.residual), deep=False)  # a weight may stand before
        terms = sympy.Add.make_args(residual)
        if equation.place == interior and len(terms) > 1:
            asked = Quantity(equation.text, {str(k): term for k, term in enumerate(terms)}, interior)
            values = torch.stack(list(solution.values([asked], x).values()))
            left, sizes = float(values.sum(dim=0).norm()), float(values.abs().sum(dim=0).norm())
            found[name] = left / sizes if sizes > 0 else 0.0
            with _zeroed(layers):
                given = torch.stack(list(solution.values([asked], x).values()))
            least, known = float(given.sum(dim=0).norm()), float(given.abs().sum(dim=0).norm())
            if math.isfinite(least) and 0 < CANCELLED * known < sizes and left > REMAINS * least:
                found[name] = max(found[name], min(left / least, 1.0))
    return found


def _output_layers(solution: Solution) -> list[Tensor]:
    """Their weights and biases."""
    network = solution.residuals.network
    layers = [part.output for part in (network.networks if isinstance(network, Partition) else [network])]
    return [p for layer in layers if isinstance(layer, nn.Linear) for p in (layer.weight, layer.bias) if p is not None]


@contextmanager
def _zeroed(parameters: Sequence[Tensor]) -> Iterator[None]:
    """With zero in their places."""
    kept = [p.detach().clone() for p in parameters]
    with torch.no_grad():
        for p in parameters:
            p.zero_()
    try:
        yield
    finally:
        with torch.no_grad():
            for p, value in zip(parameters, kept, strict=True):
                p.copy_(value)


def _points(domain: Domain, residuals: Residuals, counts: Mapping[Place, int]) -> dict[Place, Points]:
    kind = {"dtype": next(residuals.parameters()).dtype, "device": "cpu"}
    return points(domain, counts, Sobol(), seed=SEED, step=0, **kind)


def _cosine(a: Tensor, b: Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()).clamp_min(1e-300))


def _misfits(solution: Solution, drawn: Mapping[Place, Points]) -> dict[str, float]:
    """Residuals over those of random functions of the same sizes: the network with random signs in its output layer.

    Each cell has its own, and each field its size. Where no such function has a finite residual, as of the root of what
    changes sign: residuals.
    """
    interior = solution.problem.domain.interior
    x = _points(solution.problem.domain, solution.residuals, {interior: SOME})[interior].x
    residual, network, sizes = solution.residual, solution.residuals.network, _sizes(solution, x)
    weights = _weights(network)
    generator, kept = torch.Generator().manual_seed(0), [weight.detach().clone() for weight, _ in weights]
    units: dict[str, list[float]] = {name: [] for name in residual}
    with torch.no_grad():
        for _ in range(DRAWS):
            for (weight, _), own in zip(weights, kept, strict=True):
                weight.copy_(own * (torch.randint(0, 2, own.shape, generator=generator).to(own) * 2 - 1))
            found = _sizes(solution, x)
            factors = (sizes / found).where(found > 0, 1.0)
            for weight, fields in weights:
                weight.mul_(factors[fields, None])
            for name, loss in solution.residuals.losses(drawn).items():
                units[name] += [float(loss)] if math.isfinite(loss) else []
        for (weight, _), own in zip(weights, kept, strict=True):
            weight.copy_(own)
    means = {name: sum(found) / len(found) if found else 1.0 for name, found in units.items()}
    return {name: r / max(means[name] ** 0.5, 1e-300) for name, r in residual.items()}


def _sizes(solution: Solution, x: Tensor) -> Tensor:
    """The root mean square of each field, (F,)."""
    return solution.predict(x).square().mean(dim=0).sqrt()


def _weights(network: nn.Module) -> list[tuple[Tensor, slice]]:
    """Those of the output layers, and which fields are theirs: the first, but of those beside cells."""
    cells = isinstance(network, Partition)
    layers = [(one.output, 0) for one in (network.networks if cells else [network])]
    layers += [(one.output, k) for k, one in enumerate(network.beside, network.outputs)] if cells else []
    return [(one.weight, slice(k, k + len(one.weight))) for one, k in layers if isinstance(one, nn.Linear)]


def _regions(domain: Domain, x: Tensor, r: Tensor) -> dict[str, list[float]]:
    square = r.square() / r.square().sum().clamp_min(1e-300)
    found = {}
    for i, name in enumerate(domain.names[:MOST]):
        share, _ = np.histogram(x[:, i], BINS, (domain.lower[i], domain.upper[i]), weights=square)
        found[name] = [float(value) for value in share]
    return found


def _spectra(solution: Solution) -> dict[str, dict[str, list[float]]]:
    """Along lines through the domain, with a window that lets no edge be seen as a high frequency."""
    domain = solution.problem.domain
    found: dict[str, dict[str, list[float]]] = {}
    window = torch.hann_window(ALONG, periodic=False, dtype=torch.float64)
    for i, coordinate in enumerate(domain.names[:MOST]):
        lines = _lines(domain, i)
        if not len(lines):
            continue
        for name, r in solution.interior_residuals(lines.reshape(-1, lines.shape[-1])).items():
            values = window * r.double().reshape(len(lines), ALONG)
            power = torch.fft.rfft(values).abs().square().mean(0).sqrt() / window.sum()
            found.setdefault(name, {})[coordinate] = [float(value) for value in power[: ALONG // 2]]
    return found


def _lines(domain: Domain, i: int) -> Tensor:
    """Random lines along a coordinate that lie in the domain, (L, ALONG, D)."""
    generator = torch.Generator().manual_seed(SEED)
    lower, upper = (torch.tensor(bounds, dtype=torch.float64) for bounds in (domain.lower, domain.upper))
    starts = lower + (upper - lower) * torch.rand(4 * LINES, len(lower), dtype=torch.float64, generator=generator)
    lines = starts[:, None, :].repeat(1, ALONG, 1)
    lines[..., i] = torch.linspace(float(lower[i]), float(upper[i]), ALONG, dtype=torch.float64)
    inside = domain.inside(lines.reshape(-1, len(lower))).reshape(-1, ALONG).all(1)
    return lines[inside][:LINES]
