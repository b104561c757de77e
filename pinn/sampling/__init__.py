"""Collocation points: a pure function of the seed, the step and the place."""

from pinn.sampling.sampler import Sampler, centres, points
from pinn.sampling.sobol import Sobol
from pinn.sampling.uniform import Uniform

__all__ = ["Sampler", "Sobol", "Uniform", "centres", "points"]
