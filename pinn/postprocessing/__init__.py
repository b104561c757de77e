"""What is done with a solution: errors in any norm, values on grids and their files, exported networks."""

from pinn.postprocessing.evaluation import NORMS, Measured, evaluate
from pinn.postprocessing.export import EXPORTERS, export
from pinn.postprocessing.frames import Frame
from pinn.postprocessing.grid import Grid, read_grid
from pinn.postprocessing.write import WRITERS, write

__all__ = ["EXPORTERS", "NORMS", "WRITERS", "Frame", "Grid", "Measured", "evaluate", "export", "read_grid", "write"]
