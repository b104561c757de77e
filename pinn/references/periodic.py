"""The periodic problem behind an evolution problem, as a semi-linear system of Fourier coefficients.

Shape letters: D coordinates in space, F fields, S states, M nodes a coordinate, K Fourier coefficients (an array over
space), T frames.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import sympy

from pinn.language import TIME, LinearOperator, decompose
from pinn.references.etdrk4 import SemiLinear, etdrk4
from pinn.references.evolution import evolution, numpy_function
from pinn.references.fourier import Grid
from pinn.references.symmetry import ODD, PERIODIC, parities

if TYPE_CHECKING:
    from pinn.problem import Problem

OVERSAMPLED = 64  # nodes for a coefficient of the initial values in one dimension: kinks alias into low ones
MOST_FRAMES, MOST_KEPT = 1024, 2**24  # frames that a march keeps, and coefficients in all of them


class Periodic:
    """A problem in t and one or two coordinates of space, whose box is one period, or half of one between walls.

    Args:
        problem: The problem.
        reference: Who asks, for the messages.

    Raises:
        ValueError: The problem is of another kind.
    """

    def __init__(self, problem: Problem, reference: str):
        self.system = evolution(problem, reference)
        names = [name for name in problem.coordinate_names if name != TIME]
        if not 1 <= len(names) <= 2:
            raise ValueError(f"reference {reference} has one or two coordinates in space, this problem {len(names)}")
        self.variables, domain = problem.scope.variables, problem.domain
        self.time, self.space = domain.names.index(TIME), [domain.names.index(name) for name in names]
        self.start, self.end = domain.lower[self.time], domain.upper[self.time]
        self.parities = parities(problem, self.system, reference)
        walls = [parity != PERIODIC for parity in self.parities[0]]
        self.lower = tuple(domain.lower[k] for k in self.space)
        self.upper = tuple(domain.upper[k] for k in self.space)
        ends = zip(self.lower, self.upper, walls, strict=True)
        self.period = tuple((high - low) * (1 + wall) for low, high, wall in ends)
        self.operators: dict[LinearOperator, sympy.Symbol] = {}
        self.linear, self.rest = zip(*[self._split(rate) for rate in self.system.rates], strict=True)

    def grid(self, modes: int) -> Grid:
        """M = `modes` nodes a coordinate."""
        return Grid(self.lower, self.period, modes)

    def march(self, modes: int, steps: int) -> np.ndarray:
        """The fields' coefficients at equispaced times, (T, F, K); not finite where the march is unstable."""
        grid = self.grid(modes)
        start = self._initial(grid)
        frames = min(steps, MOST_FRAMES, 2 ** int(np.log2(MOST_KEPT / start.size)))
        return etdrk4(self._semilinear(grid), start, self.start, self.end, steps, frames)[:, self.system.fields]

    def _split(self, rate: sympy.Expr) -> tuple[list[tuple[float, LinearOperator]], sympy.Expr]:
        """L as coefficients and operators, and N over one symbol for each operator that it needs."""
        decomposition = decompose(rate, self.variables)
        linear, rest = [], sympy.Integer(0)
        for term in sympy.Add.make_args(decomposition.expression):
            coefficient, factor = term.as_coeff_Mul()
            if factor in decomposition.operators:
                linear.append((float(coefficient), decomposition.operators[factor]))
            else:
                rest += term
        symbols = {
            placeholder: self.operators.setdefault(operator, sympy.Dummy(real=True))
            for placeholder, operator in decomposition.operators.items()
            if rest.has(placeholder)
        }
        return linear, rest.xreplace(symbols)

    def _initial(self, grid: Grid) -> np.ndarray:
        """The coefficients of the initial values, odd or even beyond the walls, (S, K)."""
        folded, signs = [], np.ones((len(self.system.states), *(1,) * len(self.space)))
        fine = Grid(self.lower, self.period, OVERSAMPLED * grid.modes) if len(self.space) == 1 else grid
        for k, x in enumerate(fine.nodes):
            beyond = x > self.upper[k]
            folded.append(np.where(beyond, 2 * self.upper[k] - x, x))
            odd = np.array([parity[k] == ODD for parity in self.parities]).reshape(-1, *(1,) * x.ndim)
            signs = signs * np.where(odd & beyond, -1, 1)
        space = [self.variables[k] for k in self.space]
        coefficients = fine.coefficients(numpy_function(space, self.system.start)(*folded) * signs)
        return coefficients[..., : grid.kept.shape[-1]] * grid.kept

    def _semilinear(self, grid: Grid) -> SemiLinear:
        states = len(self.system.states)
        linear = np.zeros((states, states, *grid.kept.shape), dtype=complex)
        for row, terms in enumerate(self.linear):
            for coefficient, operator in terms:
                linear[row] += coefficient * self._symbol(operator, grid)
        return SemiLinear.of(linear, self._nonlinear(grid))

    def _symbol(self, operator: LinearOperator, grid: Grid) -> np.ndarray:
        """What multiplies the coefficients of each state in the value of an operator, (S, K)."""
        names = [state.func.__name__ for state in self.system.states]
        result = np.zeros((len(names), *grid.kept.shape), dtype=complex)
        for name, exponents, coefficient in operator.terms:
            space = tuple(exponents[k] for k in self.space)
            result[names.index(name)] += float(coefficient) * grid.kept * grid.derivative(space)
        return result

    def _nonlinear(self, grid: Grid) -> Callable[[float, np.ndarray], np.ndarray]:
        """N: derivatives by their coefficients, products at the nodes."""
        function = numpy_function([*self.variables, *self.operators.values()], self.rest)
        symbols = [self._symbol(operator, grid) for operator in self.operators]
        coordinates = [np.zeros(()), *grid.nodes]
        order = [self.space.index(k) + 1 if k in self.space else 0 for k in range(len(self.variables))]

        def nonlinear(t: float, w: np.ndarray) -> np.ndarray:
            coordinates[0] = np.array(t)
            operators = grid.values(np.stack([(symbol * w).sum(axis=0) for symbol in symbols])) if symbols else ()
            return grid.coefficients(function(*(coordinates[i] for i in order), *operators))

        return nonlinear if any(rest != 0 for rest in self.rest) else lambda t, w: np.zeros_like(w)
