"""The command line and `solve`: compose the configuration, check it, train. The only part that knows Hydra.

Heavy imports stand inside functions, so that the help, an error or the first line of a run appear at once.
"""

from pinn.app.command_line import main
from pinn.app.compose import CONFIGS
from pinn.app.notebook import solve

__all__ = ["CONFIGS", "main", "solve"]
