"""What a run takes of this machine, and whether it is there: said before anything is made."""

from __future__ import annotations

import os

import torch
from pydantic import ByteSize

from pinn.partition.memory import there_is
from pinn.problem import Problem
from pinn.schema import AdaptiveSampling, Config, ConfigError, OneNetwork, Partition, Trainer
from pinn.training.launch import launch

A_CORE = 2  # processes, at most
A_NUMBER = 8  # bytes
LARGEST_GPU = 192e9  # bytes of its own that a GPU may have


def check_machine(problem: Problem, config: Config) -> None:
    """Refuse devices that are not here, and networks and points that no memory holds.

    Raises:
        ConfigError: Something is not here.
    """
    if launch().size is None:
        _check_devices(config.trainer)
    _check_memory(problem, config)


def _check_devices(trainer: Trainer) -> None:
    kinds = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    kinds["gpu"] = any(kinds.values())
    if not kinds.get(trainer.accelerator, True):
        there = [kind for kind in ("cuda", "mps") if kinds[kind]]
        raise ConfigError(
            f"trainer.accelerator={trainer.accelerator}: there is none here; take trainer={'gpu' if there else 'cpu'}."
        )
    if trainer.devices == "auto":
        return
    on_gpu = trainer.accelerator != "cpu" and kinds["cuda"]
    most = torch.cuda.device_count() if on_gpu else A_CORE * (os.cpu_count() or 1)
    if trainer.devices > most:
        what = f"there are {most} GPUs here" if on_gpu else f"here are cores for {most} processes"
        raise ConfigError(f"trainer.devices={trainer.devices}: {what}; take {most} at most.")


def _check_memory(problem: Problem, config: Config) -> None:
    """Compare what the numbers that are given take at least with what is free."""
    network, sampling, d = config.network, config.sampling, len(problem.coordinate_names)
    local = network.local if isinstance(network, Partition) else network
    width = local.width if type(local.width) is int else 1
    cells = 1
    if isinstance(network, Partition) and not network.refined:
        for count in network.cells.values():
            cells *= count
    weights = cells * (width * (_inputs(local, d) + len(problem.fields)) + (local.depth - 1) * width**2)
    soft = set(problem.conditions) - set(problem.built_in)
    points = [sampling.points, sampling.boundary_points if soft else 0]
    points += [sampling.candidates] if isinstance(sampling, AdaptiveSampling) else []
    drawn = sum(n for n in points if type(n) is int)
    held = d if config.memory_budget else d + width * local.depth  # in slices, or all in every layer
    taken = {
        f"network.width={local.width} network.depth={local.depth}": 2 * weights,  # with their gradient
        f"sampling.points={sampling.points} sampling.boundary_points={sampling.boundary_points}": drawn * held,
    }
    if isinstance(network, Partition):
        taken = {f"network.cells={network.cells}": 0, **taken}
    free = max(there_is(torch.device("cpu")), LARGEST_GPU if torch.cuda.is_available() else 0.0)
    size = A_NUMBER * sum(taken.values()) / config.trainer.num_nodes
    if size > free:
        needed, here = (ByteSize(int(n)).human_readable(decimal=True) for n in (size, free))
        raise ConfigError(
            f"{' '.join(taken)}: this needs {needed} at least, and {here} are free here; take less of what is largest."
        )


def _inputs(network: OneNetwork, coordinates: int) -> int:
    return coordinates if network.features is None else 2 * network.features.count
