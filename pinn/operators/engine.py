"""One call: a network, points and a plan in, named values out."""

import logging
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from pinn.operators.autograd import operator_values
from pinn.operators.estimator import Along
from pinn.operators.feature import NoJetRule, Tape
from pinn.operators.first_use import refuse_other_functions
from pinn.operators.jets import network_jet
from pinn.operators.planner import Plan

Engine = Literal["jet", "autograd"]
ENGINES: tuple[Engine, ...] = ("jet", "autograd")
log = logging.getLogger("pinn")


def derivatives(
    network: nn.Module,
    points: Tensor,
    plan: Plan,
    *,
    engine: Engine = "jet",
    inputs: Mapping[str, Tensor] | None = None,
    directions: Tensor | None = None,
) -> dict[str, Tensor]:
    """The planned expressions at the points, differentiable in the network's parameters.

    Args:
        network: Maps (N, D) to (N, F), each row by itself.
        points: (N, D).
        plan: From `plan`.
        engine: `jet`, one forward pass over minimal jets, or `autograd`, nested `create_graph=True`. A network that has
            no jet rule takes the second, with one line in the log.
        inputs: Values of the names that the plan leaves open, scalars or (N,).
        directions: Of a plan that estimates, from `plan.directions.draw`; by default those of seed 0.

    Returns:
        {name: (N,)}.

    Raises:
        ValueError: The points have the wrong shape, an engine is unknown, or an input is missing.
    """
    if points.dim() != 2 or points.shape[1] != len(plan.coordinates):
        wanted = f"(N, {len(plan.coordinates)}), a column each for {', '.join(plan.coordinates)}"
        raise ValueError(f"points have the shape {tuple(points.shape)}, not {wanted}")
    if engine not in ENGINES:
        raise ValueError(f"engine {engine!r} is unknown; the engines are {', '.join(ENGINES)}")
    values = jet_values(network, points, plan, directions=directions) if engine == "jet" else None
    if values is None:
        values = operator_values(*_along(network, points, plan, directions), plan.evaluated, plan.fields)
    return plan.results(values, points, inputs or {})


def jet_values(
    network: nn.Module, points: Tensor, plan: Plan, tape: Tape | None = None, directions: Tensor | None = None
) -> dict[str, Tensor] | None:
    """The operators' values (N,) by one pass of jets; None, and one line in the log, where the network has no jet rule.

    Args:
        network: Maps (N, D) to (N, F).
        points: (N, D).
        plan: From `plan`.
        tape: Where given, the uses of parameters are appended to it.
        directions: Of a plan that estimates.
    """
    try:
        refuse_other_functions(network, points)
        channels = network_jet(*_along(network, points, plan, directions), plan.kernels, plan.wanted, tape)
    except NoJetRule as error:
        _say_once(f"derivatives: autograd engine for {type(network).__name__}: {error}")
        return None
    if channels.dim() != 3 or channels.shape[2] != len(plan.fields):
        raise ValueError(
            f"the network gives {tuple(channels.shape[1:])}, not (N, {len(plan.fields)}), "
            f"a column each for {', '.join(plan.fields)}"
        )
    return {
        name: torch.stack([coefficient * channels[row, :, f] for row, f, coefficient in triples]).sum(0)
        for name, triples in plan.read_outs.items()
    }


def _along(network: nn.Module, points: Tensor, plan: Plan, drawn: Tensor | None) -> tuple[nn.Module, Tensor]:
    """The network in the coordinates and in the random directions, where the plan has any, and the points there."""
    if plan.directions is None:
        return network, points
    along = Along(network, plan.directions.draw(0, points.shape[1], points) if drawn is None else drawn)
    return along, along.extend(points)


def _said() -> Callable[[str], None]:
    seen: set[str] = set()

    def say(message: str) -> None:
        if message not in seen:
            seen.add(message)
            log.warning(message)

    return say


_say_once = _said()
