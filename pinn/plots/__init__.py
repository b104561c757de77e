"""Pictures of any problem, its fields and the history of a run."""

from pinn.plots.cells import edges
from pinn.plots.curves import history
from pinn.plots.fields import figure, pictures
from pinn.plots.panels import magnitude_range, value_range
from pinn.plots.views import Slice, View, slices, view, views

__all__ = [
    "Slice",
    "View",
    "edges",
    "figure",
    "history",
    "magnitude_range",
    "pictures",
    "slices",
    "value_range",
    "view",
    "views",
]
