"""Domains: what lies inside, what lies on the boundary, and where its normals point."""

from pinn.geometry.box import Box, Place, Points

__all__ = ["Box", "Place", "Points"]
