"""Optimizers: one file a method, each a `torch.optim.Optimizer`.

A new one is its file, a row of the table below and a YAML in `configs/optimizer`. The keys of the YAML are the
arguments of the class, checked by their annotations (`pinn.optimizers.ranges`); the tests run every row.

A closure is of one of two kinds. `gradient`: it returns the loss and leaves gradients in ``.grad``, as everywhere in
torch. `system`: it returns an object for least squares (`pinn.optimizers.system`),

* ``system.residual()`` -> r (M,), at the parameters' present values, and
* ``system.linearise()`` -> r (M,), J (M, P), with columns in the order of the parameters given to the optimizer.

The loss is r·r. A method whose attribute ``converged`` is true has nothing left to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch.optim import Optimizer

from pinn.optimizers.adam import Adam
from pinn.optimizers.adamw import AdamW
from pinn.optimizers.gauss_newton import GaussNewton
from pinn.optimizers.lbfgs import LBFGS
from pinn.optimizers.least_squares import LeastSquares
from pinn.optimizers.muon import Muon
from pinn.optimizers.nystrom_newton_cg import NystromNewtonCG
from pinn.optimizers.ranges import arguments
from pinn.optimizers.soap import SOAP
from pinn.optimizers.spring import SPRING
from pinn.optimizers.ssbroyden import SSBroyden

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "SOAP",
    "SPRING",
    "Adam",
    "AdamW",
    "GaussNewton",
    "LeastSquares",
    "Method",
    "Muon",
    "NystromNewtonCG",
    "SSBroyden",
]


@dataclass(frozen=True)
class Method:
    """How an optimizer is used.

    Attributes:
        make: Its class.
        closure: What its `step` takes.
        trains: All parameters, or those of the output layer.
    """

    make: type[Optimizer]
    closure: Literal["gradient", "system"]
    trains: Literal["all", "output"] = "all"

    @property
    def scheduled(self) -> bool:
        """Whether it has a learning rate: then its steps are short, and a schedule may change it."""
        return "lr" in arguments(self.make)

    @property
    def first_order(self) -> bool:
        """Whether a step is one gradient, and asks for nothing more."""
        return self.scheduled and self.closure == "gradient"


OPTIMIZERS: dict[str, Method] = {
    "adam": Method(Adam, "gradient"),
    "adamw": Method(AdamW, "gradient"),
    "muon": Method(Muon, "gradient"),
    "soap": Method(SOAP, "gradient"),
    "lbfgs": Method(LBFGS, "gradient"),
    "ssbroyden": Method(SSBroyden, "gradient"),
    "nystrom_newton_cg": Method(NystromNewtonCG, "gradient"),
    "gauss_newton": Method(GaussNewton, "system"),
    "spring": Method(SPRING, "system"),
    "least_squares": Method(LeastSquares, "system", trains="output"),
}
