"""How well the observations know the learned parameters. Letters: M residuals, P trained numbers, L learned ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from pinn.balancing import Fixed

if TYPE_CHECKING:
    from pinn.training.module import PINN

MOST = 2**23  # numbers in J: some seconds of a processor
TAKEN = 0.5  # of a data set's points: if the network fits more of them, what is left says nothing of the noise


def standard_deviations(module: PINN) -> dict[str, float]:
    r"""One standard deviation of each learned parameter, of the noise of the observations; empty where it has none.

    Near the optimum of the loss ``r·r`` it moves by ``-J⁺ δr`` where the data move by their noise (the delta method).
    With J = QR, the learned parameters last, their rows of J⁺ are ``A = R_L⁻¹ Q_Lᵀ`` (L, M): R_L, the last block of R,
    is the Schur complement in which the network has taken from J what it can follow. The noise of a data set of N
    points is what is left of them, ``s² = r·r/(N - |Q|²)``, |Q|² over its rows counting what they gave to the fit; so
    ``var_j = Σ_sets s² |A_j|²``. It is the Cramér-Rao bound where the equations leave the network no freedom, and
    more where they do. It knows nothing of a run that stopped early, of a wrong equation, or of noise of another kind
    than independent and of one size. On cells it is the same, see `pinn.partition.numbers`, and infinite for a number
    of which the data tell nothing.
    """
    if module.levels:
        return module.levels.deviations
    residuals, factors = module.residuals, module.balance.factors
    named = dict(residuals.named_parameters())
    last = {f"unbounded.{name}": z for name, z in residuals.unbounded.items()}
    parameters = [p for name, p in named.items() if name not in last] + list(last.values())
    if not last or not module.problem.observations or module.ranks.size > 1:
        return {}
    if not isinstance(module.balance.scheme, Fixed) or any(p.dtype != torch.float64 for p in parameters):
        return {}
    points = {place: at.to(parameters[0].device) for place, at in module.points().items()}
    size = sum(p.numel() for p in parameters)
    rows = sum(len(residuals.plans[place].names) * (1 if place.integral else at.count) for place, at in points.items())
    if rows < size or rows * size > MOST:
        return {}
    linearised = [residuals.linearise({place: at}, factors, parameters) for place, at in points.items()]
    r, jacobian = (torch.cat(parts).detach() for parts in zip(*linearised, strict=True))
    q, triangle = torch.linalg.qr(jacobian)
    moves = torch.linalg.solve_triangular(triangle[-len(last) :, -len(last) :], q[:, -len(last) :].T, upper=True)
    variances, begin = torch.zeros(len(last), dtype=r.dtype, device=r.device), 0
    for place, at in points.items():
        for _ in residuals.plans[place].names:
            here = slice(begin, begin + (1 if place.integral else at.count))
            begin = here.stop
            if place.data is not None:
                taken = float(q[here].square().sum())
                if taken > TAKEN * at.count:
                    return {}
                variances += r[here].square().sum() / (at.count - taken) * moves[:, here].square().sum(dim=1)
    slopes = [torch.autograd.grad(residuals.learned[name], z)[0] for name, z in residuals.unbounded.items()]
    found = variances.sqrt() * torch.stack(slopes).abs()
    return {name: s for name, s in zip(residuals.unbounded, found.tolist(), strict=True) if math.isfinite(s)}
