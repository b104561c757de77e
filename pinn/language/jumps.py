"""What is lost where something that jumps is differentiated: a source on the jump, which no point ever meets.

The derivative of `where(x < 0.5, 1, 10)*u_x` is `where(...)*u_xx + 9*u_x*delta(x - 0.5)`. While a text is read,
choices are `Choice`s, whose derivatives say the second term; before an expression leaves the reader, it is looked
whether such a term counts anywhere in the domain, and it goes. Where fields may be broken along the jump themselves,
`pinn.language.interfaces` makes conditions of such terms.

Shape letters: N points, A symbols and atoms of an expression.
"""

# sympy's own annotations are too narrow
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false, reportReturnType=false
# pyright: reportOperatorIssue=false, reportAssignmentType=false, reportGeneralTypeIssues=false

from collections.abc import Mapping, Sequence

import sympy
import torch
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from torch import Tensor
from torch.quasirandom import SobolEngine

from pinn.language.evaluation import torch_function
from pinn.language.scope import Opaque

LOOKED_AT = 2**14  # points of the domain
HALVINGS = 60
ASIDE = (1e-5, 1e-3)  # so far on both sides of a jump is looked, relative to what was searched
LEVEL = 0.5  # what vanishes on the jump is less than this nearer to it, of what it is farther away
SHARE = 0.1  # of the places on a jump: elsewhere terms may cancel by chance
NOTHING = 1e-12  # relative
LARGEST = 4.0  # values of fields and their derivatives are searched up to ten to this power

Bounds = Mapping[str, tuple[float, float]]


class Choice(sympy.Piecewise):
    """A choice whose derivative has the sources where it jumps."""

    def _eval_derivative(self, s: sympy.Symbol) -> sympy.Expr:
        pairs = zip(self.args[:-1], self.args[1:], strict=True)
        edges = [(b - a, edge) for (a, on), (b, _) in pairs for edge in _edges(on)]
        sources = [jump * sympy.DiracDelta(edge) * edge.diff(s) for jump, edge in edges if not _bends(jump, edge)]
        return super()._eval_derivative(s) + sympy.Add(*sources)


def watched(value: sympy.Expr) -> sympy.Expr:
    """With choices that say what their derivatives lose."""
    return value.replace(lambda e: type(e) is sympy.Piecewise, lambda e: Choice(*e.args))


def plain(value: sympy.Expr) -> sympy.Expr:
    """As it is between the jumps."""
    beside = value.xreplace(dict.fromkeys(value.atoms(sympy.DiracDelta), sympy.Integer(0)))
    return beside.replace(lambda e: isinstance(e, Choice), lambda e: sympy.Piecewise(*e.args))


def lost(value: sympy.Expr, bounds: Bounds) -> sympy.Expr | None:
    """What is zero where a source that counts is left out, such as `x - 1/2`; None where there is no such place.

    Args:
        value: With what `Choice`s and signs give where they are differentiated.
        bounds: Of the coordinates.
    """
    sources = {source: sympy.Dummy(real=True) for source in value.atoms(sympy.DiracDelta)}
    linear = value.xreplace(sources)
    for source, symbol in sources.items():
        factor = linear.diff(symbol).xreplace(dict.fromkeys(sources.values(), sympy.Integer(1)))
        if factor != 0 and _counts(plain(factor), plain(source.args[0]), bounds):
            return plain(source.args[0])
    return None


def _bends(jump: sympy.Expr, edge: sympy.Expr) -> bool:
    """Whether the jump vanishes with the edge, as those of `min` and `max` do."""
    return any(sympy.expand(jump - sign * edge) == 0 for sign in (0, 1, -1))


def _edges(condition: sympy.Basic) -> list[sympy.Expr]:
    """What is zero where a condition changes."""
    return [relation.lhs - relation.rhs for relation in condition.atoms(Relational)]


def _counts(factor: sympy.Expr, edge: sympy.Expr, bounds: Bounds) -> bool:
    """Whether a factor is not zero on both sides of an edge, anywhere in the domain, for any fields."""
    both = sympy.Tuple(factor, edge)
    atoms = both.atoms(sympy.Derivative) | both.atoms(AppliedUndef) | both.atoms(Opaque)
    names: dict[sympy.Basic, sympy.Symbol] = {atom: sympy.Dummy(real=True) for atom in atoms}
    factor, edge = (e.xreplace(names) for e in both)
    symbols = sorted(factor.free_symbols | edge.free_symbols, key=sympy.default_sort_key)
    if not symbols:
        return False
    x, values = _samples(symbols, bounds), torch_function(symbols, [edge, factor])

    def at(x: Tensor, which: int) -> Tensor:
        return torch.as_tensor(values(*x.unbind(1))[which], dtype=x.dtype).expand(len(x))

    sides = at(x, 0)
    below, above = x[sides < 0], x[sides >= 0]
    n = min(len(below), len(above))
    if not n:
        return False
    below, above = below[:n], above[:n]
    held = torch.tensor([symbol not in edge.free_symbols for symbol in symbols])
    above = torch.where(held, below, above)  # what the edge does not depend on stays
    apart = above - below
    for _ in range(HALVINGS):
        middle = (below + above) / 2
        left = (at(middle, 0) < 0)[:, None]
        below, above = torch.where(left, middle, below), torch.where(left, above, middle)
    beside = [at(end + step * apart, 1).nan_to_num(0, 0, 0).abs() for end, step in _steps(below, above)]
    near, far = torch.minimum(*beside[:2]), torch.minimum(*beside[2:])
    some = near > NOTHING * max(beside[2].max(), beside[3].max())
    return bool(some.any()) and float((near > LEVEL * far)[some].double().mean()) > SHARE


def _steps(below: Tensor, above: Tensor) -> list[tuple[Tensor, float]]:
    """To both sides of a jump, near to it and farther away."""
    return [(end, sign * step) for step in ASIDE for end, sign in ((below, -1), (above, 1))]


def _samples(symbols: Sequence[sympy.Symbol], bounds: Bounds) -> Tensor:
    """Values of coordinates in their intervals, of all else of either sign and any size, (N, A)."""
    unit = SobolEngine(len(symbols), scramble=True, seed=0).draw(LOOKED_AT).double()
    columns = []
    for share, symbol in zip(unit.unbind(1), symbols, strict=True):
        if isinstance(symbol, sympy.Dummy) or symbol.name not in bounds:
            signed = 2 * share - 1
            columns.append(signed.sign() * (10 ** (LARGEST * signed.abs()) - 1))
        else:
            low, high = bounds[symbol.name]
            columns.append(low + (high - low) * share)
    return torch.stack(columns, dim=1)
