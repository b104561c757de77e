"""Every optimizer of the table, on every problem of the table; a row says how far it comes in how many steps."""

import io

import pytest
import torch
from least_squares_systems import PROBLEMS, Function, tensor

from pinn.optimizers import OPTIMIZERS

ADAPTIVE = {"lr": 0.03}
REACHES = {  # options, and by problem: steps, loss
    "adam": (ADAPTIVE, {"decay": (500, 1e-9), "rosenbrock": (1000, 0.1), "poisson": (500, 1e-2)}),
    "adamw": (
        ADAPTIVE | {"weight_decay": 0.0},
        {"decay": (500, 1e-9), "rosenbrock": (1000, 0.1), "poisson": (500, 1e-2)},
    ),
    "muon": (ADAPTIVE, {"decay": (500, 1e-9), "rosenbrock": (1000, 0.1), "poisson": (500, 0.2)}),
    "soap": (ADAPTIVE, {"decay": (500, 1e-4), "rosenbrock": (1000, 1e-3), "poisson": (500, 1e-2)}),
    "lbfgs": ({}, {"decay": (10, 1e-9), "rosenbrock": (10, 1e-9), "poisson": (10, 1e-3)}),
    "ssbroyden": ({}, {"decay": (3, 1e-20), "rosenbrock": (5, 1e-20), "poisson": (10, 1e-6)}),
    "nystrom_newton_cg": ({}, {"decay": (20, 1e-20), "rosenbrock": (40, 1e-20), "poisson": (20, 1e-2)}),
    "gauss_newton": ({}, {"decay": (10, 1e-25), "rosenbrock": (15, 1e-25), "poisson": (30, 1e-13)}),
    "spring": ({}, {"decay": (200, 1e-14), "rosenbrock": (200, 1e-14), "poisson": (100, 1e-5)}),
    "least_squares": ({}, {"decay": (15, 1e-25), "rosenbrock": (15, 1e-25), "poisson": (1, 1e-3)}),
}


def set_up(name, problem):
    """The optimizer, and its closure; of a network the output layer alone, if that is what it trains."""
    method, (options, _) = OPTIMIZERS[name], REACHES[name]
    residual, start = PROBLEMS[problem]
    parameters = start()
    if method.trains == "output" and len(parameters) > 2:
        hidden, parameters = torch.cat([p.reshape(-1) for p in parameters[:-2]]), parameters[-2:]
        system = Function(lambda theta: residual(torch.cat([hidden, theta])), parameters)
    else:
        system = Function(residual, parameters)
    closure = system if method.closure == "system" else system.gradient
    return system, method.make(parameters, **options), closure


def loss(system):
    return float(system.residual().square().sum())


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_reaches_its_loss_on_every_problem(name, problem):
    system, optimizer, closure = set_up(name, problem)
    steps, wanted = REACHES[name][1][problem]
    start = loss(system)
    assert float(optimizer.step(closure)) == pytest.approx(start)  # that before the step, as torch's return
    for _ in range(steps - 1):
        optimizer.step(closure)
    assert loss(system) < wanted < start


@pytest.mark.parametrize("problem", ["rosenbrock", "poisson"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_round_trips_bit_for_bit(name, problem):
    """Three steps, a file, and three steps by another optimizer are six steps."""
    whole, optimizer, closure = set_up(name, problem)
    for _ in range(6):
        optimizer.step(closure)
    parts, optimizer, closure = set_up(name, problem)
    for _ in range(3):
        optimizer.step(closure)
    buffer = io.BytesIO()
    torch.save(optimizer.state_dict(), buffer)
    buffer.seek(0)
    resumed, optimizer, closure = set_up(name, problem)
    for mine, theirs in zip(resumed.parameters, parts.parameters, strict=True):
        mine.copy_(theirs)
    optimizer.load_state_dict(torch.load(buffer, weights_only=True))
    for _ in range(3):
        optimizer.step(closure)
    assert resumed.vector.tolist() == whole.vector.tolist()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_single_precision_stays_single(name):
    start = torch.tensor([1.5, 0.5])
    system = Function(PROBLEMS["decay"][0], [start])
    method = OPTIMIZERS[name]
    optimizer = method.make([start], **REACHES[name][0])
    before = loss(system)
    for _ in range(5):
        optimizer.step(system if method.closure == "system" else system.gradient)
    assert start.dtype == torch.float32
    assert loss(system) < before


@pytest.mark.parametrize("name", [name for name, method in OPTIMIZERS.items() if not method.first_order])
def test_a_start_that_is_not_finite_is_named(name):
    if name == "lbfgs":
        pytest.skip("torch's own takes it for convergence; the run sees the loss")
    system = Function(torch.log, [tensor(-1.0)])
    method = OPTIMIZERS[name]
    with pytest.raises(FloatingPointError, match="not finite at the present parameters"):
        method.make(system.parameters).step(system if method.closure == "system" else system.gradient)


@pytest.mark.parametrize("name", [name for name, method in OPTIMIZERS.items() if method.scheduled])
def test_a_learning_rate_is_positive(name):
    with pytest.raises(ValueError, match="lr must be positive, not 0"):
        OPTIMIZERS[name].make([tensor(1.0)], lr=0.0)
