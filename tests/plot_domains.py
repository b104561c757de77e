"""A domain of every kind that is drawn."""

from pinn.geometry import Ball, Box, Cuboid, Difference, Region

DOMAINS = {
    "line": Box({"x": (0, 1)}),
    "plane": Box({"x": (0, 2.2), "y": (0, 0.41)}),
    "time-space": Box({"x": (-1, 1), "t": (0, 1)}),
    "space": Box({"x": (0, 1), "y": (0, 1), "z": (0, 2)}),
    "time-plane": Box({"t": (0, 3), "x": (0, 1), "y": (0, 1)}),
    "hole": Region(Difference(Cuboid([[0, 1], [0, 1]]), Ball([0.5, 0.5], 0.3)), Box({"x": (0, 1), "y": (0, 1)})),
    "tube": Region(
        Difference(Cuboid([[0, 1], [0, 1]]), Ball([0.5, 0.5], 0.3)), Box({"x": (0, 1), "t": (0, 2), "y": (0, 1)})
    ),
}
