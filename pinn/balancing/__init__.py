"""From what is measured on the way to the weights of the equations' losses."""

from pinn.balancing.augmented_lagrangian import AugmentedLagrangian
from pinn.balancing.causal import Causal
from pinn.balancing.conflict_free import ConflictFree
from pinn.balancing.fixed import Fixed
from pinn.balancing.gradient_norm import GradientNorm
from pinn.balancing.ntk import NTK
from pinn.balancing.relobralo import ReLoBRaLo
from pinn.balancing.residual_attention import ResidualAttention
from pinn.balancing.scheme import Measured, Scheme
from pinn.balancing.self_adaptive import SelfAdaptive

SCHEMES: dict[str, type[Scheme]] = {
    "fixed": Fixed,
    "gradient_norm": GradientNorm,
    "ntk": NTK,
    "relobralo": ReLoBRaLo,
    "self_adaptive": SelfAdaptive,
    "residual_attention": ResidualAttention,
    "augmented_lagrangian": AugmentedLagrangian,
    "conflict_free": ConflictFree,
}

__all__ = ["SCHEMES", "Causal", "Fixed", "Measured", "Scheme"]
