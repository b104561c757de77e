"""What is counted as a step."""

import time

import pytest
import torch

from pinn.training.stopwatch import Stopwatch

PAUSE = 0.02


@pytest.mark.parametrize("fails", [False, True])
def test_a_step_is_taken_and_timed_and_the_rest_is_not(fails):
    parameter, watch = torch.nn.Parameter(torch.ones(())), Stopwatch()
    optimizer = torch.optim.SGD([parameter], lr=0.5)

    def closure():
        time.sleep(PAUSE)
        if fails:
            raise FloatingPointError
        parameter.grad = torch.ones(())
        return torch.tensor(3.0)

    time.sleep(PAUSE)
    assert watch.seconds == 0
    if fails:
        with pytest.raises(FloatingPointError):
            watch.optimizer_step(optimizer, None, closure)
    else:
        assert watch.optimizer_step(optimizer, None, closure) == 3
        assert parameter.item() == 0.5
    assert watch.seconds >= PAUSE
    before = watch.seconds
    with watch:
        time.sleep(PAUSE)
    assert watch.seconds >= before + PAUSE
