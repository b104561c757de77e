"""What holds for every test: no network falls back to nested derivatives unless the test is about that."""

import pytest

from pinn.operators import engine


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
