"""What holds for every test: one thread where tests run beside each other, and no silent fallback of the engine."""

import os

import pytest
import torch

from pinn.operators import engine


def pytest_configure():
    """Workers of ``pytest -n`` would take each other's cores, and so would the commands that they run."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_silent_fallback(request, monkeypatch):
    """The jet engine takes the reference where it has no rule; a fault of the rules would hide behind that."""
    said, say = [], engine._say_once

    def note(message):
        said.append(message)
        say(message)

    monkeypatch.setattr(engine, "_say_once", note)
    yield
    if not request.node.get_closest_marker("fallback"):
        assert said == []
