"""Pictures of any problem, its fields and the history of a run."""

from pinn.plots.curves import history
from pinn.plots.fields import figure, pictures, portrait
from pinn.plots.panels import value_range
from pinn.plots.views import View, view, views

__all__ = ["View", "figure", "history", "pictures", "portrait", "value_range", "view", "views"]
