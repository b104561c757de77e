"""Tilings with hanging nodes, and partitions over them."""

import torch

from pinn.networks import MLP, Scaled
from pinn.partition import Cells, partition_of

BOX = ([0.0, -1.0, 0.5], [2.0, 1.0, 1.0])  # of x, y, z


def tiling(dimensions, rounds=2, seed=0, share=0.3):
    """The box, halved along each coordinate, and then some cells along some coordinates, round by round."""
    generator = torch.Generator().manual_seed(seed)
    cells = Cells.grid(BOX[0][:dimensions], BOX[1][:dimensions], [2] * dimensions)
    for _ in range(rounds):
        cells, _ = cells.halved(torch.rand(len(cells), dimensions, generator=generator) < share)
    return cells


class Made:
    """What makes the networks of cells: see `pinn.partition.MakesLocal`.

    Args:
        make: From the ends of a box, and the width if it is to be another, to a network.
    """

    def __init__(self, make, **options):
        self.make, self.options = make, options
        self.features = self.widest = self([0.0], [1.0]).output.in_features

    def of(self, features):
        return self if features == self.features else Made(self.make, width=features)

    def __call__(self, lower, upper, waves=None):
        return self.make(lower, upper, **self.options)


def local(width=5, depth=1, fields=1, scale=2.0, **options):
    """Makes small networks."""
    usual = width

    def make(lower, upper, width=usual):
        return MLP(Scaled(lower, upper), fields, width=width, depth=depth, scale=scale, **options)

    return Made(make)


def moved(network, seed=0):
    """In float64, its parameters moved off what they start from, such as zero."""
    generator = torch.Generator().manual_seed(seed)
    network.double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return network


def partition(cells, make=None, order=2, seed=0):
    """Over the cells, in float64."""
    torch.manual_seed(seed)
    return moved(partition_of(cells, make or local(), order))


def inside(n, dimensions, seed=1):
    """Points in the box."""
    generator = torch.Generator().manual_seed(seed)
    low, high = torch.tensor(BOX, dtype=torch.float64)[:, :dimensions]
    return low + (high - low) * torch.rand(n, dimensions, generator=generator, dtype=torch.float64)
