import pytest
import torch

from pinn.metrics import errors


def test_by_hand():
    truth = torch.tensor([[3.0, 0.0], [4.0, 0.0]], requires_grad=True)
    found = errors(truth + torch.tensor([[0.0, 3.0], [0.5, -4.0]]), truth, ["u", "v"])
    assert found["u"] == {"relative_l2": pytest.approx(0.1), "max": pytest.approx(0.5)}
    # No truth to be relative to: the root mean square itself.
    assert found["v"] == {"relative_l2": pytest.approx(12.5**0.5), "max": pytest.approx(4.0)}


def test_small_differences_are_taken_in_float64():
    truth = torch.ones(1000, 1, dtype=torch.float64)
    assert errors(truth + 1e-12, truth, ["u"])["u"]["relative_l2"] == pytest.approx(1e-12, rel=1e-3)
    assert errors(truth.float(), truth, ["u"])["u"] == {"relative_l2": 0.0, "max": 0.0}


def test_nan_is_not_hidden():
    found = errors(torch.tensor([[float("nan")], [1.0]]), torch.ones(2, 1), ["u"])["u"]
    assert all(value != value for value in found.values())


@pytest.mark.parametrize(("prediction", "truth"), [((5,), (5, 1)), ((5, 1), (1, 1)), ((5, 2), (5, 2))])
def test_shapes_that_would_broadcast_are_refused(prediction, truth):
    with pytest.raises(ValueError, match="one row a point and one column for each of the fields u"):
        errors(torch.ones(prediction), torch.ones(truth), ["u"])
