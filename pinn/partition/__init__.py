"""Problems on a partition: cells, their points and equations, the sparse solve, Newton's steps, refinement, strips."""

from pinn.partition.cells import Cells
from pinn.partition.estimate import EstimatedError
from pinn.partition.level import Level
from pinn.partition.local import MakesLocal, highest_derivative, partition_of
from pinn.partition.refinement import Refinement
from pinn.partition.worth import PATIENCE

__all__ = [
    "PATIENCE",
    "Cells",
    "EstimatedError",
    "Level",
    "MakesLocal",
    "Refinement",
    "highest_derivative",
    "partition_of",
]
