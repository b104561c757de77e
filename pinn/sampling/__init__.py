"""Collocation points: a pure function of seed, step and place; adaptive ones of the points before them too."""

from collections.abc import Callable

from pinn.sampling.adaptive import R3, RAD, RARD, Adaptive
from pinn.sampling.draw import points
from pinn.sampling.low_discrepancy import Halton, Hammersley, LatinHypercube
from pinn.sampling.sampler import Sampler
from pinn.sampling.sobol import Sobol
from pinn.sampling.tensor import Gauss, Grid
from pinn.sampling.uniform import Uniform

SAMPLERS: dict[str, Callable[[], Sampler]] = {
    "sobol": Sobol,
    "uniform": Uniform,
    "latin_hypercube": LatinHypercube,
    "halton": Halton,
    "hammersley": Hammersley,
    "grid": Grid,
    "gauss": Gauss,
}
ADAPTIVE: dict[str, Callable[..., Adaptive]] = {"rad": RAD, "rar_d": RARD, "r3": R3}

__all__ = [
    "ADAPTIVE",
    "R3",
    "RAD",
    "RARD",
    "SAMPLERS",
    "Adaptive",
    "Gauss",
    "Grid",
    "Halton",
    "Hammersley",
    "LatinHypercube",
    "Sampler",
    "Sobol",
    "Uniform",
    "points",
]
