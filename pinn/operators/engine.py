"""One call: a network or a function, points and what is wanted in, named values out."""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn

from pinn.operators.autograd import operator_values, refuse_outputs
from pinn.operators.estimator import Along
from pinn.operators.feature import NoJetRule, Tape
from pinn.operators.first_use import refuse_other_functions
from pinn.operators.function import coordinate_names, of_points
from pinn.operators.jets import network_jet
from pinn.operators.planner import Plan, plan

Engine = Literal["jet", "autograd"]
ENGINES: tuple[Engine, ...] = ("jet", "autograd")
log = logging.getLogger("pinn")


def derivatives(
    network: Callable[..., Tensor],
    points: Tensor,
    plan: Plan | str | Sequence[str] | Mapping[str, str],
    *,
    coordinates: Sequence[str] | None = None,
    fields: Sequence[str] | None = None,
    engine: Engine = "jet",
    inputs: Mapping[str, Tensor] | None = None,
    directions: Tensor | None = None,
) -> dict[str, Tensor]:
    """The planned expressions at the points, differentiable in the network's parameters.

    Args:
        network: A module, or any function of torch, of the points (N, D), or of the D coordinates, (N,) each, one by
            one. It gives (N, F), or (N,) of one field, each row by itself: of a function this is checked.
        points: (N, D).
        plan: From `plan`; or the texts that are wanted: one, a list of them, or by name.
        coordinates: Where no plan is given, the names of the coordinates; by default those of the function's arguments
            where there is one a coordinate, else `x`, `y`, `z`, or `x1`, `x2`, ... of more than three.
        fields: Where no plan is given, the names of the outputs; by default `u`.
        engine: `jet`, one forward pass over minimal jets, or `autograd`, nested `create_graph=True`. A network that has
            no jet rule takes the second, with one line in the log; so does a function, without.
        inputs: Values of the names that the plan leaves open, scalars or (N,).
        directions: Of a plan that estimates, from `plan.directions.draw`; by default those of seed 0.

    Returns:
        {name: (N,)}.

    Raises:
        ValueError: The points have the wrong shape or no floating point numbers, the outputs another number than there
            are fields, or complex values; a function's rows depend on each other, as do those of a network with batch
            normalisation in training mode; an engine is unknown, or an input is missing.

    Examples:
        >>> points = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
        >>> derivatives(lambda x, y: x**3 * y**2, points, ["u_xx", "u_xy", "lap(u)"])["u_xy"]
        tensor([12.], dtype=torch.float64, grad_fn=<AddBackward0>)
    """
    if not isinstance(plan, Plan):
        if points.dim() != 2 or not points.shape[1]:
            raise ValueError(f"points have the shape {tuple(points.shape)}, not (N, D), a column each coordinate")
        texts = [plan] if isinstance(plan, str) else plan
        named = texts if isinstance(texts, Mapping) else {text: text for text in texts}
        names = tuple(coordinates or coordinate_names(network, points.shape[1]))
        plan = _planned(tuple(named.items()), names, tuple(fields or ("u",)), tuple(inputs or ()))
    elif coordinates is not None or fields is not None:
        raise ValueError("a plan has names of coordinates and fields: give them to `plan`")
    if points.dim() != 2 or points.shape[1] != len(plan.coordinates):
        wanted = f"(N, {len(plan.coordinates)}), a column each for {', '.join(plan.coordinates)}"
        raise ValueError(f"points have the shape {tuple(points.shape)}, not {wanted}")
    if not points.is_floating_point():
        raise ValueError(f"points are of {points.dtype}, not of floating point numbers: take points.double()")
    if engine not in ENGINES:
        raise ValueError(f"engine {engine!r} is unknown; the engines are {', '.join(ENGINES)}")
    values = None
    if not isinstance(network, nn.Module):
        network = of_points(network, points.shape[1], plan.fields)
    elif engine == "jet":
        values = jet_values(network, points, plan, directions=directions)
    if values is None:
        values = operator_values(*_along(network, points, plan, directions), plan.evaluated, plan.fields)
    return plan.results(values, points, inputs or {})


@lru_cache(maxsize=128)
def _planned(
    texts: tuple[tuple[str, str], ...], coordinates: tuple[str, ...], fields: tuple[str, ...], inputs: tuple[str, ...]
) -> Plan:
    return plan(dict(texts), coordinates, fields, inputs=inputs)


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
    refuse_outputs(channels.shape[1:], channels.dtype, len(points), plan.fields)
    channels = channels.reshape(len(channels), len(points), len(plan.fields))
    return {
        name: torch.stack([coefficient * channels[row, :, f] for row, f, coefficient in triples]).sum(0)
        for name, triples in plan.read_outs.items()
    }


def _along(
    network: Callable[..., Tensor], points: Tensor, plan: Plan, drawn: Tensor | None
) -> tuple[Callable[..., Tensor], Tensor]:
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
