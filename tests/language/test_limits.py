"""What would grow without end is refused in time, and what is only large is read."""

import threading
import time

import pytest

from pinn.language import LanguageError, Scope, parse

SCOPE = Scope(("x", "y"), ("u",))


def nested(name: str, depth: int, inner: str) -> str:
    return f"{name}(" * depth + inner + ")" * depth


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"d({nested('sin', 50, 'x')}, x, x, x, x)", "what is differentiated here is too large"),
        (f"d({nested('tanh', 30, 'u')}, x, x, x)", "too large"),
        (f"{'max(u, ' * 30}x{')' * 30}", "this becomes too large"),
        (f"u_{'x' * 500}", "a derivative of order 500 is too high: 12 at most"),
        (f"{nested('lap', 7, 'u')}", "a derivative of order 14 is too high"),
        ("lap((x + u + 1)**60)", "terms when it is multiplied out"),
        ("exp(1000)", "this number is too large"),
    ],
)
def test_what_explodes_is_refused(text, said):
    started = time.process_time()
    with pytest.raises(LanguageError, match=said):
        parse(text, SCOPE)
    assert time.process_time() - started < 6


def test_what_is_large_is_read():
    assert parse("lap(lap(lap(u**3 - u)))", SCOPE).has(SCOPE.unknown("u"))
    assert parse(f"u_{'x' * 12}", SCOPE) == SCOPE.unknown("u").diff(*[SCOPE.variables[0]] * 12)


def test_a_long_text_is_shown_around_the_place():
    with pytest.raises(LanguageError) as caught:
        parse("x + " * 30 + "blub" + " + x" * 30, SCOPE)
    *_, text, mark = str(caught.value).splitlines()
    assert len(text) < 140 and text[mark.index("^") : mark.rindex("^") + 1] == "blub"


def test_other_threads_read_without_the_clock():
    found = []
    thread = threading.Thread(target=lambda: found.append(parse("sin(x)", SCOPE)))
    thread.start()
    thread.join()
    assert len(found) == 1
