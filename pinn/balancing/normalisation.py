"""How large each equation is before anything is trained, so that weights of 1 are sensible.

Shape letters: N points of an equation, W features.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pinn.networks import MLP, Scaled, SideBySide

SLOW = 64  # features of the slow network
PERIODS = 1.0  # their largest frequency, on coordinates scaled to [-1, 1]


def sizes(names: Sequence[str], fast: Mapping[str, Tensor], slow: Mapping[str, Tensor]) -> dict[str, float]:
    """What the residuals are divided by: `(a_e b_e)**(1/4)`, where a and b are mean squares, 1 where both vanish.

    a_e is the mean over points and features of the squared derivative of residual e in an output weight of the network
    that is to be trained; b_e is that of a network of slow features, whose lengths are those of the domain. The one is
    how much a feature of the network changes the equation, the other how much a change of the solution as a whole does.
    A residual that has the features' own scale makes an error of r / sqrt(a), a smooth one of r / sqrt(b); what is left
    after training is something between the two, and so is the size: their geometric mean.

    It turns with the units of coordinates and equations as it must. Other exponents were tried with least squares: a
    alone gives the boundary conditions of a singular solution so much weight that the equation is lost (ten times the
    error on the L-shape and on the plate); equal weights lose the conditions of high-order equations.

    Args:
        names: The equations.
        fast: a by equation, ().
        slow: b by equation, ().
    """
    a, b = (torch.stack([found[name] for name in names]).double().cpu() for found in (fast, slow))
    a, b = (torch.where(x.isfinite() & (x > 0), x, 0) for x in (a, b))
    square = torch.where((a > 0) & (b > 0), (a * b).sqrt(), torch.maximum(a, b))
    found = torch.where(square > 0, square, 1).sqrt()
    return dict(zip(names, found.tolist(), strict=True))


def slow_network(like: nn.Module, lower: Sequence[float], upper: Sequence[float], fields: int) -> nn.Module:
    """Sines of at most one radian in half the length of the domain; coefficients to be found begin as they do there.

    Args:
        like: The network that is to be trained.
        lower: Lower ends of the coordinates.
        upper: Upper ends.
        fields: F.
    """
    outputs = like.output.out_features if isinstance(like, SideBySide) else fields
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = MLP(Scaled(lower, upper), outputs, width=SLOW, scale=PERIODS).to(next(like.parameters()))
    return SideBySide(network, like.coefficients) if isinstance(like, SideBySide) else network
