"""How much memory there is: what the system says, and what a container may use."""

import math

import pytest
import torch

from pinn.partition import memory
from pinn.partition.memory import SHARE, there_is

CPU = torch.device("cpu")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine of which 8 GB are free."""
    (tmp_path / "meminfo").write_text("MemTotal:  16000000 kB\nMemAvailable:    8000000 kB\n")
    monkeypatch.setattr(memory, "SYSTEM", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    return tmp_path


def test_it_is_most_of_what_is_free(machine):
    assert there_is(CPU) == SHARE * 8e6 * 1024
    assert there_is(CPU, 4) == there_is(CPU) / 4


def test_a_container_may_have_less(machine):
    (machine / "memory.max").write_text("3000000000\n")
    (machine / "memory.current").write_text("1500000000\n")
    (machine / "memory.stat").write_text("active_file 7\ninactive_file 500000000\n")
    assert there_is(CPU) == SHARE * 2e9  # files that are cached are given up
    (machine / "memory.max").write_text("max\n")
    assert there_is(CPU) == SHARE * 8e6 * 1024


def test_of_a_system_that_does_not_say_it_is_most_of_all(machine, monkeypatch):
    (machine / "meminfo").unlink()
    monkeypatch.setattr(memory.os, "sysconf", {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert there_is(CPU) == SHARE * 4096e3
    monkeypatch.delattr(memory.os, "sysconf")
    assert math.isinf(there_is(CPU))
