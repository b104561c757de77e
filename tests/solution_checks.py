"""How well a function solves a problem, by central differences: independent of every solver."""

import numpy as np
import sympy
import torch


def inner_points(problem, count=200, margin=0.1, seed=0):
    """Points of the box (N, D) that keep a distance from its faces."""
    lower, upper = (np.array(bounds) for bounds in (problem.domain.lower, problem.domain.upper))
    unit = np.random.default_rng(seed).uniform(margin, 1 - margin, (count, len(lower)))
    return torch.from_numpy(lower + (upper - lower) * unit)


def residual(problem, name, function, points, steps):
    """The residual of one equation, (N,), of `function`: points (N, D) -> fields (N, F), relative to its largest term.

    Derivatives by central differences of eighth order with the step of each coordinate in `steps`.
    """
    variables, expression = problem.scope.variables, problem.equations[name].residual
    atoms = sorted(expression.atoms(sympy.Derivative), key=str) + sorted(
        expression.atoms(sympy.core.function.AppliedUndef), key=str
    )
    values = [_value(atom, problem, function, points, steps) for atom in atoms]
    symbols = [sympy.Dummy() for _ in atoms]
    columns = [*points.numpy().T, *values]
    plain = sympy.expand(expression).xreplace(dict(zip(atoms, symbols, strict=True)))
    terms = [sympy.lambdify([*variables, *symbols], term, "numpy")(*columns) for term in sympy.Add.make_args(plain)]
    return sum(terms) / max(np.abs(term).max() for term in terms)


def _value(atom, problem, function, points, steps):
    counts = dict(atom.variable_count) if isinstance(atom, sympy.Derivative) else {}
    field = problem.fields.index((atom.expr if counts else atom).func.__name__)
    stencils = [(k, *_stencil(int(counts[x]), steps[k])) for k, x in enumerate(problem.scope.variables) if x in counts]

    def at(shift, rest):
        if not rest:
            return function(points + shift)[:, field].numpy()
        k, offsets, weights = rest[0]
        unit = torch.eye(points.shape[1], dtype=points.dtype)[k]
        return sum(w * at(shift + d * unit, rest[1:]) for d, w in zip(offsets, weights, strict=True))

    return at(torch.zeros(points.shape[1], dtype=points.dtype), stencils)


def _stencil(order, h):
    """Offsets and weights of the central difference of eighth order."""
    offsets = np.arange(-4 - (order - 1) // 2, 5 + (order - 1) // 2)
    powers = np.vander(offsets.astype(float), increasing=True).T
    right = np.zeros(len(offsets))
    right[order] = np.prod(np.arange(1, order + 1))
    return offsets * h, np.linalg.solve(powers, right) / h**order
