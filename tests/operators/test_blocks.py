"""Blocks of channels: the same product rule in fewer operations; and channels formed only where they are asked for."""

import pytest
import torch
from torch import nn

from pinn import operators
from pinn.operators import blocks
from pinn.operators.blocks import _of_lengths, partition
from pinn.operators.kernels import Kernels

TEXTS = {"laplacian": "lap(u)", "heat": "u_p - lap(u) + u*u_q", "biharmonic": "lap(lap(u))"}


def algebra(text, dimensions):
    names = "pqrsvwxyz"[:dimensions]
    return operators.plan({"r": text}, list(names), ["u"]).algebra


def written_out(found):
    """The products channel by channel, sorted, of a partition."""
    rows = []
    for i, terms in enumerate(found.products):
        for c, j, k in terms:
            for t in range(max(found.lengths[b] for b in (i, j, k))):
                rows.append((c, *(found.starts[b] + (t if found.lengths[b] > 1 else 0) for b in (i, j, k))))
    return sorted(rows)


@pytest.mark.parametrize("dimensions", [3, 6])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_blocks_have_the_product_rule_of_their_channels(text, dimensions, monkeypatch):
    monkeypatch.setattr(blocks, "SHORTEST", 2)
    channels = algebra(text, dimensions)
    expected = sorted((c, o, j, k) for o, terms in enumerate(channels.products) for c, j, k in terms)
    found = partition(channels)
    assert sum(found.lengths) == channels.channels and written_out(found) == expected
    if text == "lap(u)":
        assert found.lengths == (1, dimensions, 1)


def test_a_partition_that_is_none_is_seen():
    channels = algebra("lap(u) + u_pp", 4)  # the first coordinate counts twice
    assert _of_lengths(channels.products, [1, 4, 1]) is None
    assert _of_lengths(channels.products, [1] * channels.channels) is not None


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_blocks_change_no_number(text, monkeypatch):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 6), nn.SiLU(), nn.Linear(6, 1)).double()
    gate = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid()).double()
    x = torch.rand(5, 4, dtype=torch.float64)
    results = []
    for shortest in (2, 99):
        monkeypatch.setattr(blocks, "SHORTEST", shortest)
        plan = operators.plan({"r": text}, list("pqrs"), ["u"])
        value = operators.derivatives(Gated(network, gate), x, plan)["r"]
        results.append([value, *torch.autograd.grad(value.square().sum(), list(network.parameters()))[:-1]])
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-11, atol=1e-13)


class Gated(nn.Module):
    def __init__(self, network, gate):
        super().__init__()
        self.network, self.gate = network, gate

    def forward(self, x):
        return self.network(x) * self.gate(x)


def test_a_hundred_dimensions_against_a_plane_wave():
    """`lap sin(w.x + b) = -|w|**2 sin(w.x + b)`."""
    names = [f"x{i}" for i in range(100)]
    plan = operators.plan({"r": "lap(u) + u_x7"}, names, ["u"])
    assert plan.channels == 102 and plan.kernels.blocks.lengths == (1, 100, 1)

    class Wave(nn.Module):
        def __init__(self):
            super().__init__()
            self.phase, self.mix = nn.Linear(100, 3).double(), nn.Linear(3, 1, bias=False).double()

        def forward(self, x):
            return self.mix(torch.sin(self.phase(x)))

    torch.manual_seed(0)
    wave, x = Wave(), torch.rand(4, 100, dtype=torch.float64)
    w, phase = wave.phase.weight, wave.phase(x)
    each = -(w**2).sum(1) * torch.sin(phase) + w[:, 7] * torch.cos(phase)
    assert torch.allclose(operators.derivatives(wave, x, plan)["r"], wave.mix(each)[:, 0], rtol=1e-11)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_rule_forms_the_wanted_channels_and_they_are_those_of_all(text):
    kernels = Kernels(algebra(text, 3))
    every = kernels.blocks.every
    h, g = torch.rand(2, kernels.algebra.channels, 4, 3, dtype=torch.float64) + 0.5
    value, slopes = torch.rand(4, 3, dtype=torch.float64), torch.rand(3, 1, 3, dtype=torch.float64)
    from pinn.operators.activations import tanh

    rules = {
        "compose": lambda wanted: kernels.compose(h, tanh, wanted),
        "multiply": lambda wanted: kernels.multiply(h, g, wanted),
        "ridge": lambda wanted: kernels.ridge(value, slopes, tanh, wanted),
        "expand": lambda wanted: kernels.expand(value, slopes, wanted),
    }
    for wanted in ((0,), every[-1:], (0, *every[2:]), every[1:]):
        rows = kernels.channels_of(wanted)
        for name, rule in rules.items():
            assert torch.allclose(rule(wanted), rule(every)[rows], rtol=1e-12), (name, wanted)
