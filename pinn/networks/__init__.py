"""Networks: plain modules from points (N, D) to fields (N, F), made of what jets have rules for.

Each is a function of the features that it is given and ends in a linear layer, `output`. Arguments that several have:

* ``features``: z, (N, D) to (N, E), ``outputs``: F, ``width``: W, ``depth``: the number of hidden layers;
* ``activation``: tanh, sin, gelu, silu or softplus; a `ValueError` where it is another one;
* ``adaptive``: whether the slope of the activation is learned;
* ``factorised``: whether the weights of the hidden layers are factorised.
"""

from collections.abc import Callable

from torch import nn

from pinn.networks.chebyshev_kan import ChebyshevKAN
from pinn.networks.conditions import HardConditions
from pinn.networks.features import FEATURES, Embedded, Features, Fourier, Periodic, Scaled
from pinn.networks.layers import ACTIVATIONS, AdaptiveActivation, FactorisedLinear
from pinn.networks.mlp import MLP
from pinn.networks.modified_mlp import ModifiedMLP
from pinn.networks.paired import Paired
from pinn.networks.partition import Partition
from pinn.networks.piratenet import PirateNet
from pinn.networks.separable import Separable
from pinn.networks.side_by_side import SideBySide
from pinn.networks.siren import Siren
from pinn.networks.waves import Waves

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "mlp": MLP,
    "modified_mlp": ModifiedMLP,
    "piratenet": PirateNet,
    "siren": Siren,
    "separable": Separable,
    "chebyshev_kan": ChebyshevKAN,
}

__all__ = [
    "ACTIVATIONS",
    "FEATURES",
    "MLP",
    "NETWORKS",
    "AdaptiveActivation",
    "ChebyshevKAN",
    "Embedded",
    "FactorisedLinear",
    "Features",
    "Fourier",
    "HardConditions",
    "ModifiedMLP",
    "Paired",
    "Partition",
    "Periodic",
    "PirateNet",
    "Scaled",
    "Separable",
    "SideBySide",
    "Siren",
    "Waves",
]
