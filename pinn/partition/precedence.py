"""Fields that some of the equations determine by themselves, as a temperature which bends a plate.

What is left of the other equations, as at a corner, would bend such a field as well, if all were fitted alike.

Shape letters: F fields, E equations of the interior, M rows, L rows of integrals.
"""

# sympy's own annotations are too narrow
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, maximum_bipartite_matching
from sympy.core.function import AppliedUndef
from torch import Tensor

from pinn.geometry import Place
from pinn.language import partner_name
from pinn.partition.system import Sampled

FIRST = 1e3  # the largest weight of the equations of the first fields, beside those of the last
LITTLE = 1e-14  # of the fields: no more of what is left of the last equations is to bend the first fields


def precedence(sampled: Sampled) -> Tensor:
    """The weight of each row, (M + L,), or of all, (1,): more for what determines fields without others.

    Ones where data are fitted, and where little has been left before.

    Of a residual r in the last equations a weight w lets r / w² into the first fields, and costs digits at rounding: it
    is as large as the level before asks for.
    """
    first = min(max((sampled.left_before / LITTLE) ** 0.5, 1.0), FIRST)
    if first == 1.0 or sampled.fields == 1:
        return sampled.partition.lower.new_ones(1)
    within = {pair: _fields(sampled, *pair) for pair in sampled.names}
    interior = [found for (place, _), found in within.items() if place.name == "interior"]
    fitted = bool(sampled.data) or len(sampled.numbers) > 0
    depths = {} if fitted else determined(interior, sampled.fields)
    last, weights = max(depths.values(), default=0), []
    for (place, _), found in within.items():
        depth = max((depths[f] for f in found if f in depths), default=last)
        n = 1 if place.integral else len(sampled.points[place].x)
        weights.append(sampled.partition.lower.new_full((n,), first ** (1 - depth / last) if last else 1.0))
    return torch.cat(weights)


def determined(equations: list[set[str]], count: int) -> dict[str, int]:
    """How many fields have to be known before each: 0 for those that are determined by themselves.

    The fine decomposition of Dulmage and Mendelsohn (1958, Canad. J. Math. 10): each equation is given one of its
    fields; fields whose equations need each other stand together.

    Args:
        equations: The fields of each, E of them.
        count: F.

    Returns:
        By field; empty where there are not as many equations as fields, or some of them do not determine any.
    """
    names = sorted(set().union(*equations))
    if len(equations) != count or len(names) != count or count < 2:
        return {}
    stands = np.array([[name in found for name in names] for found in equations])
    own = maximum_bipartite_matching(csr_array(stands), perm_type="column")
    if (own < 0).any():
        return {}
    needs = np.zeros_like(stands)
    needs[own] = stands
    together = connected_components(csr_array(needs), connection="strong")[1]
    depths = dict.fromkeys(names, 0)
    for _ in names:  # the longest way has fewer steps than there are fields
        for f, name in enumerate(names):
            before = [depths[names[g]] + (together[g] != together[f]) for g in np.flatnonzero(needs[f])]
            depths[name] = max([*before, *(depths[names[g]] for g in np.flatnonzero(together == together[f]))])
    return depths


def _fields(sampled: Sampled, place: Place, name: str) -> set[str]:
    """Those that stand in an equation, here or at the partner of a point."""
    residual = next(e.residual for e in sampled.residuals.groups[place] if e.name == name)
    there = {atom.func.__name__ for atom in residual.atoms(AppliedUndef)}
    fields = sampled.residuals.plans[place].fields[: sampled.fields]
    return {field for field in fields if field in there or partner_name(field) in there}
