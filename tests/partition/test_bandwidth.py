"""Wave numbers of fields in cells: of single waves, of straight fields, of what is not known; and what they are for."""

import pytest
import torch
from torch import nn

from pinn import Problem
from pinn.networks import MLP, Scaled
from pinn.partition import Cells, partition_of
from pinn.partition.bandwidth import wave_numbers_of
from pinn.partition.points import CellPoints
from pinn.schema import AUTO
from pinn.schema import MLP as CHOSEN
from pinn.training.network import Local

LOW, HIGH = [0.0, -1.0], [2.0, 1.0]
WAVES = 3.0, 0.5  # along x and y


def problem(fields=("u",), domain=None):
    return Problem(
        coordinates={"x": [LOW[0], HIGH[0]], "y": [LOW[1], HIGH[1]]}, fields=list(fields),
        equations={f"e_{u}": f"lap({u}) = 0" for u in fields},
        conditions={f"b_{u}": f"{u}(boundary) = 0" for u in fields},
        enforce="soft", **({"domain": domain} if domain else {}),
    )  # fmt: skip


class OneWave:
    """What makes networks that all are one function: a wave, or a plane."""

    features = widest = 1

    def __init__(self, waves, straight=False):
        self.waves, self.straight = waves, straight

    def of(self, features):
        return self

    def __call__(self, lower, upper, waves=None):
        made = MLP(Scaled(lower, upper), len(self.waves), width=len(self.waves)).double()
        low, high = torch.tensor([lower, upper], dtype=torch.float64)
        with torch.no_grad():
            k = torch.tensor(self.waves, dtype=torch.float64)
            made.hidden[0].weight.copy_(k * (high - low) / 2)
            made.hidden[0].bias.copy_(k @ ((low + high) / 2) + 0.3)
            made.output.weight.copy_(torch.eye(len(self.waves)))
            made.output.bias.zero_()
        if self.straight:
            made.hidden = nn.Sequential(made.hidden[0])
        return made


def of(makes, tiling, latest=None, cells=None, **options):
    cells = cells or Cells.grid(LOW, HIGH, [2, 2])
    given = problem([f"u{k}" for k in range(len(makes.waves))], **options)
    drawing = CellPoints(given, given.domain, 150, 0, None, torch.zeros(1, dtype=torch.float64))
    interior = given.domain.interior
    points, owners = drawing.held_out(tiling, [interior], 0.1)
    partition = partition_of(cells, makes, 2).double()
    return wave_numbers_of(given, partition, tiling, points[interior].x, owners[interior], latest)


def test_those_of_a_wave_are_its_own():
    tiling = Cells.grid(LOW, HIGH, [3, 2])
    torch.testing.assert_close(of(OneWave([WAVES]), tiling), torch.tensor([WAVES], dtype=torch.float64).expand(6, 2))


def test_of_two_fields_the_faster_counts():
    found = of(OneWave([WAVES, (1.0, 2.0)]), Cells.grid(LOW, HIGH, [2, 1]))
    torch.testing.assert_close(found, torch.tensor([(3.0, 2.0)], dtype=torch.float64).expand(2, 2))


def test_a_straight_field_has_none():
    assert (of(OneWave([WAVES], straight=True), Cells.grid(LOW, HIGH, [2, 2])) == 0).all()


def test_beyond_a_time_they_are_what_they_are_then():
    half, beyond = Cells.grid(LOW, [1.0, 1.0], [2, 2]), Cells.grid([1.5, -1.0], HIGH, [1, 1])
    assert of(OneWave([WAVES]), beyond, latest=(0, 1.0), cells=half)[0].tolist() == pytest.approx(WAVES)


def test_a_cell_far_smaller_than_the_one_before_is_taken_for_as_steep():
    small = Cells.grid([0.0, -1.0], [0.125, -0.5], [1, 1])  # of cells that are 1 wide
    assert of(OneWave([WAVES]), small)[0].tolist() == pytest.approx([4 * WAVES[0], WAVES[1]])


def test_of_a_cell_outside_of_the_domain_nothing_is_known():
    hole = {"difference": [{"box": {}}, {"disk": {"center": [0.5, -0.5], "radius": 0.4}}]}
    tiling = Cells.grid([0.45, -0.55], [0.55, -0.45], [1, 1])
    assert of(OneWave([WAVES]), tiling, domain=hole).isinf().all()


def chosen(**options):
    usual = {
        "name": "mlp", "width": AUTO, "depth": 1, "features": None, "activation": "sin", "scale": AUTO,
        "adaptive": False, "factorised": False,
    }  # fmt: skip
    return CHOSEN(**{**usual, **options})


def first_weights(made):
    return made.hidden[0].weight.abs().amax(dim=0)


def test_features_are_as_fast_as_the_field_needs_and_no_faster_than_usual():
    usual = Local(chosen(), problem())
    torch.manual_seed(0)
    fastest = first_weights(usual(LOW, HIGH))
    torch.manual_seed(0)
    adapted = first_weights(usual(LOW, HIGH, [0.0, 100.0]))
    assert adapted[0] <= 0.5 * fastest[0] and adapted[1] == fastest[1]
    torch.manual_seed(0)
    assert torch.equal(first_weights(usual(LOW, HIGH, [torch.inf, torch.inf])), fastest)


def test_a_scale_that_is_given_stays():
    given = Local(chosen(scale=3.0), problem())
    torch.manual_seed(0)
    fastest = first_weights(given(LOW, HIGH))
    torch.manual_seed(0)
    assert torch.equal(first_weights(given(LOW, HIGH, [0.0, 0.0])), fastest)


def misfit(made, function):
    """Of the best output layer, where nothing was fitted, relative."""
    unit = torch.quasirandom.SobolEngine(2, scramble=True, seed=1).draw(1500, dtype=torch.float64)
    low, high = torch.tensor([LOW, HIGH], dtype=torch.float64)
    x = low + (high - low) * unit
    with torch.no_grad():
        features = torch.cat([made.hidden(made.features(x)), torch.ones(len(x), 1)], dim=1)
    fitted, rest = slice(0, 500), slice(500, None)
    best = torch.linalg.lstsq(features[fitted], function(x[fitted])[:, None], rcond=2e-14, driver="gelsd").solution
    left = features[rest] @ best - function(x[rest])[:, None]
    return float(left.norm() / function(x[rest]).norm())


@pytest.mark.parametrize(
    ("function", "waves", "gain"),
    [
        (lambda x: torch.sin(0.7 * x[:, 0] + 0.9 * x[:, 1] + 1), (0.7, 0.9), 10.0),  # slow
        (lambda x: torch.sin(6 * x[:, 0]) * torch.cos(6 * x[:, 1]), (6.0, 6.0), 0.9),  # as fast as features are
        (lambda x: torch.tanh(3 * (x[:, 0] - 1)) * torch.cos(x[:, 1] / 2), (6.0, 0.5), 1.3),  # along one coordinate
    ],
)
def test_what_slower_features_gain(function, waves, gain):
    makes, errors = Local(chosen(), problem()), []
    for known in (None, waves):
        torch.manual_seed(0)
        errors.append(misfit(makes(LOW, HIGH, known).double(), function))
    assert errors[1] * gain <= errors[0]
