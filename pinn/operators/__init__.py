"""The derivative operator layer: any differential operator of any network or function, exactly.

It stands on its own, for anyone with a plain `nn.Module` or a function of torch, and needs torch, sympy and numpy only:

    plan = pinn.operators.plan({"plate": "lap(lap(u))", "slope": "u_x"}, coordinates=["x", "y"], fields=["u"])
    values = pinn.operators.derivatives(network, points, plan)      # {"plate": (N,), "slope": (N,)}
    values = pinn.operators.derivatives(lambda x, y: x**2 * torch.sin(y), points, ["u_xx", "u_xy", "u_xxyy"])
"""

from pinn.operators.algebra import Algebra, minimal_algebra
from pinn.operators.engine import ENGINES, Engine, derivatives, jet_values
from pinn.operators.estimator import Estimator
from pinn.operators.feature import ConstantUse, LinearUse, NoJetRule, Tape
from pinn.operators.planner import Plan, plan

__all__ = [
    "ENGINES",
    "Algebra",
    "ConstantUse",
    "Engine",
    "Estimator",
    "LinearUse",
    "NoJetRule",
    "Plan",
    "Tape",
    "derivatives",
    "jet_values",
    "minimal_algebra",
    "plan",
]
