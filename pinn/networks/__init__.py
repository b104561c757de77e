"""Networks: plain modules from points (N, D) to fields (N, F), made of what jets have rules for."""

from pinn.networks.conditions import HardConditions
from pinn.networks.mlp import ACTIVATIONS, MLP

__all__ = ["ACTIVATIONS", "MLP", "HardConditions"]
