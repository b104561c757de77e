"""Problems: equations as text, with their domain, conditions, parameters, data, and what is known of the solution."""

from pinn.problem.equation import Equation, highest_order
from pinn.problem.observations import Observations
from pinn.problem.parameters import Learned
from pinn.problem.paths import located
from pinn.problem.problem import Problem, configs
from pinn.problem.quantity import Quantity

__all__ = ["Equation", "Learned", "Observations", "Problem", "Quantity", "configs", "highest_order", "located"]
