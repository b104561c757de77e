"""The first time that a network is met, its value and a derivative by jets are compared with what it gives itself.

Rules cover what a network does with its input by torch's functions. What it does otherwise, such as asking whether the
input is a tensor, or changing its own weights on the way, would pass them by, and shows here.

Shape letters: N points, D coordinates, F fields.
"""

import copy
from fractions import Fraction
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from pinn.operators.algebra import minimal_algebra
from pinn.operators.autograd import gradient
from pinn.operators.feature import NoJetRule
from pinn.operators.jets import network_jet
from pinn.operators.kernels import Kernels

SOME = 2  # points
APART = 1e-3  # relative: another function; rounding and rules that are a little wrong are for the check before training
NEXT = 4.0  # units in the last place: beside a point
ROUNDED = 10.0  # times what they change: rounding
_found: WeakKeyDictionary[nn.Module, dict[bool, bool]] = WeakKeyDictionary()  # whether it is itself, by training mode


def refuse_other_functions(network: nn.Module, points: Tensor) -> None:
    """Raise `NoJetRule` where the jet is that of another function than the network's.

    Looks once a network and training mode, at a few of the points, along one direction; it does not look where there
    are no numbers, as on the meta device and while `torch.compile` traces.
    """
    if torch.compiler.is_compiling() or points.is_meta or not len(points):
        return
    modes = _found.setdefault(network, {})
    if network.training not in modes:
        some = points[:SOME].detach().clone()
        # in low precision great coefficients of nearly dependent features leave no digit: then doubles decide
        modes[network.training] = _is_itself(network, some) or (
            some.dtype != torch.float64 and _is_itself(copy.deepcopy(network).double(), some.double())
        )
    if not modes[network.training]:
        raise NoJetRule("its jet gives other values than the network itself")


def _is_itself(network: nn.Module, points: Tensor) -> bool:
    d = points.shape[1]
    along = [1 + Fraction(k, d) for k in range(d)]  # the first is 1: channels are scaled by it
    symbol = {tuple(int(i == k) for i in range(d)): c for k, c in enumerate(along)}
    kernels = Kernels(minimal_algebra([symbol], d))
    with torch.autocast(points.device.type, enabled=False):
        jet = network_jet(network, points, kernels, kernels.blocks.every)
        expected = _expected(network, points, along)
        if expected is None:  # for the caller to refuse
            return True
        size = APART * float(expected.nan_to_num(0.0, 0.0, 0.0).abs().amax())
        jet = jet.unsqueeze(2) if jet.dim() == 2 else jet
        if jet.shape != expected.shape:
            return False
        if torch.allclose(jet, expected, rtol=APART, atol=size, equal_nan=True):
            return True
        # summands may be far larger than their sum: then what rounding makes of it shows beside the points
        again = _expected(network, points, along)
        beside = _expected(network, points * (1 + NEXT * torch.finfo(points.dtype).eps), along)
        assert again is not None and beside is not None
        rounding = ROUNDED * float((beside - expected).nan_to_num(0.0, 0.0, 0.0).abs().amax())
        same = torch.equal(again.nan_to_num(), expected.nan_to_num())
        return same and torch.allclose(jet, expected, rtol=APART, atol=max(size, rounding), equal_nan=True)


def _expected(network: nn.Module, points: Tensor, along: list[Fraction]) -> Tensor | None:
    """The values and the slopes along a direction, (2, N, F), by the reference; None where there are no columns."""
    with torch.enable_grad():
        x = points.detach().requires_grad_()
        output = network(x)
        output = output.unsqueeze(1) if output.dim() == 1 else output
        if output.dim() != 2 or not output.shape[1] or output.is_complex():
            return None
        slopes = [gradient(column.sum(), x) @ x.new_tensor([float(c) for c in along]) for column in output.mT]
        return torch.stack([output, torch.stack(slopes, dim=1)]).detach()
