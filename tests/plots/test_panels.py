"""What colours span."""

import numpy as np
import torch

from pinn.plots import value_range


def test_a_singularity_does_not_swallow_the_colours():
    x = torch.linspace(-1, 1, 1001, dtype=torch.float64).numpy()
    assert value_range(x) == (-1, 1)
    low, high = value_range(np.where(abs(x - 0.5) < 1e-3, 1e10, x))
    assert -1 <= low < -0.98 and 0.98 < high <= 1
    assert value_range(np.where(abs(x) < 1e-3, 1.0, 0.0)) == (0, 1)  # a peak is all there is
