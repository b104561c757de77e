"""What the network sees of the coordinates."""

import numpy as np
import pytest

import pinn
from pinn.schema import ConfigError


def test_layers_of_a_period_are_seen_wide_and_keep_the_period():
    steep = pinn.Problem(
        name="steep",
        coordinates={"x": [-1, 1]},
        fields=["u"],
        functions={"f": "manufactured"},
        equations={"flow": "u_xx - u = f"},
        conditions={"value": "u(x=-1) = u(x=1)", "slope": "u_x(x=-1) = u_x(x=1)"},
        exact={"u": "1/(1.01 - cos(pi*(x - 0.3)))"},
    )
    same = ("network.width=200", "network.scale=60", "sampling.points=800", "trainer.enable_progress_bar=false")

    def solve(*more):
        return pinn.solve(steep, *same, *more, optimizer="least_squares")

    layered = solve("+layers.x=[{at: 0.3, width: 0.05}]")
    assert layered.error["u"]["relative_l2"] < 1e-9
    assert solve().error["u"]["relative_l2"] > 0.1
    for text in ("u", "u_x", "u_xx"):
        low, high = (layered.derivative(text, np.array([[end]])) for end in (-1.0, 1.0))
        assert low == pytest.approx(high, rel=1e-6)


def test_what_is_flat_at_an_end_by_its_inputs_has_no_layers():
    flat = pinn.Problem(
        name="flat",
        coordinates={"x": [0, 1]},
        fields=["u"],
        equations={"flow": "u_xx - u = 1"},
        conditions={"slope": "u_x(x=0) = 0", "value": "u(x=1) = 0"},
    )
    layers = "+layers.x=[{at: 1, width: 0.1}]"
    with pytest.raises(ConfigError, match=r"layers\.x: conditions are built into .* make these conditions soft"):
        pinn.solve(flat, layers, "dry_run=true")
    soft = pinn.Problem(**{**flat.definition, "enforce": {"slope": "soft"}})
    pinn.solve(soft, layers, "network.width=30", "network.scale=3", optimizer="least_squares")
