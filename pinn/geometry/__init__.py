"""Domains: what lies inside, what lies on the boundary, and where its normals point."""

from pinn.geometry.box import Box, Place, Points
from pinn.geometry.combination import Combination, Difference, Intersection, Union
from pinn.geometry.cuboid import Cuboid
from pinn.geometry.interfaces import Interface, Side, Sides
from pinn.geometry.polygon import Polygon
from pinn.geometry.read import read_domain
from pinn.geometry.region import Domain, Region
from pinn.geometry.round import Annulus, Ball, Cylinder, Ellipse
from pinn.geometry.shape import Primitive, Shape
from pinn.geometry.surface import Surface

__all__ = [
    "Annulus",
    "Ball",
    "Box",
    "Combination",
    "Cuboid",
    "Cylinder",
    "Difference",
    "Domain",
    "Ellipse",
    "Interface",
    "Intersection",
    "Place",
    "Points",
    "Polygon",
    "Primitive",
    "Region",
    "Shape",
    "Side",
    "Sides",
    "Surface",
    "Union",
    "read_domain",
]
